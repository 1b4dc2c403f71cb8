"""Settings of a worker whose parser has a bug, chosen by the environment variable BREAK.

It fails on page 2 of one query (read), after reading that page, with its products in the pipelines
(after), on page 1 of one query (first), or on each conversion (conversion); or a middleware of the
project swallows the answer (silently).
"""

from __future__ import annotations

import os
from typing import Any

from settings.distributed import *  # noqa: F403
from tmapi_spiders.crawl.page_reader import PageReader
from tmapi_spiders.distributed.worker_flow import WorkerFlow
from tmapi_spiders.spiders.image_search import ImageSearchSpider

EXTENSIONS = {"tests.distributed.broken_worker.Bug": 1}


class Bug:
    @classmethod
    def from_crawler(cls, crawler: Any) -> Bug:
        if os.environ["BREAK"] == "after":
            return cls.after()
        if os.environ["BREAK"] == "silently":
            return cls.silently()
        if os.environ["BREAK"] == "conversion":
            return cls.conversions()
        broken_page = 1 if os.environ["BREAK"] == "first" else 2
        read = PageReader.read

        def broken(self: PageReader, response: Any, progress: Any, page: int, answer: Any) -> Any:
            if page == broken_page and "two" in progress.query.seed.text:
                raise KeyError("no such field")
            return read(self, response, progress, page, answer)

        PageReader.read = broken  # type: ignore[method-assign]
        return cls()

    @classmethod
    def after(cls) -> Bug:
        page_read = WorkerFlow.page_read

        def broken(self: WorkerFlow, progress: Any, page: int, *others: Any) -> Any:
            found = page_read(self, progress, page, *others)
            if page == 2 and "two" in progress.query.seed.text:
                raise KeyError("no such field")
            return found

        WorkerFlow.page_read = broken  # type: ignore[method-assign, assignment]
        return cls()

    @classmethod
    def silently(cls) -> Bug:
        parse = ImageSearchSpider.parse

        def swallowing(self: ImageSearchSpider, response: Any, **kwargs: Any) -> Any:
            if kwargs["page"] == 2 and "two" in kwargs["query"].seed.text:
                return iter(())
            return parse(self, response, **kwargs)

        ImageSearchSpider.parse = swallowing  # type: ignore[method-assign]
        return cls()

    @classmethod
    def conversions(cls) -> Bug:
        def broken(self: ImageSearchSpider, response: Any, **kwargs: Any) -> Any:
            raise KeyError("no such field")

        ImageSearchSpider.parse_conversion = broken  # type: ignore[method-assign]
        return cls()
