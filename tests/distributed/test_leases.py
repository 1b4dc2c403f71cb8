"""A lease that Redis has lost does not let a worker write what another one commits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.distributed.desk import Desk
from tmapi_spiders.distributed.store import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: Path) -> Desk:
    return Desk(redis_server, tmp_path / "output")


def test_a_server_comes_back_without_its_last_moments(desk: Desk) -> None:
    """After a power cut or failover, Redis has forgotten a lease, and gives its page to another.

    Its counters have gone back, too: the new lease is numbered as the first one was.
    """
    job = desk.make(1)
    before: dict[Any, Any] = {key: desk.client.dump(key) for key in desk.client.keys("*")}
    (old,) = desk.lease(job, worker="v")
    time.sleep(0.01)  # no server is back sooner
    desk.client.flushall()
    for key, content in before.items():
        desk.client.restore(key, 0, content)
    (new,) = desk.lease(job, worker="w")
    assert (new.task, new.page) == (old.task, old.page)
    assert desk.say(job, "v", **{old.task: old.token}) == [old.task.encode()]
    back = old.give_back("retry", lambda _: None)
    assert run_script(desk.client, "give_back", job.keys, *back.values) == b"lost"
    old.goes_on = True
    assert desk.commit_as_it_is(job, old) == b"lost"
    assert desk.say(job, "w", **{new.task: new.token}) == []
    desk.commit(job, new)
    assert desk.facts()["state"] == "ended"
    assert len(desk.rows("items")) == 3
    assert desk.outcome(new.task)["calls"] == "1"
