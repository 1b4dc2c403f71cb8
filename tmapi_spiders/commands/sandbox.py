"""Serve a local, made-up TMAPI until interrupted."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Final

from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.sandbox.server import Sandbox
from tmapi_spiders.system.signals import forward_hang_ups
from tmapi_spiders.system.streams import stdout_problem

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

DEFAULT_PORT: Final = 8688
MAX_PORT: Final = 65535
LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by `run`."""
    defaults = SandboxOptions()
    add = parser.add_argument
    add("--port", type=int, default=DEFAULT_PORT, help="0: any free port (default: %(default)s)")
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
        help="calls in flight before it answers 503; 0: no limit (default: %(default)s)",
    )
    add(
        "--balance",
        type=int,
        default=defaults.balance,
        help="calls answered with code 200 before 439; -1: no end (default: %(default)s)",
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
        help="how they fail: kinds from docs/sandbox.md, comma-separated (default: transient ones)",
    )
    add(
        "--refused",
        default=defaults.refused,
        help="URLs refused until they are converted: foreign, all, none (default: %(default)s)",
    )
    add(
        "--stale",
        default=defaults.stale,
        help="how a stale path is answered: refused, empty (default: %(default)s)",
    )
    add(
        "--path-seconds",
        type=float,
        default=defaults.path_seconds,
        help="how long a converted path is valid; 0: for ever (default: %(default)s)",
    )
    add(
        "--path-searches",
        type=int,
        default=defaults.path_searches,
        help="for how many searches it is valid; 0: any number (default: %(default)s)",
    )
    add(
        "--day",
        type=int,
        default=defaults.day,
        help="prices, sales and what is on sale change from day to day (default: %(default)s)",
    )
    add(
        "--outage",
        default=defaults.outage,
        metavar="KIND",
        help="fail every call in this way, a kind from docs/sandbox.md (default: none)",
    )
    add(
        "--outage-calls",
        type=int,
        default=defaults.outage_calls,
        help="how many calls fail so; -1: all (default: %(default)s)",
    )
    add("--token", default=defaults.token, help="the only token accepted (default: any)")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:  # noqa: ARG001 - it has none
    """Serve until SIGINT, SIGTERM or SIGHUP; return the exit status."""
    try:
        sandbox_options = _read(options)
    except ValueError as exc:
        raise UsageProblems(str(exc)) from exc
    try:
        asyncio.run(_serve(sandbox_options, options.host, options.port))
    except OSError as exc:
        raise UsageProblems(
            f"cannot serve on port {options.port} of {options.host} ({exc.strerror or exc}); "
            "choose another with --port, or --port 0 for any free one"
        ) from exc
    return EXIT_OK


def _read(options: argparse.Namespace) -> SandboxOptions:
    """Return the sandbox's options.

    :raises ValueError: if one is wrong
    """
    if options.host not in LOOPBACK_HOSTS:
        # It accepts any token and serves made-up products: no one else should reach it by accident.
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
    forward_hang_ups()
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
        if not isinstance(stdout_problem(), BrokenPipeError):
            await interrupted.wait()
    finally:
        await sandbox.stop()
