"""What a worker prints: what it works on, and with what result."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from tmapi_spiders import stats
from tmapi_spiders.crawl.stops import STOPS
from tmapi_spiders.fields.unreadable import unreadable_lines
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.local.summary import MADE_UP
from tmapi_spiders.wording import call_counts, calls, dead_letters, plural, refused_images

if TYPE_CHECKING:
    from tmapi_spiders.distributed.worker import Worker

__all__ = ["announce", "report"]

logger = logging.getLogger(__name__)


def announce(worker: Worker) -> None:
    """Print what this worker works on."""
    job = worker.job
    budget = f"budget {plural(job.budget, 'call')}" if job.budget else "no budget"
    _say(
        f"{job.name}: worker {worker.name} joins; {budget}, at most {job.max_concurrency} calls in "
        f"flight for the account, across all workers",
        *worker.plan,
        *([f"  {MADE_UP}"] if worker.config.sandbox else []),
    )
    if worker.config.sandbox:
        logger.info(MADE_UP)  # a log file must say so, too


def report(worker: Worker) -> None:
    """Print the result, once."""
    if not worker.begin_report():
        return
    job = worker.job.name
    price = worker.config.call_price
    made = ", ".join([calls(worker.calls, price), *call_counts(worker.counted)])
    _say(
        f"{job}: this worker made {made}, and committed "
        f"{plural(worker.counted(stats.PAGE_READ), 'page')} with "
        f"{plural(worker.counted(stats.PRODUCT_NEW), 'new product')} "
        f"({plural(worker.counted(stats.PRODUCT_DUPLICATE), 'duplicate')}, "
        f"{worker.counted(stats.PRODUCT_REJECTED):,} rejected)",
        *(f"  {line}" for line in unreadable_lines(worker.unreadable.facts)),
    )
    if letters := worker.counted(stats.ANSWER_DEAD):
        _say(f"  {dead_letters(letters)}", "    " + with_profile(f"scrapy tmapi replay {job}"))
    if others := worker.gate.others_refused:
        _say(
            f"  {plural(others, 'request')} of the project's own could not be sent any more, and "
            "will not be: the pages that made them are committed."
        )
    refused = worker.counted(stats.IMAGE_REFUSED)
    if refused and worker.arguments.convert == "auto":
        _say(f"  note: {refused_images(refused, price)}.")
    if worker.stop_reason is not None:
        detail = f" ({worker.stop_detail.rstrip('.')})" if worker.stop_detail else ""
        remedy = STOPS[worker.stop_reason].remedy
        _say(f"  STOPPED EARLY: {worker.stop_reason}{detail}. {remedy}".rstrip())
        if worker.stop_reason == "budget":
            more = 2 * worker.job.budget
            _say(
                "  To resume, allow twice as many calls in all, then start workers again:",
                "    " + with_profile(f"scrapy tmapi enqueue {job} -s TMAPI_BUDGET={more}"),
            )
        else:
            spider = worker.job.kind.name
            _say(
                "  To resume, start workers again (committed pages cost nothing again):",
                "    " + with_profile(f"scrapy crawl {spider} -a job={job}"),
            )
    elif worker.ended:
        failures = int(worker.exchange.state.get("failures") or 0)
        _say("  the job has ended" + (f"; {failures:,} of its queries failed" if failures else ""))
        if doubtful := int(worker.exchange.state.get("doubtful") or 0):
            status = with_profile(f"scrapy tmapi status {job}")
            have = "has" if doubtful == 1 else "have"
            _say(f"  {doubtful:,} of its queries {have} evidence against the ending: {status}")
        _say("  Its files: " + with_profile(f"scrapy tmapi export {job}"))


def _say(*lines: str) -> None:
    """Print for people, on standard error."""
    print("\n".join(lines), file=sys.stderr, flush=True)
