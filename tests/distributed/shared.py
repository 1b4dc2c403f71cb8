"""Results of a job on Redis, read as any consumer of its lists would."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.distributed.shared_job import SharedJob

if TYPE_CHECKING:
    from tests.support import Crawl


@attrs.frozen
class Shared:
    """A job on Redis."""

    client: Any
    """A redis.Redis; its types leave open whether replies are decoded."""
    name: str = "j"

    def _lines(self, name: str) -> list[dict[str, Any]]:
        found = self.client.lrange(f"image_search:{self.name}:{name}", 0, -1)
        return [json.loads(line) for line in found]

    @property
    def products(self) -> list[dict[str, Any]]:
        return self._lines("items")

    @property
    def sightings(self) -> list[dict[str, Any]]:
        return self._lines("sightings")

    @property
    def facts(self) -> dict[str, str]:
        found = self.client.hgetall(f"image_search:{self.name}:job")
        return {name.decode(): value.decode() for name, value in found.items()}

    @property
    def outcomes(self) -> dict[str, dict[str, Any]]:
        """By query id."""
        job = SharedJob.load(self.client, self.name)
        seeds = self.client.hgetall(f"image_search:{self.name}:seeds")
        found = self.client.hgetall(f"image_search:{self.name}:outcomes")
        return {
            job.query_of(task.decode(), seeds[task.partition(b"/")[0]].decode()).query_id: (
                json.loads(outcome)
            )
            for task, outcome in found.items()
        }

    @property
    def dead(self) -> dict[str, dict[str, Any]]:
        found = self.client.hgetall(f"image_search:{self.name}:dead")
        return {task.decode(): json.loads(letter) for task, letter in found.items()}

    def check(self) -> None:
        """Check that no key repeats, nothing is left over, and every query has its outcome."""
        products = Counter((row["item_id"], row["language"]) for row in self.products)
        assert max(products.values(), default=1) == 1
        sightings = Counter((row["query_id"], row["page"], row["rank"]) for row in self.sightings)
        assert max(sightings.values(), default=1) == 1
        assert int(self.facts.get("products", 0)) == len(products)
        self.check_left()

    def check_left(self) -> None:
        """Check that nothing is left over, and every query has its outcome."""
        facts = self.facts
        assert facts["state"] == "ended"
        ended = self.client.hlen(f"image_search:{self.name}:outcomes")
        assert ended == int(facts["queries"])
        left = {key.decode().split(":")[2] for key in self.client.keys(f"*:{self.name}:*")}
        passing = {
            "requests",
            "free",
            "delayed",
            "leases",
            "leased",
            "query",
            "begun",
            "images",
            "seen",
        }
        assert not left & passing - {"seen" if self.has_failures else ""}

    @property
    def has_failures(self) -> bool:
        return int(self.facts.get("failures", 0)) > 0


def result_of(shared: Shared) -> tuple[Any, ...]:
    """Return what may depend neither on timing nor on the number of workers."""
    names = ("status", "reason", "pages", "items")
    return (
        {(row["item_id"], row["language"]) for row in shared.products},
        {
            (query_id, *(str(row.get(name, 0)) for name in names))
            for query_id, row in shared.outcomes.items()
        },
        {(row["query_id"], row["page"], row["rank"], row["item_id"]) for row in shared.sightings},
    )


def result_of_crawl(crawl: Crawl) -> tuple[Any, ...]:
    """Return the same for a crawl in one process."""
    names = ("query_id", "status", "reason", "pages", "items")
    return (
        {(row["item_id"], row["language"]) for row in crawl.products},
        {tuple(str(row[name]) for name in names) for row in crawl.outcomes},
        {(row["query_id"], row["page"], row["rank"], row["item_id"]) for row in crawl.sightings},
    )
