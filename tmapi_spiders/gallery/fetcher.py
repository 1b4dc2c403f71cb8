"""Fetches pictures from foreign servers: few concurrently, and none from private addresses."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from tmapi_spiders import __version__
from tmapi_spiders.gallery.model import web_link
from tmapi_spiders.gallery.public_addresses import is_public
from tmapi_spiders.gallery.scaler import Scaler, TooCostly
from tmapi_spiders.gallery.thumbnails import MAX_BYTES, Thumbnail, Unusable

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp.connector import AddrInfoType

__all__ = ["PictureFetcher"]

PER_HOST: Final = 4
"""Pictures fetched concurrently from one host."""

GIVEN_UP_AFTER: Final = 5
"""Failures in a row after which no more is asked of a host."""

_NOT_PUBLIC: Final = "not an address of the public internet"
_REDIRECTS: Final = 3
_SECONDS: Final = 20
_USER_AGENT: Final = f"tmapi_spiders/{__version__} (thumbnails for a private gallery)"


class _NotPublic(OSError):
    """The address is not one of the public internet."""


class _Refused(OSError):
    """The host refuses further requests, or has an error."""


class PictureFetcher:
    """Fetches pictures and makes them small. Use it in an ``async with`` statement.

    A picture's URL comes from strangers, so it must not reach what only this machine can reach:
    addresses are checked when a connection is made, also after a redirect.

    :param inside: "host:port" that are allowed although they are not on the public internet
    """

    def __init__(self, inside: Collection[str] = ()) -> None:
        self.problems: Counter[str] = Counter()
        """Why pictures are missing, and how many."""
        self._inside = inside
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_HOST))
        self._failures: Counter[str] = Counter()
        self._outside_session = _session(_public_socket)
        self._inside_session = _session(None)
        self._scaler = Scaler()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._outside_session.close()
        await self._inside_session.close()
        await self._scaler.__aexit__()

    async def fetch(self, url: str) -> Thumbnail | None:
        """Return the thumbnail of the picture at *url*, or None."""
        host = urlsplit(url).netloc
        async with self._gates[host]:
            if self._failures[host] >= GIVEN_UP_AFTER:
                self.problems[f"{host} failed {GIVEN_UP_AFTER} times in a row"] += 1
                return None
            try:
                async with asyncio.timeout(_SECONDS):
                    data = await self._download(url)
                thumbnail = await self._scaler.make(data)
            except TimeoutError:
                why = "no answer in time"
            except TooCostly as exc:  # the host may serve a thousand of these
                why = str(exc)
            except Unusable as exc:  # the picture is bad, the host is fine
                self._failures[host] = 0
                self.problems[str(exc)] += 1
                return None
            except (aiohttp.ClientError, OSError, ValueError) as exc:
                why = _describe(exc)
            else:
                self._failures[host] = 0
                return thumbnail
            self._failures[host] += 1
            self.problems[why] += 1
            return None

    async def _download(self, url: str) -> bytes:
        for _ in range(_REDIRECTS + 1):
            inside = urlsplit(url).netloc in self._inside
            session = self._inside_session if inside else self._outside_session
            async with session.get(url, allow_redirects=False) as response:
                if response.status == 200:
                    return await _read(response)
                if response.status in {403, 429} or response.status >= 500:
                    raise _Refused(f"answered with status {response.status}")
                location = response.headers.get("Location", "")
                if not 300 <= response.status < 400 or not location:
                    raise Unusable(f"answered with status {response.status}")
                target = web_link(urljoin(url, location))
                if target is None:
                    raise Unusable("redirected to something that is not a web address")
                url = target
        raise Unusable(f"redirected more than {_REDIRECTS} times")


def _session(socket_factory: object) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=32, socket_factory=socket_factory),  # type: ignore[arg-type]
        timeout=aiohttp.ClientTimeout(total=_SECONDS),
        headers={"User-Agent": _USER_AGENT, "Accept": "image/*"},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        data += piece
        if len(data) > MAX_BYTES:
            raise Unusable(f"more than {MAX_BYTES // 1_000_000} MB")
    return bytes(data)


def _public_socket(address: AddrInfoType) -> socket.socket:
    """Make the socket of a connection to the public internet.

    aiohttp calls it after resolving the name, so no name can lead to a private address.

    :raises OSError: if the address is not public
    """
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise _NotPublic(_NOT_PUBLIC)
    return socket.socket(family, kind, protocol)


def _describe(exc: BaseException) -> str:
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, _NotPublic) or _NOT_PUBLIC in str(seen):
            return _NOT_PUBLIC
        seen = seen.__cause__ or seen.__context__
    if isinstance(exc, _Refused):
        return str(exc)
    if isinstance(exc, aiohttp.ClientConnectorError):
        return f"no connection to {exc.host}"
    return f"no usable answer ({type(exc).__name__})"
