# ruff: noqa: INP001 - a script, in no package
"""Makes the pictures of the gallery that the README shows, from a crawl of the sandbox.

Run it in the project's root: python docs/images/make_screenshots.py
"""

from __future__ import annotations

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tests.results.browser import DESKTOP, PHONE, browser  # noqa: E402 - it is not installed
from tests.support import Crawler  # noqa: E402

SEEDS = """\
image;id;sku;price
https://cbu01.alicdn.com/img/ibank/teapot-67.jpg;AB 12/4;POT-0417;18.50
https://cbu01.alicdn.com/img/ibank/vase-10.jpg;AB 12/7;VASE-2210;9.90
https://cbu01.alicdn.com/img/ibank/nothing.jpg;AB 13/1;OLD-0009;7.20
"""


def main() -> None:
    """Crawl, make the gallery, take the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = folder / "seeds.csv"
        seeds.write_text(SEEDS, "utf-8")
        crawler = Crawler(folder / "output", variables={"TMAPI_SANDBOX": "1"})
        done = crawler(seeds=seeds, sort="default,sales", max_pages=3, job="spring")
        if done.exit_status:
            raise SystemExit(done.log)
        if (made := crawler.command("tmapi", "gallery", "spring")).exit_status:
            raise SystemExit(made.log)
        page = crawler.output / "spring" / "gallery.html"
        with browser() as window:
            for file, size, dark, height in (
                ("gallery.png", DESKTOP, False, 1120),
                ("gallery-dark-phone.png", PHONE, True, 1280),
            ):
                window.show(page, size, dark=dark)
                window.screenshot(folder / file, clip=(size[0], height))
                with Image.open(BytesIO((folder / file).read_bytes())) as shot:
                    shot.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(
                        HERE / file, optimize=True
                    )


if __name__ == "__main__":
    main()
