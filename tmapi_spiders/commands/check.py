"""Run the monitors on a job that has ended, and report what they find.

They run as in a crawl; a distributed job has to be exported first. The exit status is the job's
own: what monitors find doesn't change it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import attrs
from scrapy.addons import AddonManager
from scrapy.spiderloader import get_spider_loader

from tmapi_spiders.commands.exit_status import stoppable
from tmapi_spiders.config.channels import OWN_SUITES, missing
from tmapi_spiders.config.settings import Config
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.local.summary import MADE_UP
from tmapi_spiders.monitoring.judged_job import JudgedJob
from tmapi_spiders.wording import endings, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scrapy.settings import BaseSettings, Settings

#: Characters of a printed line, which may quote anything from job.json.
_LONGEST_LINE = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="a job's name or folder, or a series: its newest job")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Judge the job; return the exit status that it ended with."""
    with stoppable("interrupted; some notifications may not have been sent"):
        judged = _judge(options.job, settings)
    for line in _report(judged):
        print(line)
    return judged.exit_status


def _judge(job: str, settings: BaseSettings) -> JudgedJob:
    """Run the monitors."""
    config = Config.from_settings(settings, needs_token=False)
    judged = JudgedJob.open(job, config)
    known = _settings_of_crawl(settings, judged.facts.get("spider") or IMAGE_SEARCH)
    if problems := missing(known):
        raise UsageProblems(*problems)
    # Loaded here: spidermon is an extra, and `scrapy tmapi -h` loads every subcommand.
    from tmapi_spiders.monitoring.job_check import run_monitors  # noqa: PLC0415

    judged = attrs.evolve(judged, config=Config.from_settings(known, needs_token=False))
    run_monitors(judged, known)
    return judged


def _settings_of_crawl(settings: BaseSettings, spider: str) -> Settings:
    """Return the settings that a spider's crawl has, its own included."""
    known: Settings = settings.copy()  # type: ignore[assignment]
    if spider != IMAGE_SEARCH:
        AddonManager.load_pre_crawler_settings(known)
        with suppress(KeyError, ImportError):  # a job of another project can be judged, too
            get_spider_loader(known).load(spider).update_settings(known)
    return known


def _report(judged: JudgedJob) -> Iterator[str]:
    """Yield the lines of a crawl's summary, then what could not be judged, and why."""
    queries = judged.counts("queries") or {}
    yield f"{judged.name}: {endings(queries.get('all', 0), queries)}"
    if judged.files.is_made_up:
        yield f"  {MADE_UP}"
    remarks = judged.remarks or [f"monitors: notifications are up to the suites in {OWN_SUITES}"]
    skipped = (f"nothing to judge: {reason}" for reason in judged.skipped)
    ended = f"exit status {judged.exit_status}, files in {judged.folder}"
    for line in (*remarks, *skipped, ended):
        inner = line.lstrip(" ")
        yield f"  {line[: len(line) - len(inner)]}{printable(inner, _LONGEST_LINE)}"
