"""The announcement of a crawl in one process, and its summary at the end."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from tmapi_spiders import stats
from tmapi_spiders.config.settings import DEFAULT_BASE_URL
from tmapi_spiders.crawl.evidence import describe_evidence
from tmapi_spiders.crawl.stops import STOPS
from tmapi_spiders.fields.unreadable import unreadable_lines
from tmapi_spiders.inputs.job_names import ahead_of_clock, series_of
from tmapi_spiders.inputs.plan import describe_crawl, remarks
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.series import jobs_in_series
from tmapi_spiders.local.estimate import Estimate
from tmapi_spiders.local.resume_line import first_line
from tmapi_spiders.system.output_path import folder_text
from tmapi_spiders.wording import (
    call_counts,
    calls,
    days,
    dead_letters,
    endings,
    plural,
    refused_images,
    sharing_images,
)

if TYPE_CHECKING:
    from tmapi_spiders.local.local_run import LocalRun

__all__ = ["MADE_UP", "SHOWN_ERRORS", "announce", "report"]

logger = logging.getLogger(__name__)

MADE_UP = "SANDBOX: these products are made up; the real API was not called."

SHOWN_ERRORS = 3
"""How many of the errors that queries ended with are shown, the most frequent first."""


def announce(run: LocalRun) -> None:
    """Print what will run."""
    _say(_announcement(run))
    if run.config.sandbox:
        logger.info(MADE_UP)  # a log file must say it too


def report(run: LocalRun) -> None:
    """Print the summary of the run, once."""
    if run.begin_report():
        _say(_report(run))


def _say(lines: list[str]) -> None:
    """Print lines on standard error, so that ``-o -:jsonl`` stays clean."""
    print("\n".join(lines), file=sys.stderr, flush=True)


def _announcement(run: LocalRun) -> list[str]:
    """Return what will run: queries, least and most calls, budget, folder; then warnings."""
    arguments, queries = run.arguments, run.queries
    estimate = Estimate.of(run.config, arguments, queries, run.archive, run.conversions)
    first = first_line(run, estimate)
    lines = [] if first is None else [first]
    lines += [
        (
            f"{run.job.name}: {describe_crawl(queries)}, {estimate.sentence()}, into "
            f"{folder_text(run.job.folder)}"
        )
    ]
    jobs = jobs_in_series(series_of(run.job.name) or "", run.config.output_dir)
    if jobs and (ahead := ahead_of_clock(jobs[0].name)):
        lines.append(f"  warning: {ahead}.")
    if run.config.sandbox:
        lines.append(f"  {MADE_UP}")
        if run.config.base_url.geturl() != DEFAULT_BASE_URL:
            lines.append("  note: TMAPI_BASE_URL is set but not used, since TMAPI_SANDBOX is on.")
    if run.job.last_budget and not run.config.budget:
        lines.append(
            f"  warning: the job's last run had TMAPI_BUDGET={run.job.last_budget}; this one has "
            "none."
        )
    lines += remarks(queries, arguments, run.config.rates, run.config.dedupe)
    return lines


def _report(run: LocalRun) -> list[str]:
    """Return the summary: queries by status, calls, products, files, what to do next."""
    if run.undone:
        return [
            (
                f"{run.job.name}: ended before it made a call; what its last run wrote to "
                f"{run.job.folder} is unchanged."
            ),
            *_next_steps(run),
        ]
    lines = [
        f"{run.job.name}: {endings(len(run.queries), run.ledger.by_status)}",
        f"  {_paid(run)}",
        (
            f"  {plural(run.counted(stats.PAGE_READ), 'page')}, "
            f"{plural(run.counted(stats.PRODUCT_NEW), 'product')} "
            f"({plural(run.counted(stats.PRODUCT_DUPLICATE), 'duplicate')}, "
            f"{run.counted(stats.PRODUCT_REJECTED):,} rejected)"
        ),
        f"  files in {run.job.folder}: "
        + ", ".join(
            f"{name} {plural(run.job.files[name].lines, 'line')}"
            for name in (PRODUCTS, SIGHTINGS, OUTCOMES)
            if name in run.job.files
        ),
    ]
    if lost := run.counted(stats.ANSWER_LOST):
        lines.append(
            f"  {calls(lost, run.config.call_price)} answered while the archive could not be "
            "written: their answers are not kept, and are paid for again when the job is resumed."
        )
    if evidence := describe_evidence(run.ledger.evidence):
        lines.append(f"  {evidence}; {OUTCOMES} says which")
    if run.config.sandbox:
        lines.append(f"  {MADE_UP}")
    if letters := run.ledger.dead_letters:
        lines += [f"  {dead_letters(letters)}", f"    {run.command(None)}"]
    lines += [f"  {line}" for line in unreadable_lines(run.unreadable.facts)]
    if (refused := run.counted(stats.IMAGE_REFUSED)) and run.arguments.convert == "auto":
        lines.append(f"  note: {refused_images(refused, run.config.call_price)}.")
    if (sharing := run.queries.seeds.tally.sharing) and run.config.dedupe == "job":
        lines.append(f"  note: {sharing_images(sharing, run.config.dedupe)}.")
    lines += [f"  {remark}" for remark in run.remarks]
    return lines + _next_steps(run)


def _paid(run: LocalRun) -> str:
    """Return what this run paid for, and what it replayed."""
    price = run.config.call_price
    replayed = run.counted(stats.PAGE_REPLAYED)
    when = days(*(run.archive.replayed or ()))
    if not run.gate.sent and replayed:
        return f"no call: replayed {plural(replayed, 'page')}, paid on {when}"
    parts = [calls(run.calls, price), f"{run.counted(stats.CALL_ANSWERED):,} answered"]
    parts += call_counts(run.counted)
    if new := run.counted(stats.PRODUCT_NEW):
        parts.append(f"{run.archive.journal.calls / new:.3f} per new product")
    if run.archive.journal.calls != run.calls:
        parts.append(f"{calls(run.archive.journal.calls, price)} in all runs of this job")
    if run.config.budget:
        parts.append(f"budget {run.config.budget:,}")
    if replayed:
        parts.append(f"{plural(replayed, 'page')} replayed, paid on {when}")
    return ", ".join(parts)


def _next_steps(run: LocalRun) -> list[str]:
    budget = None
    if run.stop_reason is not None:
        detail = f" ({run.stop_detail.rstrip('.')})" if run.stop_detail else ""
        why = f"STOPPED EARLY: {run.stop_reason}{detail}. {STOPS[run.stop_reason].remedy}"
        if run.stop_reason == "budget":
            budget = 2 * max(run.config.budget, run.archive.journal.calls)
    elif run.ledger.failures:
        failed = plural(run.ledger.failures, "query", "queries")
        why = f"{failed} failed or ended partial; {run.job.folder / OUTCOMES} says why."
    else:
        return []
    errors = [
        f"  {plural(count, 'query', 'queries')}: {error}"
        for error, count in run.ledger.errors.most_common(SHOWN_ERRORS)
    ]
    twice = ", with twice as many calls in all" if budget else ""
    return [
        *errors,
        f"  {why.rstrip()}",
        f"  To resume{twice} (paid answers cost nothing again):",
        f"    {run.command(budget)}",
    ]
