"""TMAPI as it would be if it cost nothing: pages of 20 made-up products, rendered beforehand.

A process of its own for distributed.py. Run with the number of queries and of pages of each; says
its base URL, and serves until it is terminated. Query n is the image /img/query-n.jpg; any other
image has one page. One item in five also stands in the nine queries beside.

    POST /reset?workers=3&latency=0.05   counts anew; workers tell themselves apart by user agent
    GET /counts                          {"calls", "pages", "begun", "after", "last"}

``begun`` is when the last of the workers has made its first call, ``after`` the calls from then on,
that one included, and ``last`` when the last call came: seconds since the epoch.
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
TWINS = 10
"""So many queries in a row share every fifth item."""


def item_id(query: int, page: int, place: int) -> int:
    """Return the id of an item: different within a query."""
    if place % 5 == 0:
        query, place = query // TWINS, place + PAGE_SIZE
    return 600_000_000_000 + (query * 1_000 + page) * 1_000 + place


def item_ids(queries: int, pages: int) -> set[int]:
    """Return the ids of all items."""
    return {
        item_id(query, page, place)
        for query in range(queries)
        for page in range(1, pages + 1)
        for place in range(PAGE_SIZE)
    }


def render(query: int, page: int, pages: int) -> bytes:
    """Return a page in the API's shape."""
    answer = json.loads(FIXTURE.read_bytes())
    data = answer["data"]
    templates = data["items"]
    items = []
    for place in range(PAGE_SIZE):
        number = item_id(query, page, place)
        url = f"https://detail.1688.com/offer/{number}.html"
        price = f"{number % 9973 / 100:.2f}"
        prices = {"price": price, "sale_price": price, "origin_price": ""}
        template = templates[place % len(templates)]
        items.append(
            {**template, "item_id": number, "product_url": url, "price": price}
            | {"price_info": prices}
        )
    data |= {"page": page, "page_size": PAGE_SIZE, "total_count": pages * PAGE_SIZE}
    data |= {"items": items, "has_next_page": page < pages, "filters": {}}
    return orjson.dumps(answer)


@attrs.define
class Counts:
    """What was counted since the last reset."""

    workers: int = 1
    latency: float = 0.0
    agents: set[str] = attrs.field(factory=set)
    pages: set[tuple[str, str]] = attrs.field(factory=set)
    calls: int = 0
    begun: float = 0.0
    after: int = 0
    last: float = 0.0

    def add(self, page: tuple[str, str], agent: str) -> None:
        """Count a call."""
        self.last = time.time()
        self.calls += 1
        self.pages.add(page)
        if len(self.agents) < self.workers:
            self.agents.add(agent)
            self.begun = self.last
        if len(self.agents) == self.workers:
            self.after += 1


class Api:
    """Answers calls, and counts them.

    :param rendered: the pages, by image and number
    :param other: the page of any other image
    """

    def __init__(self, rendered: dict[tuple[str, str], bytes], other: bytes) -> None:
        self._rendered = rendered
        self._other = other
        self._counts = Counts()

    async def search(self, request: web.Request) -> web.Response:
        """Answer with a page."""
        page = (request.query["img_url"].rpartition("/")[2], request.query["page"])
        self._counts.add(page, request.headers["User-Agent"])
        if self._counts.latency:
            await asyncio.sleep(self._counts.latency)
        body = self._rendered.get(page, self._other)
        return web.Response(body=body, content_type="application/json")

    async def reset(self, request: web.Request) -> web.Response:
        """Count anew."""
        self._counts = Counts(int(request.query["workers"]), float(request.query["latency"]))
        return web.Response()

    async def counts(self, _: web.Request) -> web.Response:
        """Tell what was counted."""
        told = attrs.asdict(self._counts, filter=attrs.filters.exclude("agents", "pages"))
        return web.json_response({**told, "pages": len(self._counts.pages)})


async def serve(queries: int, pages: int) -> None:
    """Serve for ever."""
    rendered = {
        (f"query-{query}.jpg", str(page)): render(query, page, pages)
        for query in range(queries)
        for page in range(1, pages + 1)
    }
    api = Api(rendered, render(queries, 1, 1))
    application = web.Application()
    application.router.add_get(PATH, api.search)
    application.router.add_post("/reset", api.reset)
    application.router.add_get("/counts", api.counts)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
