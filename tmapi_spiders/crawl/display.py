"""Shows the progress of a crawl, live at the bottom of a terminal.

Log lines and other output appear above it.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from tmapi_spiders.crawl.figures import Pace, seconds_left
from tmapi_spiders.wording import about, plural

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from tmapi_spiders.crawl.figures import Figures

__all__ = ["Display"]


class _Console(Console):
    """Leaves the cursor visible, since a process that is killed could not show it again."""

    @override
    def show_cursor(self, show: bool = True) -> bool:
        return False


class _Above(io.TextIOBase):
    """Stands in for standard error while the display is shown: writes whole lines above it.

    Live's own redirection would wrap words.
    """

    def __init__(self, console: Console, stderr: TextIO) -> None:
        self._console = console
        self._stderr = stderr
        self._begun = ""

    @override
    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        if lines:
            self._console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
        return len(text)

    @override
    def isatty(self) -> bool:
        return True

    @override
    def fileno(self) -> int:
        return self._stderr.fileno()

    def finish(self) -> None:
        """Write what is left of an unfinished line."""
        self._stderr.write(self._begun)
        self._begun = ""


class Display:
    """Shows figures on standard error, from :meth:`start` to :meth:`stop`.

    :param title: shown in front of them
    :param figures: returns the present ones
    """

    def __init__(self, title: str, figures: Callable[[], Figures]) -> None:
        self._title = title
        self._figures = figures
        self._pace = Pace()
        self._begun = time.monotonic()
        self._live = Live(
            console=_Console(file=sys.stderr, highlight=False),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._stderr = sys.stderr
        self._above = _Above(self._live.console, self._stderr)
        self._handlers: list[logging.StreamHandler[TextIO]] = []

    def start(self) -> None:
        """Begin; from now on log lines for standard error appear above the display."""
        self._live.start()
        for handler in logging.root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is self._stderr:
                handler.setStream(self._above)
                self._handlers.append(handler)
        sys.stderr = self._above
        self.refresh()

    def refresh(self) -> None:
        """Show the present figures."""
        figures = self._figures()
        now = time.monotonic()
        self._pace.note(now, figures.pages)
        pace = self._pace.a_second
        left = seconds_left(figures, pace)
        head = Table.grid(padding=(0, 1))
        head.add_column(no_wrap=True)
        head.add_column(ratio=1, max_width=40)
        head.add_column(no_wrap=True)
        bar = ProgressBar(total=max(figures.queries, 1), completed=figures.ended)
        head.add_row(Text(self._title), bar, Text(_head(figures, now - self._begun, left)))
        self._live.update(Group(head, Text("  " + _body(figures, pace))), refresh=True)

    def stop(self) -> None:
        """Remove the display from the terminal; more than once is fine."""
        with suppress(OSError):  # there is no terminal any more
            self._live.stop()
            self._above.finish()
        for handler in self._handlers:
            handler.setStream(self._stderr)
        self._handlers.clear()
        sys.stderr = self._stderr


def _head(figures: Figures, seconds: float, left: float | None) -> str:
    minutes, rest = divmod(int(seconds), 60)
    parts = [
        f"{figures.ended:,} of {plural(figures.queries, 'query', 'queries')}",
        f"{minutes:,}:{rest:02}",
    ]
    if left is not None:
        parts.append(f"{about(left)} left")
    return " · ".join(parts)


def _body(figures: Figures, pace: float | None) -> str:
    rate = f" ({pace:.1f}/s)" if pace is not None else ""
    of_budget = f" of {figures.budget:,}" if figures.budget else ""
    parts = [
        f"{plural(figures.pages, 'page')}{rate}",
        plural(figures.products, "product"),
        plural(figures.duplicates, "duplicate"),
        f"{figures.calls:,}{of_budget} calls, {figures.in_flight} in flight of {figures.allowed}",
    ]
    if figures.converting:
        parts.append(f"{plural(figures.converting, 'image')} being converted (2 to 18 s)")
    if figures.waiting:
        parts.append(f"{plural(figures.waiting, 'page')} waiting for a retry")
    return " · ".join(parts)
