"""List the jobs in the output folder, or those of a series, newest first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table

from tmapi_spiders.commands.exit_status import say
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.inputs.job_names import ahead_of_clock, series_of
from tmapi_spiders.jobs.job import PRODUCTS
from tmapi_spiders.jobs.series import all_jobs, require_series
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

    from tmapi_spiders.jobs.series import FoundJob

#: Columns of the output where it goes to a file or a pipe.
_WIDTH = 200

#: Characters of a cell and of a problem: both may quote job.json, which could hold anything.
_LONGEST_CELL = 80
_LONGEST_PROBLEM = 400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("series", nargs="?", help="only the jobs of this series")
    parser.add_argument("--json", action="store_true", help="print one JSON array, for programs")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """List the jobs; return the exit status."""
    folder = Config.from_settings(settings, needs_token=False).output_dir
    series = options.series
    jobs = all_jobs(folder) if series is None else require_series(series, folder)
    problems = [*(job.problem for job in jobs), *(ahead_of_clock(job.name) for job in jobs)]
    say("jobs", *(printable(problem, _LONGEST_PROBLEM) for problem in problems if problem))
    if options.json:
        print(orjson.dumps([_facts(job) for job in jobs], default=str).decode())
    elif not jobs:
        print(f"There are no jobs in {folder}.")
    else:
        width = None if sys.stdout.isatty() else _WIDTH
        console = Console(width=width, markup=False, emoji=False, highlight=False)
        console.print(_table(jobs, by_name=series is not None))
    return EXIT_OK


def _facts(job: FoundJob) -> dict[str, Any]:
    """Return what ``--json`` shows of a job."""
    facts = job.facts
    files = facts.get("files") or {}
    return {
        "job": job.name,
        "series": series_of(job.name),
        "source": facts.get("source"),
        "started_at": facts.get("started_at"),
        "finished_at": facts.get("finished_at"),
        "running": bool(facts.get("running")),
        "exit_status": facts.get("exit_status"),
        "stop_reason": facts.get("stop_reason"),
        "queries": facts.get("queries"),
        "products": (files.get(PRODUCTS) or {}).get("lines"),
        "calls": facts.get("calls"),
        "folder": str(job.folder),
        "problem": job.problem or None,
    }


def _table(jobs: list[FoundJob], *, by_name: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("job", "began (UTC)", "queries", "products", "calls", "ended"):
        table.add_column(column, justify="right" if column in {"products", "calls"} else "left")
    for number, job in enumerate(jobs):
        facts = _facts(job)
        name = job.name
        if by_name:
            name += f" ({series_of(name)}{f'~{number}' if number else ''})"
        products, calls = facts["products"], facts["calls"]
        cells = (
            name,
            job.began[:16].replace("T", " "),
            _queries(facts["queries"]),
            "" if products is None else f"{products:,}",
            "" if calls is None else f"{calls:,}",
            _ending(facts),
        )
        table.add_row(*(printable(cell, _LONGEST_CELL) for cell in cells))
    return table


def _queries(queries: Any) -> str:
    """Return how many queries have which status.

    >>> _queries({"all": 3, "complete": 2, "not_started": 1})
    '2 complete, 1 not started'
    """
    if not isinstance(queries, dict):
        return ""
    counts = (f"{n:,} {status}" for status, n in queries.items() if status != "all")
    return ", ".join(counts).replace("_", " ")


def _ending(facts: dict[str, Any]) -> str:
    if facts["problem"]:
        return "job.json is damaged"
    if facts["running"]:
        return "running, or killed"
    if facts["exit_status"] is None:
        return "unknown (job.json)"
    stopped = f" (stopped early: {facts['stop_reason']})" if facts["stop_reason"] else ""
    return f"exit status {facts['exit_status']}{stopped}"
