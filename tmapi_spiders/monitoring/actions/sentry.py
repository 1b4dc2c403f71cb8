"""Sends messages to Sentry.

Spidermon sends with ``sentry_sdk.configure_scope``, which is deprecated; here the event carries its
tags and extras.
"""

from __future__ import annotations

from typing import Any

from sentry_sdk import Client
from spidermon.contrib.actions.sentry import SendSentryMessage
from typing_extensions import override

from tmapi_spiders.monitoring.actions.base import JobMessageAction

__all__ = ["SentryMessage"]

_SECONDS = 10


class SentryMessage(JobMessageAction, SendSentryMessage):
    """Sends the message to Sentry (``SPIDERMON_SENTRY_…``)."""

    channel = "Sentry"
    project_name = "tmapi_spiders"

    @override
    def get_message(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_message()
        return found | {"failure_reasons": self.job_message}

    @override
    def send_message(self, message: dict[str, Any]) -> None:
        # Without Sentry's default integrations, which would collect data about this process.
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
