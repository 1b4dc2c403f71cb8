"""Serves the sandbox over HTTP, with aiohttp."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Final

import attrs
from aiohttp import web

from tmapi_spiders.sandbox.account import (
    CONVERT,
    ENDLESS,
    SEARCH,
    TOKEN_HEADER,
    Account,
    SandboxCall,
)
from tmapi_spiders.sandbox.answers import (
    NO_ROUTE,
    PARAMETER_ERROR,
    Answer,
    Delivery,
    gateway,
    json_answer,
    refusal,
)
from tmapi_spiders.sandbox.api import Api, Caller
from tmapi_spiders.sandbox.catalogue import catalogue_of
from tmapi_spiders.sandbox.drift import changes
from tmapi_spiders.sandbox.faults import FAULTS, OutageFault
from tmapi_spiders.sandbox.images import read_image
from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.sandbox.parameters import ParameterError, read_conversion, read_since
from tmapi_spiders.sandbox.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["CONVERT_ENDPOINT", "PICTURE_OF", "SEARCH_ENDPOINT", "Sandbox"]

SEARCH_ENDPOINT: Final = "/1688/global/search/image/v2"
CONVERT_ENDPOINT: Final = "/1688/tools/image/convert_url"

PICTURE_OF: Final = "/_sandbox/picture"
"""Returns, for an `img_url`, a picture of what a search sees in that image."""

SHUTDOWN_SECONDS: Final = 0.05
"""How long a stop waits for calls in flight, twice, before it drops them."""

# An image URL may be far longer than the 8 kB that aiohttp accepts by default.
_MAX_LINE: Final = 256 * 1024
_BACKLOG: Final = 1024


class Sandbox:
    """A local TMAPI with made-up products.

    It runs in the event loop that starts it and touches nothing else of the process: no signal
    handlers, no logging of calls.
    """

    def __init__(self, options: SandboxOptions = SandboxOptions()) -> None:  # noqa: B008 - frozen
        self._options = options
        self._account = Account(options.token, options.limit, options.balance)
        self._outage = OutageFault(options.outage, options.outage_calls)
        self._api = Api(options, catalogue_of(options.products, options.seed, options.day))
        self._runner: web.AppRunner | None = None
        self._base_url = ""
        self._own_hosts: frozenset[str] = frozenset()

    @property
    def base_url(self) -> str:
        """The address, "http://127.0.0.1:PORT"; raises RuntimeError if it is not serving."""
        if not self._runner:
            raise RuntimeError("the sandbox is not serving: call start() first")
        return self._base_url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Start serving; return the base URL. Port 0 is any free one; OSError if it is taken."""
        if self._runner:
            raise RuntimeError(f"the sandbox is serving already, at {self._base_url}")
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            # A call then counts as in flight no longer than its client waits for it.
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_SECONDS,
            max_line_size=_MAX_LINE,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        self._base_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._own_hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        return self._base_url

    async def stop(self) -> None:
        """Stop serving; calls in flight are dropped. Stopping twice is fine."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()
            # The dropped calls and connections end in the next turns of the loop.
            await asyncio.sleep(0.01)

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(SEARCH_ENDPOINT, self._search, allow_head=False)
        app.router.add_post(CONVERT_ENDPOINT, self._convert)
        app.router.add_get("/img/{stem}.svg", self._picture, allow_head=False)
        app.router.add_get("/search/{folder:.+}/{stem}.svg", self._picture, allow_head=False)
        app.router.add_get(PICTURE_OF, self._picture_of, allow_head=False)
        app.router.add_get("/_sandbox/stats", self._stats, allow_head=False)
        app.router.add_get("/_sandbox/calls", self._calls, allow_head=False)
        app.router.add_get("/_sandbox/served", self._served, allow_head=False)
        app.router.add_get("/_sandbox/changes", self._changes, allow_head=False)
        app.router.add_post("/_sandbox/balance", self._set_balance)
        app.router.add_post("/_sandbox/limit", self._set_limit)
        app.router.add_post("/_sandbox/expire", self._expire)
        app.router.add_post("/_sandbox/outage", self._set_outage)
        app.router.add_post("/_sandbox/reset", self._reset)
        app.router.add_route("*", "/{path:.*}", self._no_route)
        return app

    # The API

    async def _search(self, request: web.Request) -> web.Response:
        async def answer(call: SandboxCall) -> tuple[Answer, float]:
            return self._api.search(call.params, self._caller(request, call))

        return await self._call(SEARCH, request, answer)

    async def _convert(self, request: web.Request) -> web.Response:
        async def answer(call: SandboxCall) -> tuple[Answer, float]:
            try:
                call.params = read_conversion(await request.read())
            except ParameterError as exc:
                return refusal(422, 422, f"{PARAMETER_ERROR}: {exc}"), 0.0
            return self._api.convert(call.params, self._caller(request, call))

        return await self._call(CONVERT, request, answer)

    async def _call(
        self,
        endpoint: str,
        request: web.Request,
        answer_to: Callable[[SandboxCall], Awaitable[tuple[Answer, float]]],
    ) -> web.Response:
        account = self._account
        call, token = account.arrive(endpoint, request.query, request.headers)
        try:
            answer = account.refuse(token)
            if answer is None:
                fault = self._outage.fault()
                answer, delay = (fault.answer, 0.0) if fault else await answer_to(call)
                await asyncio.sleep(self._options.latency + delay)
                if answer.delivery is not Delivery.SEND:
                    await _never_answer(request, answer.delivery)
                answer = account.charge(answer)
            account.enter(call, answer)
        finally:
            account.leave(call)
        return _respond(request, answer)

    def _caller(self, request: web.Request, call: SandboxCall) -> Caller:
        url = request.url
        if call.auth == "header":
            url = url.update_query({TOKEN_HEADER: request.headers[TOKEN_HEADER]})
        return Caller(
            base=f"http://{request.host}",
            own_hosts=self._own_hosts | {request.host},
            url=str(url),
            earlier=self._account.earlier(call),
        )

    async def _no_route(self, request: web.Request) -> web.Response:
        self._account.books.no_route[request.path] += 1
        return _respond(request, gateway(404, NO_ROUTE))

    async def _picture(self, request: web.Request) -> web.Response:
        stem = request.match_info["stem"]
        product = self._api.product_named(stem)
        if product is None:
            return _respond(request, gateway(404, f"no product {stem}"))
        drawn = picture(product.look, stem)
        return _respond(request, Answer(200, drawn.encode(), "image/svg+xml; charset=utf-8"))

    # For tests and demos

    async def _picture_of(self, request: web.Request) -> web.Response:
        image = read_image(request.query.get("img_url", ""), self._own_hosts)
        drawn = picture(self._api.look_of(image), image.stem[:24])
        return _respond(request, Answer(200, drawn.encode(), "image/svg+xml; charset=utf-8"))

    async def _stats(self, request: web.Request) -> web.Response:
        return _respond(request, json_answer(200, self._account.stats()))

    async def _calls(self, request: web.Request) -> web.Response:
        calls = [attrs.asdict(call) for call in self._account.books.calls]
        return _respond(request, json_answer(200, calls))

    async def _served(self, request: web.Request) -> web.Response:
        served = {lang: sorted(ids) for lang, ids in sorted(self._account.books.served.items())}
        return _respond(request, json_answer(200, served))

    async def _changes(self, request: web.Request) -> web.Response:
        day = self._options.day
        try:
            since = read_since(request.query, day)
        except ParameterError as exc:
            return _respond(request, refusal(422, 422, f"{PARAMETER_ERROR}: {exc}"))
        # In a thread: a large catalogue takes seconds to make, and other calls must not wait.
        found = await asyncio.to_thread(changes, self._options, since, day)
        listed = [change.as_json() for change in found.values()]
        return _respond(request, json_answer(200, {"since": since, "day": day, "changes": listed}))

    async def _set_balance(self, request: web.Request) -> web.Response:
        return await self._set(request, "balance", ENDLESS)

    async def _set_limit(self, request: web.Request) -> web.Response:
        return await self._set(request, "limit", 0)

    async def _set(self, request: web.Request, name: str, least: int) -> web.Response:
        try:
            value = json.loads(await request.read())[name]
        except (ValueError, KeyError, TypeError):
            value = None
        if type(value) is not int or value < least:
            rule = f'the body must be {{"{name}": n}}, n a whole number from {least} up'
            return _respond(request, refusal(422, 422, f"{PARAMETER_ERROR}: {rule}"))
        setattr(self._account, name, value)
        return _respond(request, json_answer(200, {name: value}))

    async def _expire(self, request: web.Request) -> web.Response:
        return _respond(request, json_answer(200, {"expired": self._api.paths.expire()}))

    async def _set_outage(self, request: web.Request) -> web.Response:
        try:
            given = json.loads(await request.read())
            outage = OutageFault(**given)
            known = outage.kind in FAULTS or (outage.kind == "" and outage.calls == -1)
            fits = known and type(outage.calls) is int and outage.calls >= -1
        except (ValueError, TypeError):
            fits = False
        if not fits:
            rule = (
                'the body must be {"kind": KIND, "calls": n}, KIND one of docs/sandbox.md, n a '
                "whole number from -1 up (-1, or left out: until {}, which ends it)"
            )
            return _respond(request, refusal(422, 422, f"{PARAMETER_ERROR}: {rule}"))
        self._outage = outage
        return _respond(request, json_answer(200, attrs.asdict(outage)))

    async def _reset(self, request: web.Request) -> web.Response:
        self._account.reset()
        self._api.paths.reset()
        return _respond(request, json_answer(200, self._account.stats()))


async def _never_answer(request: web.Request, delivery: Delivery) -> None:
    """Wait until the connection is closed, which cancels the handler; a reset closes it now."""
    if delivery is Delivery.RESET and request.transport:
        request.transport.abort()
    await asyncio.Event().wait()


def _respond(request: web.Request, answer: Answer) -> web.Response:
    headers = {**answer.headers, "Content-Type": answer.content_type}
    body = answer.body
    if (
        body
        and "Content-Encoding" not in headers
        and _takes_gzip(request.headers.get("Accept-Encoding", ""))
    ):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, body=body, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header accepts gzip.

    >>> [_takes_gzip(x) for x in ("gzip, br", "br;q=1, GZIP;q=0.5", "gzip;q=0", "identity", "")]
    [True, True, False, False, False]
    """
    for part in accepted.lower().split(","):
        name, _, quality = part.replace(" ", "").partition(";q=")
        if name == "gzip":
            return not quality or quality.strip("0.") != ""
    return False
