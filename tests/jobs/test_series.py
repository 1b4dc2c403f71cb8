"""Series are listed, named and pruned."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.compare.days import WHEN, Series, item
from tmapi_spiders.inputs.job_names import name_in_series

if TYPE_CHECKING:
    from tests.support import Crawl, Crawler


@pytest.fixture
def series(offline: Crawler) -> Series:
    return Series(offline.output)


def make_days(series: Series, *days: int) -> None:
    for day in days:
        series.day(day, exit_status=0, calls=day, finished_at=WHEN).query("A", item(1)).write()


def left(series: Series) -> set[str]:
    return {path.name for path in series.output.iterdir()}


def prune(crawler: Crawler, *words: str) -> Crawl:
    return crawler.command("tmapi", "prune", *words)


def test_jobs_are_listed_the_newest_first(offline: Crawler, series: Series) -> None:
    make_days(series, 1, 3, 2)
    series.day(4, running=True).write().folder.rename(series.output / "monday")
    listed = offline.command("tmapi", "jobs", "watch").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [
        f"watch-202611{day:02}T180000Z" for day in (3, 2, 1)
    ]
    assert "(watch)" in listed[1]
    assert "(watch~2)" in listed[3]
    everything = json.loads(offline.command("tmapi", "jobs", "--json").stdout)
    assert {(job["job"], job["series"]) for job in everything} == {
        ("monday", None),
        *((f"watch-202611{day:02}T180000Z", "watch") for day in (1, 2, 3)),
    }
    assert "running, or killed" in offline.command("tmapi", "jobs").stdout


def test_a_crawls_series_is_found_by_all_tools(crawl: Crawler) -> None:
    for _ in range(2):
        done = crawl(series="watch", seeds="/search/a/onepage.jpg")
        assert done.exit_status == 0, done.log
    newest, before = sorted((path.name for path in crawl.output.glob("watch-*")), reverse=True)
    for given, name in (("watch", newest), ("watch~1", before)):
        told = crawl.command("tmapi", "export", given, "-o", str(crawl.output / "x.csv")).stdout
        assert told.startswith(f"{name}: "), told
    same = crawl.command("tmapi", "compare", "watch")
    assert same.exit_status == 0
    assert f"{before} → {newest}: 7 products (7 before)" in same.stdout


def test_two_jobs_of_a_series_do_not_overlap(crawl: Crawler) -> None:
    process = crawl.start(series="watch", seeds="/search/a/slow-60.jpg")
    try:
        while not list(crawl.output.glob("watch-*/job.json")):
            assert process.poll() is None
            time.sleep(0.02)
        refused = crawl(series="watch", seeds="/search/a/onepage.jpg")
        assert refused.exit_status == 2
        assert "series=watch: a job of it is running now" in refused.log
        assert len(list(crawl.output.glob("watch-*"))) == 1
    finally:
        process.kill()
        crawl.finish(process)
    assert crawl(series="watch", seeds="/search/a/onepage.jpg", max_pages=1).exit_status == 0


def test_the_newest_that_were_asked_for_are_kept(offline: Crawler, series: Series) -> None:
    make_days(series, 1, 2, 3, 4)
    series.day(9).write().folder.rename(series.output / "watching-20261101T180000Z")
    others = {"watching-20261101T180000Z"}
    refused = prune(offline, "watch", "--keep", "2")
    assert refused.exit_status == 2
    assert "there is no terminal to ask on" in refused.log
    assert len(left(series)) == 5
    done = prune(offline, "watch", "--keep", "2", "--yes")
    assert done.exit_status == 0
    assert "watch: 2 jobs deleted, 2 jobs kept." in done.stdout
    assert left(series) == others | {f"watch-202611{day:02}T180000Z" for day in (3, 4)}
    assert "nothing to delete: 2 jobs kept" in prune(offline, "watch", "--keep", "2").stdout


def test_unfinished_jobs_do_not_count_as_kept(offline: Crawler, series: Series) -> None:
    make_days(series, 1, 2)
    series.day(3, running=True).write()
    series.day(4).write()
    (series.output / "watch-20261104T180000Z" / "job.json").unlink()
    prune(offline, "watch", "--keep", "1", "--yes")
    assert left(series) == {f"watch-202611{day:02}T180000Z" for day in (2, 3, 4)}
    assert "unknown (job.json)" in offline.command("tmapi", "jobs", "watch").stdout


def test_a_link_and_other_series_leftovers_stay(offline: Crawler, series: Series) -> None:
    make_days(series, 2, 3)
    elsewhere = series.output.parent / "elsewhere"
    series.day(1, finished_at=WHEN).write().folder.rename(elsewhere)
    (series.output / "watch-20261101T180000Z").symlink_to(elsewhere)
    (series.output / ".watch-eu-20261101T000000Z.deleted").mkdir()
    done = prune(offline, "watch", "--keep", "1", "--yes")
    assert "1 job deleted, 2 jobs kept" in done.stdout
    assert (elsewhere / "job.json").exists()
    assert ".watch-eu-20261101T000000Z.deleted" in left(series)


def test_by_age_the_newest_stays_however_old(offline: Crawler, series: Series) -> None:
    now = datetime.now(UTC)
    names = [name_in_series("watch", now - timedelta(days=days)) for days in (40, 35, 20)]
    for name in names:
        series.day(1, finished_at=WHEN).write().folder.rename(series.output / name)
    prune(offline, "watch", "--older-than", "30", "--keep", "2", "--yes")
    assert left(series) == {*names[1:]}
    prune(offline, "watch", "--older-than", "10", "--yes")
    assert left(series) == {names[2]}


def test_a_job_at_work_stays_and_leftovers_go(offline: Crawler, series: Series) -> None:
    make_days(series, 1, 2, 3)
    leftover = series.output / ".watch-20261101T000000Z.deleted"
    leftover.mkdir()
    with FileLock(series.output / "watch-20261101T180000Z" / ".lock"):
        done = prune(offline, "watch", "--keep", "1", "--yes")
    assert "watch-20261101T180000Z: it is running, or a link, and is kept." in done.log
    assert "1 job deleted, 2 jobs kept" in done.stdout
    assert left(series) == {"watch-20261101T180000Z", "watch-20261103T180000Z"}


def test_with_the_clock_set_back_nothing_new_is_lost(offline: Crawler, series: Series) -> None:
    """Days 1 to 5 ran in this order; on day 5 the clock was wrong and named the job day 2."""
    stamps = {1: 1, 2: 5, 3: 2, 4: 3, 5: 4}
    for day, began in stamps.items():
        at = WHEN.replace("12:00", f"{began:02}:00")
        series.day(day, started_at=at, finished_at=at).query("A", item(1)).write()
    told = "watch-20261101T180000Z watch-20261103T180000Z"
    (series.output / "watch.told").write_text(f"{told}\n")
    assert "1 job deleted, 4 jobs kept" in prune(offline, "watch", "--keep", "1", "--yes").stdout
    kept = {f"watch-202611{day:02}T180000Z" for day in (1, 2, 3, 5)}  # told, newest, told, by name
    assert left(series) == {*kept, "watch.told"}
    (series.output / "watch.told").unlink()
    prune(offline, "watch", "--keep", "1", "--yes")
    assert left(series) == {"watch-20261102T180000Z", "watch-20261105T180000Z"}
    log = series.compare("watch").log
    assert "watch-20261102T180000Z ran after watch-20261105T180000Z" in log


def test_advice_names_jobs_that_are_there(series: Series) -> None:
    make_days(series, 2, 3)
    gone = "watch-20261101T180000Z"
    for words in ((gone, "watch"), ("watch", gone)):
        refused = series.compare(*words)
        assert refused.exit_status == 2
        assert f"{gone}: there is no such job in {series.output}. Its series has " in refused.log
        assert "has 2 jobs; the newest is watch-20261103T180000Z." in refused.log
        assert "crawl image_search" not in refused.log
    (series.output / "watch-20261102T180000Z").rename(series.output / "kept")
    series.day(3).query("A", item(1, "9.00")).write()
    untold = series.compare("kept", "watch", "--exec", "false")
    assert untold.exit_status == 4
    assert "scrapy tmapi compare kept watch-20261103T180000Z " in untold.log
    alone = series.compare("watch~1", "kept")
    assert "watch~1: the series has one job: watch." in alone.log


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["watch"], "which jobs? Give --keep N, or --older-than DAYS"),
        (["watch", "--keep", "0"], "--keep 0: accepted: a whole number from 1 to 99999"),
        (["watch", "--older-than", "a month"], "--older-than a month: accepted"),
        (["wach", "--keep", "1"], 'Did you mean "watch"?'),
        (["monday", "--keep", "1"], "monday: it is a job, not a series"),
    ],
)
def test_what_is_refused(offline: Crawler, series: Series, words: list[str], message: str) -> None:
    make_days(series, 1, 2)
    series.day(3).write().folder.rename(series.output / "monday")
    refused = prune(offline, *words, "--yes")
    assert refused.exit_status == 2
    assert message in refused.log
    assert len(left(series)) == 3
