"""`scrapy tmapi status` and `scrapy tmapi stop`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.desk import Desk
from tests.distributed.servers import free_port
from tmapi_spiders.distributed import job_status
from tmapi_spiders.distributed.store import run_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.distributed.servers import RedisServer


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: Path) -> Desk:
    return Desk(redis_server, tmp_path / "output")


def _json(desk: Desk, capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    capsys.readouterr()
    assert desk.run("status", json=True, **options) == 0
    return json.loads(capsys.readouterr().out)


def test_a_running_job(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk = desk.with_settings(TMAPI_BUDGET=50, TMAPI_CALL_PRICE=0.1)
    job = desk.make(4, max_pages=2)
    ended, begun, answered = desk.lease(job, 3)
    desk.commit(job, ended)
    desk.commit(job, begun, ends=False)
    values = ("w", 0, 30_000, 0, json.dumps([[answered.task, answered.token]]), "", "")
    run_script(desk.client, "exchange", job.keys, *values)
    (waits,) = desk.lease(job, 1)
    desk.client.hset(desk.key("dead"), "x/0", b'{"error": "boom\\u001b[2J"}')
    desk.client.hset(desk.key("dead"), "y/0", b"\xff\xfe")
    seen = _json(desk, capsys)
    assert seen["state"] == "open"
    assert seen["queries"]["all"] == 4
    assert (seen["queries"]["complete"], seen["queries"]["left"]) == (1, 3)
    assert (seen["pages"], seen["calls"], seen["budget"]) == (2, 4, 50)
    assert seen["products"] == {"all": 6, "exported": 0, "on_redis": 6}
    assert [worker["worker"] for worker in seen["workers"]] == ["w"]
    leases = {lease["task"]: lease for lease in seen["leases"]}
    assert leases[answered.task]["awaits_answer"] is False
    assert leases[waits.task]["awaits_answer"] is True
    assert leases[waits.task]["query_id"] == waits.query.query_id
    assert leases[waits.task]["page"] == waits.page
    assert leases[waits.task]["worker"] == "w"
    assert seen["limit"]["calls_in_flight"] == 1
    assert [letter["id"] for letter in seen["dead_letters"]] == ["x/0", "y/0"]
    assert desk.run("status") == 0
    text = capsys.readouterr().out
    assert "4 calls (cost 0.40), of a budget of 50" in text
    assert "boom?[2J" in text
    assert "leased: 2" in text
    assert "time left: unknown" in text


def test_rate_and_time_left(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make(10)
    desk.commit(job, desk.lease(job)[0])
    minute = int(desk.client.time()[0]) // 60
    for back in (1, 2, 3):
        desk.client.hset(desk.key("pace"), str(minute - back), 3)
    seen = _json(desk, capsys)
    # The first minute was not complete; another may have begun meanwhile.
    assert 1.9 < seen["pages_a_minute"] <= 3
    assert seen["seconds_left"] in (180, 270)
    assert desk.run("status") == 0
    assert "time left: about" in capsys.readouterr().out


def test_an_api_that_fails_everything(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make(20)
    assert _json(desk, capsys)["outage"] is None
    for lease in desk.lease(job, 8):
        over = json.dumps([[lease.task, lease.token, "outage", "500: oh \x1b[2J"]])
        values = ("w", 0, 30_000, 0, over, "conversion:", "", 8, 5000)
        run_script(desk.client, "exchange", job.keys, *values)
    seen = _json(desk, capsys)["outage"]
    assert (seen["failures"], seen["queries"], seen["probes"]) == (8, 8, 0)
    assert 5 < seen["seconds_to_probe"] <= 10
    assert desk.run("status") == 0
    text = capsys.readouterr().out
    assert text.startswith("j: running, the API fails everything; products are made up\n")
    assert "the last 8 calls, of 8 queries, failed; the last one: 500: oh ?[2J" in text
    assert "one call at a time probes it, 0 of 5 have failed, the next one may leave in " in text
    assert desk.run("status", job=None) == 0
    assert "j: running, the API fails everything; 0 of 20" in capsys.readouterr().out
    assert "; rate: unknown yet; time left: unknown" in text
    assert desk.run("stop") == 0
    assert desk.run("status") == 0
    assert "rate" not in capsys.readouterr().out.split("  pages: ")[1].splitlines()[0]
    assert _json(desk, capsys)["outage"] is None
    run_script(desk.client, "join", job.keys)
    assert not desk.client.exists(desk.key("outage")), "it goes on as if it had not been"


def test_all_jobs(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert _json(desk, capsys, job=None) == []
    assert desk.run("status", job=None) == 0
    assert "no job" in capsys.readouterr().out
    desk.make()
    attrs.evolve(desk, name="k").make()
    desk.client.zadd("image_search:jobs", {b"expired": 1, b"\xff": 1})
    desk.client.zadd("image_search:expired:alive", {"w": 1})
    assert [one["job"] for one in _json(desk, capsys, job=None)] == ["j", "k"]
    assert desk.client.zscore("image_search:jobs", "expired") is None
    assert not desk.client.exists("image_search:expired:alive")
    assert desk.run("status", job=None) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_no_such_job(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    attrs.evolve(desk, name="monday").make()
    assert desk.run("status", job="mondy") == 2
    assert 'Did you mean "monday"?' in capsys.readouterr().err


def test_redis_away(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"redis://:secret@127.0.0.1:{free_port()}/0"
    away = desk.with_settings(REDIS_URL=url, TMAPI_REDIS_WAIT="0")
    for command in ("status", "export", "stop", "delete"):
        assert away.run(command) == 4
        line, *_ = capsys.readouterr().err.splitlines()
        assert "Start it, or set REDIS_URL" in line
        assert "secret" not in line


def test_watch_ends_with_the_job(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = desk.make()
    monkeypatch.setattr("tmapi_spiders.commands.status.time.sleep", lambda _: desk.work(job))
    assert desk.run("status", watch=True, json=True) == 0
    states = [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()]
    assert states == ["open", "ended"]

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tmapi_spiders.commands.status.time.sleep", interrupt)
    assert desk.run("status", watch=True, job=None) == 0


_GARBAGE = b"\xff\x00\x1b[2J\n-1e999"


#: The keys of a job that have a fixed name.
OF_A_JOB = (
    *("job", "seeds", "requests", "free", "delayed", "leases", "leased", "images"),
    *("outcomes", "items", "sightings", "dead", "bodies", "workers", "alive", "pace", "outage"),
)


@pytest.mark.parametrize("part", OF_A_JOB)
@pytest.mark.parametrize("kind", ["string", "hash", "list", "zset", "set"])
def test_garbage_in_any_key(
    desk: Desk, part: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job = desk.make()
    desk.lease(job, 2)
    key = desk.key(part)
    if part != "job":
        desk.client.delete(key)
    if kind == "hash":
        fields: Any = desk.client.hkeys(key) if part == "job" else [_GARBAGE, "1", "a/0"]
        for field in fields:
            desk.client.hset(key, field, _GARBAGE)
    elif part != "job":
        put: dict[str, Callable[[], Any]] = {
            "string": lambda: desk.client.set(key, _GARBAGE),
            "list": lambda: desk.client.rpush(key, _GARBAGE),
            "zset": lambda: desk.client.zadd(key, {_GARBAGE: float("inf")}),
            "set": lambda: desk.client.sadd(key, _GARBAGE),
        }
        put[kind]()
    for options in ({}, {"json": True}, {"job": None}, {"job": None, "json": True}):
        assert desk.run("status", **options) == 0
        said = capsys.readouterr().out
        assert "\x1b" not in said
    # Nor do the others end in a traceback.
    for command in ("export", "stop", "delete"):
        assert desk.run(command, yes=True) in {0, 2, 4}


@pytest.mark.long
def test_garbage_in_each_field(desk: Desk) -> None:
    desk.lease(desk.make(), 2)
    for value in (b"", b"\xff", b"-1", b"nan", b"1e400", b"9" * 40):
        for field, before in desk.facts().items():
            desk.client.hset(desk.key("job"), field, value)
            assert desk.run("status") == 0
            assert desk.run("status", json=True) == 0
            desk.client.hset(desk.key("job"), field, before)


def test_stop(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("stop") == 2
    assert "no such job" in capsys.readouterr().err
    job = desk.make()
    (lease,) = desk.lease(job)
    assert desk.run("stop") == 0
    said = capsys.readouterr().out
    assert "1 worker will leave once what is in flight is committed" in said
    assert "scrapy crawl image_search -a job=j" in said
    facts = desk.facts()
    assert (facts["state"], facts["stop_reason"]) == ("stopped", "interrupted")
    assert facts["stop_detail"] == "scrapy tmapi stop"
    # It lets a program distinguish a stop command from an empty account.
    told = _json(desk, capsys)
    assert (told["stop_reason"], told["stop_detail"]) == ("interrupted", "scrapy tmapi stop")
    assert desk.lease(job) == []
    desk.commit(job, lease)
    assert desk.run("stop") == 0
    assert "stopped already (interrupted)" in capsys.readouterr().out
    assert desk.facts()["stops"] == "1"
    run_script(desk.client, "join", job.keys)
    desk.work(job.with_stops(1))
    assert desk.run("stop") == 0
    assert "has ended already" in capsys.readouterr().out
    assert desk.facts()["state"] == "ended"


def test_a_look_changes_nothing(desk: Desk) -> None:
    job = desk.make()
    desk.lease(job)
    before = {key: desk.client.dump(key) for key in desk.client.keys("*")}
    assert job_status.read_status(desk.client, "j") is not None
    assert before == {key: desk.client.dump(key) for key in desk.client.keys("*")}
