"""Posts the notice of a comparison to a webhook, signed, with retries."""

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
from tmapi_spiders.crawl.backoff import backoff
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
_RULE: Final = "accepted: https://HOST[:PORT][/PATH], or http:// for this machine only (127.0.0.1)"


def sign(secret: Token, timestamp: str, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 of ``TIMESTAMP.BODY``, in hex."""
    content = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.reveal().encode(), content, "sha256").hexdigest()


@attrs.frozen
class Webhook:
    """Where to post a notice.

    Its path, query and password may be secrets, so no message contains them.
    """

    _url: str = attrs.field(repr=False)
    place: str
    """Scheme, host and port, for people."""

    @classmethod
    def read(cls, given: str) -> Self:
        """Read ``--notify``.

        >>> Webhook.read("https://me:secret@example.com:8443/hooks/T0P?key=1")
        Webhook(place='https://example.com:8443')

        :raises UsageProblems: if it is no URL to post to
        """
        url = given.strip()
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise UsageProblems(f"--notify: not a URL; {_RULE}.") from None
        if parts.scheme not in {"http", "https"} or not host or not url.isprintable():
            raise UsageProblems(f"--notify: not a web address; {_RULE}.")
        place = place_of(url)
        if HIDDEN in place:
            raise UsageProblems(f"--notify: its host can't be told from the rest; {_RULE}.")
        if parts.scheme == "http" and not is_loopback(host):
            raise UsageProblems(
                f"--notify {place}: nothing is sent over plain http to another machine; {_RULE}."
            )
        return cls(url, place)

    def post(self, notice: Notice, config: Config) -> None:
        """Post a notice, with up to ``TMAPI_RETRY_TIMES`` retries after transient errors.

        :raises DeliveryError: if it was not accepted
        """
        problem = asyncio.run(self._post(notice, config))
        if problem:
            raise DeliveryError(f"--notify {self.place}: {problem}")

    async def _post(self, notice: Notice, config: Config) -> str:
        """Return why it was not accepted; "" if it was."""
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            for tries in range(1, config.retry_times + 2):
                headers = _headers(notice, config.notify_secret)
                problem, may_pass = await self._try(session, notice.body, headers)
                if not problem or not may_pass:
                    return problem
                if tries <= config.retry_times:
                    await asyncio.sleep(backoff(config.retry_delay, tries))
        return problem + (f", {tries} times" if tries > 1 else "")

    async def _try(
        self, session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str]
    ) -> tuple[str, bool]:
        """Return what went wrong ("" if nothing), and whether that is transient.

        Errors are not quoted, since they contain the URL. Redirects are not followed: they could
        lead anywhere.
        """
        try:
            async with session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _problem(response.status)
        except TimeoutError:
            return f"no answer within {_SECONDS} s", True
        except aiohttp.ClientSSLError:
            return "no connection: its certificate is not trusted, or it does not speak TLS", False
        except ValueError as exc:  # includes aiohttp.InvalidURL
            return f"the URL can't be used ({type(exc).__name__})", False
        except aiohttp.ClientConnectorError as exc:
            return f"no connection ({_describe(exc.os_error)})", True
        except (aiohttp.ClientError, OSError) as exc:
            return f"the connection broke ({type(exc).__name__})", True


def _describe(exc: OSError) -> str:
    """Return an error's description, without the addresses that asyncio puts into its text.

    >>> _describe(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"))
    'Connection refused'
    """
    if exc.errno is not None and exc.errno > 0:
        return os.strerror(exc.errno)
    return exc.strerror or type(exc).__name__  # name resolution has its own error numbers


def _problem(status: int) -> tuple[str, bool]:
    """Return the problem with a receiver's answer ("" if none), and whether that is transient.

    >>> _problem(204), _problem(503)
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
