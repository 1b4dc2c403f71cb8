"""Serve a local, made-up TMAPI until it is interrupted."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Final

from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.sandbox.server import Sandbox
from tmapi_spiders.system.signals import heed_hang_ups
from tmapi_spiders.system.streams import problem_of_stdout

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

DEFAULT_PORT: Final = 8688
MAX_PORT: Final = 65535
LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "::1")

EXIT_OK: Final = 0
EXIT_BAD_OPTIONS: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by `run`."""
    defaults = SandboxOptions()
    add = parser.add_argument
    add("--port", type=int, default=DEFAULT_PORT, help="0: any free one (default: %(default)s)")
    add("--host", default=LOOPBACK_HOSTS[0], help="loopback only (default: %(default)s)")
    add(
        "--products",
        type=int,
        default=defaults.products,
        help="size of the catalogue (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=defaults.seed,
        help="which catalogue and which failures (default: %(default)s)",
    )
    add(
        "--latency",
        type=float,
        default=defaults.latency,
        help="seconds added to each call (default: %(default)s)",
    )
    add(
        "--limit",
        type=int,
        default=defaults.limit,
        help="calls in flight before 503; 0: no limit (default: %(default)s)",
    )
    add(
        "--balance",
        type=int,
        default=defaults.balance,
        help="calls answered code 200 before 439; -1: endless (default: %(default)s)",
    )
    add(
        "--failure-rate",
        type=float,
        default=defaults.failure_rate,
        help="share of calls, 0 to 1, that fail (default: %(default)s)",
    )
    add(
        "--failure-kinds",
        default="",
        help="how they fail: kinds of docs/sandbox.md, comma-separated (default: the transient)",
    )
    add(
        "--refused",
        default=defaults.refused,
        help="URLs refused until they are converted: foreign, all, none (default: %(default)s)",
    )
    add(
        "--stale",
        default=defaults.stale,
        help="what a path gone stale is answered: refused, empty (default: %(default)s)",
    )
    add(
        "--path-seconds",
        type=float,
        default=defaults.path_seconds,
        help="how long a converted path is good; 0: for ever (default: %(default)s)",
    )
    add(
        "--path-searches",
        type=int,
        default=defaults.path_searches,
        help="how many searches it is good for; 0: any number (default: %(default)s)",
    )
    add(
        "--day",
        type=int,
        default=defaults.day,
        help="prices, sales and what is on sale move from day to day (default: %(default)s)",
    )
    add(
        "--outage",
        default=defaults.outage,
        metavar="KIND",
        help="fail every call so, a kind of docs/sandbox.md (default: none)",
    )
    add(
        "--outage-calls",
        type=int,
        default=defaults.outage_calls,
        help="how many calls; -1: all (default: %(default)s)",
    )
    add("--token", default=defaults.token, help="the one token accepted (default: any)")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:  # noqa: ARG001 - it has none
    """Serve until SIGINT, SIGTERM or SIGHUP; returns the exit status."""
    try:
        sandbox_options = _read(options)
    except ValueError as exc:
        sys.stderr.write(f"sandbox: {exc}\n")
        return EXIT_BAD_OPTIONS
    try:
        asyncio.run(_serve(sandbox_options, options.host, options.port))
    except OSError as exc:
        sys.stderr.write(
            f"sandbox: cannot serve on port {options.port} of {options.host} "
            f"({exc.strerror or exc}); choose another with --port, or --port 0 for any free one\n"
        )
        return EXIT_BAD_OPTIONS
    return EXIT_OK


def _read(options: argparse.Namespace) -> SandboxOptions:
    """The options of the sandbox; raises ValueError where one can't be."""
    if options.host not in LOOPBACK_HOSTS:
        # It takes any token and answers made-up products: nobody else is to meet it by accident.
        raise ValueError(f"host={options.host!r}: must be one of {', '.join(LOOPBACK_HOSTS)}")
    if not 0 <= options.port <= MAX_PORT:
        raise ValueError(f"port={options.port}: must be a whole number from 0 to {MAX_PORT}")
    return SandboxOptions(
        products=options.products,
        seed=options.seed,
        latency=options.latency,
        limit=options.limit,
        balance=options.balance,
        failure_rate=options.failure_rate,
        failure_kinds=tuple(filter(None, options.failure_kinds.split(","))),
        refused=options.refused,
        stale=options.stale,
        path_seconds=options.path_seconds,
        path_searches=options.path_searches,
        outage=options.outage,
        outage_calls=options.outage_calls,
        token=options.token,
        day=options.day,
    )


async def _serve(options: SandboxOptions, host: str, port: int) -> None:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    heed_hang_ups()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    sandbox = Sandbox(options)
    base_url = await sandbox.start(host, port)
    accepted, token = (
        ("its own token only", "YOUR_TOKEN") if options.token else ("any token", "sandbox")
    )
    made_up = f"made-up products of day {options.day}" if options.day else "made-up products"
    try:
        sys.stdout.write(
            f"Sandbox of TMAPI at {base_url} ({made_up}; {accepted})\n"
            f"Crawl it with: TMAPI_BASE_URL={base_url} TMAPI_TOKEN={token} "
            "scrapy crawl image_search -a seeds=/search/sandbox/teapot.jpg\n"
            "Stop it with Ctrl-C.\n"
        )
        sys.stdout.flush()
        if not isinstance(problem_of_stdout(), BrokenPipeError):
            await interrupted.wait()
    finally:
        await sandbox.stop()
