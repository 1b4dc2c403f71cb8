"""Compares the rows that crawls have written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson
from by_hand import page_rows
from processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_EXAMPLE = orjson.loads((ROOT / "fixtures" / "vendor_example.json").read_bytes())

_NOT_COMPARED = {"fetched_at"}

BY_HAND = frozenset(page_rows(_EXAMPLE["data"], "", 0)[0])
"""The fields that hand-written rows have; ours may have more."""


def read_rows(path: Path, names: Collection[str] | None = None) -> dict[int, int]:
    """Return a hash of the compared fields of each row, by item id.

    :param names: the fields to compare, never times; None: all
    :raises SystemExit: if an item has two rows
    """
    hashes: dict[int, int] = {}
    with path.open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            # A loader leaves out what others write as null.
            values = {
                name: value
                for name, value in row.items()
                if name not in _NOT_COMPARED
                and (names is None or name in names)
                and value is not None
            }
            if row["item_id"] in hashes:
                sys.exit(f"{path}: item_id={row['item_id']} has two rows")
            hashes[row["item_id"]] = hash(orjson.dumps(values, option=orjson.OPT_SORT_KEYS))
    return hashes


def check_same(who: str, rows: dict[int, int], whose: str, others: dict[int, int]) -> None:
    """End the benchmark if two crawls of the same pages have written different rows."""
    if rows.keys() != others.keys():
        sys.exit(
            f"{who} has written {len(rows):,} rows, and {whose} {len(others):,}: "
            f"{len(rows.keys() ^ others.keys()):,} items have a row of only one of them"
        )
    if differ := [item for item in rows if rows[item] != others[item]]:
        sys.exit(
            f"{len(differ):,} rows of {who} and {whose} differ, the first for item_id={differ[0]}"
        )
