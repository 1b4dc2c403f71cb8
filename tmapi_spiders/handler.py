"""The signing download handler: the only way out, and the only place that knows the token.

It speaks HTTP through aiohttp itself instead of handing a signed request to one of Scrapy's
handlers: those quote the URL they were given in log lines, exceptions and signals. Here the token
exists on the wire only. Requests come in, and responses go out, unsigned.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import aiohttp
import yarl
from multidict import CIMultiDict
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    NotSupported,
    ResponseDataLossError,
)
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from scrapy.utils.asyncio import is_asyncio_available

from tmapi_spiders import stats
from tmapi_spiders.api.answers import Converted, Kind, NoPage, read_answer
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.config.places import place_of
from tmapi_spiders.crawl.interfaces import GateClosed
from tmapi_spiders.crawl.outage import WORKS, Sign
from tmapi_spiders.crawl.run import run_of
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.formats import utc_now
from tmapi_spiders.http import compression
from tmapi_spiders.http.connector import Connector
from tmapi_spiders.http.retry_after import seconds_to_wait
from tmapi_spiders.middlewares import NETWORK, QueryEnded, nobody_waits
from tmapi_spiders.system.file_limit import is_out_of_files, out_of_files
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request
    from scrapy.crawler import Crawler

    from tmapi_spiders.api.answers import Answer
    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.interfaces import Permit

__all__ = ["SigningDownloadHandler", "UntrustedCertificate"]

logger = logging.getLogger(__name__)

#: Bytes of an answer, as it comes and decompressed: forty of the largest pages that were seen. Each
#: call in flight may hold that many, and nothing else is done while they are read.
_MOST_BYTES = 8 * 1024 * 1024

#: An idle connection is not used again after this long: many servers close theirs after 5 s, and a
#: call sent into a closing connection is lost.
_IDLE_SECONDS = 4.0

_SCRAPY_EXCEPTIONS = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    ResponseDataLossError,
)

#: Headers that are no longer true of a body that has been read and decompressed.
_STALE_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}


class UntrustedCertificate(DownloadFailedError):
    """Whoever answers there can't prove to be the API; the token was not sent."""


class OutOfFiles(DownloadFailedError):
    """This process may open no more connections: nothing that the API has to do with."""


#: No connection came about, so that nothing was sent.
_NOT_SENT = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    OutOfFiles,
    UntrustedCertificate,
)


class SigningDownloadHandler(BaseDownloadHandler):
    """Sends the API's calls, with permit, place in the budget and token; refuses everything else.

    Bodies come out decompressed, with the token struck out of headers and body should the API
    have echoed it, so that nothing behind this point can store or show it.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        if not is_asyncio_available():
            raise UsageProblems(
                "TWISTED_REACTOR: this spider needs Scrapy's asyncio reactor, its default."
            )
        self._run = run_of(crawler)
        self._token = self._run.config.token
        self._session: aiohttp.ClientSession | None = None
        self._has_told = False

    async def download_request(self, request: Request) -> Response:
        """Send one call.

        :raises GateClosed: if the job is stopping: nothing was sent
        :raises QueryEnded: if its query has ended: nothing was sent
        :raises NotSupported: if the request is not for ``TMAPI_BASE_URL``, or would carry the token
            to a proxy in plain text
        :raises DownloadTimeoutError: and Scrapy's other exceptions, if no answer came
        """
        self._check(request)
        run, call = self._run, call_of(request)
        if not self.crawler.crawling:  # Ctrl-C while the engine was still starting
            run.stop("interrupted")
        try:
            permit = await run.gate.admit(call, priority=request.priority)
        except (GateClosed, QueryEnded) as exc:
            run.count(stats.CALL_REFUSED)
            self._tell(exc)
            raise
        try:
            response, works = await self._make(request, call, permit)
        except QueryEnded as exc:
            self._tell(exc)
            raise
        except NETWORK:
            await self._spare(call, permit)
            raise
        if works is False:
            await self._spare(call, permit)
        return response

    def _tell(self, exc: Exception) -> None:
        """Tell of the first request of the project's own that is refused."""
        if isinstance(exc, QueryEnded) and not self._has_told:
            self._has_told = True
            logger.warning("%s (It is told once; all are in tmapi/call/refused.)", exc)

    async def _make(
        self, request: Request, call: Call | None, permit: Permit
    ) -> tuple[Response, bool | None]:
        """Make a call; return its response, and whether that shows that the API works.

        The permit comes back once, whatever happens: with it go those of all calls that wait.
        """
        run = self._run
        take_back: Callable[[], None] = partial(run.gate.failed, permit, sent=False)
        try:
            if call is not None:
                self._note(call, permit)
            run.count(stats.CALL_SENT)
            take_back = partial(run.gate.failed, permit, sent=True)
            try:
                response = await self._send(request)
            except BaseException as exc:
                take_back = self._no_answer(permit, call, exc)
                raise
            answer = read_answer(
                response.status,
                response.body,
                conversion=call is not None and call.is_conversion,
                retry_after=_retry_after(response),
            )
            take_back = self._answered(permit, call, answer)
        finally:
            take_back()
        return response, answer.works

    async def _spare(self, call: Call | None, permit: Permit) -> None:
        """Note whether a call failed as everything does."""
        if call is not None:
            call.is_spared = await self._run.gate.is_spared(permit)

    def _note(self, call: Call, permit: Permit) -> None:
        """Note in the ledger that a call leaves."""
        again = call.attempt > 1
        call.is_spared = False
        try:
            self._run.ledger.called(call.query_id, permit.sent_at, again=again)
        except KeyError:
            self._run.count(stats.CALL_REFUSED)
            raise QueryEnded(nobody_waits(call)) from None
        if again:
            self._run.count(stats.CALL_RETRIED)

    def _no_answer(
        self, permit: Permit, call: Call | None, exc: BaseException
    ) -> Callable[[], None]:
        """Note that a call brought no answer; return what takes its permit back."""
        run, sent = self._run, not isinstance(exc, _NOT_SENT)
        run.count(stats.CALL_FAILED)
        if isinstance(exc, UntrustedCertificate):
            run.stop("base_url", str(exc))
        elif isinstance(exc, OutOfFiles):
            run.stop("storage", str(exc))
        if not sent:
            self._does_not_count(call)
        sign = None
        if isinstance(exc, NETWORK) and not isinstance(exc, OutOfFiles):
            sign = Sign(works=False, said=f"{type(exc).__name__}: {exc}")
        return partial(run.gate.failed, permit, sent=sent, sign=sign)

    def _answered(self, permit: Permit, call: Call | None, answer: Answer) -> Callable[[], None]:
        """Note how a call was answered; return what takes its permit back."""
        run = self._run
        if call is not None:
            call.answer, call.fetched_at = answer, utc_now()
        if not isinstance(answer, NoPage):
            run.count(stats.CALL_ANSWERED)
        if isinstance(answer, Converted):
            run.count(stats.CONVERSION_MADE)
        if not answer.counts:
            self._does_not_count(call)
        run.heed(answer)  # now, not when a middleware sees it: no call must leave with this permit
        if answer.kind is Kind.OVER_LIMIT:
            run.count(stats.CALL_OVER_LIMIT)
            return partial(run.gate.refused, permit)
        return partial(run.gate.answered, permit, counts=answer.counts, sign=self._sign_of(answer))

    def _sign_of(self, answer: Answer) -> Sign | None:
        """Return what an answer tells of the API as a whole."""
        if not isinstance(answer, NoPage) or answer.works:
            return WORKS
        if answer.works is None:
            return None
        said = f"{answer.code}: {answer.message}"
        return Sign(works=False, reason=answer.row.outage, said=said)

    def _does_not_count(self, call: Call | None) -> None:
        self._run.count(stats.CALL_NOT_COUNTED)
        if call is not None:
            self._run.ledger.not_counted(call.query_id, again=call.attempt > 1)

    async def close(self) -> None:
        """Close idle connections."""
        if self._session is not None:
            await self._session.close()

    def _check(self, request: Request) -> None:
        ours, theirs = urlsplit(self._run.base_url), urlsplit(request.url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise NotSupported(
                f"{place_of(request.url)} is not TMAPI_BASE_URL "
                f"({place_of(self._run.base_url)}): this spider asks nobody else"
            )
        if call_of(request) is not None and request.meta.get("dont_cache"):
            raise NotSupported("dont_cache would bypass the job's archive, and pay for pages twice")
        if ours.scheme == "http" and request.meta.get("proxy"):
            raise NotSupported("a call over plain http does not go through a proxy")

    async def _send(self, request: Request) -> Response:
        limit = float(request.meta.get("download_timeout") or 60)
        started = time.monotonic()
        error: Exception | None = None
        try:
            answer, body = await self._exchange(request, limit)
        except TimeoutError:
            error = DownloadTimeoutError(f"no answer within {limit:g} seconds")
        except (aiohttp.ClientError, *_SCRAPY_EXCEPTIONS) as exc:
            kind = type(exc) if isinstance(exc, _SCRAPY_EXCEPTIONS) else DownloadFailedError
            error = kind(printable(self._token.strike_out(str(exc))))
        if error is not None:
            # Raised only here: aiohttp's own exception holds the signed URL, and would be its
            # context there.
            raise error
        request.meta["download_latency"] = time.monotonic() - started
        return self._unsigned_response(request, answer, body)

    async def _exchange(
        self, request: Request, limit: float
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send one signed call; return the answer and its whole body."""
        proxy_auth = request.headers.get("Proxy-Authorization")
        async with (
            asyncio.timeout(limit),
            self._open_session().request(
                request.method,
                yarl.URL(self._signed_url(request.url), encoded=True),
                headers=self._signed_headers(request),
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

    def _signed_url(self, url: str) -> str:
        if self._run.config.auth != "query":
            return url
        separator = "&" if urlsplit(url).query else "?"
        return f"{url}{separator}apiToken={quote(self._token.reveal(), safe='')}"

    def _signed_headers(self, request: Request) -> CIMultiDict[str]:
        headers = CIMultiDict(
            (name.decode(), value.decode("latin-1"))
            for name, values in request.headers.items()
            for value in values
            if name != b"Proxy-Authorization"  # for the proxy, not for the API
        )
        if self._run.config.auth == "header":
            headers["apikey"] = self._token.reveal()
        return headers

    def _unsigned_response(
        self, request: Request, answer: aiohttp.ClientResponse, body: bytes
    ) -> Response:
        strike_out = self._token.strike_out
        headers = Headers()
        for name, value in answer.headers.items():
            if name.lower() not in _STALE_HEADERS:
                headers.appendlist(name, strike_out(value).encode("utf-8", "surrogateescape"))
        body = self._token.strike_out_bytes(body)
        response_class = responsetypes.from_args(headers=headers, url=request.url, body=body)
        return response_class(
            request.url, status=answer.status, headers=headers, body=body, request=request
        )


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Turn a broken connection into an error that aiohttp does not send the call again for.

    It repeats idempotent requests by itself, where each may be billed, and none would be counted.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorDNSError as exc:
        if is_out_of_files(exc.os_error):
            raise OutOfFiles(out_of_files()) from None
        raise CannotResolveHostError(str(exc)) from None
    except aiohttp.ClientConnectorCertificateError as exc:
        raise UntrustedCertificate(f"its certificate can't be trusted: {exc}") from None
    except aiohttp.ClientConnectorError as exc:
        if is_out_of_files(exc.os_error):
            raise OutOfFiles(out_of_files()) from None
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


def _retry_after(response: Response) -> float:
    """Return the seconds that an answer asks to wait."""
    header, date = (response.headers.get(name) or b"" for name in ("Retry-After", "Date"))
    return seconds_to_wait(header.decode("latin-1"), date.decode("latin-1"))
