"""TMAPI as if it cost nothing: pages of 20 made-up products, rendered beforehand.

A separate process; ``serving.quick_api`` starts one. Arguments: the numbers of queries, of pages of
each, and of twins. It prints its base URL, and serves until it is terminated. Query n is the image
/img/query-n.jpg; any other image has one page. One item in five also belongs to neighbouring
queries, *twins* in a row; with 1 twin all items are different. Rendering a page only fills in
numbers, so that a million of them take no memory.

    POST /reset?workers=3&latency=0.05&limit=0   resets the counters
    GET /counts    {"calls", "begun", "after", "last", "most_in_flight", …}
    GET /log       [{"image", "page", "arrived", "ended", "refused"}, …], if there is a limit

Each answer takes *latency* seconds, and a call above *limit* in flight is refused at once (0: none
is). Workers have different user agents: ``begun`` is when the last of them has made its first call,
``after`` the calls from then on, that one included, and ``last`` when the last call came. Times are
seconds since the epoch.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import attrs
import orjson
from aiohttp import web

FIXTURE = Path(__file__).parent.parent / "fixtures" / "vendor_example.json"
PATH = "/1688/global/search/image/v2"
PAGE_SIZE = 20
OVER_LIMIT = {"code": 503, "msg": "Too many concurrent requests", "data": None}
SINGLE = 399_999
"""The query number for item ids of any other image: above all others."""


def item_id(query: int, page: int, place: int, twins: int) -> int:
    """Return the id of an item: different within a query."""
    if place % 5 == 0:
        query, place = query // twins, place + PAGE_SIZE
    return 600_000_000_000 + (query * 1_000 + page) * 1_000 + place


def item_ids(queries: int, pages: int, twins: int) -> set[int]:
    """Return the ids of all items."""
    return {
        item_id(query, page, place, twins)
        for query in range(queries)
        for page in range(1, pages + 1)
        for place in range(PAGE_SIZE)
    }


class Pages:
    """The pages of all queries, in the API's shape.

    :param pages: number of pages of each query
    """

    def __init__(self, pages: int, twins: int) -> None:
        self._pages = pages
        self._twins = twins
        self._template = _template()

    def render(self, query: int | None, page: int) -> bytes:
        """Return a page of a query; None stands for any other image."""
        pages = 1 if query is None else self._pages
        numbers: list[object] = [page, pages * PAGE_SIZE]
        for place in range(PAGE_SIZE):
            number = item_id(SINGLE if query is None else query, page, place, self._twins)
            price = b"%d.%02d" % divmod(number % 9973, 100)
            numbers += (number, number, price, price, price)
        return self._template % (*numbers, b"true" if page < pages else b"false")


def _template() -> bytes:
    """Return a page as a template for %, with the numbers of :meth:`Pages.render` in its order."""
    answer = json.loads(FIXTURE.read_bytes())
    data = answer["data"]
    prices = {"price": "@s", "sale_price": "@s", "origin_price": ""}
    given = {"item_id": "@d", "price": "@s", "price_info": prices}
    given["product_url"] = "https://detail.1688.com/offer/@d.html"
    items = [data["items"][place % len(data["items"])] | given for place in range(PAGE_SIZE)]
    data |= {"page": "@d", "page_size": PAGE_SIZE, "total_count": "@d", "filters": {}}
    data |= {"items": items, "has_next_page": "@b"}
    text = orjson.dumps(answer).replace(b"%", b"%%")
    text = text.replace(b'"@d"', b"%d").replace(b'"@b"', b"%s")
    return text.replace(b"@", b"%")


@attrs.define
class Counts:
    """Counters since the last reset."""

    workers: int = 1
    latency: float = 0.0
    limit: int = 0
    agents: set[str] = attrs.field(factory=set)
    calls: int = 0
    begun: float = 0.0
    after: int = 0
    last: float = 0.0
    in_flight: int = 0
    most_in_flight: int = 0
    log: list[dict[str, object]] = attrs.field(factory=list)
    """The calls of an account with a limit."""

    def add(self, agent: str) -> None:
        """Count a call."""
        self.last = time.time()
        self.calls += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if len(self.agents) < self.workers:
            self.agents.add(agent)
            self.begun = self.last
        if len(self.agents) == self.workers:
            self.after += 1


class Api:
    """Answers calls, and counts them."""

    def __init__(self, queries: int, pages: Pages) -> None:
        self._queries = {f"query-{query}.jpg": query for query in range(queries)}
        self._pages = pages
        self._counts = Counts()

    async def search(self, request: web.Request) -> web.Response:
        """Answer with a page, or refuse a call that is over the account's limit."""
        counts = self._counts
        counts.in_flight += 1
        counts.add(request.headers["User-Agent"])
        image = request.query["img_url"].rpartition("/")[2]
        page = int(request.query["page"])
        refused = 0 < counts.limit < counts.in_flight
        arrived = counts.last
        try:
            if counts.latency and not refused:
                await asyncio.sleep(counts.latency)
        finally:
            counts.in_flight -= 1
        if counts.limit:
            counts.log.append(
                {"image": image, "page": page, "arrived": arrived}
                | {"ended": time.time(), "refused": refused}
            )
        if refused:
            return web.json_response(OVER_LIMIT, status=503)
        body = self._pages.render(self._queries.get(image), page)
        return web.Response(body=body, content_type="application/json")

    async def reset(self, request: web.Request) -> web.Response:
        """Reset the counters."""
        asked = request.query
        self._counts = Counts(int(asked["workers"]), float(asked["latency"]), int(asked["limit"]))
        return web.Response()

    async def counts(self, _: web.Request) -> web.Response:
        """Return the counters."""
        told = attrs.filters.exclude("agents", "log")
        return web.json_response(attrs.asdict(self._counts, filter=told))

    async def log(self, _: web.Request) -> web.Response:
        """Return the log of calls."""
        return web.json_response(self._counts.log)


async def serve(queries: int, pages: int, twins: int) -> None:
    """Serve for ever."""
    api = Api(queries, Pages(pages, twins))
    application = web.Application()
    application.router.add_get(PATH, api.search)
    application.router.add_post("/reset", api.reset)
    application.router.add_get("/counts", api.counts)
    application.router.add_get("/log", api.log)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
