# ruff: noqa: INP001 - a script, in no package
"""Makes the pictures of the gallery and of a comparison that the docs show, from the sandbox.

Run it in the project's root, where a font with Chinese characters is installed:
python docs/images/make_screenshots.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tests.gallery.browser import DESKTOP, PHONE, browser  # noqa: E402 - it is not installed
from tests.support import Crawler  # noqa: E402
from tmapi_spiders.crawl.run import EXIT_CHANGED  # noqa: E402

SEEDS = """\
image;id;sku;price
https://cbu01.alicdn.com/img/ibank/teapot-67.jpg;AB 12/4;POT-0417;18.50
https://cbu01.alicdn.com/img/ibank/vase-10.jpg;AB 12/7;VASE-2210;9.90
https://cbu01.alicdn.com/img/ibank/nothing.jpg;AB 13/1;OLD-0009;7.20
"""

#: With a price to wait for.
WATCHED = SEEDS.replace(";price\n", ";target_price\n")


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
        gallery = crawler.output / "spring" / "gallery.html"
        changes = compare_days(folder, crawler)
        with browser() as window:
            for page, file, size, dark, height in (
                (gallery, "gallery.png", DESKTOP, False, 1120),
                (gallery, "gallery-dark-phone.png", PHONE, True, 1280),
                (changes, "compare.png", DESKTOP, False, 1190),
            ):
                window.show(page, size, dark=dark)
                window.screenshot(folder / file, clip=(size[0], height))
                with Image.open(BytesIO((folder / file).read_bytes())) as shot:
                    shot.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(
                        HERE / file, optimize=True
                    )


def compare_days(folder: Path, crawler: Crawler) -> Path:
    """Crawl on two days of the sandbox, and make the page of what changed."""
    seeds = folder / "watched.csv"
    seeds.write_text(WATCHED, "utf-8")
    for day in (1, 4):
        crawler.variables["TMAPI_SANDBOX_OPTIONS"] = json.dumps({"day": day})
        done = crawler(seeds=seeds, job=f"watch-2026110{day}T180000Z")
        if done.exit_status:
            raise SystemExit(done.log)
    page = folder / "changes.html"
    made = crawler.command("tmapi", "compare", "watch", "--html", str(page))
    if made.exit_status != EXIT_CHANGED:
        raise SystemExit(made.log)
    return page


if __name__ == "__main__":
    main()
