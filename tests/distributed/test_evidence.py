"""Evidence against an ending is the same with workers as in one process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.distributed.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

pytestmark = pytest.mark.long  # make long


def test_a_query_that_continues_is_counted_once(redis_server: RedisServer, tmp_path: Path) -> None:
    desk = Desk(redis_server, tmp_path / "output")
    job = desk.make(seeds=2)
    for lease in desk.lease(job, 2):
        desk.commit(job, lease, ends=False)
    first, other = desk.lease(job, 2)
    for lease in (first, other):
        desk.client.hset(desk.key(f"query:{lease.task}"), "evidence", "unreadable_ids")
    desk.fail(job, first)
    assert desk.facts()["evidence:unreadable_ids"] == "1"
    assert desk.run("replay", failed=True) == 0
    assert desk.facts()["evidence:all"] == "0"
    (again,) = desk.lease(job, 1)
    again.ends = (("complete", "last_page", "unreadable_ids short_of_count"),) * 2
    again.sent = True
    desk.commit_as_it_is(job, again)
    desk.fail(job, other)
    counts = {name: n for name, n in desk.facts().items() if name.startswith("evidence:")}
    assert counts == {
        "evidence:all": "2",
        "evidence:unreadable_ids": "2",
        "evidence:short_of_count": "1",
    }
    assert desk.run("export") == 0
    exported = [json.loads(line) for line in desk.lines("outcomes.jsonl")]
    assert sorted(row["evidence"] for row in exported) == [
        ["unreadable_ids"],
        ["unreadable_ids", "short_of_count"],
    ]
    assert desk.job_json["evidence"] == {"all": 2, "short_of_count": 1, "unreadable_ids": 2}
