"""``-a NAME=VALUE`` of ``scrapy crawl``, for subcommands that take a crawl's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.utils.conf import arglist_to_dict

from tmapi_spiders.errors import UsageProblems

if TYPE_CHECKING:
    import argparse

__all__ = ["add_spider_arguments", "given_arguments"]


def add_spider_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``-a``, and ``--spider``, which takes these arguments."""
    parser.add_argument(
        "--spider",
        metavar="NAME",
        help="the crawl's spider (default: the job's own, or image_search)",
    )
    parser.add_argument(
        "-a",
        dest="spargs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the crawl (can be repeated)",
    )


def given_arguments(options: argparse.Namespace) -> dict[str, str]:
    """Return the crawl's arguments as given, the job's name included.

    :raises UsageProblems: if one is not NAME=VALUE
    """
    try:
        given: dict[str, str] = arglist_to_dict(options.spargs)
    except ValueError:
        raise UsageProblems("-a: accepted: NAME=VALUE.") from None
    return given if options.job is None else given | {"job": options.job}
