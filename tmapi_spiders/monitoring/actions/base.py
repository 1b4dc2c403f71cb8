"""The base of all actions: adds the message, and keeps credentials out of the log."""

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

__all__ = ["JobMessageAction", "NotSent"]


class NotSent(Exception):
    """A message could not be sent."""


class JobMessageAction:
    """Mixin that goes before one of spidermon's actions in the bases of a class."""

    channel: str
    """The channel's name, for people."""
    errors: ClassVar[tuple[type[Exception], ...]] = (OSError, ValueError, TemplateError)
    """What is raised if a message can't be made or sent."""
    result: Any
    data: Any

    @property
    def job_message(self) -> str:
        """The message about the job."""
        return message(self._job, self.result)

    @property
    def _job(self) -> JudgedJob:
        found = judged_of(self.data)
        assert found is not None
        return found

    def get_template_context(self) -> dict[str, Any]:
        """Add ``message`` to the variables of templates."""
        context: dict[str, Any] = super().get_template_context()  # type: ignore[misc]
        return context | {"message": self.job_message}

    def run_action(self) -> None:
        """Send the message.

        :raises NotSent: if it can't be sent, which spidermon only logs
        """
        try:
            with _no_urls_in_the_log():
                super().run_action()  # type: ignore[misc]
        except self.errors as exc:
            why = self.why(exc)
            self._job.add_remarks(f"  not sent to {self.channel}: {why}")
            # The original error may quote a URL that contains a token.
            raise NotSent(why) from None

    def why(self, exc: Exception) -> str:
        """Return why a message could not be sent, without credentials."""
        return f"{type(exc).__name__}: {exc}"


@contextmanager
def _no_urls_in_the_log() -> Iterator[None]:
    """Silence urllib3: on level DEBUG it logs URLs, and Telegram's and Discord's are secrets."""
    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
