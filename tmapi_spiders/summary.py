"""What the crawl says to people: one line before it runs, a few when it has ended."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from tmapi_spiders import stats
from tmapi_spiders.config import DEFAULT_BASE_URL
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS

if TYPE_CHECKING:
    from tmapi_spiders.run import Run

__all__ = ["announce", "report"]

logger = logging.getLogger(__name__)

_STATUSES = ("complete", "empty", "partial", "failed", "not_started")

MADE_UP = "SANDBOX: these products are made up; nothing was asked of the real API."

_SHOWN_ERRORS = 3

_UNDOCUMENTED_PAGE_SIZE = 20


def announce(run: Run) -> None:
    """Say what will run."""
    _say(_announcement(run))
    if run.config.sandbox:
        logger.info(MADE_UP)  # a log file must say it too


def report(run: Run) -> None:
    """Say what came of the run, once."""
    if not run.reported:
        run.reported = True
        _say(_report(run))


def _say(lines: list[str]) -> None:
    """Print *lines* for people: on standard error, so that ``-o -:jsonl`` stays clean."""
    print("\n".join(lines), file=sys.stderr, flush=True)


def _announcement(run: Run) -> list[str]:
    """Return what will run: queries, least and most calls, budget, folder; then warnings."""
    arguments, queries = run.arguments, run.queries
    least = len(queries)
    most = least * arguments.max_pages
    if most == least:
        calls = _calls(run, most)
    else:
        calls = f"at least {_calls(run, least)}, "
        calls += f"at most {_calls(run, most)}" if most else "no upper limit (max_pages=0)"
    duplicates = queries.seeds.duplicates
    repeated = f", {duplicates:,} repeated left out" if duplicates else ""
    lines = [
        (
            f"{run.job.name}: {_plural(least, 'query', 'queries')} "
            f"({queries.describe()}{repeated}), {calls}, no budget, into {run.job.folder}"
        )
    ]
    if run.config.sandbox:
        lines.append(f"  {MADE_UP}")
        if run.config.base_url.geturl() != DEFAULT_BASE_URL:
            lines.append("  note: TMAPI_BASE_URL is set, and not used: this is TMAPI_SANDBOX.")
    if run.job.last_finished_at is not None:
        lines.append(
            f"  note: this job ended before, at {run.job.last_finished_at}; its files are replaced."
        )
    if arguments.page_size > _UNDOCUMENTED_PAGE_SIZE:
        lines.append(
            f"  warning: page_size={arguments.page_size}: above 20 is not documented; the API may "
            "answer with fewer items or an error."
        )
    if queries.seeds.unconverted and arguments.convert == "auto":
        lines.append(
            f"  warning: {_plural(queries.seeds.unconverted, 'seed')} on no Alibaba host; this "
            "version does not convert images, and the search may find nothing for them. Such an "
            "empty answer counts as failed, not as empty (convert=never believes it)."
        )
    return lines


def _report(run: Run) -> list[str]:
    """Return what came of the run: queries by status, calls, products, files, what to do next."""
    by_status = run.ledger.by_status
    ended = ", ".join(
        f"{by_status[status]:,} {status}" for status in _STATUSES if by_status[status]
    )
    lines = [
        f"{run.job.name}: {_plural(len(run.queries), 'query', 'queries')}: {ended or 'none ended'}",
        (
            f"  {_calls(run, run.gate.calls)}, {_plural(run.counted(stats.PAGE_READ), 'page')}, "
            f"{_plural(run.counted(stats.PRODUCT_NEW), 'product')} "
            f"({_plural(run.counted(stats.PRODUCT_DUPLICATE), 'duplicate')}, "
            f"{run.counted(stats.PRODUCT_REJECTED):,} rejected)"
        ),
        f"  files in {run.job.folder}: "
        + ", ".join(
            f"{name} {_plural(run.job.files[name].lines, 'line')}"
            for name in (PRODUCTS, SIGHTINGS, OUTCOMES)
            if name in run.job.files
        ),
    ]
    if run.config.sandbox:
        lines.append(f"  {MADE_UP}")
    return lines + _next_steps(run)


def _next_steps(run: Run) -> list[str]:
    if run.stop_reason is not None:
        detail = f" ({run.stop_detail})" if run.stop_detail else ""
        why = f"STOPPED EARLY: {run.stop_reason}{detail}."
    elif run.ledger.failures:
        failed = _plural(run.ledger.failures, "query", "queries")
        why = f"{failed} failed or ended partial; {run.job.folder / OUTCOMES} says why."
    else:
        return []
    errors = [
        f"  {_plural(count, 'query', 'queries')}: {error}"
        for error, count in run.ledger.errors.most_common(_SHOWN_ERRORS)
    ]
    return [
        *errors,
        f"  {why} To run the job again (this version keeps no archive: it pays for every page):",
        f"    {run.command}",
    ]


def _calls(run: Run, calls: int) -> str:
    price = run.config.call_price
    return _plural(calls, "call") + (f" (cost {calls * price:,.2f})" if price else "")


def _plural(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
