"""Dead letters and `scrapy tmapi replay`: no query is asked twice, and none is forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.desk import Desk
from tests.distributed.shared import Shared
from tests.project_kinds import KINDS
from tmapi_spiders.distributed import reopen as reopen_module
from tmapi_spiders.distributed.job_status import read_status
from tmapi_spiders.distributed.join import prepare_worker
from tmapi_spiders.distributed.reopen import ReopenCounts, reopen
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.distributed.store import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawler, SandboxThread
    from tmapi_spiders.distributed.lease import Lease

BREAKING = "tests.distributed.broken_worker"

#: An answer that a parser could not read.
ANSWER = b'{"code": 200}'


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: Path) -> Desk:
    return Desk(redis_server, tmp_path / "output")


def broken(start: Crawler, what: str, **arguments: Any) -> None:
    """Run a worker whose parser has a bug."""
    env = {"SCRAPY_SETTINGS_MODULE": BREAKING, "BREAK": what}
    done = start.finish(start.start(job="j", env=env, **arguments))
    assert done.exit_status == 3, done.log


def die(desk: Desk, lease: Lease) -> None:
    """Let the lease's worker be dead for so long that the lease has expired."""
    desk.client.zadd(desk.key("leases"), {lease.task: 1})


def test_a_conversion_that_cant_be_parsed(
    tmp_path: Path, sandbox: SandboxThread, worker: Crawler, desk: Desk
) -> None:
    """Its answer is kept, and the queries that wait for it go on when it is replayed."""
    broken(worker, "conversion", seeds="https://shop.example/onepage.jpg", sort="default,sales")
    shared = Shared(desk.client)
    shared.check()
    assert sandbox.stats["calls"] == 1
    assert {row["status"] for row in shared.outcomes.values()} == {"failed"}
    seen = read_status(desk.client, "j")
    assert seen is not None
    (letter,) = seen["dead_letters"]
    assert letter["id"].endswith("/c")
    assert "KeyError" in letter["error"]
    assert reopen(desk.client, SharedJob.load(desk.client, "j"), failed=False) == ReopenCounts(2, 0)
    done = worker(job="j")
    assert done.exit_status == 0, done.log
    shared.check()
    assert not shared.dead
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
    assert sandbox.stats["conversions"] == 1
    assert sandbox.stats["calls"] == 3 == int(shared.facts["calls"])


def test_a_first_page_with_items_that_cant_be_parsed(
    tmp_path: Path, sandbox: SandboxThread, worker: Crawler, desk: Desk
) -> None:
    """It shows that the API can read the image: other queries' empty pages are accepted."""
    broken(worker, "first", seeds="https://cbu01.alicdn.com/onepage-two.jpg", price="0-,999999-")
    shared = Shared(desk.client)
    shared.check()
    assert sandbox.stats["conversions"] == 0
    assert sorted(row["status"] for row in shared.outcomes.values()) == ["empty", "failed"]
    (letter,) = shared.dead.values()
    assert letter["page"] == 1
    assert reopen(desk.client, SharedJob.load(desk.client, "j"), failed=False) == ReopenCounts(1, 0)
    done = worker(job="j")
    assert done.exit_status == 0, done.log
    shared.check()
    assert sorted(row["status"] for row in shared.outcomes.values()) == ["complete", "empty"]
    assert sandbox.stats["calls"] == 2 == int(shared.facts["calls"])


def test_what_needs_no_call_is_done_though_the_budget_is_spent(desk: Desk) -> None:
    """Wherever pages that wait for a call are."""
    desk = desk.with_settings(TMAPI_BUDGET=3)
    job = desk.make(4, max_pages=1)
    one, two, three = desk.lease(job, 3)
    desk.fail(job, one, ANSWER)
    desk.fail(job, two, ANSWER)
    assert reopen(desk.client, job, failed=False) == ReopenCounts(2, 0)
    desk.commit(job, three, ends=False)  # the next page of each goes ahead of the others
    replayed = []
    for _ in range(2):
        (lease,) = desk.lease(job)
        assert (lease.sends, lease.body) == (False, ANSWER)
        desk.commit(job, lease, ends=False)
        replayed.append(lease.task)
    assert sorted(replayed) == sorted([one.task, two.task])
    assert desk.lease(job) == []
    facts = desk.facts()
    assert (facts["state"], facts["stop_reason"], facts["calls"]) == ("stopped", "budget", "3")


def test_nothing_to_replay(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.make()
    assert desk.run("replay") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "j: there is nothing to replay"
    assert second.endswith("scrapy tmapi replay j --failed")
    assert desk.run("replay", failed=True) == 0
    assert capsys.readouterr().out == f"{first}\n"


def test_so_is_a_conversion_that_was_paid_for(desk: Desk) -> None:
    desk = desk.with_settings(TMAPI_BUDGET=1)
    job = desk.make(2, convert="always")
    (conversion,) = desk.lease(job)
    desk.fail(job, conversion, ANSWER)
    assert desk.run("replay") == 0
    (again,) = desk.lease(job)
    assert (again.task, again.sends, again.body) == (conversion.task, False, ANSWER)
    die(desk, again)
    (again,) = desk.lease(job)
    assert (again.task, again.sends, again.body) == (conversion.task, False, ANSWER)


def test_what_another_job_has_kept_and_is_no_conversion_is_paid_for(desk: Desk) -> None:
    job = desk.make(1, convert="always")
    seed_id = desk.client.hkeys(desk.key("seeds"))[0].decode()  # type: ignore[union-attr]
    desk.client.set(f"conversion:{seed_id}", b"garbage")
    (kept,) = desk.lease(job)
    assert (kept.sends, kept.body) == (False, b"garbage")
    kept.set["attempt"] = 2
    step = kept.give_back("retry", lambda _: None)
    assert run_script(desk.client, "give_back", job.keys, *step.values) == b"done"
    (paid,) = desk.lease(job)
    assert (paid.sends, paid.attempt, paid.task) == (True, 1, kept.task)


def test_an_unreadable_conversion_ends_the_queries_that_wait_for_it(desk: Desk) -> None:
    job = desk.make(1, convert="always", sort="default,sales")
    (conversion,) = desk.lease(job)
    rest = {"how": "unreadable", "counts": False, "delay": 0, "letter": '{"error": "garbage"}'}
    values = (conversion.task, conversion.token, json.dumps(rest))
    assert run_script(desk.client, "give_back", job.keys, *values) == b"done"
    Shared(desk.client).check()
    assert [row["message"] for row in Shared(desk.client).outcomes.values()] == ["garbage"] * 2
    assert desk.facts()["calls"] == "0"


def test_an_answer_that_kills_worker_after_worker(desk: Desk) -> None:
    """It is moved to the dead letters and not leased again by itself; paid answers stay."""
    job = desk.make(1)
    (lease,) = desk.lease(job)
    desk.fail(job, lease, ANSWER)
    assert reopen(desk.client, job, failed=False) == ReopenCounts(1, 0)
    for _ in range(10):
        (lease,) = desk.lease(job)
        assert lease.body == ANSWER
        die(desk, lease)
    (lease,) = desk.lease(job)
    assert (lease.sends, lease.body) == (False, b"")
    desk.fail(job, lease)  # as a worker does that gets neither a call nor an answer
    assert desk.lease(job) == []
    Shared(desk.client).check()
    assert desk.outcome(lease.task)["status"] == "failed"
    assert list(Shared(desk.client).dead) == [lease.task]
    assert desk.client.hget(desk.key("bodies"), lease.task) == ANSWER
    assert desk.facts()["calls"] == "1"


def test_a_page_to_reread_that_kills_worker_after_worker(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer, desk: Desk
) -> None:
    """It becomes a dead letter again: what is known of its items stays, and it can be replayed."""
    kind = KINDS["fails"]
    start = redis_server.crawler(tmp_path / "output", sandbox.url)
    start = attrs.evolve(start, project=kind.make(tmp_path / "project"))
    seven = {"seeds": "/search/a/onepage.jpg", "job": "j"}
    done = start(**seven)
    assert done.exit_status == 0, done.log
    shared, job = Shared(desk.client), SharedJob.load(desk.client, "j")
    (known,) = shared.dead.values()
    assert (known["failed"], len(shared.products)) == (["3", "6"], 5)
    assert reopen(desk.client, job, failed=False) == ReopenCounts(0, 0, 1)
    for _ in range(10):
        (lease,) = desk.lease(job)
        assert lease.body
        die(desk, lease)
    kind.mend(start.project)
    done = start(job="j")
    assert done.exit_status == 0, done.log
    assert "each of the workers that had it died over it" in done.log
    shared.check_left()
    (letter,) = shared.dead.values()
    told = ("error", "at", "worker")
    assert [letter.pop(name) for name in told] != [known.pop(name) for name in told]
    assert letter == known
    assert start.command("tmapi", "replay", "j").exit_status == 0
    done = start(job="j")
    assert done.exit_status == 0, done.log
    assert shared.dead == {}
    assert (len(shared.products), len(shared.sightings), sandbox.stats["calls"]) == (7, 7, 1)


def test_an_answer_that_was_read_in_part_and_kills_worker_after_worker(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer, desk: Desk
) -> None:
    """Rows that are already written are not written again by a later replay."""
    kind = KINDS["breaks"]
    start = redis_server.crawler(tmp_path / "output", sandbox.url)
    start = attrs.evolve(start, project=kind.make(tmp_path / "project"))
    done = start(seeds="/search/a/teapot.jpg", page_size=10, max_pages=2, job="j")
    assert done.exit_status == 3, done.log
    shared, job = Shared(desk.client), SharedJob.load(desk.client, "j")
    assert len(shared.sightings) == 20
    (known,) = (letter for task, letter in shared.dead.items() if task.count("/") == 1)
    assert known["is_read"]
    assert reopen(desk.client, job, failed=False) == ReopenCounts(1, 0, 1)
    for _ in range(10):
        for lease in desk.lease(job, 2):
            die(desk, lease)
    kind.mend(start.project)
    done = start(job="j")
    assert done.exit_status == 3, done.log
    (outcome,) = shared.outcomes.values()
    assert (outcome["pages"], outcome["items"]) == ("2", "20")
    assert len(shared.dead) == 2
    assert start.command("tmapi", "replay", "j").exit_status == 0
    done = start(job="j")
    assert done.exit_status == 0, done.log
    shared.check()
    assert shared.dead == {}
    (outcome,) = shared.outcomes.values()
    assert (outcome["pages"], outcome["items"], outcome["new_items"]) == ("2", "20", "20")
    assert (len(shared.products), len(shared.sightings), sandbox.stats["calls"]) == (20, 20, 2)


def test_a_page_is_reread_while_the_next_one_is_read(desk: Desk) -> None:
    """Neither undoes what the other has counted."""
    job = desk.make(1)
    (first,) = desk.lease(job)
    first.progress.pages, first.handed = 1, ["1", "2", "3"]
    first.failed, first.rejected = ["2", "3"], 2
    first.letter_json, first.answer = first.new_letter().to_json(error="boom"), ANSWER
    desk.commit(job, first, ends=False)
    (second,) = desk.lease(job)
    assert (second.page, second.progress.rejected_items) == (2, 2)
    assert reopen(desk.client, job, failed=False) == ReopenCounts(0, 0, 1)
    (mend,) = desk.lease(job)
    assert mend.is_mend
    mend.handed, mend.failed, mend.rejected = ["2", "3"], ["3"], 1
    mend.letter_json = mend.new_letter().to_json(error="boom")
    desk.commit(job, mend)
    second.progress.pages, second.progress.unreadable, second.rejected = 2, 5, 1
    desk.commit(job, second)
    assert desk.outcome(second.task)["rejected_items"] == "7"


def test_first_pages_are_left_alone_while_others_of_their_image_are_out(desk: Desk) -> None:
    job = desk.make(1, at_once=True, convert="auto", sort="default,sales,price_up")
    one, two, three = desk.lease(job, 3)
    desk.fail(job, one, ANSWER, items=True)
    known = desk.client.hgetall(desk.key("images"))
    assert known
    for failed in (False, True):
        assert reopen(desk.client, job, failed=failed) == ReopenCounts(0, 0)
    assert desk.client.hgetall(desk.key("images")) == known
    assert desk.lease(job) == []
    desk.commit(job, two)
    desk.fail(job, three)
    assert reopen(desk.client, job, failed=False) == ReopenCounts(1, 0)
    assert reopen(desk.client, job, failed=False) == ReopenCounts(0, 0)
    (again,) = desk.lease(job, 3)
    assert (again.task, again.sends) == (one.task, False)
    assert again.image.with_items == {0}
    desk.commit(job, again)
    assert reopen(desk.client, job, failed=True) == ReopenCounts(0, 1)
    (again,) = desk.lease(job, 3)
    assert (again.task, again.sends) == (three.task, True)


def test_a_later_page_continues_though_the_image_is_known(desk: Desk) -> None:
    job = desk.make(1, at_once=True, convert="auto", sort="default,sales,price_up")
    one, two, _ = desk.lease(job, 3)
    desk.commit(job, one, ends=False)
    (one,) = desk.lease(job)
    desk.fail(job, one, ANSWER)
    desk.commit(job, two)
    known = desk.client.hgetall(desk.key("images"))
    assert known
    assert reopen(desk.client, job, failed=False) == ReopenCounts(1, 0)
    assert desk.client.hgetall(desk.key("images")) == known
    (again,) = desk.lease(job, 3)
    assert (again.task, again.page, again.body) == (one.task, 2, ANSWER)


def test_an_image_whose_other_queries_have_items_is_not_converted_for_nothing(desk: Desk) -> None:
    """Even if those have not ended yet."""
    job = desk.make(1, at_once=True, convert="auto", sort="default,sales")
    goes_on, fails = desk.lease(job, 2)
    desk.commit(job, goes_on, ends=False)
    desk.fail(job, fails)
    assert reopen(desk.client, job, failed=True) == ReopenCounts(0, 1)
    (again,) = (lease for lease in desk.lease(job, 2) if lease.page == 1)
    assert again.image.settle(again.task, items=False).believed == [again.task]


def test_a_query_that_failed_before_its_image_was_converted(desk: Desk) -> None:
    """It asks by the path that the others were read by; otherwise it would find nothing."""
    job = desk.make(1, at_once=True, convert="auto", sort="default,sales")
    fails, other = desk.lease(job, 2)
    desk.fail(job, fails)
    desk.commit(job, other, ends=False)
    query = desk.key(f"query:{other.task}")
    desk.client.hset(query, mapping={"img_url": "/search/1.jpg", "generation": "1"})
    assert reopen(desk.client, job, failed=True) == ReopenCounts(0, 1)
    (again,) = (lease for lease in desk.lease(job, 2) if lease.page == 1)
    assert (again.progress.img_url, again.progress.generation) == ("/search/1.jpg", 1)


def test_replayed_by_two_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one reopens what is left to do, and waits for no more than that."""
    job = desk.make(1, at_once=True, convert="auto", sort="default,sales")
    for lease in desk.lease(job, 2):
        desk.fail(job, lease, ANSWER, items=True)
    both = []

    def late(*values: Any) -> Any:
        monkeypatch.undo()
        both.append(reopen(desk.client, job, failed=True))
        done, again = desk.lease(job, 2)
        desk.commit(job, done)
        desk.fail(job, again, ANSWER, items=True)
        return run_script(*values)

    monkeypatch.setattr("tmapi_spiders.distributed.reopen.run_script", late)
    both.append(reopen(desk.client, job, failed=False))
    assert both == [ReopenCounts(2, 0), ReopenCounts(1, 0)]
    (lease,) = desk.lease(job, 2)
    assert lease.image.expected == 1


def test_garbage_is_reported(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.make(2)
    one, two = desk.lease(job, 2)
    desk.fail(job, one)
    desk.fail(job, two)
    desk.client.hset(desk.key("outcomes"), two.task, b"\xff")
    assert desk.run("replay", failed=True) == 0
    assert "and 1 other that ended by an error" in capsys.readouterr().out
    (again,) = desk.lease(job)
    desk.fail(job, again)
    desk.client.hset(desk.key("images"), one.task.partition("/")[0], "{}")
    assert desk.run("replay", failed=True) == 4
    assert "can't be read (KeyError" in capsys.readouterr().err


class Killed(Exception):
    """Stands in for a kill."""


@pytest.mark.parametrize("next_one", ["replay", "worker"])
def test_a_replay_that_is_killed_leaves_nothing_to_expire(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, next_one: str
) -> None:
    """The next replay or worker keeps the reopened job."""
    job = desk.make(1)
    desk.fail(job, desk.lease(job)[0])
    assert desk.run("export") == 0
    assert desk.client.ttl(desk.key("outcomes")) > 0

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(reopen_module, "cancel_expiry", killed)
        with pytest.raises(Killed):
            reopen(desk.client, job, failed=True)
    assert desk.client.ttl(desk.key("job")) > 0
    if next_one == "replay":
        assert reopen(desk.client, job, failed=True) == ReopenCounts(0, 0)
    else:
        prepare_worker(desk.all_settings(), {"job": "j"})
    assert {desk.client.ttl(key) for key in desk.client.keys("image_search:j:*")} == {-1}
    assert "exported_at" not in desk.facts()
