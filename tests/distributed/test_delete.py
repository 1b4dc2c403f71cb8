"""`scrapy tmapi delete`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.distributed.desk import Desk
from tmapi_spiders.distributed import expiry
from tmapi_spiders.distributed.keys import conversion_prefix

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: Path) -> Desk:
    return Desk(redis_server, tmp_path / "output")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", ["j", "account", "conversion", "jobs", "job", "-", "_"])
def test_nothing_else_goes(desk: Desk, name: str) -> None:
    """No job's name clashes with another job's, nor with what jobs share."""
    desk = attrs.evolve(desk, name=name)
    others = [attrs.evolve(desk, name=other) for other in (f"{name}2", f"{name}-a", "a")]
    for other in others:
        job = other.make()
        other.commit(job, other.lease(job)[0])
    account = others[0].make().account
    desk.client.hset(f"{account}:limit", "allowed", "3")
    desk.client.set(conversion_prefix("sandbox") + "0" * 20, "{}")
    before = {key: desk.client.dump(key) for key in desk.client.keys("*")}
    job = desk.make()
    (lease,) = desk.lease(job)
    desk.commit(job, lease, ends=False)
    desk.leave(job)
    permits = desk.client.zrange(f"{account}:permits", 0, -1)
    desk.client.set(desk.key("foreign"), "somebody's")
    assert desk.client.exists(desk.key("job"), desk.key("items"), desk.key("seeds")) == 3
    assert desk.run("delete", yes=True) == 0
    after = {key: desk.client.dump(key) for key in desk.client.keys("*")}
    assert set(after) == set(before)
    assert after[f"{account}:limit".encode()] == before[f"{account}:limit".encode()]
    assert desk.client.zrange(f"{account}:permits", 0, -1) == permits
    assert desk.client.zscore("image_search:jobs", name) is None
    assert desk.run("delete", yes=True) == 2
    for other in others:
        assert other.run("status") == 0


def test_it_asks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.work(desk.make())
    monkeypatch.setattr("sys.stdin", _Terminal("yes\n"))
    assert desk.run("delete") == 2
    said = capsys.readouterr().out
    assert "Delete j? It has 3 queries, 9 products of which 9 are not exported, 3 calls" in said
    assert "nothing was deleted" in said
    monkeypatch.setattr("sys.stdin", _Terminal(""))
    assert desk.run("delete") == 2
    assert desk.client.exists(desk.key("job"))
    assert desk.run("export") == 0
    monkeypatch.setattr("sys.stdin", _Terminal("j\n"))
    assert desk.run("delete") == 0
    assert "9 products of which 0 are not exported" in capsys.readouterr().out
    assert not desk.client.keys("image_search:j:*")
    assert len(desk.lines("products.jsonl")) == 9


def test_without_a_terminal_it_refuses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.make()
    monkeypatch.setattr("sys.stdin", io.StringIO("j\n"))
    assert desk.run("delete") == 2
    assert "--yes" in capsys.readouterr().err
    assert desk.client.exists(desk.key("job"))


def test_a_job_at_work_is_not_deleted(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make()
    (lease,) = desk.lease(job)
    assert desk.run("delete", yes=True) == 2
    said = capsys.readouterr().err
    assert "1 worker alive, 1 page leased" in said
    assert "scrapy tmapi stop j" in said
    desk.client.zrem(desk.key("alive"), "w")
    assert desk.run("delete", yes=True) == 2
    desk.client.zadd(desk.key("leases"), {lease.task: 1})  # expired, but no one has noticed yet
    assert desk.run("delete", yes=True) == 0


def test_one_that_was_cut_short_can_be_ended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.work(desk.make())

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tmapi_spiders.commands.delete.delete_keys", die)
        assert desk.run("delete", yes=True) == 2
    assert desk.run("export") == 2
    assert "scrapy tmapi delete j" in capsys.readouterr().err
    assert desk.run("stop") == 0
    assert desk.run("delete", yes=True) == 0
    assert not desk.client.keys("image_search:j:*")


def test_many_keys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "_BATCH", 3)
    job = desk.make()
    for n in range(50):
        desk.client.sadd(desk.key(f"dupefilter:en:{n}"), n)
    desk.work(job)
    assert desk.run("export") == 0
    assert all(desk.client.ttl(key) > 0 for key in desk.client.keys("image_search:j:*"))
    assert desk.run("delete", yes=True) == 0
    assert not desk.client.keys("image_search:j:*")
