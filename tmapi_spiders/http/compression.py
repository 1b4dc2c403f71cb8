"""Decompresses the bodies of answers.

aiohttp could, but it yields nothing of a body that is not what its ``Content-Encoding`` says. Such
an answer may be plain JSON, and it was paid for.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import brotli
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Broken", "TooLarge", "decompress"]


_MOST_MEMBERS = 100
"""Most members in one body: each costs a copy of those after it."""


class Broken(ValueError):
    """A body is cut short, or not what its ``Content-Encoding`` says."""


class TooLarge(ValueError):
    """A body is larger than it may be."""


def decompress(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body decompressed; unchanged, if it is plain JSON already.

    >>> plain = b'{"code": 200}'
    >>> decompress(zlib.compress(plain), "deflate", 99) == decompress(plain, "gzip", 99) == plain
    True

    :param encoding: its ``Content-Encoding``; unknown ones ("utf-8", say) are ignored
    :param most: bytes it may have once decompressed
    :raises Broken: if it is cut short, or not compressed as *encoding* says
    :raises TooLarge: if it would be larger than *most*
    """
    names = [name.strip() for name in encoding.lower().split(",")]
    steps = [_DECOMPRESS[name] for name in reversed(names) if name in _DECOMPRESS]
    if not body or not steps or _is_json(body):
        return body
    try:
        for decompress_step in steps:
            body = decompress_step(body, most)
    except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as exc:
        raise Broken(f"it is not valid {encoding} ({exc})") from exc
    return body


def _is_json(body: bytes) -> bool:
    """Return whether a body is a JSON object or list, as no compressed body is."""
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] not in {b"{", b"["}:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


class _Decompressor(Protocol):
    """What the decompressors of zlib and zstd have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def _members(body: bytes, most: int, new: Callable[[], _Decompressor]) -> bytes:
    """Decompress one member after another."""
    found = bytearray()
    for _ in range(_MOST_MEMBERS):
        one = new()
        found += one.decompress(body, most + 1 - len(found))
        if len(found) > most:
            raise TooLarge(f"over {most:,} bytes")
        if not one.eof:
            raise EOFError("cut short")
        body = one.unused_data
        if not body:
            return bytes(found)
    raise EOFError(f"more than {_MOST_MEMBERS} members")


def _gunzip(body: bytes, most: int) -> bytes:
    return _members(body, most, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))


def _inflate(body: bytes, most: int) -> bytes:
    """Decompress with or without the header, which some servers leave out."""
    has_header = body[0] & 0xF == 8  # RFC 1950
    bits = zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
    return _members(body, most, lambda: zlib.decompressobj(bits))


def _unzstd(body: bytes, most: int) -> bytes:
    return _members(body, most, zstd.ZstdDecompressor)


def _unbrotli(body: bytes, most: int) -> bytes:
    one: Any = brotli.Decompressor()
    found, rest = bytearray(), body
    while not one.is_finished():
        part = one.process(rest, output_buffer_limit=most + 1 - len(found))
        found += part
        rest = b""
        if len(found) > most:
            raise TooLarge(f"over {most:,} bytes")
        if not part and one.can_accept_more_data():
            raise EOFError("cut short")
    return bytes(found)


_DECOMPRESS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
