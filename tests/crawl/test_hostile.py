"""Answers and projects that would make a careless crawl lose pages, lie, or leak."""

from __future__ import annotations

import gzip
import json
import signal
import time
from typing import TYPE_CHECKING

import brotli
import pytest

from tests.support import TOKEN, CannedApi, in_project, page_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread
    from tests.ways import Way

SEED = "/search/a/teapot.jpg"


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        (page_of('{"item_id": 1, "title": "lamp \\ud83d"}'), ["lamp ?"]),
        (b"\xef\xbb\xbf" + page_of('{"item_id": 1, "title": "lamp"}'), ["lamp"]),
        (page_of('{"item_id": 1, "title": "caf@"}').replace(b"@", b"\xe9"), ["caf\ufffd"]),
        (page_of('{"item_id": 1, "price": NaN, "title": "a"}', '{"item_id": 2}'), ["a", None]),
        (
            page_of(
                '{"item_id": 1, "title": "a", "moq": 9, "shop_info": {"shop_years": "9"}}'
            ).replace(b"9", b"9" * 25),
            ["a"],
        ),
        (
            page_of(
                '{"item_id": 1, "title": "a", "sale_info": {"sale_quantity_90days": "9"}}'
            ).replace(b'"9"', b'"' + b"9" * 25 + b'"'),
            ["a"],
        ),
        (page_of('{"item_id": 1, "title": "a", "title": "b"}'), ["b"]),
    ],
)
def test_one_odd_character_does_not_cost_a_page(
    way: Way, body: bytes, titles: list[str | None]
) -> None:
    with CannedApi(body) as api:
        done = way(api.url)(seeds=SEED)
    assert done.exit_status == 0
    assert [row["title"] for row in done.products] == titles
    assert done.outcome["new_items"] == done.outcome["items"] == len(titles)


@pytest.mark.parametrize(
    ("status", "body"), [(204, b""), (304, b""), (200, b""), (200, b"[]"), (200, b"null")]
)
def test_answers_without_a_page(way: Way, status: int, body: bytes) -> None:
    with CannedApi(body, status) as api:
        done = way(api.url)(seeds=SEED)
    assert (done.exit_status, done.outcome["status"]) == (3, "failed")
    assert done.outcome["calls"] == len(api.seen) == 4, "one call, and three more tries"


@pytest.mark.parametrize(
    ("headers", "body", "works"),
    [
        ((("Content-Encoding", "gzip"),), gzip.compress(page_of('{"item_id": 1}')), True),
        ((("Content-Encoding", "gzip"),), gzip.compress(page_of('{"item_id": 1}'))[:-20], False),
        ((("Content-Encoding", "gzip"),), b"no gzip", False),
        ((("Content-Encoding", "gzip"),), page_of('{"item_id": 1}')[:-3], False),
        ((("Content-Encoding", "gzip"),), page_of('{"item_id": 1}'), True),
        ((("Content-Encoding", "br"),), b"\xef\xbb\xbf " + page_of('{"item_id": 1}'), True),
        ((("Content-Encoding", "br"),), brotli.compress(page_of('{"item_id": 1}')), True),
        ((("Content-Encoding", "gzip"),), gzip.compress(bytes(2**27)), False),
        ((("X-Message", "caf\xe9"),), page_of('{"item_id": 1}'), True),
        ((("Content-Type", "text/html; charset=utf-16"),), page_of('{"item_id": 1}'), True),
    ],
    ids=[
        *("gzip", "gzip cut short", "no gzip", "plain JSON, cut short", "plain JSON, no gzip"),
        *("plain JSON, no br", "br", "far too large", "latin-1 header", "wrong charset"),
    ],
)
def test_headers(way: Way, headers: tuple[tuple[str, str], ...], body: bytes, works: bool) -> None:
    with CannedApi(body, headers=headers) as api:
        done = way(api.url)(seeds=SEED)
    assert done.outcome["status"] == ("complete" if works else "failed")
    assert len(api.seen) == (1 if works else 4)
    assert "Traceback" not in done.log


@pytest.mark.parametrize(
    "echo",
    [
        f"https://api/x?apiToken\\u003d{TOKEN}\\u0026page=1",
        f"unknown key:\\n{TOKEN}",
        f"apiToken%253D{TOKEN}",
        TOKEN.replace("-", "\\u002d"),
    ],
)
def test_an_escaped_token_is_struck_out_too(way: Way, echo: str) -> None:
    with CannedApi(f'{{"code": 422, "msg": "{echo}"}}'.encode()) as api:
        done = way(api.url)("-L", "DEBUG", seeds=SEED)
    assert "***" in done.outcome["message"]
    assert TOKEN not in done.log
    for path in done.folder.iterdir():
        assert TOKEN.encode() not in path.read_bytes()


def test_a_base_url_that_holds_a_token_is_not_quoted(way: Way) -> None:
    for url in (f"https://api.tmapi.io/x?apiToken={TOKEN}", f"https://:{TOKEN}@api.tmapi.io"):
        done = way(url)(seeds=SEED)
        assert done.exit_status == 2
        assert "TMAPI_BASE_URL=" in done.log
        assert TOKEN not in done.log


@pytest.mark.parametrize(
    "settings",
    [
        (
            'FEEDS = {"own.jsonl": {"format": "jsonl", "item_filter": "own.Dear"}}\n'
            "class Dear:\n"
            "    def __init__(self, options): pass\n"
            "    def accepts(self, item): return float(item.price or 0) >= 0\n"
        ),
        'from pathlib import Path\nFEEDS = {Path("own.jsonl"): {"format": "jsonl"}}\n',
        'FEEDS = \'{"own.jsonl": {"format": "jsonl"}}\'\n',
        (
            'FEEDS = {"own-%(batch_id)d.jsonl": {"format": "jsonl"}}\n'
            "FEED_EXPORT_BATCH_ITEM_COUNT = 2\n"
        ),
        "TWISTED_REACTOR_ENABLED = False\n",
        "FORCE_CRAWLER_PROCESS = True\n",
        (
            "JOBDIR = 'jobdir'\nHTTPCACHE_ENABLED = True\nDEPTH_LIMIT = 1\n"
            "RETRY_TIMES = 5\nDOWNLOAD_DELAY = 1\n"
        ),
    ],
)
def test_a_projects_settings_change_nothing(
    way: Way, tmp_path: Path, sandbox: SandboxThread, settings: str
) -> None:
    crawl = way.in_project(tmp_path / "p", sandbox.url, settings)
    for _ in range(2):
        done = crawl(seeds=SEED, page_size=5)
        assert done.exit_status == 0, done.log
        assert (done.outcome["status"], done.outcome["reason"]) == ("complete", "last_page")
        assert len(done.products) == done.outcome["items"] > 15
        assert "Traceback" not in done.log
    assert sandbox.stats["calls"] == done.outcome["calls"], "the second run replays the first"
    own = list(crawl.project.glob("own*.jsonl"))
    assert sum(len(path.read_text().splitlines()) for path in own) in {0, 2 * len(done.products)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "TWISTED_REACTOR = 'twisted.internet.selectreactor.SelectReactor'\n",
            "the crawl needs Scrapy's default",
        ),
        ("TMAPI_SANDBOX_OPTIONS = 5\n", "accepted: an object"),
        (
            (
                "DOWNLOADER_MIDDLEWARES = "
                "{'scrapy.downloadermiddlewares.httpcache.HttpCacheMiddleware': None}\n"
            ),
            "HttpCacheMiddleware is off",
        ),
        ("TMAPI_OUTPUT_DIR = '~nobody-here/x'\n", "accepted: a folder"),
        ("TMAPI_OUTPUT_DIR = 'x' * 5000\n", "accepted: a folder"),
    ],
)
def test_a_projects_settings_that_cant_work_are_refused(
    way: Way, tmp_path: Path, sandbox: SandboxThread, settings: str, message: str
) -> None:
    crawl = way.in_project(tmp_path / "p", sandbox.url, settings)
    env = {"TMAPI_OUTPUT_DIR": ""} if "TMAPI_OUTPUT_DIR" in settings else {}
    done = crawl(seeds=SEED, env=env)
    assert done.exit_status == 2
    assert message in done.log
    assert "Traceback" not in done.log
    assert sandbox.stats["calls"] == 0


def test_feeds_that_cant_work_are_refused(tmp_path: Path, sandbox: SandboxThread) -> None:
    settings = "FEED_EXPORT_BATCH_ITEM_COUNT = 2\nFEEDS = {'own.csv': {}}\n"
    done = in_project(tmp_path / "p", sandbox.url, settings)(seeds=SEED)
    assert done.exit_status == 2
    assert "refused FEEDS" in done.log
    assert "Traceback" not in done.log
    assert sandbox.stats["calls"] == 0


@pytest.mark.parametrize(
    "option",
    [
        "JOBDIR=x",
        "HTTPCACHE_ENABLED=0",
        "HTTPCACHE_STORAGE=scrapy.extensions.httpcache.FilesystemCacheStorage",
        "HTTPCACHE_POLICY=scrapy.extensions.httpcache.DummyPolicy",
        "RETRY_ENABLED=1",
    ],
)
def test_options_that_break_a_promise_are_refused(
    crawl: Crawler, sandbox: SandboxThread, option: str
) -> None:
    done = crawl("-s", option, seeds=SEED)
    assert done.exit_status == 2
    assert option in done.log
    assert sandbox.stats["calls"] == 0


def test_values_that_json_does_not_know_are_written_as_text(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'ITEM_PIPELINES = {"own.Typed": 300}\n'
        "class Typed:\n"
        "    def process_item(self, item):\n"
        "        from decimal import Decimal\n"
        "        item.price = Decimal('1.50')\n"
        "        item.moq = 10**30\n"
        "        return item\n",
    )
    done = crawl(seeds=SEED, max_pages=1)
    assert done.exit_status == 0
    assert {(row["price"], row["moq"]) for row in done.products} == {("1.50", 10**30)}


@pytest.mark.both_ways
def test_what_is_no_item_is_kept_as_a_dead_letter(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'ITEM_PIPELINES = {"own.Broken": 300}\n'
        "class Broken:\n"
        "    def process_item(self, item):\n"
        "        return 42\n",
    )
    done = crawl(seeds="/search/a/onepage.jpg")
    assert done.outcome["rejected_items"] == 7
    assert "the pipelines have returned 42, which is not an item" in done.log


@pytest.mark.both_ways
def test_a_product_that_a_pipeline_failed_on_gets_its_next_chance(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'ITEM_PIPELINES = {"own.Fussy": 300}\n'
        "class Fussy:\n"
        "    def process_item(self, item):\n"
        "        if item.page == 1: raise OSError('the database is down')\n"
        "        return item\n",
    )
    done = crawl(seeds="/search/a/overlap.jpg", page_size=10)
    pages = [set(call["item_ids"]) for call in sandbox.calls]
    assert len(pages[0] & pages[1]) == 5
    assert {row["item_id"] for row in done.products} == set().union(*pages[1:])
    assert done.outcome["rejected_items"] == 10


@pytest.mark.both_ways
def test_an_item_dropped_before_dedupe_does_not_bring_another_one_twice(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'ITEM_PIPELINES = {"own.Picky": 50}\n'
        "from scrapy.exceptions import DropItem\n"
        "class Picky:\n"
        "    def process_item(self, item):\n"
        "        if item.sort == 'price_up': raise DropItem('not that one')\n"
        "        return item\n",
    )
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=1", seeds=SEED, sort="default,price_up,sales")
    ids = [row["item_id"] for row in done.products]
    assert len(ids) == len(set(ids)) == done.outcomes[0]["items"]


def test_a_query_whose_products_were_cut_off_is_not_complete(
    tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = in_project(
        tmp_path / "p",
        sandbox.url,
        'ITEM_PIPELINES = {"own.Slow": 300}\n'
        "import asyncio\n"
        "class Slow:\n"
        "    async def process_item(self, item):\n"
        "        print('SLOW', flush=True)\n"
        "        await asyncio.sleep(1)\n"
        "        return item\n",
    )
    process = crawl.start(seeds=SEED, max_pages=1, job="j")
    assert process.stdout is not None
    for _ in range(6):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    done = crawl.finish(process)
    assert done.exit_status == 4
    assert (done.outcome["status"], done.outcome["reason"]) == ("partial", "interrupted")
    assert 0 < len(done.products) == done.outcome["new_items"] < done.outcome["items"]


def test_a_signal_while_a_pipeline_closes_cuts_nothing_off(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'ITEM_PIPELINES = {"own.Slow": 300}\n'
        'FEEDS = {"own.json": {"format": "json"}}\n'
        "import asyncio\n"
        "class Slow:\n"
        "    def process_item(self, item): return item\n"
        "    async def close_spider(self): await asyncio.sleep(2)\n",
    )
    process = crawl.start(seeds="/search/a/onepage.jpg", job="j")
    assert process.stderr is not None
    for line in process.stderr:
        if "Closing spider" in line:
            process.send_signal(signal.SIGINT)
            break
    done = crawl.finish(process)
    assert (done.exit_status, done.outcome["status"]) == (0, "complete")
    assert len(done.products) == 7
    assert "products.jsonl 7 lines" in done.told
    if way.alone:  # a project's own feeds are off in a worker
        assert len(json.loads((crawl.project / "own.json").read_text())) == 7


@pytest.mark.both_ways
def test_items_that_a_middleware_adds_or_drops_are_counted_right(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'SPIDER_MIDDLEWARES = {"own.Meddler": 500}\n'
        'ITEM_PIPELINES = {"own.Slow": 300}\n'
        "import asyncio\n"
        "class Slow:\n"
        "    async def process_item(self, item):\n"
        "        if not isinstance(item, dict): await asyncio.sleep(0.2)\n"
        "        return item\n"
        "class Meddler:\n"
        "    async def process_spider_output(self, response, result):\n"
        "        async for found in result:\n"
        "            if getattr(found, 'rank', None) == 2: continue\n"
        "            yield found\n"
        "            if getattr(found, 'rank', None) == 3: yield {'item_id': 'extra'}\n",
    )
    done = crawl(seeds="/search/a/onepage.jpg")
    assert done.outcome["items"] == 7
    assert done.outcome["new_items"] == len(done.products) == 7
    assert [row["item_id"] for row in done.products].count("extra") == 1


def test_a_request_that_a_middleware_swallows_fails_its_query(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'DOWNLOADER_MIDDLEWARES = {"own.Censor": 500}\n'
        "from scrapy.exceptions import IgnoreRequest\n"
        "class Censor:\n"
        "    def process_request(self, request):\n"
        "        if 'teapot' in request.url: raise IgnoreRequest('not that one')\n",
    )
    done = crawl(seeds=f"{SEED},/search/a/onepage.jpg")
    bad, good = sorted(done.outcomes, key=lambda row: row["status"], reverse=True)
    assert (bad["status"], bad["calls"]) == ("failed", 0)
    assert "not that one" in bad["message"]
    assert (good["status"], done.exit_status) == ("complete", 3)


@pytest.mark.both_ways
def test_a_crash_is_exit_status_1(way: Way, tmp_path: Path, sandbox: SandboxThread) -> None:
    crawl = way.in_project(
        tmp_path / "p",
        sandbox.url,
        'EXTENSIONS = {"own.Broken": 500}\n'
        "class Broken:\n"
        "    @classmethod\n"
        "    def from_crawler(cls, crawler): raise RuntimeError('broken on purpose')\n",
    )
    done = crawl(seeds=SEED)
    assert done.exit_status == 1
    assert "broken on purpose" in done.log
    assert sandbox.stats["calls"] == 0
    if way.alone:  # other workers may continue a worker's job
        assert (done.outcome["status"], done.job["exit_status"]) == ("not_started", 1)


def test_a_seeds_file_with_an_odd_name(way: Way, crawl: Crawler, tmp_path: Path) -> None:
    path = tmp_path / "seeds-\udce9.txt"
    path.write_text("/search/a/onepage.jpg\n")
    done = crawl(seeds=str(path))
    assert done.exit_status == 0
    assert len(done.products) == 7
    if way.alone:  # a worker's job may have many files of seeds
        assert "seeds-" in json.dumps(done.job["arguments"])
