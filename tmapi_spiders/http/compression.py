"""Compression: the body of an answer as it was before whoever sent it compressed it.

Not left to aiohttp, which gives nothing of a body that is not what its ``Content-Encoding`` says:
plain JSON was paid for like any other.
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


#: Members that a body has one behind the other, at most: each costs a copy of those behind it.
_MOST_MEMBERS = 100


class Broken(ValueError):
    """A body is cut short, or is not what its ``Content-Encoding`` says."""


class TooLarge(ValueError):
    """A body is larger than anybody wants."""


def decompress(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body as it was before it was compressed; as it is, if it is plain JSON.

    >>> plain = b'{"code": 200}'
    >>> decompress(zlib.compress(plain), "deflate", 99) == decompress(plain, "gzip", 99) == plain
    True

    :param encoding: its ``Content-Encoding``; what nobody knows ("utf-8", say) is none
    :param most: bytes that it may have in the end
    :raises Broken: if it is cut short, or not what it is said to be
    :raises TooLarge: if it would be larger than *most*
    """
    names = [name.strip() for name in encoding.lower().split(",")]
    ways = [_WAYS[name] for name in reversed(names) if name in _WAYS]
    if not body or not ways or _is_json(body):
        return body
    try:
        for way in ways:
            body = way(body, most)
    except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as exc:
        raise Broken(f"it is not {encoding}, as it says ({exc})") from exc
    return body


def _is_json(body: bytes) -> bool:
    """Say whether a body is a JSON object or list, which nothing compressed is."""
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] not in {b"{", b"["}:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


class _Decompressor(Protocol):
    """What zlib and zstd have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def _members(body: bytes, most: int, new: Callable[[], _Decompressor]) -> bytes:
    """Decompress one member behind the other."""
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
    """Decompress, also without the header that some servers leave out."""
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


_WAYS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
