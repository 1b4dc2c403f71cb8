"""The file to write a job's tables to, and the libraries that write it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.errors import UsageProblems, did_you_mean
from tmapi_spiders.jobs.destination import problems_of, to_path
from tmapi_spiders.tables.job_tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SUFFIXES", "TableFile"]

#: By suffix: the libraries that write it, and the extra that installs them.
SUFFIXES: dict[str, tuple[tuple[str, ...], str]] = {
    ".xlsx": (("xlsxwriter",), "xlsx"),
    ".csv": ((), ""),
    ".parquet": (("pyarrow", "pyarrow.parquet"), "parquet"),
}


@attrs.frozen
class TableFile:
    """What to write, and where."""

    path: Path
    suffix: str
    tables: tuple[str, ...]
    bom: bool
    libraries: tuple[Any, ...]

    @classmethod
    def of(cls, given: str, table: str | None, *, bom: bool) -> TableFile:
        """Check the options.

        :param given: the file
        :param table: one of a job's tables; None for all in a workbook, products in other files
        :param bom: begin a CSV file with a byte order mark
        :raises UsageProblems: with all problems
        """
        path = to_path(given)
        problems = problems_of(given, path, SUFFIXES)
        suffix = path.suffix.lower()
        if table is not None and table not in TABLES:
            problems.append(
                f"--table {table}: accepted: {', '.join(TABLES)}.{did_you_mean(table, TABLES)}"
            )
        if bom and suffix in SUFFIXES and suffix != ".csv":
            problems.append(f"--bom: only for .csv; leave it out for {suffix}.")
        libraries: tuple[Any, ...] = ()
        try:
            libraries = _libraries(given, suffix)
        except UsageProblems as exc:
            problems += exc.problems
        if problems:
            raise UsageProblems(*problems)
        default = tuple(TABLES) if suffix == ".xlsx" else tuple(TABLES)[:1]
        return cls(path, suffix, (table,) if table else default, bom, libraries)


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
