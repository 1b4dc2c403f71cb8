"""Writes a job's files as tables that other programs read."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders import __version__
from tmapi_spiders.crawl.evidence import describe_evidence
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.formats import utc_now
from tmapi_spiders.system.atomic_file import atomic_write, make_scratch_folder
from tmapi_spiders.tables.csv_table import write_csv
from tmapi_spiders.tables.job_tables import find_tables
from tmapi_spiders.tables.notes import Notes
from tmapi_spiders.tables.parquet import write_parquet
from tmapi_spiders.tables.workbook import MOST_COLUMNS, Workbook
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tmapi_spiders.jobs.job_files import JobFiles
    from tmapi_spiders.tables.job_tables import Table
    from tmapi_spiders.tables.table_file import TableFile

__all__ = ["export_tables"]


def export_tables(files: JobFiles, target: TableFile) -> list[str]:
    """Write the tables; an existing file is replaced once the new one is complete.

    Each file of the job is read twice, line by line: the first time to find its columns.

    :return: lines that say what was written, and what could not be kept unchanged
    :raises UsageProblems: if the format can't hold it
    :raises StorageError: if the job's files can't be read, or the table can't be written
    """
    notes = Notes()
    tables = find_tables(files, target.tables)
    written = []
    with atomic_write(target.path) as file:
        if target.suffix == ".xlsx":
            written = _write_workbook(files, target, tables, file, notes)
        else:
            (table,) = tables
            rows = _rows(files, table)
            if target.suffix == ".csv":
                write_csv(file, table.columns, rows, notes, bom=target.bom)
            else:
                facts = dict(_facts(files)) | {"Table": table.name, "Warnings": files.warnings}
                write_parquet(
                    (target.libraries[0], target.libraries[1]),
                    file,
                    table.columns,
                    rows,
                    notes=notes,
                    facts=facts,
                )
            written = [_count_of(table)]
    return [f"{files.name}: {target.path.absolute()}: {', '.join(written)}"] + [
        f"  {line}" for line in notes.lines
    ]


def _write_workbook(
    files: JobFiles, target: TableFile, tables: list[Table], file: IO[bytes], notes: Notes
) -> list[str]:
    for table in tables:
        if len(table.columns) > MOST_COLUMNS:
            raise UsageProblems(
                f"{target.path}: the {table.name} have {len(table.columns):,} columns, with those "
                f"of your own rows; Excel's limit is {MOST_COLUMNS:,}. Write .csv or .parquet."
            )
    (xlsxwriter,) = target.libraries
    scratch = make_scratch_folder(target.path)
    book = Workbook(xlsxwriter, file, str(scratch), notes)
    try:
        sheets = [book.add_table(table, _rows(files, table)) for table in tables]
        facts = [
            *_facts(files),
            *[
                (", ".join(names), plural(table.count, "row"))
                for table, names in zip(tables, sheets, strict=True)
            ],
            ("Times", "UTC"),
            *[("Note", line) for line in notes.lines],
        ]
        book.add_facts(facts, files.warnings)
        book.close()
    except xlsxwriter.exceptions.FileCreateError as exc:
        raise OSError(*_reason(exc)) from exc
    finally:
        book.discard()
    return [_count_of(table) for table in tables]


def _reason(exc: Exception) -> tuple[Any, ...]:
    """Return the arguments of the error that XlsxWriter wraps."""
    inner = exc.args[0] if exc.args else None
    return inner.args if isinstance(inner, OSError) else (str(exc),)


def _facts(files: JobFiles) -> list[tuple[str, str]]:
    """Return what readers of a table want to know about the job."""
    facts = files.facts
    return [
        (name, str(value))
        for name, value in (
            ("Job", files.name),
            ("Source", facts.get("source")),
            ("Started", facts.get("started_at")),
            ("Ended", facts.get("finished_at")),
            ("Stopped early", facts.get("stop_reason")),
            ("Queries", _statuses(facts.get("queries"))),
            ("Evidence", _evidence(facts.get("evidence"))),
            ("Calls", facts.get("calls")),
            ("Cost", facts.get("cost")),
            ("Written", f"{utc_now()} by tmapi-spiders {__version__}"),
        )
        if value is not None
    ]


def _statuses(queries: Any) -> str | None:
    """Return how many queries ended with each status.

    >>> _statuses({"all": 3, "complete": 2, "not_started": 1})
    '3: 2 complete, 1 not started'
    """
    if not isinstance(queries, dict):
        return None
    ended = [
        f"{count:,} {status.replace('_', ' ')}"
        for status, count in queries.items()
        if status != "all"
    ]
    return f"{queries.get('all', 0):,}: {', '.join(ended) or 'none'}"


def _evidence(counts: Any) -> str | None:
    """Return how many queries have evidence against their ending; None if none have."""
    return (describe_evidence(counts) or None) if isinstance(counts, dict) else None


def _count_of(table: Table) -> str:
    return f"{table.name} {plural(table.count, 'row')}"


def _rows(files: JobFiles, table: Table) -> Iterator[dict[str, Any]]:
    """Yield a table's rows.

    :raises StorageError: if their number has changed since the columns were found
    """
    count = 0
    for row in files.rows(table.file):
        count += 1
        yield row
    if count != table.count:
        raise StorageError(
            f"{files.folder / table.file}: it was changed during the export. "
            "Run the same command again."
        )
