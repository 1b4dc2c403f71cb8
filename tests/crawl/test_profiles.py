"""This repository's own profiles, and an API that is not the sandbox."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import ROOT, Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way


def test_the_sandbox_profile_needs_no_token_and_says_it_is_made_up(tmp_path: Path) -> None:
    crawl = Crawler(tmp_path / "output")
    process = crawl.start(
        seeds=str(ROOT / "fixtures" / "seeds.txt"),
        sort="default,sales",
        job="x",
        env={"SCRAPY_PROJECT": "sandbox"},
    )
    done = crawl.finish(process, "x")
    assert done.exit_status == 0
    assert {row["status"] for row in done.outcomes} == {"complete"}
    assert len(done.outcomes) >= 6
    assert len(done.products) > 100
    assert "INFO: SANDBOX: these products are made up" in done.log
    assert done.job["made_up"] is True


def test_a_real_token_is_not_given_to_the_sandbox(tmp_path: Path) -> None:
    crawl = Crawler(tmp_path / "output", "https://api.tmapi.example")
    done = crawl.finish(
        crawl.start(seeds="/search/onepage.jpg", job="j", env={"SCRAPY_PROJECT": "sandbox"})
    )
    assert done.exit_status == 0
    assert done.job["source"] == "sandbox"


def test_a_seed_that_is_a_sandbox_picture_finds_that_product_first(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    found = crawl(seeds="/search/a/onepage.jpg").products[3]
    done = crawl(seeds=f"/search/a/{found['item_id']}.svg", max_pages=1, job="k")
    assert done.products[0]["item_id"] == found["item_id"]


class Api(BaseHTTPRequestHandler):
    """Another server that answers as documented: the vendor's example, then nothing."""

    example = json.loads((ROOT / "fixtures" / "vendor_example.json").read_text("utf-8"))

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path != "/1688/global/search/image/v2":
            return self.answer(404, {"message": "no Route matched with those values"})
        if asked.get("apiToken") != "x":
            return self.answer(401, {"message": "No API key found in request"})
        data = dict(self.example["data"], page=int(asked["page"]), has_next_page=True)
        if asked["page"] != "1":
            data |= {"items": [], "has_next_page": False}
        return self.answer(200, {"code": 200, "msg": "success", "data": data})

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.both_ways
def test_another_server_and_the_vendors_example(way: Way) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    crawl = way(f"http://127.0.0.1:{server.server_port}")
    try:
        done = crawl(
            seeds="/search/imgextra5/1589508648580602236.jpg",
            job="vendor",
            env={"TMAPI_TOKEN": "x"},
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert done.exit_status == 0
    assert (done.outcome["reason"], done.outcome["pages"]) == ("empty_page", 2)
    expected = [
        json.loads(line)
        for line in (ROOT / "fixtures" / "expected.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(done.products) == len(expected) == 3
    for row, wanted in zip(done.products, expected, strict=True):
        assert row.pop("fetched_at")
        wanted.pop("fetched_at")
        assert list(row.items()) == list(wanted.items())
