"""Thumbnails: pictures made small enough to be embedded by the thousand."""

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
"""Pixels of the longer side."""

MAX_BYTES: Final = 10_000_000
"""Of a picture as it is fetched."""

MAX_PIXELS: Final = 50_000_000
"""Of a picture that is opened: more is a bomb, or no picture of a product."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY: Final = 70


class Unusable(Exception):
    """This is no picture that can be shown; the message says why."""


@attrs.frozen
class Thumbnail:
    """A small picture."""

    media_type: str
    data: bytes

    @property
    def url(self) -> str:
        """It, as a ``data:`` URL.

        >>> Thumbnail("image/webp", b"abc").url
        'data:image/webp;base64,YWJj'
        """
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def check_pillow() -> None:
    """Refuse to go on where the library that makes pictures small is missing.

    :raises UsageProblems: saying what to install
    """
    if find_spec("PIL") is None:
        raise UsageProblems(
            "Pictures are made small with Pillow, which is not installed. Install it "
            "(pip install pillow, or this package's extra: tmapi-spiders[gallery]), or leave the "
            "pictures out: --thumbnails 0"
        )


def make_thumbnail(data: bytes) -> Thumbnail:
    """Make a picture small: WebP, or SVG if it is a plain drawing.

    What a stranger has made may take any time: it is for :mod:`~tmapi_spiders.gallery.scaler`.

    :raises Unusable: if it is no picture, or too large a one
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
    except Exception as exc:  # its decoders raise what they like at damaged files
        raise Unusable(f"no picture that can be read ({type(exc).__name__})") from exc


def _scaled(data: bytes) -> Thumbnail:
    from PIL import Image, ImageOps  # noqa: PLC0415 - needed for pictures alone, and optional

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own, looser limit, and of odd metadata
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
