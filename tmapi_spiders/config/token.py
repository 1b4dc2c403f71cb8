"""The account's token: never shown, and struck out of any text that quotes it."""

from __future__ import annotations

import re
from html import unescape
from html.entities import codepoint2name
from urllib.parse import unquote

import orjson

from tmapi_spiders.api.json_text import decode, map_texts

__all__ = ["MASK", "Token"]

MASK = "***"

#: A shorter token is struck out only after its parameter's name: a bare "x", say, is in half of all
#: product titles.
_BARE_LENGTH = 6

#: Escapes of ASCII characters: in JSON, JavaScript, a URL, HTML. A text without any means what it
#: says. Each also matches an escape that was escaped again: "%2574", "&amp;amp;#116;".
_JSON = re.compile(r"(?<!\\)\\++(?:u00|x)([0-7][0-9a-f])", re.IGNORECASE)
_QUOTED_PERCENT = re.compile(r"%(?:25)+")
_QUOTED_AMPERSAND = re.compile(r"&(?:amp;|#0*38;|#x0*26;)+", re.IGNORECASE)
_NUMBERED = tuple(map(re.compile, (rb"\\(?:u00|x)", rb"%[2-7]", rb"&(?:#|[aA][mM][pP];)")))

#: Layers of escapes that are undone; real texts have fewer.
_MOST_LAYERS = 8

#: A token this long is struck out even within a word; a shorter one may be part of a word.
_UNMISTAKABLE_LENGTH = 16


class Token:
    """A secret that does not show in ``repr``, ``str`` or a format.

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
        self._longest_run = max(re.split("[^0-9A-Za-z]", secret), key=len)

    def reveal(self) -> str:
        """Return the secret. For the wire only: never log, store or raise it."""
        return self._secret

    def strike_out(self, text: str) -> str:
        """Return *text* with every occurrence of the token replaced by ``***``.

        A text whose escapes hide it, so that it can't be cut out, is replaced as a whole.

        >>> Token("k-1234567890").strike_out("it is k%2d12%2534567890, and &#107;-1234567890")
        '***'
        """
        if not self._secret:
            return text
        struck = self._text.sub(lambda found: (found[1] or "") + MASK, text)
        return MASK if self._is_spelt_in(struck) else struck

    def strike_out_bytes(self, body: bytes) -> bytes:
        r"""Return *body* with every occurrence of the token replaced by ``***``.

        Where escapes hide it, each JSON text that holds it is replaced, or else the whole body.

        >>> token = Token("k-1234567890")
        >>> token.strike_out_bytes(b'{"msg": "bad key k-1234567890"}')
        b'{"msg": "bad key ***"}'
        >>> token.strike_out_bytes(b'{"msg": "k-\\u003123456789\\u0030", "code": 401}')
        b'{"msg":"***","code":401}'
        """
        if not self._secret:
            return body
        # Every page passes through here and hardly any holds the token: a plain search is cheap.
        if self._longest_run.encode() in body:
            body = self._bytes.sub(lambda found: (found[1] or b"") + MASK.encode(), body)
        if not any(numbered.search(body) for numbered in _NUMBERED):
            return body
        if not self._is_spelt_in(body.decode("utf-8", "replace")):
            return body
        try:
            return orjson.dumps(map_texts(decode(body), self.strike_out))
        except (ValueError, TypeError, RecursionError):
            return MASK.encode()

    def _is_spelt_in(self, text: str) -> bool:
        """Return whether the token appears once the escapes of a text are undone."""
        plain = _plain(text)
        if plain is None:
            return True
        if plain == text or self._longest_run not in plain:
            return False
        return self._text.search(plain) is not None

    def __bool__(self) -> bool:
        return bool(self._secret)

    def __repr__(self) -> str:
        return f"Token({MASK})"

    def __str__(self) -> str:
        return MASK


def _spellings(character: str) -> str:
    """Return a pattern for *character* as it is and as URLs, JSON and HTML escape it.

    Libraries differ in which characters they escape, so each character has its own pattern.

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


def _plain(text: str) -> str | None:
    """Return a text with its escapes undone; None if that is impossible.

    >>> _plain(r"\\\\u0074oken %2574oken &amp;#116;oken \u0026#x74;oken")
    'token token token token'
    """
    for _ in range(_MOST_LAYERS):
        before = text
        if "\\" in text:
            text = _JSON.sub(lambda found: chr(int(found[1], 16)), text)
        if "%" in text:
            text = unquote(_QUOTED_PERCENT.sub("%", text), errors="replace")
        if "&" in text:
            try:
                text = unescape(_QUOTED_AMPERSAND.sub("&", text))
            except ValueError:  # a character number with more digits than Python reads
                return None
        if text == before:
            return text
    return None
