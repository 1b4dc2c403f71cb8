"""Notifying: a webhook is told of a comparison, signed, and again where that may help."""

from __future__ import annotations

import asyncio
import hmac
import os
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

import aiohttp
import attrs

from tmapi_spiders import __version__
from tmapi_spiders.config.places import HIDDEN, place_of
from tmapi_spiders.config.values import is_loopback
from tmapi_spiders.errors import DeliveryError, UsageProblems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tmapi_spiders.compare.notice import Notice
    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.config.token import Token

__all__ = ["ID", "SIGNATURE", "TIMESTAMP", "Webhook", "sign"]

ID: Final = "X-Tmapi-Id"
TIMESTAMP: Final = "X-Tmapi-Timestamp"
SIGNATURE: Final = "X-Tmapi-Signature"

_SECONDS: Final = 10
_LONGEST_PAUSE: Final = 120
_RULE: Final = "accepted: https://HOST[:PORT][/PATH], or http:// for this machine alone (127.0.0.1)"


def sign(secret: Token, timestamp: str, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 of ``TIMESTAMP.BODY``, in hex."""
    content = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.reveal().encode(), content, "sha256").hexdigest()


@attrs.frozen
class Webhook:
    """Where a notice is posted.

    Its path, query and password may be what lets people in, so that they are in no message.
    """

    _url: str = attrs.field(repr=False)
    place: str
    """Scheme, host and port, for people."""

    @classmethod
    def read(cls, given: str) -> Self:
        """Read ``--notify``.

        >>> Webhook.read("https://me:secret@example.com:8443/hooks/T0P?key=1")
        Webhook(place='https://example.com:8443')

        :raises UsageProblems: if nothing can be posted there
        """
        url = given.strip()
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise UsageProblems(f"--notify: it is no URL; {_RULE}.") from None
        if parts.scheme not in {"http", "https"} or not host or not url.isprintable():
            raise UsageProblems(f"--notify: it is no web address; {_RULE}.")
        place = place_of(url)
        if HIDDEN in place:
            raise UsageProblems(f"--notify: its host can't be told from the rest; {_RULE}.")
        if parts.scheme == "http" and not is_loopback(host):
            raise UsageProblems(
                f"--notify {place}: nothing is sent over plain http to another machine; {_RULE}."
            )
        return cls(url, place)

    def post(self, notice: Notice, config: Config) -> None:
        """Post it; up to ``TMAPI_RETRY_TIMES`` times more after an error that may pass.

        :raises DeliveryError: if it was not taken
        """
        problem = asyncio.run(self._post(notice, config))
        if problem:
            raise DeliveryError(f"--notify {self.place}: {problem}")

    async def _post(self, notice: Notice, config: Config) -> str:
        """Return why it was not taken; "" if it was."""
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            for tries in range(1, config.retry_times + 2):
                headers = _headers(notice, config.notify_secret)
                problem, may_pass = await self._try(session, notice.body, headers)
                if not problem or not may_pass:
                    return problem
                if tries <= config.retry_times:
                    pause = config.retry_delay * 2 ** (tries - 1)
                    await asyncio.sleep(min(pause, _LONGEST_PAUSE))
        return problem + (f", {tries} times" if tries > 1 else "")

    async def _try(
        self, session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str]
    ) -> tuple[str, bool]:
        """Return what went wrong, and whether it may pass. No error is quoted: they name the URL.

        A redirect is none of the receiver's answers: it could lead anywhere.
        """
        try:
            async with session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _judge(response.status)
        except TimeoutError:
            return f"no answer within {_SECONDS} s", True
        except aiohttp.ClientSSLError:
            return "no connection: its certificate is not trusted, or it does not speak TLS", False
        except ValueError as exc:  # aiohttp.InvalidURL is one
            return f"the URL can't be used ({type(exc).__name__})", False
        except aiohttp.ClientConnectorError as exc:
            return f"no connection ({_in_words(exc.os_error)})", True
        except (aiohttp.ClientError, OSError) as exc:
            return f"the connection broke ({type(exc).__name__})", True


def _in_words(exc: OSError) -> str:
    """Return what an error is, without the addresses that asyncio puts into its text.

    >>> _in_words(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"))
    'Connection refused'
    """
    if exc.errno is not None and exc.errno > 0:
        return os.strerror(exc.errno)
    return exc.strerror or type(exc).__name__  # of a name that leads nowhere


def _judge(status: int) -> tuple[str, bool]:
    """Return what is wrong with a receiver's answer, and whether it may pass.

    >>> _judge(204), _judge(503)
    (('', False), ('it answered with status 503', True))
    """
    if status < 300:
        return "", False
    hint = " (redirects are not followed)" if status < 400 else ""
    may_pass = status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500
    return f"it answered with status {status}{hint}", may_pass


def _headers(notice: Notice, secret: Token) -> dict[str, str]:
    timestamp = str(int(time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"tmapi_spiders/{__version__}",
        ID: notice.id,
        TIMESTAMP: timestamp,
    }
    if secret:
        headers[SIGNATURE] = sign(secret, timestamp, notice.body)
    return headers
