"""Reads the files of a job: what gallery, tables, compare and monitors work from."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import attrs
import orjson

from tmapi_spiders.api.json_text import finite, map_texts, without_halves
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.job_names import ahead_of_clock, is_job_name
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.jobs.series import find_job
from tmapi_spiders.system.input_file import open_regular
from tmapi_spiders.wording import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["JobFiles"]

_LONGEST_REASON = 80
"""Characters of a stop reason; this package's own are single words, such as "budget"."""

_LONG_NUMBER = re.compile(rb"[:,\[] ?-?[0-9]{19}")


@attrs.frozen
class JobFiles:
    """One job's files; :meth:`open` finds them. They are read line by line."""

    name: str
    folder: Path
    facts: Mapping[str, Any]
    """What job.json says."""

    @classmethod
    def open(cls, given: str, output_dir: Path, *, needs_facts: bool = True) -> Self:
        """Find a job's files.

        :param given: see :func:`~tmapi_spiders.jobs.series.find_job`
        :param output_dir: the folder of all jobs
        :param needs_facts: whether a job without job.json is refused
        :raises UsageProblems: if there is no such job, or it has written nothing yet
        :raises StorageError: if job.json can't be read
        """
        folder = find_job(given, output_dir)
        facts = read_job_json(folder)
        if needs_facts and not facts:
            raise UsageProblems(f"{given}: there is no job in {folder}: it has no job.json.")
        missing = [name for name in (PRODUCTS, SIGHTINGS) if not (folder / name).is_file()]
        if missing:
            spider = facts.get("spider", IMAGE_SEARCH)
            raise UsageProblems(
                f"{given}: it has no {' and no '.join(missing)} yet: it is running, or it was "
                "killed in its first run. Resume it: "
                + with_profile(f"scrapy crawl {spider} -a job={folder.name}")
            )
        name = facts.get("job")
        return cls(name if is_job_name(name) else folder.name, folder, facts)

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of one of the files, such as ``products.jsonl``.

        A job on Redis that was exported before it ended has no outcomes yet; none are yielded.

        :raises StorageError: if a line can't be read; it names the line
        """
        path, number = self.folder / name, 0
        try:
            with open_regular(path) as file:
                for number, line in enumerate(file, 1):
                    row = _read(line)
                    if not isinstance(row, dict):
                        raise StorageError(f"{path}, line {number}: it is not a JSON object.")
                    yield row
        except FileNotFoundError:
            if name != OUTCOMES:
                raise StorageError(f"{path}: it is missing.") from None
        except (ValueError, RecursionError) as exc:
            raise StorageError(f"{path}, line {number}: it is not JSON ({exc}).") from exc
        except OSError as exc:
            raise StorageError(f"{path}: it can't be read ({exc.strerror or exc}).") from exc

    @property
    def is_made_up(self) -> bool:
        """Whether its products are made up by the sandbox."""
        return bool(self.facts.get("made_up"))

    @property
    def warnings(self) -> list[str]:
        """Reasons not to take the files for the whole result."""
        found = list(filter(None, [ahead_of_clock(self.folder.name)]))
        if self.facts.get("running"):
            found.append(
                "the job is running, or was killed: these files are an earlier run's, or incomplete"
            )
        elif not (self.folder / OUTCOMES).is_file():
            found.append("the job has no outcomes yet: how its queries ended is not known")
        if reason := self.facts.get("stop_reason"):
            why = printable(reason, _LONGEST_REASON)
            found.append(f"the job was stopped early ({why}): some queries were not made")
        queries = self.facts.get("queries")
        counts = queries if isinstance(queries, dict) else {}
        failed = sum(counts.get(status, 0) for status in ("failed", "partial", "not_started"))
        if failed and not reason:
            every = plural(counts.get("all", 0), "query", "queries")
            found.append(
                f"{failed:,} of {every} failed or are incomplete: outcomes.jsonl says which"
            )
        if self.is_made_up:
            found.append("these are the sandbox's products: they are made up")
        return found


def _read(line: bytes) -> Any:
    r"""Return the value of a line.

    orjson rounds integers over 64 bits, and refuses what Python's json accepts: half of a surrogate
    pair ("?" here), and a number too large for a float (its text here).

    >>> _read(b'{"a": 123456789012345678901, "b": 1e400, "c": "\\ud800"}')
    {'a': 123456789012345678901, 'b': '1e400', 'c': '?'}
    """
    if not _LONG_NUMBER.search(line):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(line)
    read = json.loads(line, parse_float=finite, parse_constant=_refuse)
    return map_texts(read, without_halves)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not valid JSON")
