"""The crawls that are compared with each other, and how each is started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import attrs
from processes import HERE, ROOT, SCRAPY, Child, Usage, environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from serving import Server

OURS = "ours"
ALL = ("aiohttp", "plain", "textbook", OURS)

IN_FLIGHT = 16
"""Calls that each may have in flight: the default of TMAPI_MAX_CONCURRENCY."""

PAGES_A_QUERY = 10
JOB = "bench"


def seeds(numbers: Iterable[int | str]) -> str:
    """Return a file of images that quick_api.py has queries for."""
    return "".join(f"https://cbu01.alicdn.com/img/query-{number}.jpg\n" for number in numbers)


ONE_PAGE = "https://cbu01.alicdn.com/img/single.jpg\n"
"""A file of one image with one page."""


@attrs.frozen
class Crawl:
    """Result of one crawl of quick_api.py."""

    usage: Usage
    first_call: float
    """Seconds from the start of the process to its first call."""
    calls: int
    rows: Path
    """The JSON lines it wrote."""
    log: str


def start(
    who: str, api: Server, images: Path, folder: Path, *options: str, in_flight: int = IN_FLIGHT
) -> Child:
    """Start a crawl of all pages for a file of images.

    :param folder: where it writes; ours continues a job that is there
    :param options: further options of its command
    """
    out = str(_rows(who, folder))
    log_level = ("-s", "LOG_LEVEL=INFO")
    if who == "aiohttp":
        script = str(HERE / "aiohttp_script.py")
        command = [sys.executable, script, api.url, str(images), out, str(in_flight)]
    elif who == OURS:
        given = ("-a", f"seeds={images}", "-a", f"job={JOB}")
        command = [*SCRAPY, "crawl", "image_search", *given, *log_level, *options]
    else:
        spider = str(HERE / f"{who}_spider.py")
        given = ("-a", f"seeds={images}", "-a", f"api={api.url}")
        for name in ("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"):
            options += ("-s", f"{name}={in_flight}")
        feed = ("-o", f"{out}:jsonlines")
        command = [*SCRAPY, "runspider", spider, *given, *feed, *log_level, *options]
    env = environment(
        TMAPI_BASE_URL=api.url,
        TMAPI_TOKEN="bench",
        TMAPI_OUTPUT_DIR=folder,
        TMAPI_MAX_CONCURRENCY=in_flight,
        TMAPI_BUDGET=100_000_000,
    )
    return Child(command, folder / "log", ROOT if who == OURS else folder, env)


def crawl(
    who: str,
    api: Server,
    images: Path,
    folder: Path,
    *options: str,
    in_flight: int = IN_FLIGHT,
    status: int = 0,
) -> Crawl:
    """Crawl all pages for a file of images, after resetting the server.

    The parameters are those of :func:`start`, and the expected exit status.
    """
    with start(who, api, images, folder, *options, in_flight=in_flight) as child:
        usage = child.wait(status)
    counts = api.get("/counts")
    log = (folder / "log").read_text()
    return Crawl(usage, counts["begun"] - child.started, counts["calls"], _rows(who, folder), log)


def _rows(who: str, folder: Path) -> Path:
    return folder / JOB / "products.jsonl" if who == OURS else folder / "rows.jsonl"
