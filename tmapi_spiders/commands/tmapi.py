"""``scrapy tmapi SUBCOMMAND``: everything except the crawl itself."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from tmapi_spiders.commands.exit_status import report, say, stoppable
from tmapi_spiders.config.project import check_profile
from tmapi_spiders.errors import TmapiError, UsageProblems, did_you_mean, shortened
from tmapi_spiders.system.streams import replace_closed_streams, stdout_problem, unfailing_output

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

__all__ = ["SUBCOMMANDS", "Command", "run_subcommand"]

#: Each is a module with ``add_arguments(parser)`` and ``run(options, settings)``, which returns the
#: exit status or raises what ``exit_status.py`` maps to one. The help is the first line of the
#: module's docstring, repeated here because Scrapy loads this module for every command, and a
#: subcommand's module should be loaded only when it runs.
SUBCOMMANDS: Final = {
    "check": "Run the monitors on a job that has ended, and report what they find.",
    "compare": "Show what changed between two jobs: prices, new and gone products, price targets.",
    "delete": "Delete a job from Redis, after asking; exported files stay.",
    "enqueue": "Put a job's seeds on Redis for workers to crawl.",
    "estimate": "Count the queries of a crawl, and its fewest and most calls; sends nothing.",
    "export": "Write the files of a job on Redis, or with -o a table: XLSX, CSV or Parquet.",
    "gallery": "Show a job on one HTML page: each seed next to its matches, with pictures.",
    "jobs": "List the jobs in the output folder, or those of a series, newest first.",
    "prune": "Delete old jobs of a series, after asking; the newest stay.",
    "replay": "Queue a job's dead letters again and, with --failed, its failed queries.",
    "sandbox": "Serve a local, made-up TMAPI until interrupted.",
    "status": "Show the progress of jobs on Redis, or of one job in the output folder.",
    "stop": "Stop all workers of a job on Redis, wherever they run.",
}

#: What a shell reports for a command that SIGPIPE has killed, as happens to ``ls`` or ``git``.
EXIT_BROKEN_PIPE: Final = 128 + signal.SIGPIPE


class _Choices(dict[str, Any]):
    """The subcommands' parsers by name; refuses an unknown name with the nearest known one."""

    def __contains__(self, word: object) -> bool:
        """Return True for a subcommand's name.

        :raises argparse.ArgumentError: for any other word; argparse shows the message
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
        """Return what follows the command's name on the command line."""
        return "<subcommand> [options]"

    def short_desc(self) -> str:
        """Return the command's line in ``scrapy -h``."""
        return f"TMAPI's tools: {', '.join(SUBCOMMANDS)}"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the subcommands, each with its own options and Scrapy's global ones."""
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
        """Refuse unknown words and options; apply Scrapy's global options."""
        replace_closed_streams()
        if opts.subcommand is None:
            raise UsageError
        if args:  # Scrapy's parser accepts unknown options
            raise UsageError(f"not understood: {' '.join(args)}")
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002 - Scrapy's
        """Run the subcommand, and set the exit status.

        The work is finished even if its output can't be written. When the reader closes the pipe
        early (``| head -1``), the command ends silently; a full disk is reported.
        """
        name, settings = opts.subcommand, self.settings
        assert settings is not None
        try:
            check_profile()
        except UsageProblems as exc:
            self.exitcode = report(name, exc)
            return
        with unfailing_output():
            self.exitcode = run_subcommand(name, opts, settings)
            sys.stdout.flush()
            problem = stdout_problem()
            if isinstance(problem, BrokenPipeError):
                self.exitcode = EXIT_BROKEN_PIPE
            elif problem is not None:
                say(name, f"its output can't be written ({problem.strerror}); all else is done")


def run_subcommand(name: str, options: argparse.Namespace, settings: BaseSettings) -> int:
    """Run a subcommand; print what it raises, and return the exit status."""
    try:
        with stoppable("interrupted."):
            status: int = _module_of(name).run(options, settings)
    except TmapiError as exc:
        return report(name, exc)
    return status


def _module_of(subcommand: str) -> Any:
    return import_module(f"tmapi_spiders.commands.{subcommand}")
