"""The notice posted to a webhook: the changes as one JSON object of limited size."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import orjson

from tmapi_spiders.compare.changes import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LARGEST", "SCHEMA", "Notice"]

SCHEMA: Final = 1
"""Raised when receivers have to be adapted."""

LARGEST: Final = 1_000_000
"""The most bytes of a notice; further changes are left out."""

#: Changes of the last kinds are left out first.
_ORDER: Final = ("target_reached", *(kind for kind in KINDS if kind != "target_reached"))


@attrs.frozen
class Notice:
    """The body to post, and its id."""

    id: str
    """The same whenever the same changes of the same two jobs are posted again, and only then."""
    body: bytes

    @classmethod
    def of(
        cls,
        path: Path,
        jobs: tuple[str, str],
        counts: Mapping[str, int],
        *,
        source: str | None,
        changes_file: Path | None,
    ) -> Self:
        """Make the notice of a comparison.

        :param path: the changes, one per line as in changes.jsonl; read line by line
        :param jobs: the names of the old job and the new one
        :param counts: the number of changes by kind
        :param source: the source of the new job's products
        :param changes_file: the file that has all changes, if the user asked for one
        """
        total = sum(counts.values())
        facts: dict[str, Any] = {
            "schema": SCHEMA,
            "id": "0" * 32,
            "old_job": jobs[0],
            "new_job": jobs[1],
            "source": source,
            "total": total,
            "counts": {kind: counts[kind] for kind in KINDS if counts.get(kind)},
            "truncated": False,
            "left_out": total,
            "changes_file": None if changes_file is None else str(changes_file),
            "changes": [],
        }
        digest, lines = _read(path, LARGEST - len(orjson.dumps(facts)), "\0".join(jobs))
        facts["id"] = digest
        facts["left_out"] = total - len(lines)
        facts["truncated"] = facts["left_out"] > 0
        head = orjson.dumps(facts).removesuffix(b"]}")
        return cls(digest, head + b",".join(lines) + b"]}")


def _read(path: Path, room: int, jobs: str) -> tuple[str, list[bytes]]:
    """Return the id, and the lines that fit, ordered by kind."""
    digest = sha256(jobs.encode())
    of_kind: dict[str, list[bytes]] = {kind: [] for kind in _ORDER}
    sizes: Counter[str] = Counter()
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            kind = line.split(b'"', 4)[3].decode()  # {"change":"price",…
            # A line counts its line feed, which the comma replaces.
            if sizes[kind] + len(line) <= room:
                sizes[kind] += len(line)
                of_kind[kind].append(line.rstrip())
    kept: list[bytes] = []
    for lines in of_kind.values():
        for line in lines:
            if len(line) >= room:
                return digest.hexdigest()[:32], kept
            room -= len(line) + 1
            kept.append(line)
    return digest.hexdigest()[:32], kept
