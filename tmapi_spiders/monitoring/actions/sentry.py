"""Sentry.

Spidermon's own way to send goes by ``sentry_sdk.configure_scope``, which that library has
deprecated; an event can have its tags and extras with it.
"""

from __future__ import annotations

from typing import Any

from sentry_sdk import Client
from spidermon.contrib.actions.sentry import SendSentryMessage
from typing_extensions import override

from tmapi_spiders.monitoring.actions.base import TellsOfJob

__all__ = ["SentryMessage"]

_SECONDS = 10


class SentryMessage(TellsOfJob, SendSentryMessage):
    """Tells Sentry (``SPIDERMON_SENTRY_…``)."""

    channel = "Sentry"
    project_name = "tmapi_spiders"

    @override
    def get_message(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_message()
        return found | {"failure_reasons": self.message_of_job}

    @override
    def send_message(self, message: dict[str, Any]) -> None:
        # What of this process Sentry would look at by itself is not asked for.
        client = Client(
            dsn=self.sentry_dsn, environment=self.environment, default_integrations=False
        )
        client.capture_event(
            {
                "message": f"{message['title']}\n{message['failure_reasons']}",
                "level": self.sentry_log_level,
                "fingerprint": [message["title"]],
                "tags": {name: str(value) for name, value in self.get_tags(message).items()},
                "extra": {name: message[name] for name in ("items_count", "failed_monitors")},
            }
        )
        client.close(timeout=_SECONDS)
