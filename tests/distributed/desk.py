"""Jobs on Redis that a test works on by hand, without a worker or a sandbox."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import attrs
from scrapy.settings import Settings

from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.config.settings import Config
from tmapi_spiders.distributed.lease_fields import read_image, read_lease
from tmapi_spiders.distributed.seed_queue import enqueue_seeds
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.inputs.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from redis import Redis

    from tests.distributed.servers import RedisServer
    from tmapi_spiders.crawl.image_state import Image
    from tmapi_spiders.distributed.lease import Lease

_OPTIONS: dict[str, Any] = {
    "bom": False,
    "failed": False,
    "follow": False,
    "json": False,
    "output": None,
    "table": None,
    "watch": False,
    "yes": False,
}


def _change(lease: Lease, *, items: bool | None) -> Callable[[Image], list[Any]] | None:
    """Return a lease's changes to its image, when no first page is in doubt."""

    def fail(image: Image) -> list[Any]:
        waiting = image.fail(None, "boom")
        return [{"task": task, "ends": ("failed", "error")} for task in waiting]

    def settle(image: Image) -> list[Any]:
        image.settle(lease.task, items=items, generation=lease.progress.generation)
        return []

    if lease.is_conversion:
        return fail
    return settle if lease.page == 1 else None


@attrs.frozen
class Desk:
    """A job on a server, and the commands for it."""

    server: RedisServer
    output: Path
    name: str = "j"
    settings: dict[str, Any] = attrs.field(factory=dict)

    @property
    def client(self) -> Redis:
        client: Redis = self.server.client
        return client

    @property
    def folder(self) -> Path:
        return self.output / self.name

    def with_settings(self, **settings: Any) -> Desk:
        return attrs.evolve(self, settings={**self.settings, **settings})

    def all_settings(self) -> Settings:
        return Settings(
            {
                "REDIS_URL": self.server.url,
                "TMAPI_OUTPUT_DIR": str(self.output),
                "TMAPI_SANDBOX": True,
                **self.settings,
            }
        )

    def make(self, seeds: int = 3, *, at_once: bool = False, **given: Any) -> SharedJob:
        """Create the job, or add seeds to it.

        :param at_once: whether the API is known to accept the images as they are, so that no query
            has to go ahead of the others
        """
        config = Config.from_settings(self.all_settings())
        job = SharedJob.create(self.client, self.name, {"convert": "never", **given}, config)
        images = (f"https://cbu01.alicdn.com/{n}.jpg" for n in range(seeds))
        enqueue_seeds(self.client, job, map(Seed.parse, images))
        if at_once:
            self.let_all_ask()
        return job

    def let_all_ask(self) -> None:
        """Let all queries of its image ask at once."""
        for key, content in dict(self.client.hgetall(self.key("images"))).items():
            image = json.loads(content)
            self.client.rpush(self.key("requests"), *image["behind"])
            image |= {"ahead": None, "behind": [], "is_read": True}
            self.client.hset(self.key("images"), key, json.dumps(image))

    def lease(self, job: SharedJob, wanted: int = 1, worker: str = "w") -> list[Lease]:
        """Take leases as a worker does, for calls that are answered at once."""
        values = (
            worker,
            wanted,
            30_000,
            job.stops,
            "[]",
            "conversion:",
            "2026-01-01T00:00:00.000Z",
        )
        _, *rows = run_script(self.client, "exchange", job.keys, *values)
        return [read_lease(row, job, 0.0) for row in rows]

    def commit(self, job: SharedJob, lease: Lease, rows: int = 3, *, ends: bool = True) -> None:
        """Commit a page of this many products."""
        first = 1000 * int(lease.token)
        lease.sent = True
        lease.seen = list(range(first, first + rows))
        lease.rows = [
            ("en", str(n), json.dumps({"item_id": n, "title": f"灯 {n}", "pad": pad}).encode())
            for n, pad in ((n, "x" * (n % 50)) for n in lease.seen)
        ]
        lease.sightings = [json.dumps({"item_id": n, "rank": n}).encode() for n in lease.seen]
        lease.count["pages"] = 1
        lease.set = {"pages": lease.page, "items": rows, "page": lease.page + 1, "total_count": 9}
        lease.goes_on = True
        if ends:
            lease.ends = (("complete", "last_page"), ("complete", "last_page"))
        lease.change = _change(lease, items=True)
        assert self.commit_as_it_is(job, lease) == b"done"

    def fail(
        self, job: SharedJob, lease: Lease, answer: bytes = b"", *, items: bool | None = None
    ) -> None:
        """End a query, or those that wait for a conversion, by an error.

        :param answer: an answer that can't be parsed, which goes to the dead letters
        :param items: for a first page, whether it has items
        """
        status = "partial" if lease.page > 1 else "failed"
        lease.sent = True
        lease.set = {"page": lease.page, "message": "boom", "img_url": lease.progress.img_url}
        lease.ends = ((status, "error"), (status, "error"))
        lease.change = _change(lease, items=items)
        if answer:
            lease.letter_json, lease.answer, lease.is_parsed = b'{"error": "boom"}', answer, False
        assert self.commit_as_it_is(job, lease) == b"done"

    def commit_as_it_is(self, job: SharedJob, lease: Lease) -> bytes:
        """Commit what is staged; return the reply."""
        while True:
            step = lease.commit(lambda _: None)
            reply: list[bytes] = run_script(self.client, "commit", job.keys, *step.values)
            if reply[0] != b"conflict":
                return reply[0]
            lease.replace_image(*read_image(reply[1], lease.query, job))

    def say(self, job: SharedJob, worker: str = "w", **held: str) -> list[bytes]:
        """Send a worker's heartbeat; return which of its leases it has lost."""
        values = (worker, 30_000, json.dumps(held), "{}")
        lost: list[bytes] = run_script(self.client, "heartbeat", job.keys, *values)
        return lost

    def leave(self, job: SharedJob, worker: str = "w") -> None:
        run_script(self.client, "heartbeat", job.keys, worker, 30_000, "{}", "")

    def work(self, job: SharedJob, rows: int = 3) -> None:
        """Do all that is left to do."""
        while leases := self.lease(job):
            for lease in leases:
                self.commit(job, lease, rows)
        self.leave(job)

    def run(self, command: str, job: str | None = "", **options: Any) -> int:
        """Run a command in this process; return its exit status."""
        name = self.name if job == "" else job
        namespace = argparse.Namespace(**{**_OPTIONS, "job": name, **options})
        return run_subcommand(command, namespace, self.all_settings())

    def key(self, part: str) -> str:
        return f"image_search:{self.name}:{part}"

    def outcome(self, task: str) -> dict[str, Any]:
        """Return how a query ended."""
        found: Any = self.client.hget(self.key("outcomes"), task)
        outcome: dict[str, Any] = json.loads(found)
        return outcome

    def facts(self) -> dict[str, str]:
        found: Any = self.client.hgetall(self.key("job"))
        return {name.decode(): value.decode() for name, value in found.items()}

    def lines(self, name: str) -> list[bytes]:
        return (self.folder / name).read_bytes().splitlines()

    def rows(self, part: str) -> list[bytes]:
        found: Any = self.client.lrange(self.key(part), 0, -1)
        return list(found)

    @property
    def job_json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "job.json").read_bytes())
        return found
