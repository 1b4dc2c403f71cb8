"""What subcommands raise becomes messages and exit statuses."""

from __future__ import annotations

import signal
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings

from tmapi_spiders.commands import stop
from tmapi_spiders.commands.exit_status import stoppable
from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.system.signals import ENDING

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], int]:
    """Return a function that runs a subcommand which does nothing but call another function."""

    def run(act: Callable[[], int]) -> int:
        monkeypatch.setattr(stop, "run", lambda *_: act())
        return run_subcommand("stop", Namespace(), Settings())

    return run


def noted() -> Exception:
    error = StorageError("a")
    error.add_note("b")
    return error


@pytest.mark.parametrize(
    ("error", "status", "lines"),
    [
        (UsageProblems("a", "b"), 2, ["stop: a", "stop: b"]),
        (noted(), 4, ["stop: a", "stop: b"]),
        (UsageProblems("a\nb"), 2, ["stop: a b"]),
    ],
)
def test_each_problem_is_a_line(
    run: Callable[[Callable[[], int]], int],
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    lines: list[str],
) -> None:
    def fail() -> int:
        raise error

    assert run(fail) == status
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.parametrize("number", ENDING)
def test_an_interrupt_is_a_message(
    run: Callable[[Callable[[], int]], int],
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    def wait() -> int:
        with stoppable("interrupted; nothing was written."):
            signal.raise_signal(number)
        return 0

    assert run(wait) == 4
    assert capsys.readouterr().err == "stop: interrupted; nothing was written.\n"


@pytest.mark.parametrize("number", ENDING)
def test_an_interrupt_of_a_subcommand_without_a_message_is_no_traceback(
    run: Callable[[Callable[[], int]], int],
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    def wait() -> int:
        signal.raise_signal(number)
        return 0

    assert run(wait) == 4
    assert capsys.readouterr().err == "stop: interrupted.\n"


def test_a_thread_may_run_a_command(run: Callable[[Callable[[], int]], int]) -> None:
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(run, lambda: 0).result() == 0


def test_anything_else_is_a_crash(run: Callable[[Callable[[], int]], int]) -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)
