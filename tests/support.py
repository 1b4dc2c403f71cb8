"""Shared by the crawl tests: a sandbox in a thread, and crawls as real processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import attrs

from tests.forkserver import SCRAPY, Process, start_scrapy
from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.sandbox.server import Sandbox

ROOT = Path(__file__).parent.parent

#: Long enough to be recognised and struck out anywhere, and not a word of any title.
TOKEN = "test-only-token-0123456789"


class SandboxThread:
    """A sandbox that serves from its own thread, and its counters."""

    def __init__(self, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._sandbox = Sandbox(SandboxOptions(**{"products": 2000, **options}))
        self.url: str = self._await(self._sandbox.start())

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def stop(self) -> None:
        self._await(self._sandbox.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=90) as answer:
            return json.load(answer)

    def reset(self) -> None:
        urllib.request.urlopen(f"{self.url}/_sandbox/reset", b"", timeout=90).close()

    def fail_all(self, kind: str, calls: int = -1) -> None:
        """Make the next calls, or all, fail."""
        body = json.dumps({"kind": kind, "calls": calls}).encode()
        urllib.request.urlopen(f"{self.url}/_sandbox/outage", body, timeout=90).close()

    @property
    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/_sandbox/calls")
        return found

    @property
    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/_sandbox/stats")
        return found


@attrs.frozen
class Crawl:
    """What a finished crawl left behind."""

    exit_status: int
    log: str
    stdout: str
    folder: Path
    exported: str = ""
    """Output of the export of a worker's job."""

    @property
    def told(self) -> str:
        """Everything a user sees of the crawl, including the export's output."""
        return self.log + self.exported

    def rows(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    @property
    def products(self) -> list[dict[str, Any]]:
        return self.rows("products")

    @property
    def sightings(self) -> list[dict[str, Any]]:
        return self.rows("sightings")

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        return self.rows("outcomes")

    @property
    def outcome(self) -> dict[str, Any]:
        (only,) = self.outcomes
        return only

    @property
    def job(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "job.json").read_text("utf-8"))
        return found


@attrs.frozen
class Crawler:
    """Starts ``scrapy crawl image_search`` as a user does, in its own folder."""

    output: Path
    url: str = ""
    project: Path = ROOT
    covered: bool = True
    """Whether coverage may be measured: it can hang on a Ctrl-C, and needs a writable disk."""

    variables: dict[str, str] = attrs.field(factory=dict)
    """Further environment variables."""

    def environment(self, **variables: str) -> dict[str, str]:
        # COLUMNS and LINES: a library that pytest loads has set them. Compiled modules are kept, or
        # each crawl would compile the project anew.
        theirs = ["TMAPI_", "SCRAPY_", "COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE"]
        if not self.covered:
            theirs.append("COVERAGE")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(tuple(theirs))
        }
        ours = {
            "TMAPI_OUTPUT_DIR": str(self.output),
            "TMAPI_RETRY_DELAY": "0.05",
            "PYTHONWARNINGS": "error",
        }
        if self.url:
            ours |= {"TMAPI_BASE_URL": self.url, "TMAPI_TOKEN": TOKEN}
        return inherited | ours | self.variables | variables

    @staticmethod
    def words(*options: str, spider: str = "image_search", **arguments: Any) -> list[str]:
        """Return the command of a crawl."""
        given = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
        return [*SCRAPY, "crawl", spider, *options, *given]

    def start(
        self,
        *options: str,
        spider: str = "image_search",
        env: dict[str, str] | None = None,
        stderr: Any = subprocess.PIPE,
        **arguments: Any,
    ) -> Process:
        return start_scrapy(
            self.words(*options, spider=spider, **arguments)[len(SCRAPY) :],
            cwd=self.project,
            env=self.environment(**env or {}),
            stderr=stderr,
        )

    def command(self, *words: str, env: dict[str, str] | None = None, **arguments: Any) -> Crawl:
        """Run any of Scrapy's commands to its end."""
        given = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
        process = start_scrapy(
            [*words, *given], cwd=self.project, env=self.environment(**env or {})
        )
        return self._end_of(process, "j")

    def finish(self, process: Process, job: str = "j") -> Crawl:
        """Wait for a crawl to end."""
        return self._end_of(process, job)

    def _end_of(self, process: Process, job: str) -> Crawl:
        try:
            stdout, log = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, log = process.communicate()
            raise AssertionError(f"the crawl did not end:\n{log}") from None
        return Crawl(process.wait(), log, stdout, self.output / job)

    def __call__(self, *options: str, **arguments: Any) -> Crawl:
        """Run a crawl of the job "j" to its end; *arguments* may include those of start."""
        if "series" not in arguments:
            arguments.setdefault("job", "j")
        return self.finish(self.start(*options, **arguments), arguments.get("job", "j"))


class CannedApi:
    """A server that answers every call with the same bytes, and records the request lines."""

    def __init__(
        self, body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        seen: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the base class wants that name

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.seen = seen
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def page_of(*items: str, has_next_page: bool = False) -> bytes:
    """Return a page with the given items as JSON."""
    text = f'{{"items": [{", ".join(items)}], "has_next_page": {str(has_next_page).lower()}}}'
    return f'{{"code": 200, "msg": "success", "data": {text}}}'.encode()


def in_project(folder: Path, url: str, module: str, **variables: str) -> Crawler:
    """Return crawls in a project whose settings and components are in *module*."""
    folder.mkdir()
    (folder / "scrapy.cfg").write_text("[settings]\ndefault = own\n")
    (folder / "own.py").write_text(
        'ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}\nLOG_LEVEL = "INFO"\n' + module
    )
    return Crawler(folder / "output", url, folder, variables=variables)
