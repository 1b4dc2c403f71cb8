"""The account's token: kept out of sight, and struck out of whatever quotes it."""

from __future__ import annotations

import re
from html.entities import codepoint2name

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

    __slots__ = ("_bytes", "_longest_run", "_secret", "_text")

    def __init__(self, secret: str) -> None:
        self._secret = secret
        spelt = "".join(_spellings(character) for character in secret)
        pattern = rf"((?:apitoken|apikey)[\"']?\s*(?:=|%(?:25)*3d|:)\s*[\"']?)(?-i:{spelt})"
        if len(secret) >= _UNMISTAKABLE_LENGTH:
            pattern += rf"|(?-i:{spelt})"
        elif len(secret) >= _BARE_LENGTH:
            pattern += rf"|(?<![0-9a-z])(?-i:{spelt})(?![0-9a-z])"
        self._text = re.compile(pattern, re.IGNORECASE)
        self._bytes = re.compile(pattern.encode(), re.IGNORECASE)
        self._longest_run = max(re.split("[^0-9A-Za-z]", secret), key=len).encode()

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
        if not self._secret or self._longest_run not in body:
            return body
        return self._bytes.sub(lambda found: (found[1] or b"") + MASK.encode(), body)

    def __bool__(self) -> bool:
        return bool(self._secret)

    def __repr__(self) -> str:
        return f"Token({MASK})"

    def __str__(self) -> str:
        return MASK


def _spellings(character: str) -> str:
    """Return a pattern of the ways to write *character*: as is, in a URL, in JSON, in HTML.

    Libraries differ in which they quote, so that each is taken for itself.

    >>> import re
    >>> [bool(re.fullmatch(_spellings("/"), text)) for text in ("/", "%2f", "%252F", r"\\/", "x")]
    [True, True, True, True, False]
    """
    if character.isalnum():
        return character
    code = ord(character)
    ways = [
        rf"\\?{re.escape(character)}",
        rf"(?i:%(?:25)*{code:02x})",
        rf"(?i:\\u{code:04x})",
        rf"(?i:&\#(?:0*{code}|x0*{code:x});)",
    ]
    if code in codepoint2name:
        ways.append(f"&{codepoint2name[code]};")
    return f"(?:{'|'.join(ways)})"
