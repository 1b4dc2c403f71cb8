"""What the benchmarks print: Markdown tables, and where and with what they ran."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def table(header: str, rows: list[list[str]]) -> None:
    """Print a Markdown table; columns of figures are aligned to the right."""
    titles = [title.strip() for title in header.split("|")]
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    left = [not all(cell == "-" or cell[:1].isdigit() for cell in column) for column in columns]

    def line(cells: list[str]) -> str:
        padded = (
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(cells, widths, left, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if is_left else "-" * (width - 1) + ":"
        for width, is_left in zip(widths, left, strict=True)
    ]
    print("", line(titles), line(rule), *map(line, rows), sep="\n", flush=True)


def introduce(doc: str | None, *sentences: str, libraries: tuple[str, ...] = ()) -> None:
    """Print what a page says above the tables of a benchmark.

    :param doc: the module's docstring: its first line is the heading, the rest says what is
        measured and how to read it
    :param sentences: what is special about this run
    :param libraries: those whose versions matter, besides Scrapy
    """
    heading, _, text = (doc or "").partition("\n")
    print(f"## {heading.rstrip('.')}\n{text.rstrip()}\n\n{_machine(libraries)}.")
    for sentence in sentences:
        print(sentence)
    print(end="", flush=True)


def _machine(libraries: tuple[str, ...]) -> str:
    """Return when, where and with what this runs."""
    cpus = Path("/proc/cpuinfo")
    model = platform.machine()
    if cpus.exists():
        models = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = models[0].partition(": ")[2] if models else model
    versions = ", ".join(f"{name} {version(name)}" for name in ("Scrapy", *libraries))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} × {model}, {platform.system()}, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, {versions}"
    )
