"""How long a crawl takes to its first call, and what it takes in memory: 1 seed and 100,000.

Run with `make bench`. Each crawl is a process of its own against a sandbox in another; times are
from the process's start to the first answer, so that they include Python and Scrapy. Compare the
rows of one run with each other, not runs with each other: machines are shared and noisy.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 5
SCRAPY = [sys.executable, "-m", "scrapy"]


def crawl(url: str, folder: Path, seeds: Path) -> tuple[float, float]:
    """Crawl one page of *seeds*; return seconds to its answer, and the process's peak MB."""
    folder = Path(tempfile.mkdtemp(dir=folder))  # a job run again would replay it
    started = datetime.now(UTC)
    process = subprocess.Popen(
        [*SCRAPY, "crawl", "image_search", "--nolog", "-s", "CLOSESPIDER_PAGECOUNT=1"]
        + ["-a", f"seeds={seeds}", "-a", "max_pages=1", "-a", "job=bench"],
        cwd=ROOT,
        env=os.environ
        | {"TMAPI_BASE_URL": url, "TMAPI_TOKEN": "bench", "TMAPI_OUTPUT_DIR": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0  # wait4 has reaped it
    with (folder / "bench" / "sightings.jsonl").open() as file:
        first = json.loads(next(file))["fetched_at"]
    return (datetime.fromisoformat(first) - started).total_seconds(), usage.ru_maxrss / 1024


def main() -> None:
    """Print one row for each number of seeds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = subprocess.Popen(
            [*SCRAPY, "tmapi", "sandbox", "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = server.stdout.readline().split()[4]
        try:
            print(f"{'seeds':>8} {'first answer':>14} {'peak memory':>12}   median of {ROUNDS}")
            files = {}
            for count in (1, 100_000):
                files[count] = folder / f"{count}.txt"
                files[count].write_text(
                    "".join(
                        f"https://cbu01.alicdn.com/img/ibank/O1CN01{number:08d}_onepage.jpg\n"
                        for number in range(count)
                    )
                )
            runs = [
                (count, *crawl(url, folder, path))
                for _ in range(ROUNDS)
                for count, path in files.items()
            ]
            for count in files:
                seconds = statistics.median(run[1] for run in runs if run[0] == count)
                memory = statistics.median(run[2] for run in runs if run[0] == count)
                print(f"{count:>8,} {seconds:>12.2f} s {memory:>9.0f} MB")
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


if __name__ == "__main__":
    main()
