"""Seeds whose queries end with evidence against the ending, for local crawls and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: By image name in the sandbox: how the query ends, and the evidence against that.
ENDINGS = {
    "teapot": ("complete last_page", []),
    "endless": ("complete no_new_items", ["repeated_page"]),
    "gap-p2": ("complete empty_page", ["empty_page"]),
    "nothing": ("empty empty_page", []),
    "nothing-endless": ("empty empty_page", ["empty_first_page"]),
    "nothing-bigtotal": ("empty empty_page", ["counted_not_given"]),
    "nothing-endless-bigtotal": (
        "empty empty_page",
        ["empty_first_page", "counted_not_given"],
    ),
    "onepage-bigtotal": ("complete last_page", ["short_of_count"]),
    "mixed": ("complete last_page", ["unreadable_ids"]),
    "mixed-fail-status-502-p2": ("partial error", ["unreadable_ids"]),
    "endless-mixed": ("complete no_new_items", ["repeated_page", "unreadable_ids"]),
    "fail-html": ("failed error", []),
    # An ending that was asked for makes no claim.
    "endless-1": ("complete max_pages", []),
}

COUNTS = {
    "all": 9,
    "counted_not_given": 2,
    "empty_first_page": 2,
    "empty_page": 1,
    "repeated_page": 2,
    "short_of_count": 1,
    "unreadable_ids": 3,
}

WORDS = (
    "9 queries have evidence against their ending: 2 empty_first_page, 2 counted_not_given, "
    "1 empty_page, 2 repeated_page, 3 unreadable_ids, 1 short_of_count"
)


def write_seeds(folder: Path) -> Path:
    """Write them as a seed table; endless-1 is limited so that it ends at once."""
    path = folder / "doubtful.csv"
    lines = ["id;image;search_max_pages"]
    lines += [f"{name};/search/a/{name}.jpg;{1 if name == 'endless-1' else ''}" for name in ENDINGS]
    path.write_text("\n".join([*lines, ""]), "utf-8")
    return path


def endings_of(outcomes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        row["seed_id"]: (f"{row['status']} {row['reason']}", row["evidence"]) for row in outcomes
    }
