"""``scrapy tmapi SUBCOMMAND``: everything this project has beside the crawl."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from typing import Any, Final

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from tmapi_spiders.config.project import check_profile
from tmapi_spiders.crawl.run import EXIT_USAGE
from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened
from tmapi_spiders.system.streams import hold_closed_streams, outlasting, problem_of_stdout

__all__ = ["SUBCOMMANDS", "Command"]

#: Each is a module with ``add_arguments(parser)`` and ``run(options, settings) -> status``; what it
#: does is its docstring's first line, which stands here too, so that it is loaded only when it is
#: wanted: Scrapy loads this module whatever it is asked to do.
SUBCOMMANDS: Final = {
    "check": "Run the monitors on a job that has ended, and tell what they found, as a crawl does.",
    "compare": "Say what changed between two jobs: prices, what is new, what is gone, "
    "targets reached.",
    "delete": "Delete a job from Redis, after asking; exported files stay.",
    "enqueue": "Put a job's seeds on Redis, for workers to crawl.",
    "estimate": "Say how many queries a crawl has, and the least and most calls, "
    "without sending anything.",
    "export": "Write the files of a job on Redis; with -o, make a table of a job's "
    "files: XLSX, CSV or Parquet.",
    "gallery": "Show a job in one HTML file: each seed beside its matches, with "
    "pictures, filters and prices.",
    "jobs": "List the jobs in the output folder, or those of a series, the newest first.",
    "prune": "Delete old jobs of a series, after asking; the newest that were asked for are kept.",
    "replay": "Have a job's dead letters, and what failed besides, worked on once more.",
    "sandbox": "Serve a local, made-up TMAPI until it is interrupted.",
    "status": "Show how far a job is: one on Redis, all of them, or one in the output folder.",
    "stop": "Stop all workers of a job on Redis, wherever they run.",
}

#: As a shell tells of a command that SIGPIPE has ended, which is what becomes of ``ls`` or ``git``.
EXIT_BROKEN_PIPE: Final = 128 + signal.SIGPIPE


class _Choices(dict[str, Any]):
    """The parsers of the subcommands; a word that is none of them is refused with the nearest."""

    def __contains__(self, word: object) -> bool:
        """Say that a subcommand is one.

        :raises argparse.ArgumentError: if it is none, which argparse shows
        """
        if super().__contains__(word):
            return True
        nearest = did_you_mean(str(word), self)
        message = f"{shortened(word)}: no such subcommand.{nearest} Accepted: {', '.join(self)}."
        raise argparse.ArgumentError(None, message)


class Command(ScrapyCommand):
    """Runs one of the subcommands."""

    requires_project = False
    requires_crawler_process = False

    def syntax(self) -> str:
        """Return what follows the command's name."""
        return "<subcommand> [options]"

    def short_desc(self) -> str:
        """Return the line in ``scrapy``'s list."""
        return f"TMAPI's tools: {', '.join(SUBCOMMANDS)}"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the subcommands, each with Scrapy's global options and options of its own."""
        subparsers = parser.add_subparsers(
            dest="subcommand", metavar="<subcommand>", prog="scrapy tmapi"
        )
        named = SUBCOMMANDS.keys() & set(sys.argv)
        for name, does in SUBCOMMANDS.items():
            subparser = subparsers.add_parser(name, help=does, description=does)
            if name in named or not named:
                _module_of(name).add_arguments(subparser)
            super().add_options(subparser)
        subparsers.choices = _Choices(subparsers.choices or {})

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Refuse what is no subcommand or option; take over the global ones."""
        hold_closed_streams()
        if opts.subcommand is None:
            raise UsageError
        if args:  # Scrapy's parser lets unknown options through
            raise UsageError(f"not understood: {' '.join(args)}")
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002 - Scrapy's
        """Run the subcommand and take over its exit status.

        It does all it has to, whether or not what it prints can be written. Where nobody reads that
        to its end (``| head -1``), it ends without a word; a disk that is full is told.
        """
        try:
            check_profile()
        except UsageProblems as exc:
            print(f"{opts.subcommand}: {exc}", file=sys.stderr)
            self.exitcode = EXIT_USAGE
            return
        with outlasting():
            self.exitcode = _module_of(opts.subcommand).run(opts, self.settings)
            sys.stdout.flush()
            problem = problem_of_stdout()
            if isinstance(problem, BrokenPipeError):
                self.exitcode = EXIT_BROKEN_PIPE
            elif problem is not None:
                print(
                    f"{opts.subcommand}: what it prints can't be written ({problem.strerror}); "
                    "all else is done",
                    file=sys.stderr,
                )


def _module_of(subcommand: str) -> Any:
    return import_module(f"tmapi_spiders.commands.{subcommand}")
