"""Exports a shared job's rows from Redis to the job's files, each exactly once.

The files mirror Redis's lists: line n of a file is row n of the job. An export counts the lines
that exist and continues after them, so it may be killed at any moment and started again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import orjson

from tmapi_spiders.crawl.run import EXIT_FAILED, EXIT_OK, EXIT_STOPPED
from tmapi_spiders.distributed.connection import UNWRITABLE
from tmapi_spiders.distributed.dead_letter import count_dead_letters
from tmapi_spiders.distributed.expiry import expire_after
from tmapi_spiders.distributed.outcomes import write_outcomes
from tmapi_spiders.distributed.replies import iso, number
from tmapi_spiders.distributed.row_file import RowFile, digest
from tmapi_spiders.distributed.shared_job import facts_of, refusals_of, unreadable_of
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.formats import to_line, utc_now
from tmapi_spiders.jobs.archive import ARCHIVE
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS, Job
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.items import Outcome
    from tmapi_spiders.jobs.output_file import OutputFile
    from tmapi_spiders.local.ledger import LocalLedger

__all__ = ["RedisExport"]

#: Rows in one step.
_BATCH = 2000

_LISTS = {"items": PRODUCTS, "sightings": SIGHTINGS}

#: The job's counters of the rows committed to each list.
_COUNTS = {"items": "products", "sightings": "sightings"}


class RedisExport:
    """One process's export of a job into its folder, which it holds while it is entered.

    :raises UsageProblems: on entering, if another process holds the folder or it is another job's
    :raises StorageError: if a file can't be read or written, or does not match what Redis has
    """

    def __init__(self, server: Redis, job: SharedJob, config: Config) -> None:
        self._server = server
        self._shared = job
        self._config = config
        self.dedupe = job.dedupe
        facts = facts_of(server, job.name)
        self._created_at = facts.get("created_at")
        arguments = orjson.loads(facts.get("arguments", "{}"))
        self._job = Job(job.name, config.output_dir, job.source, arguments, job.kind)
        self._key = job.keys[0]
        self._trimmed = dict.fromkeys(_LISTS, 0)
        self._rows: dict[str, RowFile] = {}
        self.folder = self._job.folder
        self.by_status: dict[str, int] = {}
        """Queries by status, once the job is final."""
        self.evidence: dict[str, int] = {}
        """Queries with evidence against the ending: ``all``, and by code."""
        self.dead_letters = 0
        """Answers that could not be turned into rows, or not completely; once the job is final."""
        self.sharing = 0
        """Seeds that share their image with another seed, once the job is final."""
        self.stop_reason: str | None = None
        """Why the job was stopped, if it was."""
        self.unreadable: dict[str, dict[str, Any]] = {}
        """What could not be read in its items, once the job is final."""
        self.failures = 0
        """Queries that failed, or ended partial by an error, once the job is final."""
        self.errors: dict[str, int] = {}
        """Errors that these ended with, the most frequent first, once the job is final."""
        self.products: dict[str, int] = {}
        """Products by what became of them (new, duplicates, rejected), once the job is final."""

    def __enter__(self) -> Self:
        """Take the folder."""
        self._job.open(new=False)
        try:
            self._check_folder()
            self._start()
            for rows, name in _LISTS.items():
                self._rows[rows] = RowFile(self.folder / name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Release the folder; cut off a line that was not written completely."""
        for file in self._rows.values():
            with suppress(OSError):
                file.cut()
            file.close()
        self._job.release()

    @property
    def lines(self) -> dict[str, int]:
        """Number of lines of each file in the folder."""
        files = {name: self._rows[rows].lines for rows, name in _LISTS.items()}
        if self.by_status:
            files[OUTCOMES] = sum(self.by_status.values())
        return files

    def final_state(self) -> str:
        """Return a token of the job's final state; "" while rows may still come by themselves."""
        found: bytes = run_script(self._server, "final", self._shared.keys, self._shared.id, "")
        return found.decode("utf-8", "replace")

    def copy(self) -> None:
        """Write all rows that Redis has."""
        for rows, file in self._rows.items():
            while self._copy_some(rows, file):
                pass

    def finish(self, final: str) -> bool:
        """Write the outcomes and job.json; return False if the job was reopened meanwhile.

        All rows must have been copied before.

        :param final: what :meth:`final_state` returned before they were copied
        """
        facts = facts_of(self._server, self._shared.name)
        stopped = facts.get("state") == "stopped"
        self.stop_reason = facts.get("stop_reason") or "interrupted" if stopped else None
        self._job.create(OUTCOMES, _fail)
        outcomes = self._job.files[OUTCOMES]
        try:
            reason, shared = self.stop_reason, self._shared
            ledger, self.sharing = write_outcomes(self._server, shared, reason, _writer(outcomes))
            is_final = self.final_state() == final
        except BaseException:
            outcomes.discard()
            raise
        if not is_final:
            outcomes.discard()
            return False
        outcomes.publish(complete=True)
        self.by_status = dict(sorted(ledger.by_status.items()))
        self.dead_letters = count_dead_letters(self._server, self._key)
        self._job.files |= {name: self._rows[rows] for rows, name in _LISTS.items()}  # type: ignore[misc]
        self._end(facts, ledger)
        values = (self._shared.id, final, utc_now())
        days = 0.0 if stopped else self._config.expire_days
        if run_script(self._server, "final", self._shared.keys, *values) and (
            not days or expire_after(self._server, self._shared, days)
        ):
            return True
        self.by_status = {}
        self._start()
        return False

    def _check_folder(self) -> None:
        """Check that the folder is this job's or new.

        :raises UsageProblems: if it is another job's
        """
        name = self._shared.name
        last = read_job_json(self.folder)
        whose = last.get("shared") or {}
        if (self.folder / ARCHIVE).exists() or (last and not whose):
            raise UsageProblems(
                f"{self.folder}: it belongs to the job {name} that was crawled here by one "
                "process, not to the one on Redis. Set TMAPI_OUTPUT_DIR to another folder, or move "
                "this one away."
            )
        if last and whose.get("id") != self._shared.id:
            raise UsageProblems(
                f"{self.folder}: it belongs to an earlier job {name} that was on Redis, of "
                f"{last.get('started_at')}. Set TMAPI_OUTPUT_DIR to another folder, or move this "
                "one away."
            )

    def _start(self) -> None:
        self._job.start(
            shared={"id": self._shared.id},
            started_at=self._created_at,
            stop_reason=None,
            readers=self._shared.readers,
        )

    def _end(self, facts: dict[str, str], ledger: LocalLedger) -> None:
        """Write to job.json how the job ended."""
        queries, calls = ledger.by_status.total(), number(facts.get("calls"))
        of_queries = ledger.facts(queries)
        self.failures, self.errors = ledger.failures, of_queries["errors"]
        self.evidence = of_queries["evidence"]
        self.products = {
            "new": number(facts.get("products")),
            "duplicates": number(facts.get("duplicates")),
            "rejected": ledger.rejected,
        }
        status = EXIT_OK
        if self.stop_reason is not None:
            status = EXIT_STOPPED
        elif queries and ledger.failures / queries > self._config.failed_ok:
            status = EXIT_FAILED
        ended: dict[str, Any] = {
            "shared": {"id": self._shared.id, "ended_at": iso(facts.get("ended_at"))},
            "started_at": self._created_at,
            "readers": self._shared.readers,
            **of_queries,
            "dead_letters": self.dead_letters,
            "products": self.products,
            "budget": self._shared.budget,
            "calls": calls,
            "refusals": refusals_of(facts),
            "stop_reason": self.stop_reason,
        }
        self.unreadable = unreadable_of(facts)
        if self.unreadable:
            ended["unreadable"] = self.unreadable
        if self._config.call_price:
            ended["cost"] = round(calls * self._config.call_price, 6)
        self._job.end(status, **ended)

    def _copy_some(self, rows: str, file: RowFile) -> bool:
        """Write one batch of rows; return False if there was none."""
        before = self._trimmed[rows]
        known = min(file.lines, 1)  # also ask for the last row in the file, to compare
        first = max(file.lines - before - known, 0)
        pipeline = self._server.pipeline(transaction=True)
        fields = ("id", f"trimmed:{rows}", f"trimmed_last:{rows}", _COUNTS[rows])
        pipeline.hmget(f"{self._key}:job", *fields)
        pipeline.llen(f"{self._key}:{rows}")
        pipeline.lrange(f"{self._key}:{rows}", first, first + _BATCH)
        (job_id, trimmed, dropped, committed), here, found = pipeline.execute()
        if job_id != self._shared.id.encode():
            raise StorageError(
                f"{self._shared.name}: the job was deleted from Redis meanwhile. What has been "
                f"written to {self.folder} stays; nothing more will be added."
            )
        self._trimmed[rows] = number(trimmed)
        if self._trimmed[rows] > file.lines:
            raise StorageError(
                f"{file.path}: it has {file.lines:,} lines, and the job's first "
                f"{self._trimmed[rows]:,} rows are no longer on Redis: they were exported to "
                "another folder and dropped (TMAPI_TRIM_EXPORTED). Export to that folder, or copy "
                "its files here."
            )
        if self._trimmed[rows] != before:
            return True
        missing = number(committed) - self._trimmed[rows] - here
        if missing > 0:
            if file.lines == number(committed):
                return False  # they were written before someone removed them
            self._rows_missing(rows, file, number(committed), missing)
        if file.lines == before:
            last = (dropped or b"").decode()
        else:
            last = digest(found[0]) if found else ""
            found = found[1:]
        if file.lines and last != file.last:
            self._line_differs(rows, file)
        file.append(found[:_BATCH])
        if found:
            self._note(rows, file)
        return bool(found)

    def _note(self, rows: str, file: RowFile) -> None:
        """Note on Redis that rows are safe, and drop them there if the user wants that."""
        trims = "1" if self._config.trim_exported else "0"
        values = (rows, file.lines, trims, self._trimmed[rows], file.last)
        # A server without room for the note can still be read.
        with suppress(*UNWRITABLE):
            keys = self._shared.keys
            reply = run_script(self._server, "exported", keys, self._shared.id, *values)
            if reply == b"done" and self._config.trim_exported:
                self._trimmed[rows] = file.lines

    def _rows_missing(self, rows: str, file: RowFile, committed: int, missing: int) -> None:
        raise StorageError(
            f"{self._shared.name}: Redis, list {self._key}:{rows}: {missing:,} of the "
            f"{plural(committed, 'row')} that were committed are no longer in it: another consumer "
            f"has taken them (LPOP, RPOP, LTRIM), or deleted the list. {file.path} stays as it is, "
            f"with {plural(file.lines, 'line')}. Put the rows back where they were, and run the "
            f"same command again; what is left in the list: redis-cli LRANGE {self._key}:{rows} 0 "
            "-1. Other consumers should read it with LRANGE, or read the exported files."
        )

    def _line_differs(self, rows: str, file: RowFile) -> None:
        total = self._trimmed[rows] + number(self._server.llen(f"{self._key}:{rows}"))
        advice = "Move the file away and run the same command again."
        if self._trimmed[rows]:
            advice = (
                f"Cut it back to where they are the same (the first {self._trimmed[rows]:,} lines "
                "are no longer on Redis: keep those), and run the same command again."
            )
        raise StorageError(
            f"{file.path}: its line {file.lines:,} is not row {file.lines:,} of the {total:,} that "
            "Redis has of the job: the file was changed, or Redis has lost its last writes. "
            + advice
        )


def _writer(file: OutputFile) -> Callable[[Outcome], None]:
    def write(outcome: Outcome) -> None:
        file.write(to_line(outcome))

    return write


def _fail(problem: StorageError) -> None:
    raise problem
