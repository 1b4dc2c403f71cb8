"""The HTTP client of the download handler: sends a call once, and reads its whole answer.

It is built on aiohttp. Scrapy's own handlers quote the URL they are given in log lines, exceptions
and signals; here that URL is signed, so no message that leaves this module may quote it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import aiohttp
import yarl
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

from tmapi_spiders.http import compression
from tmapi_spiders.http.connector import Connector
from tmapi_spiders.http.failures import NO_ANSWER, OutOfFiles, UntrustedCertificate
from tmapi_spiders.system.file_limit import is_out_of_files, out_of_files_message
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from scrapy import Request

__all__ = ["Client", "Signer"]

_MOST_BYTES = 8 * 1024 * 1024
"""Bytes of the largest answer, both as received and decompressed: forty times the largest pages
seen. Each call in flight may hold that many, and nothing else runs while they are decompressed."""

_IDLE_SECONDS = 4.0
"""How long an idle connection may be used again: many servers close theirs after 5 s, and a call
sent over a closing connection is lost."""

_TIMEOUT = 60.0
"""Seconds for a call whose request has no ``download_timeout``."""


class Signer(Protocol):
    """Adds the token to calls."""

    def signed_url(self, url: str) -> str:
        """Return a URL as it is sent."""

    def signed_headers(self, request: Request) -> CIMultiDict[str]:
        """Return a request's headers as they are sent."""

    def strike_out(self, text: str) -> str:
        """Return a text without the token."""


class Client:
    """An HTTP client that neither repeats calls nor follows redirects, and keeps no cookies.

    What is signed is never kept in a variable: reports of errors may show those.

    :param signer: adds the token
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> tuple[aiohttp.ClientResponse, bytes]:
        """Sign and send a request; return the answer and its whole, decompressed body.

        :raises DownloadTimeoutError: if the whole answer takes too long
        :raises UntrustedCertificate: if the server can't prove to be the API
        :raises OutOfFiles: if this process can't open another connection
        :raises DownloadFailedError: and the others of
            :data:`~tmapi_spiders.http.failures.NO_ANSWER`, if no whole answer comes
        """
        limit = float(request.meta.get("download_timeout") or _TIMEOUT)
        try:
            return await self._exchange(request, limit)
        except TimeoutError:
            error: Exception = DownloadTimeoutError(f"no answer within {limit:g} seconds")
        except (aiohttp.ClientError, *NO_ANSWER) as exc:
            kind = type(exc) if isinstance(exc, NO_ANSWER) else DownloadFailedError
            error = kind(printable(self._signer.strike_out(str(exc))))
        # Raised out here, since in there its context would be aiohttp's exception, which holds the
        # signed URL.
        raise error

    async def close(self) -> None:
        """Close idle connections."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(
        self, request: Request, limit: float
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        proxy_auth = request.headers.get("Proxy-Authorization")
        async with (
            asyncio.timeout(limit),
            self._open_session().request(
                request.method,
                yarl.URL(self._signer.signed_url(request.url), encoded=True),
                headers=self._signer.signed_headers(request),
                data=request.body or None,
                proxy=request.meta.get("proxy"),
                proxy_headers={"Proxy-Authorization": proxy_auth.decode()} if proxy_auth else None,
                allow_redirects=False,
                middlewares=(_send_once,),
            ) as answer,
        ):
            return answer, await _read_body(answer)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=0, keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
        return self._session


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Turn aiohttp's errors of a connection into Scrapy's, before aiohttp acts on them itself.

    It repeats idempotent requests whose connection broke. Each repeat might be billed, and none
    would be counted.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorDNSError as exc:
        if is_out_of_files(exc.os_error):
            raise OutOfFiles(out_of_files_message()) from None
        raise CannotResolveHostError(str(exc)) from None
    except aiohttp.ClientConnectorCertificateError as exc:
        raise UntrustedCertificate(f"its certificate can't be trusted: {exc}") from None
    except aiohttp.ClientConnectorError as exc:
        if is_out_of_files(exc.os_error):
            raise OutOfFiles(out_of_files_message()) from None
        raise DownloadConnectionRefusedError(str(exc)) from None
    except aiohttp.ClientHttpProxyError as exc:
        raise DownloadConnectionRefusedError(
            f"the proxy does not connect to the API: {exc.status} {exc.message}"
        ) from None
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise DownloadFailedError(f"the connection broke: {exc}") from None


async def _read_body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the whole, decompressed body.

    :raises ResponseDataLossError: if it is cut short or can't be decompressed
    :raises DownloadFailedError: if it is absurdly large
    """
    body = bytearray()
    try:
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise DownloadFailedError(f"the answer is over {_MOST_BYTES:,} bytes")
        encoding = ", ".join(answer.headers.getall("Content-Encoding", ()))
        return compression.decompress(bytes(body), encoding, _MOST_BYTES)
    except compression.TooLarge as exc:
        raise DownloadFailedError(f"the answer is {exc}") from None
    except compression.Broken as exc:
        raise ResponseDataLossError(f"the answer can't be decompressed: {exc}") from None
    except aiohttp.ClientPayloadError as exc:
        raise ResponseDataLossError(f"the answer was cut short: {exc}") from None
