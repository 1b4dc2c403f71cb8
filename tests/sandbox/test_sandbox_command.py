"""`scrapy tmapi sandbox` as a process."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from scrapy.settings import Settings

from tests.sandbox.test_sandbox_http import Client, serving
from tmapi_spiders.commands import sandbox
from tmapi_spiders.commands.tmapi import run_subcommand

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVER = """
import argparse, sys
from scrapy.settings import Settings
from tmapi_spiders.commands import sandbox
from tmapi_spiders.commands.tmapi import run_subcommand
parser = argparse.ArgumentParser()
sandbox.add_arguments(parser)
sys.exit(run_subcommand("sandbox", parser.parse_args(), Settings()))
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", DRIVER, *arguments]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The process, and the lines it printed when it was ready."""
    with subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Nothing may depend on the hash of strings: use a different seed than this process.
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    ) as process:
        try:
            assert process.stdout
            yield process, [process.stdout.readline() for _ in range(2)]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(number: signal.Signals) -> None:
    with running("--port", "0", "--products", "1000") as (process, lines):
        line = re.fullmatch(
            r"Sandbox of TMAPI at (http://127\.0\.0\.1:\d+) \(made-up products; any token\)\n",
            lines[0],
        )
        assert line
        assert f"TMAPI_BASE_URL={line[1]} TMAPI_TOKEN=sandbox scrapy crawl image_search" in lines[1]
        client = Client(line[1])
        with serving() as other:
            theirs = client.search("/search/a.jpg").body.replace(client.base_url.encode(), b"")
            ours = other.search("/search/a.jpg").body.replace(other.base_url.encode(), b"")
            assert theirs == ours
        with pytest.raises(TimeoutError):
            client.search("/search/fail-hang.jpg", timeout=0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def test_its_options_reach_the_sandbox() -> None:
    options = (
        "--port 0 --products 40 --seed 3 --limit 9 --balance 2 --latency 0.01 "
        "--failure-rate 1 --failure-kinds null-data,empty --token hush "
        "--outage code-500 --outage-calls 1"
    )
    with running(*options.split()) as (_, lines):
        assert "hush" not in "".join(lines)
        client = Client(lines[0].split()[4])
        assert client.search("/search/a.jpg").status == 401
        target = "/1688/global/search/image/v2?apiToken=hush&img_url=/search/a.jpg"
        assert client.send("GET", target).json["code"] == 500
        reply = client.send("GET", target)
        assert not (reply.json["data"] or {}).get("items")
        stats = client.admin("stats")
        assert (stats["limit"], stats["balance"]) == (9, 1)


def test_a_port_in_use_is_one_message_and_exit_2() -> None:
    with serving() as client:
        port = urlsplit(client.base_url).port
        done = subprocess.run(
            command("--port", str(port)), capture_output=True, text=True, timeout=90, check=False
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"port {port}" in done.stderr
    assert "in use" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--host 0.0.0.0", "host='0.0.0.0': must be one of 127.0.0.1"),
        ("--port 70000", "port=70000: must be a whole number from 0 to 65535"),
        ("--products 0", "products=0: must be a whole number from 1"),
        ("--day -1", "day=-1: must be a whole number from 0"),
        ("--failure-rate 2", "failure_rate=2.0: must be a number from 0 to 1"),
        ("--failure-kinds html,whale", "failure_kinds="),
        ("--outage whale", "outage='whale': must be a kind of fault"),
    ],
)
def test_a_bad_option_is_one_message_and_exit_2(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    sandbox.add_arguments(parser)
    assert run_subcommand("sandbox", parser.parse_args(arguments.split()), Settings()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sandbox: {message}")
    assert err.count("\n") == 1
