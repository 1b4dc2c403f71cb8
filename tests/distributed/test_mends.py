"""Workers reread pages that a pipeline failed on, whatever is wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.distributed.shared import Shared
from tests.support import Crawler, SandboxThread, in_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

pytestmark = pytest.mark.long  # make long

PROJECT = (
    'SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"\n'
    'ITEM_PIPELINES = {"own.Pipeline": 300}\n'
    "import os\n"
    "class Pipeline:\n"
    "    def process_item(self, item):\n"
    "        if os.path.exists('broken') and item.rank % 3 == 0: raise ValueError('broken')\n"
    "        return item\n"
)

DEAD, BODIES = "image_search:j:dead", "image_search:j:bodies"


@pytest.fixture
def job(tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer) -> Crawler:
    """A job with a dead letter for each of its three pages, and its pipeline repaired."""
    start = in_project(tmp_path / "p", sandbox.url, PROJECT, REDIS_URL=redis_server.url)
    (start.project / "broken").touch()
    done = start(seeds="/search/a/teapot.jpg", page_size=10, max_pages=3)
    assert done.exit_status == 0, done.log
    assert len(Shared(redis_server.client).dead) == 3
    (start.project / "broken").unlink()
    return start


@pytest.mark.parametrize("letter", ["no JSON", "[]", '{"failed": 3}', None])
def test_a_letter_that_cant_be_read_keeps_its_answer_and_no_other_from_its_turn(
    job: Crawler, sandbox: SandboxThread, redis_server: RedisServer, letter: str | None
) -> None:
    client = redis_server.client
    (second,) = (task for task in client.hkeys(DEAD) if task.endswith(b"/p2"))
    answer = client.hget(BODIES, second)
    client.hdel(DEAD, second) if letter is None else client.hset(DEAD, second, letter)
    for pages in ("3 pages", "1 page"):
        replayed = job.command("tmapi", "replay", "j")
        assert f"{pages} for the items that a pipeline failed on" in replayed.stdout, replayed.log
        done = job(job="j")
        assert done.exit_status == 0, done.log
        assert "what Redis has of it can't be read" in done.log
    shared = Shared(client)
    shared.check()
    assert list(shared.dead) == [second.decode()]
    assert client.hget(BODIES, second) == answer
    (outcome,) = shared.outcomes.values()
    assert (outcome["status"], outcome["items"]) == ("complete", "30")
    assert (outcome["new_items"], outcome["rejected_items"]) == ("27", "3")
    assert sandbox.stats["calls"] == 3


def test_replayed_twice_and_while_it_is_read(
    job: Crawler, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    for _ in range(2):
        assert job.command("tmapi", "replay", "j").exit_status == 0
    workers = [job.start(job="j") for _ in range(2)]
    assert job.command("tmapi", "replay", "j").exit_status == 0
    assert [job.finish(worker).exit_status for worker in workers] == [0, 0]
    done = job(job="j")
    assert done.exit_status == 0, done.log
    shared = Shared(redis_server.client)
    shared.check()
    assert not shared.dead
    assert len(shared.products) == len(shared.sightings) == 30
    (outcome,) = shared.outcomes.values()
    assert (outcome["new_items"], outcome["rejected_items"]) == ("30", "0")
    assert sandbox.stats["calls"] == 3


def test_a_letter_says_what_failed(job: Crawler, redis_server: RedisServer) -> None:
    seen = json.loads(job.command("tmapi", "status", "j", "--json").stdout)
    letters = {letter["page"]: letter for letter in seen["dead_letters"]}
    assert {page: letter["failed"] for page, letter in letters.items()} == {
        1: ["3", "6", "9"],
        2: ["12", "15", "18"],
        3: ["21", "24", "27", "30"],
    }
    assert {letter["error"] for letter in letters.values()} == {"ValueError: broken"}


def test_a_damaged_image_is_left_as_it_is(job: Crawler, redis_server: RedisServer) -> None:
    """Nor does a worker's error delete what is known of an answer."""
    client = redis_server.client
    (task, *_) = client.hkeys(DEAD)
    seed = task.partition(b"/")[0]
    client.hset("image_search:j:images", seed, "{}")
    record = client.hget("image_search:j:seeds", seed)
    client.hset("image_search:j:seeds", seed, "{")
    assert job.command("tmapi", "replay", "j").exit_status == 0
    assert "what Redis has of it can't be read" in job(job="j").log
    assert len(Shared(client).dead) == 3
    client.hset("image_search:j:seeds", seed, record)
    assert job.command("tmapi", "replay", "j").exit_status == 0
    done = job(job="j")
    assert done.exit_status == 0, done.log
    shared = Shared(client)
    assert (len(shared.dead), len(shared.products)) == (0, 30)
