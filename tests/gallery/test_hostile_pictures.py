"""Pictures made to be costly: none blocks the gallery, or a browser that opens it."""

from __future__ import annotations

import base64
import re
import sqlite3
import struct
from typing import TYPE_CHECKING

import pytest

from tests.gallery.gallery_jobs import JobFolder, product
from tests.gallery.test_thumbnails import encoded, send, serving
from tmapi_spiders.gallery.fetcher import GIVEN_UP_AFTER
from tmapi_spiders.gallery.svg import NotPlain, plain_drawing

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.support import Crawler

pytestmark = pytest.mark.long  # make long

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'

#: Each level shows the previous one ten times.
NESTED = "".join(
    f'<g id="g{level}">' + f'<use xlink:href="#g{level - 1}"/>' * 10 + "</g>"
    for level in range(1, 9)
)
TILES = "".join(
    f'<pattern id="{new}" width="1" height="1" patternUnits="userSpaceOnUse">'
    f'<rect width="1" height="1" fill="url(#{old})"/></pattern>'
    for old, new in ("ab", "bc", "cd")
)

SVGS = {
    "use": f'<g id="g0"><rect width="1" height="1"/></g>{NESTED}',
    "image": '<image href="https://example.com/a.png"/>',
    "script": "<script>while (true);</script>",
    "foreign": '<foreignObject><div xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>',
    "filter": '<filter id="f"><feTurbulence numOctaves="1000"/></filter>',
    "animation": '<rect><animate attributeName="x" dur="1ms"/></rect>',
    "handler": '<rect onload="alert(1)"/>',
    "style": '<rect style="filter: url(#f)"/>',
    "tiles": f"<defs>{TILES}</defs>",
    "small tiles": '<defs><pattern id="p" width="0.0001" height="1"/></defs>',
    "many": "<rect/>" * 200,
    "comment": "<!-- a -->",
    "dashes": '<path d="M0 0" stroke-dasharray="0.0001"/>',
    "large number": '<rect width="1e30"/>',
}


def bmp_bomb() -> bytes:
    """Return a BMP of 1 KB whose one row is padded, pixel by pixel, to its 49,000,000."""
    pixels, width = b"\1\1\0\0\0\1", 49_000_000
    offset = 14 + 40 + 4 * 256
    info = struct.pack("<IiiHHIIiiII", 40, width, 1, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    head = struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset)
    return head + info + b"\1\2\3\0" * 256 + pixels


@pytest.mark.parametrize("inner", SVGS.values(), ids=SVGS)
def test_an_svg_that_is_not_a_plain_drawing(inner: str) -> None:
    with pytest.raises(NotPlain):
        plain_drawing(f"{HEAD}{inner}</svg>".encode())


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE svg [<!ENTITY a "aa">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        b'<svg xmlns="http://www.w3.org/1999/xhtml"/>',
        b"<svg><rect></svg>",
        b"\xff\xfe<\0s\0v\0g\0",
        b"<svg" + b" " * 30_000 + b"/>",
    ],
)
def test_broken_svg_is_refused(data: bytes) -> None:
    with pytest.raises(NotPlain):
        plain_drawing(data)


def test_a_gallery_of_them(offline: Crawler) -> None:
    bodies = {
        "/seed.jpg": encoded(),
        "/1.jpg": f"{HEAD}{SVGS['use']}</svg>".encode(),
        "/2.jpg": bmp_bomb(),
        "/3.jpg": encoded(),
        "/4.jpg": f'{HEAD}<rect width="5" height="5" fill="red"/></svg>'.encode(),
    }

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, bodies[handler.path])

    with serving(answer) as server:
        job = JobFolder(offline.output / "j", source=server.place)
        found = [product(number, img=f"{server.url}/{number}.jpg") for number in range(1, 5)]
        job.seed("A", *found, seed=f"{server.url}/seed.jpg")
        folder = job.write()
        # An earlier version kept foreign drawings.
        with sqlite3.connect(folder / "thumbnails.sqlite") as kept:
            kept.execute(
                "CREATE TABLE thumbnails "
                "(picture TEXT PRIMARY KEY, media_type TEXT, data BLOB) WITHOUT ROWID"
            )
            row = (f"{server.url}/1.jpg", "image/svg+xml", bodies["/1.jpg"])
            kept.execute("INSERT INTO thumbnails VALUES (?, ?, ?)", row)
        kept.close()
        done = offline.command("tmapi", "gallery", "j")
    assert done.exit_status == 0, done.log
    assert "3 of 5 pictures embedded" in done.stdout, done.stdout
    assert "1: an SVG of more than 50 elements" in done.stdout
    page = (folder / "gallery.html").read_text("utf-8")
    assert page.count("data:image/webp;base64,") == 2
    (drawing,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert base64.b64decode(drawing) == (
        b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="5" height="5" fill="red" /></svg>'
    )


@pytest.mark.long
def test_a_host_of_costly_pictures_is_given_up(offline: Crawler) -> None:
    with serving(lambda handler: send(handler, bmp_bomb())) as server:
        job = JobFolder(offline.output / "j", source=server.place)
        found = [product(number, img=f"{server.url}/{number}.jpg") for number in range(1, 31)]
        job.seed("A", *found)
        job.write()
        done = offline.command("tmapi", "gallery", "j")
    assert done.exit_status == 0, done.log
    assert "more than 5 s, or too much memory, to read it" in done.stdout
    assert f"failed {GIVEN_UP_AFTER} times in a row" in done.stdout
