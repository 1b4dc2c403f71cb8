"""Options of ``scrapy tmapi compare``, declared and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from tmapi_spiders.commands.page_options import PageOptions, add_page_options
from tmapi_spiders.compare.change_filter import ChangeFilter
from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.program import SECONDS, Program
from tmapi_spiders.compare.webhook import Webhook
from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.jobs.destination import problems_of, to_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CompareOptions", "add_compare_options"]

_SHOWN = 10

#: Kinds of change with a ``--min-…-change`` threshold.
_MEASURED = ("price", "sales", "rank")

_LINES = (".jsonl", ".ndjson")


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by :meth:`CompareOptions.read`."""
    parser.add_argument(
        "jobs", nargs="+", metavar="JOB", help="OLD and NEW; or a series: its last two jobs"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the changes as JSON lines, one per change"
    )
    parser.add_argument(
        "--html", metavar="FILE", help="write a page: each seed next to what changed, with pictures"
    )
    add_page_options(parser, which="those that changed most")
    parser.add_argument(
        "--only", metavar="KINDS", help=f"only these, comma-separated: {', '.join(KINDS)}"
    )
    for kind in _MEASURED:
        parser.add_argument(
            f"--min-{kind}-change",
            metavar="N",
            help=f"leave out smaller changes of {kind}: a number"
            + (" of places" if kind == "rank" else ", or per cent (5%%)"),
        )
    parser.add_argument(
        "--show",
        metavar="N",
        default=str(_SHOWN),
        help="show the N largest changes of each kind (default: %(default)s)",
    )
    parser.add_argument(
        "--incomplete-ok",
        action="store_true",
        help="also compare a job that was stopped early, or has no outcomes or job.json",
    )
    parser.add_argument("--notify", metavar="URL", help="post the changes, if any, to a webhook")
    parser.add_argument(
        "--exec",
        metavar="COMMAND",
        help="run a program with the changes, if any, on its standard input",
    )
    parser.add_argument(
        "--exec-timeout",
        metavar="SECONDS",
        default=SECONDS,
        help="how long the program may run (default: %(default)s)",
    )


@attrs.frozen
class CompareOptions:
    """The options of a comparison, checked."""

    wanted: ChangeFilter
    shown: int
    webhook: Webhook | None
    program: Program | None
    output: Path | None
    page: PageOptions
    condition: str
    """The options that leave changes out, as given."""

    @classmethod
    def read(cls, options: argparse.Namespace) -> Self:
        """Read the options.

        :raises UsageProblems: with all that is wrong
        """
        problems: list[str] = []

        def read(reader: Callable[..., Any], *given: str, **named: str | None) -> Any:
            try:
                return reader(*given, **named)
            except UsageProblems as exc:
                problems.extend(exc.problems)
                return None

        thresholds = {kind: getattr(options, f"min_{kind}_change") for kind in _MEASURED}
        wanted = read(ChangeFilter.read, options.only, **thresholds)
        webhook = program = output = None
        if options.notify is not None:
            webhook = read(Webhook.read, options.notify)
        if options.exec is not None:
            program = read(Program.read, options.exec, options.exec_timeout)
        if options.output is not None:
            output = read(_lines_path, options.output)
        page = read(PageOptions.read, options.thumbnails, options.per_seed)
        if options.html is not None and page is not None:
            read(page.check_pictures)
        if len(options.jobs) > 2:
            problems.append(f"{' '.join(options.jobs)}: accepted: OLD and NEW, or one series.")
        if not (options.show.isascii() and options.show.isdigit() and len(options.show) < 6):
            problems.append(
                f"--show {shortened(options.show)}: accepted: a whole number from 0 to 99999."
            )
        if problems:
            raise UsageProblems(*problems)
        return cls(wanted, int(options.show), webhook, program, output, page, _condition(options))


def _lines_path(given: str) -> Path:
    path = to_path(given)
    if problems := problems_of(given, path, _LINES):
        raise UsageProblems(*problems)
    return path


def _condition(options: argparse.Namespace) -> str:
    names = ("only", *(f"min_{kind}_change" for kind in _MEASURED))
    given = {name: getattr(options, name) for name in names}
    return " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value is not None
    )
