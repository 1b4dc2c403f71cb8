"""Runs the benchmarks and writes docs/benchmarks.md: ``python benchmarks [NAME …]``.

The part of the page above its first mark is written by hand and stays; below each mark is what that
program printed. If only some programs are named, the other sections stay as they are.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from processes import HERE, ROOT

PAGE = ROOT / "docs" / "benchmarks.md"

#: In the page's order, with the options of a short run, which only shows that they work.
PROGRAMS = {
    "cost": ["--rounds", "1", "--pages", "50", "--many", "0"],
    "stages": ["--rounds", "3", "--pages", "20"],
    "startup": ["--rounds", "1"],
    "limit": ["--short", "--seconds", "2"],
    "scale": ["--pages", "200", "--further", "20", "--resumed", "50"],
    "distributed": ["--rounds", "1", "--pages", "400", "--enqueued", "5000"],
    "compare": ["--products", "2000"],
}
FULL = {"scale": ["--full"], "distributed": ["--million"]}

_MARK = "<!-- written by benchmarks/{}.py -->\n"


def run(name: str, options: list[str]) -> str | None:
    """Run a program, showing its output; return that, or None if the program failed."""
    with subprocess.Popen(
        [sys.executable, str(HERE / f"{name}.py"), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # this checkout, whatever is installed
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        lines = []
        for line in program.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    print(flush=True)
    return None if program.returncode else "".join(lines)


def write(page: Path, name: str, text: str) -> None:
    """Replace a program's section of the page."""
    written = page.read_text("utf-8") if page.exists() else ""
    by_hand, *parts = re.split(_MARK.format(r"(\w+)"), written)
    sections = dict(zip(parts[::2], parts[1::2], strict=True)) | {name: text}
    page.write_text(
        "\n".join(
            [by_hand.rstrip("\n") + "\n"]
            + [
                _MARK.format(of) + sections[of].rstrip("\n") + "\n"
                for of in PROGRAMS
                if of in sections
            ]
        ),
        "utf-8",
    )


def main() -> None:
    """Run the benchmarks; the exit status is 1 if one of them has found something wrong."""
    parser = argparse.ArgumentParser(prog="python benchmarks", description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PROGRAMS)}")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--short", action="store_true", help="to see that they work")
    sizes.add_argument("--full", action="store_true", help="100,000 pages, 1,000,000 queries")
    parser.add_argument(
        "--page",
        type=Path,
        help=f"the page to write (default: {PAGE.relative_to(ROOT)}; for a short run: none)",
    )
    options = parser.parse_args()
    if unknown := set(options.names) - PROGRAMS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    page = options.page or (None if options.short else PAGE)
    failed = []
    for name, short in PROGRAMS.items():
        if options.names and name not in options.names:
            continue
        size = short if options.short else FULL.get(name, []) if options.full else []
        text = run(name, size)
        if text is None:
            failed.append(name)
        elif page:
            write(page, name, text)
    if failed:
        sys.exit(f"Failed, and not written: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
