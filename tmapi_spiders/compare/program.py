"""Runs the user's program (``--exec``) with the changes on its standard input."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import attrs

from tmapi_spiders.config.settings import SECRETS
from tmapi_spiders.config.values import number
from tmapi_spiders.errors import DeliveryError, UsageProblems, shortened

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SECONDS", "Program"]

SECONDS: Final = "300"
"""How long a program may run by default."""

_read_seconds = number(1, 86_400)


@attrs.frozen
class Program:
    """A program and its arguments. They may hold secrets, so messages give only its name."""

    _words: list[str] = attrs.field(repr=False)
    _seconds: float

    @classmethod
    def read(cls, given: str, seconds: str) -> Self:
        """Read ``--exec`` and ``--exec-timeout``; words are split as by a shell, but no shell runs.

        :raises UsageProblems: with all that is wrong
        """
        problems: list[str] = []
        words: list[str] = []
        try:
            words = shlex.split(given)
        except ValueError as exc:
            problems.append(f"--exec: {str(exc).lower()}; accepted: a program and its arguments.")
        if words and shutil.which(words[0]) is None:
            problems.append(f"--exec {words[0]}: no such program, or it is not executable.")
        elif not words and not problems:
            problems.append("--exec: accepted: a program and its arguments; none was given.")
        limit = 0.0
        try:
            limit = _read_seconds(seconds)
        except ValueError as exc:
            problems.append(f"--exec-timeout {shortened(seconds)}: {exc}")
        if problems:
            raise UsageProblems(*problems)
        return cls(words, limit)

    def run(self, path: Path) -> None:
        """Run it with a file of changes as its standard input, which it need not read.

        It gets this process's environment without the token and the secret.

        :raises DeliveryError: if it fails, or takes too long
        """
        name = self._words[0]
        environment = {key: value for key, value in os.environ.items() if key not in SECRETS}
        try:
            with path.open("rb") as changes:
                # In a separate process group, so that what it starts ends with it.
                process = subprocess.Popen(  # noqa: S603 - the user's own
                    self._words, stdin=changes, env=environment, process_group=0
                )
        except OSError as exc:
            raise DeliveryError(f"--exec {name}: it can't be run ({exc.strerror or exc})") from exc
        try:
            status = process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise DeliveryError(
                f"--exec {name}: killed: not done within {self._seconds:g} s (--exec-timeout)"
            ) from None
        except BaseException:
            _end(process)
            raise
        if status:
            ended = f"by signal {-status}" if status < 0 else f"with exit status {status}"
            raise DeliveryError(f"--exec {name}: ended {ended}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
