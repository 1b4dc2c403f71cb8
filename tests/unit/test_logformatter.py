"""Lines for each page and each item are made where somebody reads them, and nowhere else."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.exceptions import DropItem
from scrapy.http import TextResponse
from scrapy.settings import Settings

from tmapi_spiders.logformatter import ReadLogFormatter

REQUEST = Request("https://api.example/search")
RESPONSE = TextResponse(REQUEST.url, request=REQUEST)


@pytest.fixture
def spider() -> Any:
    spider: Any = Spider("any")
    spider.crawler = SimpleNamespace(settings=Settings())
    return spider


def read_from_info(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one handler instead of pytest's, which take everything."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler(logging.INFO)])


def lines(spider: Spider, drop_level: str | None = None) -> list[Any]:
    formatter = ReadLogFormatter()
    drop = DropItem("written already", log_level=drop_level)
    return [
        formatter.crawled(REQUEST, RESPONSE, spider),
        formatter.scraped({"item_id": 1}, RESPONSE, spider),
        formatter.dropped({"item_id": 1}, drop, RESPONSE, spider),
    ]


def test_nobody_reads_them(monkeypatch: pytest.MonkeyPatch, spider: Spider) -> None:
    read_from_info(monkeypatch)
    crawled, scraped, dropped = lines(spider)
    assert (crawled, scraped) == (None, None)
    assert dropped["level"] == logging.WARNING, "that is above DEBUG"
    assert lines(spider, "DEBUG") == [None, None, None]


@pytest.mark.parametrize("name", [None, "scrapy", "scrapy.core.scraper"])
def test_a_handler_takes_them(
    monkeypatch: pytest.MonkeyPatch, spider: Spider, name: str | None
) -> None:
    read_from_info(monkeypatch)
    logger, handler = logging.getLogger(name), logging.NullHandler(logging.DEBUG)
    logger.addHandler(handler)
    try:
        assert all(lines(spider, "DEBUG"))
    finally:
        logger.removeHandler(handler)
