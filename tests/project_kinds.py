"""Kinds of projects for crawls under faults, by what they attach to the spider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawl

__all__ = ["ARGUMENTS", "KINDS", "Kind", "difference", "result_of", "seeds_of", "unexpected"]

_PROFILES = {
    "scrapy.cfg": "[settings]\ndefault = own\ndistributed = own_shared\nexiting = own_exiting\n",
    "own_shared.py": (
        "import os\nfrom own import *\n"
        'SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"\n'
        'REDIS_URL = os.environ["REDIS_URL"]\n'
    ),
    "own_exiting.py": (
        'from own_shared import *\nEXTENSIONS = {"tests.distributed.exiting_worker.Exits": 1}\n'
    ),
}

_SETTINGS = (
    'ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}\n'
    'TMAPI_DEDUPE = "query"\n'
    "LOG_VERSIONS = []\n"
    "import os\n"
    "import re\n"
    "from itemadapter import ItemAdapter\n"
    "from scrapy import Request\n"
    "from scrapy.exceptions import DropItem\n"
)


def _pipeline(body: str) -> str:
    return (
        'ITEM_PIPELINES = {"own.Pipeline": 300}\n'
        "class Pipeline:\n"
        f"    def process_item(self, item):\n        {body}\n"
    )


_SHOP_SPIDER = (
    "from pydantic import Field\n"
    "from tmapi_spiders.inputs.arguments import Arguments\n"
    "from tmapi_spiders.spiders.image_search import ImageSearchSpider\n"
    "class ShopArguments(Arguments):\n"
    '    shop: str = Field(default="", description="Whose shop it is.")\n'
    "class ShopSpider(ImageSearchSpider):\n"
    '    name = "shop_search"\n'
    "    arguments_model = ShopArguments\n"
)

_SHOP = (
    'SPIDER_MODULES = ["own_spiders"]\n'
    'ITEM_PIPELINES = {"own.Pipeline": 300}\n'
    "class Pipeline:\n"
    "    @classmethod\n"
    "    def from_crawler(cls, crawler):\n"
    "        made = cls()\n"
    "        made.arguments = crawler.spider.run.arguments\n"
    "        return made\n"
    "    def process_item(self, item):\n"
    "        return {**ItemAdapter(item).asdict(), 'shop': self.arguments.shop}\n"
)

_ASKS = (
    'SPIDER_MIDDLEWARES = {"own.Asks": 500}\n'
    "class Asks:\n"
    "    async def process_spider_output(self, response, result):\n"
    "        async for found in result:\n"
    "            yield found\n"
    "            rank = getattr(found, 'rank', 0)\n"
    "            if rank % 5 == 1:\n"
    "                url = re.sub('page=[0-9]+', f'page={10 + rank}', response.url)\n"
    "                given = {'query_id': found.query_id, 'rank': rank}\n"
    "                yield Request(url, self.more, cb_kwargs=given)\n"
    "    def more(self, response, query_id, rank):\n"
    "        yield {'item_id': f'of {rank}', 'query_id': query_id, 'is_own': True}\n"
)


_FAILS = _pipeline(
    "if os.path.exists('broken') and item.rank % 3 == 0:\n"
    "            raise ValueError('broken on purpose')\n"
    "        return item"
)

_BREAKS = (
    'SPIDER_MIDDLEWARES = {"own.Breaks": 500}\n'
    "class Breaks:\n"
    "    async def process_spider_output(self, response, result):\n"
    "        async for found in result:\n"
    "            if os.path.exists('broken') and getattr(found, 'rank', 0) == 16:\n"
    "                raise ValueError('broken on purpose')\n"
    "            yield found\n"
)


@attrs.frozen
class Kind:
    """A project of one kind."""

    name: str
    text: str = ""
    spider: str = "image_search"
    arguments: dict[str, str] = attrs.field(factory=dict)
    fails: bool = False
    """Whether its pipeline fails on some items until it is repaired."""
    breaks: bool = False
    """Whether it also fails on whole answers."""
    asks: bool = False
    """Whether it makes requests of its own."""

    def make(self, folder: Path) -> Path:
        """Write the project, still broken if its kind is."""
        folder.mkdir(parents=True)
        for name, text in _PROFILES.items():
            (folder / name).write_text(text)
        (folder / "own.py").write_text(_SETTINGS + self.text)
        (folder / "own_spiders.py").write_text(_SHOP_SPIDER)
        if self.fails:
            (folder / "broken").touch()
        return folder

    def mend(self, folder: Path) -> None:
        """Repair what is broken."""
        (folder / "broken").unlink()


KINDS = {
    kind.name: kind
    for kind in (
        Kind("plain"),
        Kind("dicts", _pipeline("return {**ItemAdapter(item).asdict(), 'landed': '9.50'}")),
        Kind("fails", _FAILS, fails=True),
        Kind("breaks", _FAILS + _BREAKS, fails=True, breaks=True),
        Kind(
            "drops",
            _pipeline("if item.rank % 4: raise DropItem('not wanted')\n        return item"),
        ),
        Kind("arguments", _SHOP, spider="shop_search", arguments={"shop": "Uhren, Müller"}),
        Kind("asks", _ASKS, asks=True),
    )
}

#: Arguments of the crawls: several pages per query, and pages that share items.
ARGUMENTS = {"sort": "default,sales", "page_size": 10, "max_pages": 4}


def seeds_of(portion: int) -> list[str]:
    """Return seeds, different for each portion; half of them need a conversion."""
    return [
        *(f"https://cbu01.alicdn.com/p{portion}-{number}.jpg" for number in range(2)),
        *(f"https://shop.example/p{portion}-{number}.jpg" for number in range(2)),
        f"https://cbu01.alicdn.com/ragged-p{portion}.jpg",
        f"https://shop.example/onepage-p{portion}.jpg",
    ]


def unexpected(log: str, *, was_killed: bool) -> bool:
    """Return whether a log has a traceback other than those that are provoked.

    :param was_killed: whether the last one may be cut off
    """
    of_ours = log.count("ValueError: broken on purpose")
    # From a worker that is ended while redis-py connects; only tests see it.
    of_sockets = log.count("ResourceWarning: unclosed <socket.socket")
    known = of_ours + of_sockets + (was_killed and "broken on purpose" in log)
    return log.count("Traceback (most recent call last)") > known


#: Fields of a row that depend on which call it came from.
_OF_CALL = ("fetched_at", "img", "seed_img_url")

_OF_OUTCOME = (
    *("query_id", "status", "reason", "code", "message", "pages"),
    *("items", "new_items", "rejected_items", "total_count"),
)


def _rows(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows by their unique keys."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["query_id"], row["item_id"])
        assert key not in found, f"{key} is there twice"
        found[key] = {name: value for name, value in row.items() if name not in _OF_CALL}
    return found


def result_of(done: Crawl) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """Return what in a job's files may not depend on timing; check that keys are unique."""
    sightings = {}
    for row in done.sightings:
        key = (row["query_id"], row["page"], row["rank"])
        assert key not in sightings, f"the sighting {key} is there twice"
        sightings[key] = {name: value for name, value in row.items() if name not in _OF_CALL}
    outcomes = {}
    for row in done.outcomes:
        assert (row["query_id"],) not in outcomes
        outcomes[(row["query_id"],)] = {name: row[name] for name in _OF_OUTCOME}
    products = done.products
    return {
        "products": _rows([row for row in products if "is_own" not in row]),
        "own": _rows([row for row in products if "is_own" in row]),
        "sightings": sightings,
        "outcomes": outcomes,
    }


def difference(left: dict[str, Any], right: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the first differences between two results: the keys, and the fields that differ."""
    found = {}
    for name, ones in left.items():
        others = right[name]
        unlike: list[Any] = []
        for key in sorted(ones.keys() | others.keys(), key=str):
            one, other = ones.get(key), others.get(key)
            if one is None or other is None:
                unlike.append((key, "is missing in the first" if one is None else "is too much"))
            elif one != other:
                fields = sorted(field for field in one.keys() | other.keys())
                pairs = [(field, one.get(field), other.get(field)) for field in fields]
                unlike.append((key, [pair for pair in pairs if pair[1] != pair[2]]))
        if unlike:
            found[name] = [len(unlike), *unlike[:4]]
    return found
