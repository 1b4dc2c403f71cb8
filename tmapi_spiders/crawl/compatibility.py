"""Checks that Scrapy and other libraries have the undocumented features that this package uses.

Only the lowest versions are fixed. If a newer version has dropped a feature, the crawl is refused
before anything is paid, instead of failing in the middle.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from scrapy.utils.misc import load_object

from tmapi_spiders.errors import UsageProblems

__all__ = ["check_compatibility"]

#: By library and class: methods, and attributes that instances get from their constructor.
_USED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "scrapy": {
        "scrapy.commands.BaseRunSpiderCommand": ("_create_crawler", "process_options"),
        "scrapy.core.engine.ExecutionEngine": (
            *("close_spider_async", "crawl", "needs_backout", "running", "spider"),
            *("spider_is_idle", "stop_async"),
        ),
        "scrapy.core.scheduler.Scheduler": ("from_crawler", "has_pending_requests"),
        "scrapy.crawler.Crawler": ("crawling", "get_downloader_middleware", "get_extension"),
        "scrapy.extensions.feedexport.FeedExporter": ("slots",),
        "scrapy.extensions.feedexport.FeedSlot": (
            *("batch_id", "file", "filter", "itemcount", "storage", "store_empty", "uri"),
        ),
        "scrapy.extensions.feedexport.ItemFilter": ("item_classes",),
        "scrapy.signalmanager.SignalManager": ("wait_for",),
    },
    "itemloaders": {
        "itemloaders.ItemLoader": ("get_input_processor", "get_output_processor"),
    },
    "jmespath": {
        "jmespath.functions.Functions": ("FUNCTION_TABLE",),
        "jmespath.parser.ParsedResult": ("parsed", "search"),
    },
}


def check_compatibility() -> None:
    """Check that the libraries have what this package uses of them in a crawl.

    :raises UsageProblems: naming library, version and what is missing
    """
    problems = []
    for library, classes in _USED.items():
        missing = []
        for path, names in classes.items():
            try:
                found = load_object(path)
            except (ImportError, NameError):
                missing.append(path)
                continue
            missing += [f"{path}.{name}" for name in names if not _has(found, name)]
        if missing:
            problems.append(
                f"{library} {version(library)}: it has no {', '.join(missing)}, which "
                "tmapi_spiders needs. Install the version of constraints.txt, or a newer "
                "tmapi_spiders."
            )
    if problems:
        raise UsageProblems(*problems)


def _has(found: Any, name: str) -> bool:
    """Return whether a class has an attribute, or its constructor gives it to its instances.

    >>> class Slot:
    ...     def __init__(self): self.count = 0
    >>> _has(Slot, "count"), _has(Slot, "size")
    (True, False)
    """
    if hasattr(found, name):
        return True
    for one in found.__mro__:
        code = getattr(vars(one).get("__init__"), "__code__", None)
        if name in getattr(one, "__annotations__", ()) or (code and name in code.co_names):
            return True
    return False
