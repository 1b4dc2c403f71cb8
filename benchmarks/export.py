"""Export: a job's sightings as a table.

`scrapy tmapi export JOB -o FILE --table sightings`, as a user runs it, of a job written for the
purpose: each file is read twice. The seeds have three columns of their own.

- rows: sightings; wall and CPU seconds of the whole command; µs/row: CPU
- peak MB: resident memory; MB: the file's size, compared with that of sightings.jsonl
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from processes import ROOT, SCRAPY, Child, environment
from tables import introduce, table

from tmapi_spiders.formats import to_document, to_line
from tmapi_spiders.items import Sighting

JOB = "bench"
SUFFIXES = (".csv", ".parquet", ".xlsx")
FEW = 10_000
"""Rows of the smaller job, whose memory is compared."""
RANKS = 200
"""Rows of a query."""


def write_job(output: Path, rows: int) -> Path:
    """Write a job's folder; return it."""
    folder = output / JOB
    folder.mkdir(parents=True)
    facts = {"schema": 1, "job": JOB, "source": "nobody", "made_up": True, "running": False}
    (folder / "job.json").write_bytes(to_document(facts))
    for name in ("products", "outcomes"):
        (folder / f"{name}.jsonl").touch()
    with (folder / "sightings.jsonl").open("wb") as file:
        for number in range(rows):
            seed, rank = divmod(number, RANKS)
            sighting = Sighting(
                job=JOB,
                query_id=f"{seed:020x}",
                seed_id=f"AB {seed}/{rank % 7}",
                seed_data={"sku": f"{seed:06}", "price": "12.50", "note": "of the spring list"},
                item_id=600_000_000_000 + number,
                page=1 + rank // 20,
                rank=1 + rank,
                price=f"{number % 90}.50",
                fetched_at="2026-11-25T21:19:49.118Z",
            )
            file.write(to_line(sighting))
    return folder


def measure(rows: int) -> list[list[str]]:
    """Export a job to each format; return a table row for each."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        output = Path(name)
        folder = write_job(output, rows)
        size = (folder / "sightings.jsonl").stat().st_size / 2**20
        for suffix in SUFFIXES:
            path = output / f"table{suffix}"
            command = [*SCRAPY, "tmapi", "export", JOB, "-o", str(path), "--table", "sightings"]
            env = environment(TMAPI_OUTPUT_DIR=output, SCRAPY_PROJECT="sandbox")
            with Child(command, output / "log", ROOT, env) as child:
                usage = child.wait()
            told = f"sightings {rows:,} rows"
            if told not in (output / "log").read_text():
                sys.exit(f"{suffix}: not “{told}”:\n{(output / 'log').read_text()}")
            found.append(
                [suffix, f"{rows:,}", f"{usage.wall:.1f}", f"{usage.cpu:.1f}"]
                + [f"{usage.cpu / rows * 1e6:.0f}", f"{usage.peak:.0f}"]
                + [f"{path.stat().st_size / 2**20:.1f}", f"{size:.1f}"]
            )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="(default: %(default)s)")
    options = parser.parse_args()
    introduce(__doc__, libraries=("XlsxWriter", "pyarrow", "orjson"))
    table(
        "format | rows | wall s | CPU s | µs/row | peak MB | MB | of JSON lines",
        [*measure(FEW), *measure(options.rows)],
    )


if __name__ == "__main__":
    main()
