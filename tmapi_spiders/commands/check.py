"""Run the monitors on a job that has ended, and tell what they found, as a crawl does.

Of workers, once it is exported. It exits as the job did; what monitors find changes no
exit status, as in a crawl.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs
from scrapy.addons import AddonManager
from scrapy.spiderloader import get_spider_loader

from tmapi_spiders.config.channels import OWN_SUITES, missing
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.local.summary import MADE_UP
from tmapi_spiders.monitoring.judged_job import JudgedJob
from tmapi_spiders.system.signals import interruptible
from tmapi_spiders.wording import endings, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scrapy.settings import BaseSettings, Settings

#: Characters of a line, which may quote what job.json holds.
_LONGEST_LINE = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name, or its folder; of a series, its newest job")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Judge the job; returns the exit status that it has ended with."""
    try:
        with interruptible():
            judged = _judge(options.job, settings)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    except KeyboardInterrupt:
        return _refuse("interrupted; who was to be told may not have been", status=EXIT_STOPPED)
    for line in _told(judged):
        print(line)
    return judged.exit_status


def _judge(job: str, settings: BaseSettings) -> JudgedJob:
    """Run the monitors."""
    config = Config.from_settings(settings, needs_token=False)
    judged = JudgedJob.open(job, config)
    known = _of_crawl(settings, judged.facts.get("spider") or IMAGE_SEARCH)
    if problems := missing(known):
        raise UsageProblems(*problems)
    # Loaded here: spidermon is an extra, and for ``scrapy tmapi -h`` all commands are loaded.
    from tmapi_spiders.monitoring.job_check import run_monitors  # noqa: PLC0415

    judged = attrs.evolve(judged, config=Config.from_settings(known, needs_token=False))
    run_monitors(judged, known)
    return judged


def _of_crawl(settings: BaseSettings, spider: str) -> Settings:
    """Return the settings of a spider's crawl, as far as it has some of its own."""
    known: Settings = settings.copy()  # type: ignore[assignment]
    if spider != IMAGE_SEARCH:
        AddonManager.load_pre_crawler_settings(known)
        with suppress(KeyError, ImportError):  # a job of another project's spider is judged, too
            get_spider_loader(known).load(spider).update_settings(known)
    return known


def _told(judged: JudgedJob) -> Iterator[str]:
    """Yield what is printed: as in a crawl's summary, then what could not be judged, and why."""
    queries = judged.counts("queries") or {}
    yield f"{judged.name}: {endings(queries.get('all', 0), queries)}"
    if judged.files.is_made_up:
        yield f"  {MADE_UP}"
    remarks = judged.remarks or [f"monitors: who is told is up to those of {OWN_SUITES}"]
    skipped = (f"nothing to judge: {words}" for words in judged.skipped)
    ended = f"exit status {judged.exit_status}, files in {judged.folder}"
    for line in (*remarks, *skipped, ended):
        inner = line.lstrip(" ")
        yield f"  {line[: len(line) - len(inner)]}{printable(inner, _LONGEST_LINE)}"


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"check: {printable(problem, _LONGEST_LINE)}", file=sys.stderr)
    return status
