"""List the jobs in the output folder, or those of a series, the newest first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table

from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_OK, EXIT_USAGE
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.job_names import ahead_of_clock, series_of
from tmapi_spiders.jobs.job import PRODUCTS
from tmapi_spiders.jobs.series import all_jobs, series_jobs
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

    from tmapi_spiders.jobs.series import FoundJob

_NOT_TOLD = ("all",)
_WIDTH_OF_A_FILE = 200

#: Characters of what job.json holds, which anybody may have written: a row stays one that is read.
_LONGEST_CELL = 80
_LONGEST_PROBLEM = 400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("series", nargs="?", help="only the jobs of this series")
    parser.add_argument("--json", action="store_true", help="for machines: one JSON array")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """List them; returns the exit status."""
    try:
        config = Config.from_settings(settings, needs_token=False)
        series = options.series
        folder = config.output_dir
        jobs = all_jobs(folder) if series is None else series_jobs(series, folder)
    except UsageProblems as exc:
        for problem in exc.problems:
            print(f"jobs: {problem}", file=sys.stderr)
        return EXIT_USAGE
    told = [*(job.problem for job in jobs), *(ahead_of_clock(job.name) for job in jobs)]
    for problem in filter(None, told):
        print(f"jobs: {printable(problem, _LONGEST_PROBLEM)}", file=sys.stderr)
    if options.json:
        print(orjson.dumps([_facts(job) for job in jobs], default=str).decode())
    elif not jobs:
        print(f"There are no jobs in {folder}.")
    else:
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
        console = Console(width=width, markup=False, emoji=False, highlight=False)
        console.print(_table(jobs, by_name=series is not None))
    return EXIT_OK


def _facts(job: FoundJob) -> dict[str, Any]:
    """Return what is told of a job."""
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
    """Return queries by status in words.

    >>> _queries({"all": 3, "complete": 2, "not_started": 1})
    '2 complete, 1 not started'
    """
    if not isinstance(queries, dict):
        return ""
    told = (f"{n:,} {status}" for status, n in queries.items() if status not in _NOT_TOLD)
    return ", ".join(told).replace("_", " ")


def _ending(facts: dict[str, Any]) -> str:
    if facts["problem"]:
        return "job.json is damaged"
    if facts["running"]:
        return "running, or killed"
    if facts["exit_status"] is None:
        return "not known (job.json)"
    stopped = f" (stopped early: {facts['stop_reason']})" if facts["stop_reason"] else ""
    return f"exit status {facts['exit_status']}{stopped}"
