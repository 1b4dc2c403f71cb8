"""`scrapy tmapi export`: each row once, whatever happens; outcomes when the job is over."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.desk import Desk
from tests.support import ROOT
from tmapi_spiders.distributed import job_status, redis_export
from tmapi_spiders.distributed.outcomes import write_outcomes
from tmapi_spiders.distributed.row_file import RowFile
from tmapi_spiders.items import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

_DRIVER = """
import argparse, os, sys
from scrapy.settings import Settings
from tmapi_spiders.commands import export
from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.distributed import redis_export
redis_export._BATCH = 7
export._POLL = 0.05
url, output, trim, follow = sys.argv[1:]
sys.exit(run_subcommand(
    "export",
    argparse.Namespace(job="j", output=None, table=None, bom=False, follow=follow == "1"),
    Settings({"REDIS_URL": url, "TMAPI_OUTPUT_DIR": output, "TMAPI_SANDBOX": True,
              "TMAPI_TRIM_EXPORTED": trim}),
))
"""


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: Path) -> Desk:
    return Desk(redis_server, tmp_path / "output")


def _start(desk: Desk, *, trim: bool = False, follow: bool = False, **options: Any) -> Any:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            _DRIVER,
            desk.server.url,
            str(desk.output),
            "01"[trim],
            "01"[follow],
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_an_ended_job(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make()
    desk.work(job)
    assert desk.with_settings(TMAPI_CALL_PRICE=0.5).run("export") == 0
    assert desk.lines("products.jsonl") == desk.rows("items")
    assert desk.lines("sightings.jsonl") == desk.rows("sightings")
    outcomes = [json.loads(line) for line in desk.lines("outcomes.jsonl")]
    assert {tuple(row) for row in outcomes} == {tuple(f.name for f in attrs.fields(Outcome))}
    assert len({row["query_id"] for row in outcomes}) == len(outcomes) == 3
    assert {(row["status"], row["reason"], row["pages"], row["new_items"]) for row in outcomes} == {
        ("complete", "last_page", 1, 3)
    }
    assert {(row["calls"], row["total_count"], row["code"]) for row in outcomes} == {(1, 9, None)}
    assert all(row["seed_img_url"] == row["seed"] for row in outcomes)
    told = desk.job_json
    assert not told["running"]
    assert told["exit_status"] == 0
    assert told["stop_reason"] is None
    assert told["queries"] == {"all": 3, "complete": 3}
    assert (told["calls"], told["cost"], told["budget"]) == (3, 1.5, 0)
    assert told["shared"]["id"] == job.id
    for name, facts in told["files"].items():
        content = (desk.folder / name).read_bytes()
        assert facts == {
            "lines": content.count(b"\n"),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    assert set(told["files"]) == {"products.jsonl", "sightings.jsonl", "outcomes.jsonl"}
    assert "products.jsonl 9 lines" in capsys.readouterr().out


def test_export_again_changes_nothing(desk: Desk) -> None:
    desk.work(desk.make())
    assert desk.run("export") == 0
    before = {path.name: path.read_bytes() for path in desk.folder.glob("*.jsonl")}
    assert desk.run("export") == 0
    assert before == {path.name: path.read_bytes() for path in desk.folder.glob("*.jsonl")}


def test_a_running_job_has_no_outcomes_yet(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make()
    desk.commit(job, desk.lease(job)[0])
    assert desk.run("export") == 0
    assert "still running" in capsys.readouterr().out
    assert len(desk.lines("products.jsonl")) == 3
    assert not (desk.folder / "outcomes.jsonl").exists()
    assert desk.job_json["running"]
    desk.work(job)
    assert desk.run("export") == 0
    assert desk.lines("products.jsonl") == desk.rows("items")
    assert len(desk.lines("outcomes.jsonl")) == 3


def test_a_stopped_job_has_an_outcome_for_each_query(desk: Desk) -> None:
    job = desk.make(4)
    ended, begun = desk.lease(job, 2)
    desk.commit(job, ended)
    desk.commit(job, begun, ends=False)
    desk.run("stop")
    assert desk.run("export") == 0  # its worker is still alive
    assert desk.job_json["running"]
    desk.leave(job)
    assert desk.run("export") == 0
    outcomes = [json.loads(line) for line in desk.lines("outcomes.jsonl")]
    assert sorted((row["status"], row["reason"], row["calls"]) for row in outcomes) == [
        ("complete", "last_page", 1),
        ("not_started", "interrupted", 0),
        ("not_started", "interrupted", 0),
        ("partial", "interrupted", 1),
    ]
    told = desk.job_json
    assert (told["exit_status"], told["stop_reason"]) == (4, "interrupted")
    assert desk.client.ttl(desk.key("job")) == -1


def test_a_query_that_is_unaccounted_for_is_failed(desk: Desk) -> None:
    desk.work(desk.make())
    keys: Any = desk.client.hkeys(desk.key("outcomes"))
    desk.client.hdel(desk.key("outcomes"), keys[0])
    desk.client.hset(desk.key("outcomes"), keys[1], b"\xff garbage")
    assert desk.run("export") == 0
    outcomes = [json.loads(line) for line in desk.lines("outcomes.jsonl")]
    assert sorted((row["status"], row["reason"]) for row in outcomes) == [
        ("complete", "last_page"),
        ("failed", "error"),
        ("failed", "error"),
    ]
    assert desk.job_json["exit_status"] == 3
    assert any("a bug, please report it" in (row["message"] or "") for row in outcomes)


@pytest.mark.parametrize("trim", [pytest.param(False, marks=pytest.mark.chaos), True])
def test_killed_at_any_moment(desk: Desk, trim: bool) -> None:
    """Each row once, in the order of the commits, while a worker goes on."""
    job = desk.make(300)
    chance = random.Random(11)
    stop = threading.Event()
    produced: list[bytes] = []

    def work() -> None:
        while not stop.is_set() and (leases := desk.lease(job)):
            desk.commit(job, leases[0], 5)
            produced.extend(line for *_, line in leases[0].rows)
            time.sleep(0.02)
        desk.leave(job)

    thread = threading.Thread(target=work)
    thread.start()
    kills = 0
    while thread.is_alive():
        process = _start(desk, trim=trim, follow=True)
        try:
            process.communicate(timeout=0.3 + chance.random() * 0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            if chance.random() < 0.3 and (desk.folder / "products.jsonl").exists():
                with (desk.folder / "products.jsonl").open("ab") as file:
                    file.write(b'{"torn":')
    thread.join()
    assert kills > 3
    final = _start(desk, trim=trim)
    assert final.wait(60) == 0, final.stderr.read()
    final.stderr.close()
    assert desk.lines("products.jsonl") == produced
    assert len(produced) == 1500
    assert [json.loads(line)["item_id"] for line in desk.lines("sightings.jsonl")] == [
        json.loads(line)["item_id"] for line in produced
    ]
    assert len(desk.lines("outcomes.jsonl")) == 300
    assert desk.client.llen(desk.key("items")) == (0 if trim else 1500)


@pytest.mark.parametrize("trim", [False, True])
def test_killed_between_any_two_steps(
    desk: Desk, trim: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash before or after each write and each script, then the same again."""
    desk = desk.with_settings(TMAPI_TRIM_EXPORTED=trim)
    monkeypatch.setattr(redis_export, "_BATCH", 4)
    job = desk.make(6)
    desk.work(job)
    expected = desk.rows("items")
    append, note = RowFile.append, redis_export.RedisExport._note
    countdown = [0]

    def tick() -> None:
        countdown[0] -= 1
        if countdown[0] == 0:
            raise ZeroDivisionError

    def torn(self: Any, rows: Any) -> None:
        tick()
        append(self, rows)
        tick()

    def noted(self: Any, rows: str, file: Any) -> None:
        tick()
        note(self, rows, file)
        tick()

    monkeypatch.setattr(RowFile, "append", torn)
    monkeypatch.setattr(redis_export.RedisExport, "_note", noted)
    for step in range(1, 40):
        countdown[0] = step % 5 + 1
        try:
            assert desk.run("export") == 0
        except ZeroDivisionError:
            continue
    countdown[0] = 0
    assert desk.run("export") == 0
    assert desk.lines("products.jsonl") == expected


def test_a_torn_last_line_is_cut(desk: Desk) -> None:
    desk.work(desk.make())
    assert desk.run("export") == 0
    path = desk.folder / "products.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert desk.run("export") == 0
    assert path.read_bytes() == whole


def test_a_changed_file_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.work(desk.make())
    assert desk.run("export") == 0
    path = desk.folder / "products.jsonl"
    path.write_bytes(b'{"item_id":1}\n')
    assert desk.run("export") == 4
    assert "its line 1 is not row 1 of the 9" in capsys.readouterr().err
    assert path.read_bytes() == b'{"item_id":1}\n'
    path.unlink()
    assert desk.run("export") == 0
    assert desk.lines("products.jsonl") == desk.rows("items")


def test_a_file_that_is_longer_than_redis_has_rows_is_refused(desk: Desk) -> None:
    desk.work(desk.make())
    assert desk.run("export") == 0
    desk.client.ltrim(desk.key("items"), 0, -3)  # a failover
    desk.client.hincrby(desk.key("job"), "products", -2)
    assert desk.run("export") == 4


@pytest.mark.parametrize("trim", [False, True])
def test_rows_that_were_dropped(
    desk: Desk, trim: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = desk.with_settings(TMAPI_TRIM_EXPORTED=trim)
    job = desk.make()
    desk.commit(job, desk.lease(job)[0])
    assert desk.run("export") == 0
    assert desk.client.llen(desk.key("items")) == (0 if trim else 3)
    desk.work(job)
    elsewhere = attrs.evolve(desk, output=tmp_path / "elsewhere")
    assert elsewhere.run("export") == (4 if trim else 0)
    assert ("exported to another folder" in capsys.readouterr().err) == trim
    assert desk.run("export") == 0
    assert len(desk.lines("products.jsonl")) == 9
    assert desk.facts()["exported:items"] == "9"
    assert desk.client.llen(desk.key("items")) == (0 if trim else 9)
    # A changed file is noticed even if Redis has nothing left to compare it with.
    path = desk.folder / "products.jsonl"
    path.write_bytes(path.read_bytes().replace(b"pad", b"PAD"))
    assert desk.run("export") == 4


def test_a_local_jobs_folder_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.work(desk.make())
    desk.folder.mkdir(parents=True)
    (desk.folder / "archive.sqlite").touch()
    assert desk.run("export") == 2
    assert "crawled here by one process" in capsys.readouterr().err
    assert not (desk.folder / "products.jsonl").exists()


def test_another_job_of_the_same_name_is_refused(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.work(desk.make())
    assert desk.run("export") == 0
    assert desk.run("delete", yes=True) == 0
    desk.work(desk.make())
    assert desk.run("export") == 2
    assert "an earlier job j" in capsys.readouterr().err


def test_two_exports_at_once(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.make()
    first = _start(desk, follow=True)
    try:
        while not (desk.folder / "sightings.jsonl").exists():
            time.sleep(0.05)
        assert desk.run("export") == 2
        assert f"it is running now (process {first.pid}" in capsys.readouterr().err
    finally:
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=120)
    assert first.returncode == 4
    assert "interrupted" in said
    assert "Traceback" not in said


def test_follow_stays_to_the_end(desk: Desk) -> None:
    job = desk.make(3)
    follower = _start(desk, follow=True)
    try:
        for _ in range(3):
            time.sleep(0.3)
            desk.commit(job, desk.lease(job)[0])
        assert follower.wait(30) == 0
    finally:
        follower.kill()
        follower.communicate()
    assert desk.lines("products.jsonl") == desk.rows("items")
    assert len(desk.lines("outcomes.jsonl")) == 3


def test_follow_outlives_an_outage(own_server: RedisServer, tmp_path: Path) -> None:
    desk = Desk(own_server, tmp_path / "output")
    job = desk.make(3)
    follower = _start(desk, follow=True)
    try:
        desk.commit(job, desk.lease(job)[0])
        while not (desk.folder / "sightings.jsonl").exists():
            time.sleep(0.05)
        own_server.kill()
        time.sleep(0.5)
        own_server.start()
        desk.work(job)
        _, said = follower.communicate(timeout=180)
        assert follower.returncode == 0, said
        assert "Traceback" not in said
    finally:
        follower.kill()
        follower.communicate()
    assert desk.lines("products.jsonl") == desk.rows("items")


def test_a_full_disk(desk: Desk) -> None:
    desk.work(desk.make(20), rows=50)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = _start(desk, preexec_fn=limit)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 4
    assert "products.jsonl: it can't be written" in said
    assert "Traceback" not in said
    assert (desk.folder / "products.jsonl").read_bytes().endswith(b"}\n")
    assert desk.run("export") == 0
    assert desk.lines("products.jsonl") == desk.rows("items")


def test_keys_expire_when_ended_and_exported(desk: Desk) -> None:
    desk = desk.with_settings(TMAPI_EXPIRE_DAYS=2)
    other = attrs.evolve(desk, name="j2")
    other.make()
    job = desk.make()
    desk.commit(job, desk.lease(job)[0])
    assert desk.run("export") == 0
    assert {desk.client.ttl(key) for key in desk.client.keys("image_search:*")} == {-1}
    desk.work(job)
    assert {desk.client.ttl(key) for key in desk.client.keys("image_search:j:*")} == {-1}
    assert desk.run("export") == 0
    ttls = {desk.client.ttl(key) for key in desk.client.keys("image_search:j:*")}
    assert min(ttls) > 2 * 86400 - 60
    assert {desk.client.ttl(key) for key in desk.client.keys("image_search:j2:*")} == {-1}
    desk.make(5)  # seeds are added again
    assert {desk.client.ttl(key) for key in desk.client.keys("image_search:j:*")} == {-1}
    assert "exported_at" not in desk.facts()
    desk.work(job)
    assert desk.run("export") == 0
    assert len(desk.lines("outcomes.jsonl")) == 5
    assert desk.lines("products.jsonl") == desk.rows("items")


def test_nothing_of_a_job_stays_when_it_has_expired(desk: Desk) -> None:
    """Even if no one looks, and workers came after it had ended, and one of them died."""
    day = 24 * 60 * 60
    desk = desk.with_settings(TMAPI_EXPIRE_DAYS=0.8 / day)
    job = desk.make()
    desk.work(job)
    assert desk.run("export") == 0
    for worker in ("killed", "stays"):
        assert desk.lease(job, worker=worker) == []
        desk.say(job, worker)
    assert "killed" in str(job_status.read_status(desk.client, desk.name))
    time.sleep(0.9)
    desk.say(job, "stays")
    desk.lease(job, worker="stays")
    desk.leave(job, "stays")
    assert not [key for key in desk.client.keys("*") if b"@" not in key]


def test_the_list_of_jobs_forgets_one_that_has_expired(desk: Desk) -> None:
    """Even if other jobs stay: as soon as a new one is created, unless someone looks before."""
    jobs = [attrs.evolve(desk, name=name) for name in ("stays", "goes", "goes_on", "new")]
    stays, goes, goes_on, new = jobs
    soon = {"TMAPI_EXPIRE_DAYS": 0.5 / (24 * 60 * 60)}
    for one in (goes, goes_on):
        one.work(one.make())
        assert one.with_settings(**soon).run("export") == 0
    stays.make()
    goes_on.make(5)
    time.sleep(0.6)
    new.make()
    keys: Any = desk.client.keys("*")
    listed: Any = desk.client.zrange("image_search:jobs", 0, -1)
    left = {key.split(b":")[1] for key in keys} - {b"jobs", b"@account"}
    assert {*listed} == {b"stays", b"goes_on", b"new"} == left
    assert desk.client.ttl("image_search:jobs") == -1


def test_0_days_are_for_ever(desk: Desk) -> None:
    desk.work(desk.make())
    assert desk.with_settings(TMAPI_EXPIRE_DAYS=0).run("export") == 0
    assert desk.client.ttl(desk.key("job")) == -1
    assert "exported_at" in desk.facts()


def test_a_job_that_resumes_while_outcomes_are_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.work(desk.make())
    write = write_outcomes

    def fed_again(*values: Any) -> Any:
        ledger = write(*values)
        desk.make(4)
        return ledger

    monkeypatch.setattr(redis_export, "write_outcomes", fed_again)
    assert desk.run("export") == 0
    assert desk.job_json["running"]
    assert not (desk.folder / "outcomes.jsonl").exists()
    assert desk.client.ttl(desk.key("job")) == -1


def test_no_such_job(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("export") == 2
    assert "there is no such job" in capsys.readouterr().err
    assert not desk.output.exists()
    assert desk.run("export", job="../x") == 2


def test_a_job_that_is_garbage(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.client.hset(desk.key("job"), "arguments", b"\xff")
    assert desk.run("export") == 4
    assert "key image_search:j:job: the field id is missing" in capsys.readouterr().err


def test_rows_that_are_garbage_stay_rows(desk: Desk) -> None:
    job = desk.make()
    desk.client.rpush(desk.key("items"), b"two\nlines \xff")
    desk.work(job)
    assert desk.run("export") == 0
    assert desk.run("export") == 0
    assert desk.lines("products.jsonl")[0] == b"two lines \xff"
    assert len(desk.lines("products.jsonl")) == 10


def test_a_job_that_resumes_while_it_is_to_expire(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.work(desk.make())
    expire = redis_export.expire_after  # type: ignore[attr-defined]

    def fed_again(*values: Any) -> Any:
        desk.make(4)
        return expire(*values)

    monkeypatch.setattr(redis_export, "expire_after", fed_again)
    assert desk.run("export") == 0
    assert desk.job_json["running"]
    assert {desk.client.ttl(key) for key in desk.client.keys("image_search:j:*")} == {-1}


def test_no_outcome_ends_before_it_began(desk: Desk) -> None:
    """Workers have their own clocks, and one may have begun what another has ended."""
    desk.work(desk.make())
    for task, outcome in desk.client.hgetall(desk.key("outcomes")).items():
        times = {
            "started_at": "2030-01-01T00:00:00.000Z",
            "finished_at": "2020-01-01T00:00:00.000Z",
        }
        desk.client.hset(desk.key("outcomes"), task, json.dumps(json.loads(outcome) | times))
    assert desk.run("export") == 0
    lines = (desk.folder / "outcomes.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 3
    for line in lines:
        row = json.loads(line)
        assert row["started_at"] == row["finished_at"] == "2030-01-01T00:00:00.000Z"


@pytest.mark.parametrize("trim", [False, True])
@pytest.mark.parametrize("rows", ["items", "sightings"])
@pytest.mark.parametrize("side", ["lpop", "rpop"])
def test_rows_that_another_consumer_takes(
    desk: Desk, capsys: pytest.CaptureFixture[str], rows: str, side: str, *, trim: bool
) -> None:
    """The export says so, and writes no file that looks complete."""
    job = desk.make()
    desk.work(job)
    all_rows = desk.rows(rows)
    taken = getattr(desk.server.client, side)(f"image_search:j:{rows}", 2)
    export = desk.with_settings(TMAPI_TRIM_EXPORTED=trim)
    assert export.run("export") == 4
    said = capsys.readouterr().err
    assert f"image_search:j:{rows}: 2 of the {len(all_rows):,} rows" in said
    assert not (desk.output / "j" / "outcomes.jsonl").exists()
    back = {"lpop": "lpush", "rpop": "rpush"}[side]
    getattr(desk.server.client, back)(f"image_search:j:{rows}", *reversed(taken))
    assert export.run("export") == 0
    name = {"items": "products", "sightings": "sightings"}[rows]
    assert desk.lines(f"{name}.jsonl") == all_rows


def test_rows_that_are_taken_after_an_export(desk: Desk) -> None:
    """Rows that are already in the files are not missed."""
    job = desk.make()
    desk.work(job)
    assert desk.run("export") == 0
    before = desk.lines("products.jsonl")
    desk.server.client.delete("image_search:j:items")
    assert desk.run("export") == 0
    assert desk.lines("products.jsonl") == before


def test_why_queries_failed_is_reported(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make(seeds=3)
    good, *bad = desk.lease(job, 3)
    desk.commit(job, good)
    for lease in bad:
        desk.fail(job, lease)
    desk.leave(job)
    assert desk.run("export") == 0
    told = capsys.readouterr().out
    assert "\n  3 products (0 duplicates, 0 rejected)\n" in told
    assert (
        f"\n  2 queries: boom\n  2 queries failed or ended partial; {desk.folder}/outcomes.jsonl "
        "says why.\n  To resume: "
    ) in told
    assert f"scrapy tmapi replay {desk.name} --failed, then workers\n" in told
    assert desk.job_json["errors"] == {"boom": 2}
