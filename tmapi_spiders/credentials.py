"""The account's token: kept out of sight, and struck out of whatever quotes it."""

from __future__ import annotations

import json
import re
from html import escape
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Token"]

MASK = "***"

#: A shorter token is struck out only where it stands behind its parameter's name: the bare
#: letters of, say, "x" would be found in half of all product titles.
_BARE_LENGTH = 6

#: One so long is struck out even where letters touch it; a shorter one may be part of a word.
_UNMISTAKABLE_LENGTH = 16


class Token:
    """A secret that neither prints nor formats itself.

    >>> token = Token("k-1234567890")
    >>> token
    Token(***)
    >>> f"{token}"
    '***'
    >>> token.strike_out("GET /?apiToken=k-1234567890&page=1")
    'GET /?apiToken=***&page=1'
    >>> Token("x").strike_out("apiToken=x&title=box, 2 x 2")
    'apiToken=***&title=box, 2 x 2'
    """

    __slots__ = ("_bytes", "_secret", "_spellings", "_text")

    def __init__(self, secret: str) -> None:
        self._secret = secret
        # The ways a server or a library may have written it: as is, in a URL, in JSON, in HTML.
        in_json = json.dumps(secret)[1:-1]
        spellings = {
            secret,
            quote(secret, safe=""),
            quote(secret, safe="").lower(),
            quote_plus(secret),
            in_json,
            in_json.replace("/", "\\/"),
            escape(secret),
        } - {""}
        self._spellings = [s.encode() for s in spellings]
        any_of = "|".join(re.escape(s) for s in sorted(spellings, key=len, reverse=True))
        pattern = rf"((?i:apitoken|apikey)[\"']?\s*(?:=|%(?:25)*3[dD]|:)\s*[\"']?)(?:{any_of})"
        if len(secret) >= _UNMISTAKABLE_LENGTH:
            pattern += rf"|{any_of}"
        elif len(secret) >= _BARE_LENGTH:
            pattern += rf"|(?<![0-9A-Za-z])(?:{any_of})(?![0-9A-Za-z])"
        self._text = re.compile(pattern)
        self._bytes = re.compile(pattern.encode())

    def reveal(self) -> str:
        """Return the secret itself. For the wire only: never log, store or raise it."""
        return self._secret

    def strike_out(self, text: str) -> str:
        """Return *text* with every occurrence of the token replaced by ``***``."""
        if not self._secret:
            return text
        return self._text.sub(lambda found: (found[1] or "") + MASK, text)

    def strike_out_bytes(self, body: bytes) -> bytes:
        """Return *body* with every occurrence of the token replaced by ``***``.

        >>> Token("k-1234567890").strike_out_bytes(b'{"msg": "bad key k-1234567890"}')
        b'{"msg": "bad key ***"}'
        """
        # Every page passes here, and hardly any holds the token: a plain search is much cheaper.
        if not any(spelling in body for spelling in self._spellings):
            return body
        return self._bytes.sub(lambda found: (found[1] or b"") + MASK.encode(), body)

    def __bool__(self) -> bool:
        return bool(self._secret)

    def __repr__(self) -> str:
        return f"Token({MASK})"

    def __str__(self) -> str:
        return MASK
