"""The signing download handler: where the token is added, and the only way out.

Requests come in and responses go out unsigned, so the token is in no log line, exception, signal
or cache of Scrapy's. In between, :class:`TokenSigner` adds the token and strikes it out again, and
:mod:`tmapi_spiders.http.client` sends the signed call.

Before a call is sent it needs a permit from the gate. When it has ended, the permit is given back,
and ledger and stats note how the call ended.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from multidict import CIMultiDict
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.exceptions import NotSupported
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
from tmapi_spiders.http.client import Client
from tmapi_spiders.http.failures import NO_ANSWER, NOT_SENT, OutOfFiles, UntrustedCertificate
from tmapi_spiders.http.retry_after import seconds_to_wait
from tmapi_spiders.middlewares import QueryEnded, why_not_sent

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp
    from scrapy import Request
    from scrapy.crawler import Crawler

    from tmapi_spiders.api.answers import Answer
    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.crawl.interfaces import Permit

__all__ = ["SigningDownloadHandler"]

logger = logging.getLogger(__name__)

_STALE_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}
"""No longer true of a body that has been read and decompressed."""


class TokenSigner:
    """Adds the token to what is sent, and strikes it out of what comes back.

    ``TMAPI_AUTH`` says where the token goes: into the URL ("query") or a header ("header").
    """

    def __init__(self, config: Config) -> None:
        self._token = config.token
        self._auth = config.auth

    def signed_url(self, url: str) -> str:
        """Return a URL as it is sent."""
        if self._auth != "query":
            return url
        separator = "&" if urlsplit(url).query else "?"
        return f"{url}{separator}apiToken={quote(self._token.reveal(), safe='')}"

    def signed_headers(self, request: Request) -> CIMultiDict[str]:
        """Return a request's headers as they are sent."""
        headers = CIMultiDict(
            (name.decode(), value.decode("latin-1"))
            for name, values in request.headers.items()
            for value in values
            if name != b"Proxy-Authorization"  # for the proxy, not for the API
        )
        if self._auth == "header":
            headers["apikey"] = self._token.reveal()
        return headers

    def strike_out(self, text: str) -> str:
        """Return a text without the token."""
        return self._token.strike_out(text)

    def unsigned_response(
        self, request: Request, answer: aiohttp.ClientResponse, body: bytes
    ) -> Response:
        """Return the response to an unsigned request, without the token."""
        headers = Headers()
        for name, value in answer.headers.items():
            if name.lower() not in _STALE_HEADERS:
                headers.appendlist(name, self.strike_out(value).encode("utf-8", "surrogateescape"))
        body = self._token.strike_out_bytes(body)
        response_class = responsetypes.from_args(headers=headers, url=request.url, body=body)
        return response_class(
            request.url, status=answer.status, headers=headers, body=body, request=request
        )


class SigningDownloadHandler(BaseDownloadHandler):
    """Sends calls to the API, each with a permit and the token; refuses every other request.

    Bodies are decompressed. If the API echoes the token, it is struck out of headers and body, so
    nothing after this point can store or show it.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        if not is_asyncio_available():
            raise UsageProblems(
                "TWISTED_REACTOR: this spider needs the asyncio reactor, which is Scrapy's default."
            )
        self._run = run_of(crawler)
        self._signer = TokenSigner(self._run.config)
        self._client = Client(self._signer)
        self._has_warned = False

    async def download_request(self, request: Request) -> Response:
        """Send one call.

        :raises GateClosed: if the job is stopping; nothing was sent
        :raises QueryEnded: if its page needs no call any more; nothing was sent
        :raises NotSupported: if the request is not for ``TMAPI_BASE_URL``, bypasses the archive, or
            would carry the token to a proxy in plain text
        :raises DownloadFailedError: and the others of
            :data:`~tmapi_spiders.http.failures.NO_ANSWER`, if no answer came
        """
        self._check(request)
        run, call = self._run, call_of(request)
        if not self.crawler.crawling:  # Ctrl-C while the engine was still starting
            run.stop("interrupted")
        try:
            permit = await run.gate.admit(call, priority=request.priority)
        except (GateClosed, QueryEnded) as exc:
            run.count(stats.CALL_REFUSED)
            self._warn_once(exc)
            raise
        try:
            response, works = await self._call(request, call, permit)
        except QueryEnded as exc:
            self._warn_once(exc)
            raise
        except NO_ANSWER:
            await self._note_sparing(call, permit)
            raise
        if works is False:
            await self._note_sparing(call, permit)
        return response

    def _warn_once(self, exc: Exception) -> None:
        """Warn of the first request of the project's own that is refused."""
        if isinstance(exc, QueryEnded) and not self._has_warned:
            self._has_warned = True
            logger.warning("%s (Logged once; %s counts all.)", exc, stats.CALL_REFUSED)

    async def _call(
        self, request: Request, call: Call | None, permit: Permit
    ) -> tuple[Response, bool | None]:
        """Make a call; return its response, and whether that shows that the API works.

        The permit is given back exactly once, whatever happens: other calls wait for it.
        """
        run = self._run
        give_back: Callable[[], None] = partial(run.gate.failed, permit, sent=False)
        try:
            if call is not None:
                self._note_sent(call, permit)
            run.count(stats.CALL_SENT)
            give_back = partial(run.gate.failed, permit, sent=True)
            try:
                response = await self._send(request)
            except BaseException as exc:
                give_back = self._no_answer(permit, call, exc)
                raise
            answer = read_answer(
                response.status,
                response.body,
                conversion=call is not None and call.is_conversion,
                retry_after=_retry_after(response),
            )
            give_back = self._answered(permit, call, answer)
        finally:
            give_back()
        return response, answer.works

    async def _note_sparing(self, call: Call | None, permit: Permit) -> None:
        """Note on the call whether its failure is blamed on an outage, and costs it no retry."""
        if call is not None:
            call.is_spared = await self._run.gate.is_spared(permit)

    def _note_sent(self, call: Call, permit: Permit) -> None:
        """Note in the ledger that a call is about to be sent."""
        again = call.attempt > 1
        call.is_spared = False
        try:
            self._run.ledger.called(call.query_id, permit.sent_at, again=again)
        except KeyError:
            self._run.count(stats.CALL_REFUSED)
            raise QueryEnded(why_not_sent(call)) from None
        if again:
            self._run.count(stats.CALL_RETRIED)

    def _no_answer(
        self, permit: Permit, call: Call | None, exc: BaseException
    ) -> Callable[[], None]:
        """Note that a call brought no answer; return what gives its permit back."""
        run, sent = self._run, not isinstance(exc, NOT_SENT)
        run.count(stats.CALL_FAILED)
        if isinstance(exc, UntrustedCertificate):
            run.stop("base_url", str(exc))
        elif isinstance(exc, OutOfFiles):
            run.stop("storage", str(exc))
        if not sent:
            self._does_not_count(call)
        sign = None
        if isinstance(exc, NO_ANSWER) and not isinstance(exc, OutOfFiles):
            sign = Sign(works=False, said=f"{type(exc).__name__}: {exc}")
        return partial(run.gate.failed, permit, sent=sent, sign=sign)

    def _answered(self, permit: Permit, call: Call | None, answer: Answer) -> Callable[[], None]:
        """Note how a call was answered; return what gives its permit back."""
        run = self._run
        if call is not None:
            call.answer, call.fetched_at = answer, utc_now()
        if not isinstance(answer, NoPage):
            run.count(stats.CALL_ANSWERED)
        if isinstance(answer, Converted):
            run.count(stats.CONVERSION_MADE)
        if not answer.counts:
            self._does_not_count(call)
        run.heed(answer)  # before the middlewares do: no other call must be sent with this permit
        if answer.kind is Kind.OVER_LIMIT:
            run.count(stats.CALL_OVER_LIMIT)
            return partial(run.gate.refused, permit)
        return partial(run.gate.answered, permit, counts=answer.counts, sign=self._sign_of(answer))

    def _sign_of(self, answer: Answer) -> Sign | None:
        """Return what an answer says about the API as a whole; None if nothing."""
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
        await self._client.close()

    def _check(self, request: Request) -> None:
        """Refuse what must not be sent from here."""
        ours, theirs = urlsplit(self._run.base_url), urlsplit(request.url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise NotSupported(
                f"{place_of(request.url)} is not TMAPI_BASE_URL "
                f"({place_of(self._run.base_url)}): this spider sends requests nowhere else"
            )
        if call_of(request) is not None and request.meta.get("dont_cache"):
            raise NotSupported("dont_cache would bypass the job's archive, and pay for pages twice")
        if ours.scheme == "http" and request.meta.get("proxy"):
            raise NotSupported("a call over plain http must not go through a proxy")

    async def _send(self, request: Request) -> Response:
        """Sign and send a request; return its response, without the token."""
        started = time.monotonic()
        answer, body = await self._client.send(request)
        request.meta["download_latency"] = time.monotonic() - started
        return self._signer.unsigned_response(request, answer, body)


def _retry_after(response: Response) -> float:
    """Return the seconds that an answer asks to wait."""
    header, date = (response.headers.get(name) or b"" for name in ("Retry-After", "Date"))
    return seconds_to_wait(header.decode("latin-1"), date.decode("latin-1"))
