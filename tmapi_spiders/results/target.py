"""Target: the file that a job's tables are to be written to, and what it takes to write it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from tmapi_spiders.errors import UsageProblems, did_you_mean
from tmapi_spiders.results.survey import TABLES

__all__ = ["SUFFIXES", "Target"]

#: By suffix: the libraries that write it, and the extra that brings them.
SUFFIXES: dict[str, tuple[tuple[str, ...], str]] = {
    ".xlsx": (("xlsxwriter",), "xlsx"),
    ".csv": ((), ""),
    ".parquet": (("pyarrow", "pyarrow.parquet"), "parquet"),
}


@attrs.frozen
class Target:
    """What is to be written, and where."""

    path: Path
    suffix: str
    tables: tuple[str, ...]
    bom: bool
    libraries: tuple[Any, ...]

    @classmethod
    def of(cls, given: str, table: str | None, *, bom: bool) -> Target:
        """Check what the user wants.

        :param given: the file
        :param table: one of a job's tables; None: all in a workbook, the products in other files
        :param bom: whether a CSV file begins with a byte order mark
        :raises UsageProblems: with all that is wrong
        """
        try:
            path = Path(given).expanduser()
            problems = _unusable(given, path)
        except (OSError, RuntimeError) as exc:  # too long, behind a closed folder, ~nobody
            raise UsageProblems(f"-o {given}: it can't be the name of a file ({exc}).") from exc
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            accepted = f"{', '.join(list(SUFFIXES)[:-1])} or {list(SUFFIXES)[-1]}"
            problems.append(
                f"-o {given}: accepted: a name that ends in {accepted}."
                f"{did_you_mean(suffix, SUFFIXES)}"
            )
        if table is not None and table not in TABLES:
            problems.append(
                f"--table {table}: accepted: {', '.join(TABLES)}.{did_you_mean(table, TABLES)}"
            )
        if bom and suffix in SUFFIXES and suffix != ".csv":
            problems.append(f"--bom: it is for .csv; leave it out for {suffix}.")
        libraries: tuple[Any, ...] = ()
        try:
            libraries = _libraries(given, suffix)
        except UsageProblems as exc:
            problems += exc.problems
        if problems:
            raise UsageProblems(*problems)
        everything = tuple(TABLES) if suffix == ".xlsx" else tuple(TABLES)[:1]
        return cls(path, suffix, (table,) if table else everything, bom, libraries)


def _unusable(given: str, path: Path) -> list[str]:
    """Return why nothing can be written there."""
    if "\0" in given or path.is_dir():
        return [f"-o {given!r}: accepted: the name of a file; this is none."]
    if not path.parent.is_dir():
        return [f"-o {given}: there is no folder {path.parent}; make it first."]
    if path.exists() and not path.is_file():
        return [f"-o {given}: it is there, and no file; choose another name."]
    return []


def _libraries(given: str, suffix: str) -> tuple[Any, ...]:
    names, extra = SUFFIXES.get(suffix, ((), ""))
    try:
        return tuple(map(import_module, names))
    except ImportError as exc:
        raise UsageProblems(
            f"-o {given}: {suffix} is written with the library {names[0]}, which can't be loaded "
            f"({exc}). Install it: pip install 'tmapi-spiders[{extra}]'; or write .csv, which "
            "needs none."
        ) from exc
