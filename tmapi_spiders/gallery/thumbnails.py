"""Makes thumbnails: pictures small enough to embed by the thousand."""

from __future__ import annotations

import base64
import warnings
from importlib.util import find_spec
from io import BytesIO
from typing import Final

import attrs

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.gallery.svg import NotPlain, plain_drawing

__all__ = ["MAX_BYTES", "SVG", "WEBP", "Thumbnail", "Unusable", "check_pillow", "make_thumbnail"]

WEBP: Final = "image/webp"
SVG: Final = "image/svg+xml"

SIDE: Final = 240
"""Pixels of a thumbnail's longer side."""

MAX_BYTES: Final = 10_000_000
"""The largest picture that is fetched."""

MAX_PIXELS: Final = 50_000_000
"""The largest picture that is opened: more is a decompression bomb, or no product picture."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY: Final = 70


class Unusable(Exception):
    """The picture can't be shown; the message says why."""


@attrs.frozen
class Thumbnail:
    """A small picture."""

    media_type: str
    data: bytes

    @property
    def url(self) -> str:
        """The picture as a ``data:`` URL.

        >>> Thumbnail("image/webp", b"abc").url
        'data:image/webp;base64,YWJj'
        """
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def check_pillow() -> None:
    """Check that Pillow, which makes thumbnails, is installed.

    :raises UsageProblems: if it is not
    """
    if find_spec("PIL") is None:
        raise UsageProblems(
            "Thumbnails are made with Pillow, which is not installed. Install it "
            "(pip install pillow, or this package's extra: tmapi-spiders[gallery]), or leave the "
            "pictures out: --thumbnails 0"
        )


def make_thumbnail(data: bytes) -> Thumbnail:
    """Make a thumbnail: WebP, or SVG if the picture is a plain drawing.

    A stranger's picture may take any time, so :mod:`~tmapi_spiders.gallery.scaler` calls this.

    :raises Unusable: if it is not a picture, or too large
    """
    if _is_svg(data):
        try:
            return Thumbnail(SVG, plain_drawing(data))
        except NotPlain as exc:
            raise Unusable(str(exc)) from exc
    try:
        return _scaled(data)
    except Unusable:
        raise
    except Exception as exc:  # decoders raise all kinds of errors on damaged files
        raise Unusable(f"not a readable picture ({type(exc).__name__})") from exc


def _scaled(data: bytes) -> Thumbnail:
    from PIL import Image, ImageOps  # noqa: PLC0415 - optional, and only needed here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own, looser limit and odd metadata
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise Unusable(f"{opened.width} × {opened.height} pixels")
            opened.draft("RGB", (SIDE * 2, SIDE * 2))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((SIDE, SIDE))
            if upright.has_transparency_data:
                colours = upright.convert("RGBA")
                shown = Image.new("RGB", colours.size, "white")
                shown.paste(colours, mask=colours.getchannel("A"))
            else:
                shown = upright.convert("RGB")
    small = BytesIO()
    shown.save(small, "WEBP", quality=_QUALITY, method=4)
    return Thumbnail(WEBP, small.getvalue())


def _is_svg(data: bytes) -> bool:
    head = data[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith(b"<svg") or (
        head.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head
    )
