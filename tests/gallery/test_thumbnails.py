"""Pictures: scaled, fetched politely, kept; and addresses that must not be reached."""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.gallery.gallery_jobs import TOKEN, JobFolder, make_gallery, product
from tmapi_spiders.gallery import fetcher as fetcher_module
from tmapi_spiders.gallery import thumbnails
from tmapi_spiders.gallery.fetcher import PictureFetcher
from tmapi_spiders.gallery.thumbnails import Thumbnail, Unusable, make_thumbnail
from tmapi_spiders.sandbox.looks import Look
from tmapi_spiders.sandbox.pictures import OUTLINES, STROKES, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support import Crawler


def encoded(size: tuple[int, int] = (800, 400), kind: str = "JPEG", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, size, (200, 30, 30, 0)[: len(mode)]).save(file, kind)
    return file.getvalue()


def claimed(width: int, height: int) -> bytes:
    """Return the beginning of a PNG that claims this size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    length, check = struct.pack(">I", len(header) - 4), struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + length + header + check + b"\0\0\0\x04IDAT1234"


class Pictures:
    """A server of pictures that counts requests, in all and concurrent."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None] | None = None) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.most_at_once = 0
        self._now = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with lock:
                    outer.seen.append((self.path, dict(self.headers)))
                    outer._now += 1
                    outer.most_at_once = max(outer.most_at_once, outer._now)
                try:
                    (answer or send)(self)
                finally:
                    with lock:
                        outer._now -= 1

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.place}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(
    handler: BaseHTTPRequestHandler, body: bytes = b"", status: int = 200, **headers: str
) -> None:
    body = body or (encoded() if status == 200 else b"")
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None] | None = None) -> Iterator[Pictures]:
    server = Pictures(answer)
    try:
        yield server
    finally:
        server.stop()


def fetch(*urls: str, inside: tuple[str, ...] = ()) -> tuple[list[Thumbnail | None], Any]:
    async def all_of_them() -> tuple[list[Thumbnail | None], Any]:
        async with PictureFetcher(inside) as fetcher:
            return await asyncio.gather(*map(fetcher.fetch, urls)), fetcher.problems

    return asyncio.run(all_of_them())


@pytest.mark.parametrize(
    "data",
    [
        encoded(),
        encoded(kind="PNG", mode="RGBA"),
        encoded(kind="GIF"),
        encoded(kind="WEBP"),
        encoded(mode="CMYK"),
        encoded(kind="PNG", mode="L"),
    ],
    ids=["jpeg", "transparent", "gif", "webp", "cmyk", "grey"],
)
def test_pictures_are_made_small(data: bytes) -> None:
    made = make_thumbnail(data)
    assert made.media_type == "image/webp"
    with Image.open(BytesIO(made.data)) as small:
        assert small.size == (240, 120)


def test_transparency_becomes_white() -> None:
    with Image.open(BytesIO(make_thumbnail(encoded(kind="PNG", mode="RGBA")).data)) as small:
        assert small.convert("RGB").getpixel((9, 9)) == (255, 255, 255)


def test_a_picture_is_turned_upright() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 400)).save(file, "JPEG", exif=exif)
    with Image.open(BytesIO(make_thumbnail(file.getvalue()).data)) as small:
        assert small.size == (120, 240)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (claimed(30_000, 20_000), "not a readable picture (DecompressionBombError)"),
        (claimed(10_000, 6_000), "10000 × 6000 pixels"),
        (encoded()[:300], "not a readable picture"),
        (b"<html>not found</html>", "not a readable picture"),
        (b"", "not a readable picture"),
        (b"<svg>" + b" " * 20_000, "an SVG of 20,005 bytes"),
    ],
    ids=["bomb", "large", "cut", "page", "nothing", "long-svg"],
)
def test_broken_pictures_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unusable, match=re.escape(why)):
        make_thumbnail(data)


def test_the_sandboxs_drawings_are_shown() -> None:
    for kind in OUTLINES:
        for pattern in STROKES:
            drawn = picture(Look(kind, 120, 55, pattern), "612345678901").encode()
            made = make_thumbnail(b'<?xml version="1.0"?>\n' + drawn)
            assert made.media_type == "image/svg+xml"
            # The same except for white space.
            assert made.data.replace(b" ", b"") == drawn.strip().replace(b" ", b"")


def test_few_at_a_time_with_an_honest_name() -> None:
    together = threading.Barrier(fetcher_module.PER_HOST)

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        together.wait(20)
        time.sleep(0.05)  # for one that must not be there
        send(handler)

    with serving(slowly) as server:
        made, problems = fetch(
            *(f"{server.url}/{number}.jpg" for number in range(12)), inside=(server.place,)
        )
    assert all(made)
    assert not problems
    assert server.most_at_once == fetcher_module.PER_HOST
    assert len(server.seen) == 12
    for _, headers in server.seen:
        assert headers["User-Agent"].startswith("tmapi_spiders/")
        assert "Cookie" not in headers


def test_a_host_that_fails_is_given_up() -> None:
    with serving(lambda handler: send(handler, status=503)) as server:
        made, problems = fetch(
            *(f"{server.url}/{number}.jpg" for number in range(40)), inside=(server.place,)
        )
    assert not any(made)
    assert len(server.seen) < fetcher_module.GIVEN_UP_AFTER + fetcher_module.PER_HOST
    assert sum(problems.values()) == 40
    assert problems["answered with status 503"] == len(server.seen)


def test_pictures_that_are_gone_do_not_give_up_a_host() -> None:
    def first_ones_are_gone(handler: BaseHTTPRequestHandler) -> None:
        send(handler, status=200 if handler.path == "/there.jpg" else 404)

    with serving(first_ones_are_gone) as server:
        urls = [f"{server.url}/{number}.jpg" for number in range(20)]
        made, _ = fetch(*urls, f"{server.url}/there.jpg", inside=(server.place,))
    assert [bool(it) for it in made] == [False] * 20 + [True]


def test_a_picture_that_is_too_large_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher_module, "MAX_BYTES", 100_000)
    with serving(lambda handler: send(handler, b"x" * 1_000_000)) as server:
        made, problems = fetch(f"{server.url}/a.jpg", inside=(server.place,))
    assert made == [None]
    assert list(problems) == ["more than 0 MB"]


def test_a_host_that_does_not_answer_costs_a_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher_module, "_SECONDS", 0.2)
    done = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        done.wait(20)

    with serving(wait) as server:
        made, problems = fetch(f"{server.url}/a.jpg", inside=(server.place,))
        done.set()
    assert made == [None]
    assert list(problems) == ["no answer in time"]


def test_no_picture_reaches_the_users_own_network() -> None:
    with serving() as server:
        port = server.place.rpartition(":")[2]
        hosts = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
        hosts += ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]"]
        made, problems = fetch(*(f"http://{host}:{port}/a.jpg" for host in hosts))
    assert not any(made)
    assert problems == {"not an address of the public internet": len(hosts)}
    assert server.seen == []


def test_no_redirect_reaches_the_users_own_network() -> None:
    with serving() as inner:

        def onwards(handler: BaseHTTPRequestHandler) -> None:
            targets = {"/a": f"{inner.url}/secret", "/b": "file:///etc/passwd", "/c": "/c"}
            send(handler, status=302, Location=targets[handler.path])

        with serving(onwards) as outer:
            made, problems = fetch(
                *(f"{outer.url}/{name}" for name in "abc"), inside=(outer.place,)
            )
        assert inner.seen == []
    assert not any(made)
    assert problems == {
        "not an address of the public internet": 1,
        "redirected to something that is not a web address": 1,
        "redirected more than 3 times": 1,
    }


def pictured_job(offline: Crawler, server: Pictures, count: int = 6) -> Path:
    job = JobFolder(offline.output / "j", source=server.place)
    found = [product(number, img=f"{server.url}/{number}.jpg") for number in range(1, count + 1)]
    job.seed("A", *found, seed=f"{server.url}/seed.jpg")
    return job.write()


def test_the_second_run_fetches_what_is_missing(offline: Crawler) -> None:
    is_well = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, status=200 if is_well.is_set() or handler.path != "/3.jpg" else 404)

    with serving(answer) as server:
        folder = pictured_job(offline, server)
        done = make_gallery(offline.output, "j", TMAPI_TOKEN=TOKEN)
        assert done.exit_status == 0, done.log
        told = "6 of 7 pictures embedded (limit 15 MB); 1 could not be fetched."
        assert told in done.stdout
        assert "1: answered with status 404" in done.stdout
        assert "/seed.jpg" in {path for path, _ in server.seen[: fetcher_module.PER_HOST]}
        is_well.set()
        before = len(server.seen)
        done = make_gallery(offline.output, "j", TMAPI_TOKEN=TOKEN)
        assert "7 of 7 pictures embedded (limit 15 MB)." in done.stdout
        assert [path for path, _ in server.seen[before:]] == ["/3.jpg"]
        assert TOKEN not in repr(server.seen)
    page = (folder / "gallery.html").read_text("utf-8")
    assert TOKEN not in page
    assert page.count("data:image/webp;base64,") == 7
    (folder / "thumbnails.sqlite").write_bytes(b"no database at all" * 100)
    done = make_gallery(offline.output, "j")
    assert done.exit_status == 4
    assert "thumbnails.sqlite: it can't be used" in done.log
    assert "Traceback" not in done.log


def test_the_limit_leaves_the_best_ranked(offline: Crawler) -> None:
    with serving() as server:
        folder = pictured_job(offline, server, count=60)
        one = len(make_thumbnail(encoded()).url)
        room = 5.5 * one / 1_000_000
        done = make_gallery(offline.output, "j", "--thumbnails", f"{room:.6f}")
        assert "5 of 61 pictures embedded" in done.stdout
        assert "56 left out by the limit" in done.stdout
        assert len(server.seen) == 48, "no more are fetched than one batch"
    pictures = (folder / "gallery.html").read_text("utf-8").split('id="gallery-pictures">')[1]
    assert pictures.count("data:image/webp;base64,") == 5


def test_ctrl_c_keeps_what_was_fetched(offline: Crawler) -> None:
    stuck, go_on = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/50.jpg":
            stuck.set()
            go_on.wait(30)
        send(handler)

    with serving(answer) as server:
        folder = pictured_job(offline, server, count=60)
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "tmapi", "gallery", "j"],
            cwd=offline.project,
            env=offline.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert stuck.wait(30)
        process.send_signal(signal.SIGINT)
        stdout, log = process.communicate(timeout=30)
        go_on.set()
        assert (process.returncode, stdout) == (4, ""), log
        assert log.startswith("gallery: interrupted;"), log
        assert "Traceback" not in log
        assert not (folder / "gallery.html").exists()
        before = len(server.seen)
        done = make_gallery(offline.output, "j")
        assert "61 of 61 pictures embedded" in done.stdout
        assert len(server.seen) - before == 13, "a batch of 48 was kept"


def test_thumbnails_are_small_enough_to_be_mailed_by_the_thousand() -> None:
    noise = Image.effect_noise((800, 800), 60).convert("RGB")
    file = BytesIO()
    noise.save(file, "JPEG")
    made = make_thumbnail(file.getvalue())
    assert len(made.data) < 20_000
    assert base64.b64decode(made.url.partition(",")[2]) == made.data
    assert thumbnails.SIDE == 240
