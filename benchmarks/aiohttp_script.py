"""What a good programmer writes without Scrapy: a session, N calls in flight, dicts as JSON lines.

Arguments: the base URL, the file of images, the file to write, and the number of calls in flight.
It has no retries and no adaptive limit, and can't be continued.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import aiohttp
from by_hand import PATH, page_rows, question

if TYPE_CHECKING:
    from collections.abc import Iterator


async def read(session: aiohttp.ClientSession, seeds: Iterator[str], out: IO[str]) -> None:
    """Write the rows of one query after another, until there are none left."""
    for seed in seeds:
        page, before, goes_on = 1, 0, True
        while goes_on:
            parameters = {**question(seed, page), "apiToken": "bench"}
            async with session.get(PATH, params=parameters) as answer:
                answer.raise_for_status()
                data = (await answer.json())["data"]
            for row in page_rows(data, seed, before):
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
            page, before, goes_on = page + 1, before + len(data["items"]), data["has_next_page"]


async def read_all(url: str, seeds: Iterator[str], out: IO[str], in_flight: int) -> None:
    """Write the rows of all queries."""
    async with aiohttp.ClientSession(url) as session:
        await asyncio.gather(*(read(session, seeds, out) for _ in range(in_flight)))


def main(url: str, images: str, written: str, in_flight: str) -> None:
    """Read the images and write the file."""
    with Path(written).open("w") as out:
        asyncio.run(read_all(url, iter(Path(images).read_text().split()), out, int(in_flight)))


if __name__ == "__main__":
    main(*sys.argv[1:])
