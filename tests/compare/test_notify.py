"""Notices and programs: what is sent, and what happens if it is not accepted."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.compare.days import Series, item
from tests.compare.webhook import SECRET, WebhookThread
from tests.support import TOKEN, Crawler
from tmapi_spiders.compare import notice
from tmapi_spiders.compare import webhook as webhook_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = "watch-20261101T180000Z", "watch-20261102T180000Z"


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    """Two days: a price change, a target and a product that is gone."""
    for name, value in {
        "TMAPI_TOKEN": TOKEN,
        "TMAPI_NOTIFY_SECRET": SECRET,
        "TMAPI_RETRY_DELAY": "0.01",
    }.items():
        monkeypatch.setenv(name, value)
    found = Series(tmp_path / "output")
    data = {"sku": "№ 7", "target_price": "9"}
    found.day(1).query("A", item(1), item(2), item(3), data=data).write()
    found.day(2).query("A", item(1, "9.00"), item(2), data=data).write()
    return found


@pytest.fixture
def webhook() -> Iterator[WebhookThread]:
    with WebhookThread() as thread:
        yield thread


def test_what_a_webhook_receives(series: Series, webhook: WebhookThread) -> None:
    path = series.output / "changes.jsonl"
    url = webhook.url.replace("//", "//me:pass-word@") + "/T0PSECRET?key=hidden"
    done = series.compare("watch", "-o", str(path), "--notify", url)
    assert done.exit_status == 5, done.log
    (message,) = webhook.messages
    assert message.is_genuine
    assert message.path == "/hook/T0PSECRET?key=hidden"
    assert message.headers["Authorization"].startswith("Basic ")
    assert message.headers["Content-Type"] == "application/json"
    told = message.json
    changes = told.pop("changes")
    assert told == {
        "schema": 1,
        "id": message.headers["X-Tmapi-Id"],
        "old_job": OLD,
        "new_job": NEW,
        "source": "api.tmapi.io",
        "total": 3,
        "counts": {"gone": 1, "price": 1, "target_reached": 1},
        "truncated": False,
        "left_out": 0,
        "changes_file": str(path),
    }
    assert [change["change"] for change in changes] == ["target_reached", "gone", "price"]
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert sorted(changes, key=str) == sorted(lines, key=str)
    for secret in (SECRET, TOKEN, "pass-word", "T0PSECRET", "hidden"):
        assert secret not in done.log + done.stdout + message.body.decode()
    assert SECRET not in str(message.headers)


def test_temporary_errors_are_retried(series: Series, webhook: WebhookThread) -> None:
    webhook.answers = [503, 429]
    assert series.compare("watch", "--notify", webhook.url).exit_status == 5
    assert [message.status for message in webhook.messages] == [503, 429, 204]
    assert len({message.headers["X-Tmapi-Id"] for message in webhook.messages}) == 1
    assert len({message.body for message in webhook.messages}) == 1
    assert all(message.is_genuine for message in webhook.messages)


def test_the_same_message_has_the_same_id(series: Series, webhook: WebhookThread) -> None:
    path = str(series.output / "changes.jsonl")
    for words in (["watch"], [OLD, NEW, "-o", path], ["watch", "--only", "price"]):
        series.compare(*words, "--notify", webhook.url)
    # The job is continued, and has more changes.
    series.day(2).query("A", item(1, "8.00"), item(2)).write()
    series.compare("watch", "--notify", webhook.url)
    first, again, *others = [message.json["id"] for message in webhook.messages]
    assert first == again
    assert len({first, *others}) == 3


@pytest.mark.parametrize(
    ("status", "tries", "says"),
    [
        (500, 4, "it answered with status 500, 4 times"),
        (404, 1, "it answered with status 404."),
        (302, 1, "redirects are not followed"),
    ],
)
def test_what_is_not_accepted(
    series: Series, webhook: WebhookThread, status: int, tries: int, says: str
) -> None:
    webhook.answers = [status] * 4
    path = series.output / "changes.jsonl"
    done = series.compare("watch", "-o", str(path), "--notify", f"{webhook.url}/T0PSECRET")
    assert done.exit_status == 4
    assert f"compare: --notify http://127.0.0.1:{webhook.port}: {says}" in done.log.replace(
        "it answered with status 302 (", ""
    )
    assert "T0PSECRET" not in done.log
    assert len(webhook.messages) == tries
    assert len(path.read_text().splitlines()) == 3
    # The advised command works.
    webhook.answers = []
    again = done.log.partition("scrapy tmapi compare ")[2].partition(" …")[0].split()
    assert again == [OLD, NEW]
    assert series.compare(*again, "--notify", webhook.url).exit_status == 5
    assert webhook.taken[0].headers["X-Tmapi-Id"] == webhook.messages[0].headers["X-Tmapi-Id"]


def test_no_answer(series: Series, webhook: WebhookThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMAPI_RETRY_TIMES", "1")
    monkeypatch.setattr(webhook_module, "_SECONDS", 0.3)
    webhook.answers = [0, 0]
    began = time.monotonic()
    late = series.compare("watch", "--notify", webhook.url)
    assert late.exit_status == 4
    assert "no answer within 0.3 s, 2 times" in late.log
    assert time.monotonic() - began < 5
    plain = series.compare("watch", "--notify", webhook.url.replace("http:", "https:"))
    assert plain.exit_status == 4
    assert "it does not speak TLS." in plain.log
    closed = series.compare("watch", "--notify", "http://127.0.0.1:9/")
    assert closed.exit_status == 4
    assert "no connection (Connection refused), 2 times." in closed.log


def test_without_a_secret_nothing_is_signed(
    series: Series, webhook: WebhookThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMAPI_NOTIFY_SECRET")
    assert series.compare("watch", "--notify", webhook.url).exit_status == 5
    (message,) = webhook.messages
    assert "X-Tmapi-Signature" not in message.headers
    assert not message.is_genuine


def test_without_changes_nothing_is_sent(series: Series, webhook: WebhookThread) -> None:
    ran = series.output / "ran"
    options = ("--notify", webhook.url, "--exec", f"touch {ran}")
    small = ("--min-price-change", "99", "--only", "price")
    assert series.compare("watch", *options, *small).exit_status == 0
    assert series.compare("watch", *options, "--only", "moq").exit_status == 0
    alone = Series(series.output / "other")
    alone.day(1).query("A", item(1)).write()
    assert alone.compare("watch", *options).exit_status == 0
    assert webhook.messages == []
    assert not ran.exists()


@pytest.mark.parametrize("with_file", [True, False])
def test_too_many_changes_for_a_notice(
    series: Series, webhook: WebhookThread, *, with_file: bool
) -> None:
    many = range(10, 2500)
    data = {"target_price": "2"}
    series.day(1).query("A", *map(item, many)).write()
    series.day(2).query("A", *(item(number, "9.00") for number in many)).query(
        "B", item(2500, "1.50"), data=data
    ).write()
    path = series.output / "changes.jsonl"
    options = ("-o", str(path)) if with_file else ()
    assert series.compare("watch", "--notify", webhook.url, *options).exit_status == 5
    (message,) = webhook.messages
    told = message.json
    assert 0.99 * notice.LARGEST < len(message.body) <= notice.LARGEST
    assert message.is_genuine
    assert told["truncated"]
    assert told["total"] == 2490 + 2 == len(told["changes"]) + told["left_out"]
    assert told["counts"] == {"price": 2490, "target_reached": 1, "first_seen": 1}
    assert told["changes"][0]["change"] == "target_reached"
    assert told["changes_file"] == (str(path) if with_file else None)
    assert not with_file or len(path.read_text().splitlines()) == told["total"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--notify", "http://example.com/T0PSECRET"], "plain http to another machine"),
        (["--notify", "hooks.example.com/T0PSECRET"], "not a web address"),
        (["--notify", "ftp://me:T0PSECRET@example.com"], "not a web address"),
        (["--notify", "https://me:T0PSECRET@example.com:port"], "not a URL"),
        (["--notify", "https://[T0PSECRET"], "not a URL"),
        (["--notify", ""], "not a web address"),
        (["--exec", "no-such-program --key T0PSECRET"], "no-such-program: no such program"),
        (["--exec", "cat 'T0PSECRET"], "no closing quotation"),
        (["--exec", " "], "accepted: a program"),
        (["--exec", "cat", "--exec-timeout", "0"], "--exec-timeout 0: accepted: a number"),
        (["--exec", "cat", "--exec-timeout", "soon"], "--exec-timeout soon: accepted: a number"),
    ],
)
def test_wrong_options(series: Series, options: list[str], says: str) -> None:
    path = series.output / "changes.jsonl"
    done = series.compare("watch", "-o", str(path), *options)
    assert done.exit_status == 2
    assert says in done.log
    assert "T0PSECRET" not in done.log
    assert not path.exists()


def test_all_wrong_options_are_reported(series: Series) -> None:
    done = series.compare("watch", "--notify", "x", "--exec", "", "--only", "prise", "-o", "/")
    assert done.exit_status == 2
    assert all(word in done.log for word in ("--notify", "--exec", "--only prise", "-o '/'"))


def test_a_wrong_secret_is_not_shown(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMAPI_NOTIFY_SECRET", "two words-T0PSECRET")
    done = series.compare("watch")
    assert done.exit_status == 2
    assert "TMAPI_NOTIFY_SECRET: accepted: printable ASCII without spaces." in done.log
    assert "T0PSECRET" not in done.log


def program(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_a_program_gets_the_lines(series: Series) -> None:
    copy, path = series.output / "copy", series.output / "changes.jsonl"
    code = f"import sys, os; open({str(copy)!r}, 'w').write(sys.stdin.read() + str(os.environ))"
    done = series.compare("watch", "-o", str(path), "--exec", program(code))
    assert done.exit_status == 5, done.log
    assert copy.read_text("utf-8").startswith(path.read_text("utf-8"))
    assert TOKEN not in copy.read_text("utf-8")
    assert SECRET not in copy.read_text("utf-8")
    # Without -o the lines are the same, and a program that does not read them is fine.
    kept = path.read_text("utf-8")
    assert series.compare("watch", "--exec", f"cp /dev/stdin {copy}").exit_status == 5
    assert copy.read_text("utf-8") == kept
    assert series.compare("watch", "--exec", "true").exit_status == 5


def test_no_shell_is_run(series: Series) -> None:
    ran = series.output / "ran"
    done = series.compare("watch", "--exec", f"true ; touch {ran} $(touch {ran})")
    assert done.exit_status == 5
    assert not ran.exists()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("false T0PSECRET", "--exec false: ended with exit status 1."),
        ("sh -c 'kill -9 $$'", "--exec sh: ended by signal 9."),
        (".", "no such program"),
    ],
)
def test_a_program_that_fails(
    series: Series, webhook: WebhookThread, command: str, says: str
) -> None:
    path = series.output / "changes.jsonl"
    done = series.compare("watch", "-o", str(path), "--exec", command, "--notify", webhook.url)
    assert says in done.log
    assert "T0PSECRET" not in done.log
    assert done.exit_status == (2 if command == "." else 4)
    # The others are notified anyway.
    assert len(webhook.taken) == path.exists() == (command != ".")


def test_a_program_that_takes_too_long_ends_with_all_it_started(series: Series) -> None:
    pid = series.output / "pid"
    command = f"sh -c 'sleep 60 & echo $! >{pid}; wait'"
    began = time.monotonic()
    done = series.compare("watch", "--exec", command, "--exec-timeout", "1")
    assert time.monotonic() - began < 10
    assert done.exit_status == 4
    assert "not done within 1 s (--exec-timeout)" in done.log
    assert is_gone(int(pid.read_text()))


def is_gone(pid: int) -> bool:
    """Return whether a process ends within a moment; a zombie counts as ended."""
    for _ in range(50):
        done = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if done.stdout.strip() in {"", "Z"} or done.stdout.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def test_interrupted_while_delivering(series: Series) -> None:
    crawler = Crawler(series.output)
    pid, path = series.output / "pid", series.output / "changes.jsonl"
    words = ["compare", "watch", "-o", str(path), "--exec", f"sh -c 'echo $$ >{pid}; sleep 60'"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "tmapi", *words],
        cwd=crawler.project,
        env=crawler.environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    _, log = process.communicate(timeout=90)
    assert process.returncode == 4
    assert "interrupted" in log
    assert "Traceback" not in log
    assert len(path.read_text().splitlines()) == 3
    assert is_gone(int(pid.read_text()))


def test_the_command_that_resumes_a_job_holds_no_secret(tmp_path: Path) -> None:
    crawler = Crawler(tmp_path / "output", variables={"TMAPI_SANDBOX": "1"})
    options = ("-s", f"TMAPI_NOTIFY_SECRET={SECRET}", "-s", "TMAPI_BUDGET=1", "-L", "DEBUG")
    stopped = crawler(*options, seeds="/search/a/lamp.jpg")
    assert stopped.exit_status == 4
    assert "-a job=j -s TMAPI_BUDGET=2" in stopped.log
    assert SECRET not in stopped.log + stopped.stdout + json.dumps(stopped.job)
