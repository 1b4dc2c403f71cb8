"""Scrapy's lines for pages and items are formatted only if a handler takes them."""

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


def handle_from_info(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install one handler from INFO, instead of pytest's, which take everything."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler(logging.INFO)])


def lines(spider: Spider, drop_level: str | None = None) -> list[Any]:
    formatter = ReadLogFormatter()
    drop = DropItem("written already", log_level=drop_level)
    return [
        formatter.crawled(REQUEST, RESPONSE, spider),
        formatter.scraped({"item_id": 1}, RESPONSE, spider),
        formatter.dropped({"item_id": 1}, drop, RESPONSE, spider),
    ]


def test_lines_without_a_handler_are_not_formatted(
    monkeypatch: pytest.MonkeyPatch, spider: Spider
) -> None:
    handle_from_info(monkeypatch)
    crawled, scraped, dropped = lines(spider)
    assert (crawled, scraped) == (None, None)
    assert dropped["level"] == logging.WARNING, "a warning is above DEBUG"
    assert lines(spider, "DEBUG") == [None, None, None]


@pytest.mark.parametrize("name", [None, "scrapy", "scrapy.core.scraper"])
def test_lines_with_a_handler_are_formatted(
    monkeypatch: pytest.MonkeyPatch, spider: Spider, name: str | None
) -> None:
    handle_from_info(monkeypatch)
    logger, handler = logging.getLogger(name), logging.NullHandler(logging.DEBUG)
    logger.addHandler(handler)
    try:
        assert all(lines(spider, "DEBUG"))
    finally:
        logger.removeHandler(handler)
