"""A job crawled by one process, for commands that also handle jobs on Redis."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import attrs

from tmapi_spiders.config.settings import Config
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.job_names import is_job_name
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.jobs import resume
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.wording import calls, dead_letters, plural, printable

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy.settings import BaseSettings

__all__ = ["LocalJob"]


@attrs.frozen
class LocalJob:
    """What job.json says about a job, and the command that continues it."""

    name: str
    folder: Path
    facts: dict[str, Any]
    price: float
    """Money per call; 0 = not shown."""
    command: str

    @classmethod
    def find(cls, name: str, settings: BaseSettings) -> Self | None:
        """Return the job of that name in the output folder; None if there is none, or a shared one.

        Wrong settings or files are not reported here: the caller then looks on Redis.
        """
        if not is_job_name(name):
            return None
        with suppress(UsageProblems, StorageError):
            config = Config.from_settings(settings, needs_token=False)
            folder = config.output_dir / name
            facts = read_job_json(folder)
            if facts and not facts.get("shared"):
                words = ("scrapy", "crawl", str(facts.get("spider", IMAGE_SEARCH)))
                command = resume.command(words, settings, {"job": name})
                return cls(name, folder, facts, config.call_price, command)
        return None

    @property
    def dead_letters(self) -> int:
        """Answers of which not everything could be turned into rows."""
        return int(self.facts.get("dead_letters") or 0)

    def lines(self) -> list[str]:
        """Describe the job."""
        facts = self.facts
        queries = {name: number for name, number in (facts.get("queries") or {}).items() if number}
        by_status = [f"{number:,} {name}" for name, number in queries.items() if name != "all"]
        files = [
            f"{name} {plural(file.get('lines', 0), 'line')}"
            for name, file in (facts.get("files") or {}).items()
        ]
        facts_lines = [
            f"queries: {queries.get('all', 0):,}: {', '.join(by_status).replace('_', ' ')}",
            f"paid: {calls(int(facts.get('calls') or 0), self.price)}",
            *([f"files: {', '.join(files)}"] if files else []),
            *([dead_letters(self.dead_letters)] if self.dead_letters else []),
        ]
        state = f"{self.name}: {self._state()}; crawled by one process, into {self.folder}"
        lines = [printable(state, _LONGEST_LINE)]
        lines += ["  " + printable(line, _LONGEST_LINE) for line in facts_lines]
        return [*lines, f"    {self.command}"] if self.dead_letters else lines

    def _state(self) -> str:
        if self.facts.get("running"):
            return "running, or killed"
        status = self.facts.get("exit_status")
        if status is None:
            return "how it ended is not known"
        why = self.facts.get("stop_reason")
        return f"ended with exit status {status}" + (f" (stopped early: {why})" if why else "")


#: Characters that are shown of a line, since job.json may have been changed by hand.
_LONGEST_LINE = 1000
