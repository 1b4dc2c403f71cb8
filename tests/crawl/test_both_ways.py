"""What a project attaches to a crawl has the same effect in one process and with workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.both_ways

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread
    from tests.ways import Way

TWENTY = {"seeds": "/search/a/teapot.jpg", "page_size": 10, "max_pages": 2}
SEVEN = {"seeds": "/search/a/onepage.jpg"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a test's project: its settings, and everything else, are in ``own.py``."""
    return tmp_path / "p"


def crawler_of(way: Way, sandbox: SandboxThread, project: Path, text: str) -> Crawler:
    return way.in_project(project, sandbox.url, text)


def pipeline(body: str, place: int = 300) -> str:
    return (
        f'ITEM_PIPELINES = {{"own.Pipeline": {place}}}\n'
        "from itemadapter import ItemAdapter\n"
        "from scrapy.exceptions import DropItem\n"
        "class Pipeline:\n"
        f"    def process_item(self, item):\n        {body}\n"
    )


def test_a_pipeline_that_returns_dicts(way: Way, sandbox: SandboxThread, project: Path) -> None:
    body = "return {**ItemAdapter(item).asdict(), 'landed': '9.50'}"
    done = crawler_of(way, sandbox, project, pipeline(body))(**SEVEN)
    assert done.exit_status == 0, done.log
    assert [row["landed"] for row in done.products] == ["9.50"] * 7
    assert (done.outcome["items"], done.outcome["new_items"]) == (7, 7)


def test_rows_without_what_makes_them_a_product(
    way: Way, sandbox: SandboxThread, project: Path
) -> None:
    body = "return {'title': item.title, 'rank': item.rank}"
    crawl = crawler_of(way, sandbox, project, pipeline(body))
    done = crawl(**SEVEN, sort="default,sales")
    assert sorted(row["rank"] for row in done.products) == sorted([*range(1, 8)] * 2)
    assert [row["new_items"] for row in done.outcomes] == [7, 7]


LOOP = (
    "loop = {}\n        loop['d'] = loop\n"
    "        if item.rank <= 3: item.seed_data = loop\n        return item"
)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("if item.rank % 3 == 0: raise ValueError('broken on purpose')\n        return item", 14),
        ("if item.rank > 7: raise ValueError('broken on purpose')\n        return item", 7),
        ("return item if item.rank <= 7 else print('forgotten')", 7),
        ("item.moq = 10**5000 if item.rank <= 3 else 1\n        return item", 17),
        ("item.item_id *= 10**5000 if item.rank <= 3 else 1\n        return item", 17),
        (LOOP, 17),
    ],
    ids=["every third", "most", "forgotten", "a number", "an id", "itself"],
)
def test_a_pipeline_that_fails_on_items(
    way: Way, sandbox: SandboxThread, project: Path, body: str, rows: int
) -> None:
    done = crawler_of(way, sandbox, project, pipeline(body))(**TWENTY)
    assert done.exit_status == 0, done.log
    outcome = done.outcome
    assert (outcome["status"], outcome["reason"], outcome["calls"]) == ("complete", "max_pages", 2)
    assert (outcome["pages"], outcome["items"]) == (2, 20)
    assert len(done.products) == outcome["new_items"] == rows
    assert outcome["rejected_items"] == 20 - rows
    assert len(done.sightings) == 20


def test_a_pipeline_that_drops_items(way: Way, sandbox: SandboxThread, project: Path) -> None:
    body = "if item.rank > 7: raise DropItem('too far down')\n        return item"
    done = crawler_of(way, sandbox, project, pipeline(body))(**TWENTY)
    assert (done.exit_status, len(done.products)) == (0, 7)
    assert (done.outcome["new_items"], done.outcome["rejected_items"]) == (7, 0)


@pytest.mark.parametrize("place", [50, 5000], ids=["first", "last"])
def test_pipelines_see_every_product(
    way: Way, sandbox: SandboxThread, project: Path, place: int
) -> None:
    body = "open('seen', 'a').write(f'{item.item_id}\\n')\n        return item"
    crawl = crawler_of(way, sandbox, project, pipeline(body, place))
    done = crawl(**SEVEN, sort="default,sales")
    seen = (project / "seen").read_text().split()
    assert len(seen) == 14
    assert sorted(str(row["item_id"]) for row in done.products) == sorted(set(seen))
    assert len(set(seen)) < 14


def test_an_arguments_model_of_its_own(way: Way, sandbox: SandboxThread, project: Path) -> None:
    text = (
        'SPIDER_MODULES = ["own_spiders"]\nITEM_PIPELINES = {"own.Pipeline": 300}\n'
        "class Pipeline:\n"
        "    @classmethod\n"
        "    def from_crawler(cls, crawler):\n"
        "        made = cls()\n"
        "        made.arguments = crawler.spider.run.arguments\n"
        "        return made\n"
        "    def process_item(self, item):\n"
        "        return {'item_id': item.item_id, 'shop': self.arguments.shop}\n"
    )
    crawl = crawler_of(way, sandbox, project, text)
    (project / "own_spiders.py").write_text(
        "from pydantic import Field\n"
        "from tmapi_spiders.inputs.arguments import Arguments\n"
        "from tmapi_spiders.spiders.image_search import ImageSearchSpider\n"
        "class ShopArguments(Arguments):\n"
        '    shop: str = Field(default="", description="Whose shop it is.")\n'
        "class ShopSpider(ImageSearchSpider):\n"
        '    name = "shop_search"\n'
        "    arguments_model = ShopArguments\n"
    )
    done = crawl(**SEVEN, spider="shop_search", shop="Uhren, Müller")
    assert done.exit_status == 0, done.log
    assert {row["shop"] for row in done.products} == {"Uhren, Müller"}
    assert done.job["arguments"]["shop"] == "Uhren, Müller"
    refused = crawl(**SEVEN, spider="shop_search", shob="x")
    assert refused.exit_status == 2
    assert 'shob: no such argument. Did you mean "shop"?' in refused.log


def test_requests_of_a_middleware(way: Way, sandbox: SandboxThread, project: Path) -> None:
    text = (
        'SPIDER_MIDDLEWARES = {"own.Asks": 500}\n'
        "from scrapy import Request\n"
        "class Asks:\n"
        "    @classmethod\n"
        "    def from_crawler(cls, crawler):\n"
        "        made = cls()\n"
        "        made.run = crawler.spider.run\n"
        "        return made\n"
        "    async def process_spider_output(self, response, result):\n"
        "        async for found in result:\n"
        "            yield found\n"
        "            if getattr(found, 'rank', 9) <= 2:\n"
        "                url = response.url.replace('page=1', f'page={10 + found.rank}')\n"
        "                yield Request(url, self.more, cb_kwargs={'rank': found.rank})\n"
        "                yield Request(url, self.more, cb_kwargs={'rank': found.rank})\n"
        "    def more(self, response, rank):\n"
        "        yield {'item_id': f'of {rank}', 'language': 'en', 'bytes': len(response.body)}\n"
    )
    done = crawler_of(way, sandbox, project, text)(**SEVEN)
    assert done.exit_status == 0, done.log
    assert len(done.products) == 9
    more = sorted(str(row["item_id"]) for row in done.products if "bytes" in row)
    assert more == ["of 1", "of 2"]
    assert sandbox.stats["calls"] == 3
    assert done.job["calls"] == 3
    assert (done.outcome["calls"], done.outcome["new_items"]) == (1, 7)


ITEMS = pipeline(
    "if os.path.exists('broken') and item.rank % 3 == 0: raise ValueError('broken on purpose')\n"
    "        return item"
)

MIDDLEWARE = (
    'SPIDER_MIDDLEWARES = {"own.Breaks": 500}\n'
    "class Breaks:\n"
    "    async def process_spider_output(self, response, result):\n"
    "        async for found in result:\n"
    "            if os.path.exists('broken') and getattr(found, 'rank', 0) == 16: 1 / 0\n"
    "            yield found\n"
)

BOTH = MIDDLEWARE + ITEMS


#: Rows without a rank, without an id, and two of each product.
ODD_ROWS = (
    'SPIDER_MIDDLEWARES = {"own.Changes": 500}\n'
    'ITEM_PIPELINES = {"own.Pipeline": 300}\n'
    "class Changes:\n"
    "    async def process_spider_output(self, response, result):\n"
    "        number = 0\n"
    "        async for found in result:\n"
    "            if not getattr(found, 'rank', 0):\n"
    "                yield found\n"
    "                continue\n"
    "            number += 1\n"
    "            if number == 5 and os.path.exists('broken-5'): raise ValueError('no fifth')\n"
    "            rank = {'rank': found.rank} if RANKED else {}\n"
    "            for part in 'ab': yield {'part': f'{found.rank}{part}', **rank}\n"
    "class Pipeline:\n"
    "    def process_item(self, item):\n"
    "        is_odd = item['part'] in {'2a', '3b'}\n"
    "        if is_odd and os.path.exists('broken'): raise ValueError('odd')\n"
    "        return item\n"
)


@pytest.mark.parametrize("ranked", [True, False])
@pytest.mark.parametrize(("broken", "rows"), [("broken", 12), ("broken-5", 8)])
def test_items_without_rank_or_id_are_read_again_once(  # noqa: PLR0917
    way: Way, sandbox: SandboxThread, project: Path, ranked: bool, broken: str, rows: int
) -> None:
    crawl = crawler_of(way, sandbox, project, f"import os\nRANKED = {ranked}\n{ODD_ROWS}")
    (project / broken).touch()
    done = crawl(**SEVEN)
    assert len(done.products) == rows
    (project / broken).unlink()
    crawl.command("tmapi", "replay", "j")
    mended = crawl()
    assert mended.exit_status == 0, mended.log
    parts = [f"{rank}{part}" for rank in range(1, 8) for part in "ab"]
    assert sorted(row["part"] for row in mended.products) == parts
    assert (mended.outcome["new_items"], mended.outcome["rejected_items"]) == (14, 0)
    assert sandbox.stats["calls"] == 1


@pytest.mark.parametrize(
    ("text", "rows"),
    [(ITEMS, 14), (MIDDLEWARE, 15), (BOTH, 10)],
    ids=["items", "middleware", "both"],
)
def test_what_could_not_be_turned_into_rows_is_read_again_without_a_call(
    way: Way, sandbox: SandboxThread, project: Path, text: str, rows: int
) -> None:
    crawl = crawler_of(way, sandbox, project, "import os\n" + text)
    (project / "broken").touch()
    done = crawl(**TWENTY)
    is_whole, told = text is ITEMS, "1 answer" if text is MIDDLEWARE else "2 answers"
    assert done.exit_status == (0 if is_whole else 3), done.log
    assert len(done.products) == done.outcome["new_items"] == rows
    assert len(done.sightings) == done.outcome["items"] == 20
    ended = (done.outcome["status"], done.outcome["reason"], done.outcome["pages"])
    assert ended == (("complete", "max_pages", 2) if is_whole else ("partial", "error", 2))
    assert done.outcome["rejected_items"] == {14: 6, 15: 0, 10: 5}[rows]
    assert f"{told} could not be turned into rows" in done.log
    assert done.job["dead_letters"] == int(told[0])
    assert "broken on purpose" in done.log or text is MIDDLEWARE

    for _ in range(2):  # the first one is wasted
        replayed = crawl.command("tmapi", "replay", "j")
        assert replayed.exit_status == 0, replayed.log
        assert "scrapy crawl image_search -a job=j" in replayed.stdout
        again = crawl()
        assert len(again.products) == rows
        assert again.outcome == done.outcome | {"finished_at": again.outcome["finished_at"]}
        assert again.job["dead_letters"] == int(told[0])

    (project / "broken").unlink()
    status = crawl.command("tmapi", "status", "j").stdout
    assert (told if way.alone else f"dead letters: {told[0]}\n") in status
    crawl.command("tmapi", "replay", "j")
    mended = crawl()
    assert mended.exit_status == 0, mended.log
    assert sorted(row["rank"] for row in mended.products) == [*range(1, 21)]
    assert sorted(row["rank"] for row in mended.sightings) == [*range(1, 21)]
    outcome = mended.outcome
    assert (outcome["status"], outcome["reason"], outcome["pages"]) == ("complete", "max_pages", 2)
    assert (outcome["items"], outcome["new_items"], outcome["rejected_items"]) == (20, 20, 0)
    assert (outcome["calls"], sandbox.stats["calls"], mended.job["dead_letters"]) == (2, 2, 0)
    assert "could not be turned into rows" not in mended.log
    assert "could not be turned into rows" not in crawl.command("tmapi", "status", "j").stdout


def test_a_request_with_the_meta_of_a_page(way: Way, sandbox: SandboxThread, project: Path) -> None:
    """Once its page is done, a further call for it is refused, or else counted."""
    text = (
        'SPIDER_MIDDLEWARES = {"own.Asks": 500}\n'
        "from scrapy import Request\n"
        "class Asks:\n"
        "    async def process_spider_output(self, response, result):\n"
        "        async for found in result:\n"
        "            yield found\n"
        "        url = response.url + '&more=1'\n"
        "        yield Request(url, self.more, meta=response.meta, dont_filter=True)\n"
        "    def more(self, response):\n"
        "        yield {'item_id': 'more'}\n"
    )
    done = crawler_of(way, sandbox, project, text)(**SEVEN)
    assert done.exit_status == 0, done.log
    calls, rows = sandbox.stats["calls"], len(done.products)
    assert (calls, rows) in {(1, 7), (2, 8)}
    assert (done.job["calls"], done.outcome["calls"]) == (calls, calls)
    is_told = (
        f"page 1 of the query {done.outcome['query_id']} is done, and not requested" in done.log
    )
    assert is_told or calls == 2


#: A middleware that requests each page twice.
AGAIN = (
    'DOWNLOADER_MIDDLEWARES = {"own.Again": 950}\n'
    "class Again:\n"
    "    def process_response(self, request, response):\n"
    "        if request.meta.get('again'): return response\n"
    "        return request.replace(meta={**request.meta, 'again': True}, dont_filter=True)\n"
)


def test_a_page_that_a_middleware_asks_for_again(
    way: Way, sandbox: SandboxThread, project: Path
) -> None:
    done = crawler_of(way, sandbox, project, AGAIN)(**TWENTY)
    assert done.exit_status == 0, done.log
    assert len(done.products) == 20
    assert (done.outcome["calls"], done.outcome["retries"], done.job["calls"]) == (4, 0, 4)
    assert sandbox.stats["calls"] == 4


def test_requests_of_a_middleware_count_in_the_budget(
    way: Way, sandbox: SandboxThread, project: Path
) -> None:
    text = (
        'SPIDER_MIDDLEWARES = {"own.Asks": 500}\n'
        "from scrapy import Request\n"
        "class Asks:\n"
        "    async def process_spider_output(self, response, result):\n"
        "        async for found in result:\n"
        "            if getattr(found, 'rank', 0):\n"
        "                yield Request(f'{response.url}&more={found.rank}', self.more)\n"
        "            yield found\n"
        "    def more(self, response):\n"
        "        yield {'item_id': response.url, 'language': 'en'}\n"
    )
    crawl = crawler_of(way, sandbox, project, text)
    done = crawl("-s", "TMAPI_BUDGET=5", **SEVEN)
    assert done.exit_status == 4, done.log
    assert (sandbox.stats["calls"], done.job["calls"]) == (5, 5)
    assert done.job["stop_reason"] == "budget"
    assert len(done.products) == 7 + 4


def test_a_page_that_is_asked_for_again_at_the_end_of_the_budget(
    way: Way, sandbox: SandboxThread, project: Path
) -> None:
    done = crawler_of(way, sandbox, project, AGAIN)("-s", "TMAPI_BUDGET=1", **TWENTY)
    assert done.exit_status == 4, done.log
    assert (done.job["stop_reason"], sandbox.stats["calls"]) == ("budget", 1)


def test_many_requests_of_a_middleware_where_one_call_may_be_in_flight(
    way: Way, sandbox: SandboxThread, project: Path
) -> None:
    text = (
        'SPIDER_MIDDLEWARES = {"own.Asks": 500}\n'
        "from scrapy import Request\n"
        "class Asks:\n"
        "    async def process_spider_output(self, response, result):\n"
        "        async for found in result:\n"
        "            yield found\n"
        "        for number in range(20 * ('more=' not in response.url)):\n"
        "            yield Request(f'{response.url}&more={number}', self.more)\n"
        "    def more(self, response):\n"
        "        yield {'item_id': response.url, 'language': 'en'}\n"
    )
    crawl = crawler_of(way, sandbox, project, text)
    seeds = ",".join(f"/search/a/onepage-{number}.jpg" for number in range(3))
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=1", seeds=seeds)
    assert done.exit_status == 0, done.log
    assert (sandbox.stats["calls"], sandbox.stats["max_in_flight"]) == (63, 1)
    assert sum("more=" in str(row["item_id"]) for row in done.products) == 60
