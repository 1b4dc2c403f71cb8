"""Jobs on Redis that are worked on by hand, without a worker or a sandbox."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import attrs
from scrapy.settings import Settings

from tmapi_spiders.commands import delete, export, status, stop
from tmapi_spiders.config import Config
from tmapi_spiders.distributed.feeding import feed
from tmapi_spiders.distributed.reading import read_lease
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.seed import Seed

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

    from tests.distributed.servers import RedisServer
    from tmapi_spiders.distributed.lease import Lease

_COMMANDS = {"delete": delete, "export": export, "status": status, "stop": stop}

_OPTIONS: dict[str, Any] = {"follow": False, "yes": False, "json": False, "watch": False}


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

    def make(self, seeds: int = 3, **given: Any) -> SharedJob:
        """Make the job, or add seeds to it."""
        config = Config.from_settings(self.all_settings())
        job = SharedJob.create(self.client, self.name, {"convert": "never", **given}, config)
        images = (f"https://cbu01.alicdn.com/{n}.jpg" for n in range(seeds))
        feed(self.client, job, map(Seed.parse, images))
        return job

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
        """Commit a page of so many products."""
        first = 1000 * int(lease.token)
        lease.sent = True
        lease.seen = list(range(first, first + rows))
        lease.products = [
            (n, json.dumps({"item_id": n, "title": f"灯 {n}", "pad": "x" * (n % 50)}).encode())
            for n in lease.seen
        ]
        lease.sightings = [json.dumps({"item_id": n, "rank": n}).encode() for n in lease.seen]
        lease.scope = "en"
        lease.count["pages"] = 1
        lease.set = {"pages": lease.page, "items": rows, "page": lease.page + 1, "total_count": 9}
        lease.goes_on = True
        if ends:
            lease.ends = (("complete", "last_page"), ("complete", "last_page"))
        step = lease.commit(lambda _: None)
        reply = run_script(self.client, "commit", job.keys, *step.values)
        assert reply[0] == b"done"

    def leave(self, job: SharedJob, worker: str = "w") -> None:
        run_script(self.client, "heartbeat", job.keys, worker, 30_000, "{}", "")

    def work(self, job: SharedJob, rows: int = 3) -> None:
        """Do all that is to be done."""
        while leases := self.lease(job):
            for lease in leases:
                self.commit(job, lease, rows)
        self.leave(job)

    def run(self, command: str, job: str | None = "", **options: Any) -> int:
        """Run a command in this process; return its exit status."""
        name = self.name if job == "" else job
        namespace = argparse.Namespace(**{**_OPTIONS, "job": name, **options})
        exit_status: int = _COMMANDS[command].run(namespace, self.all_settings())
        return exit_status

    def key(self, part: str) -> str:
        return f"image_search:{self.name}:{part}"

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
