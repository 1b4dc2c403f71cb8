"""What all actions share: the message, and that no credential gets into the log."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from jinja2 import TemplateError

from tmapi_spiders.monitoring.judged_job import judged_of
from tmapi_spiders.monitoring.message import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tmapi_spiders.monitoring.judged_job import JudgedJob

__all__ = ["NotSent", "TellsOfJob"]


class NotSent(Exception):
    """A message could not be sent."""


class TellsOfJob:
    """Mixed into one of spidermon's actions, before it."""

    channel: str
    errors: ClassVar[tuple[type[Exception], ...]] = (OSError, ValueError, TemplateError)
    """What is raised where a message can't be made or sent."""
    result: Any
    data: Any

    @property
    def message_of_job(self) -> str:
        """Which job, what was found, the thresholds, the folder."""
        return message(self._job, self.result)

    @property
    def _job(self) -> JudgedJob:
        found = judged_of(self.data)
        assert found is not None
        return found

    def get_template_context(self) -> dict[str, Any]:
        """Add the message to what templates may show, as ``message``."""
        context: dict[str, Any] = super().get_template_context()  # type: ignore[misc]
        return context | {"message": self.message_of_job}

    def run_action(self) -> None:
        """Send the message.

        :raises NotSent: if it can't be sent; to spidermon that is a line in the log
        """
        try:
            with _no_urls_in_the_log():
                super().run_action()  # type: ignore[misc]
        except self.errors as exc:
            why = self.why(exc)
            self._job.tell(f"  {self.channel} could not be told: {why}")
            # What it was raised from may quote a URL with a token in it.
            raise NotSent(why) from None

    def why(self, exc: Exception) -> str:
        """Return why a message could not be sent, without a credential."""
        return f"{type(exc).__name__}: {exc}"


@contextmanager
def _no_urls_in_the_log() -> Iterator[None]:
    """Telegram's and Discord's URLs are secrets, and urllib3 writes them on level DEBUG."""
    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
