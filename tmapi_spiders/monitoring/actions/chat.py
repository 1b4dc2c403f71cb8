"""Sends messages to Telegram and Discord."""

from __future__ import annotations

import logging
from urllib.parse import quote

from requests import RequestException
from spidermon.contrib.actions.discord import SendDiscordMessage
from spidermon.contrib.actions.telegram import SendTelegramMessage
from typing_extensions import override

from tmapi_spiders.monitoring.actions.base import JobMessageAction

__all__ = ["DiscordMessage", "TelegramMessage"]


class _Chat(JobMessageAction):
    @override
    def why(self, exc: Exception) -> str:
        # The text of most of these exceptions contains the URL, which is a secret.
        response = exc.response if isinstance(exc, RequestException) else None
        status = f" (HTTP {response.status_code})" if response is not None else ""
        return type(exc).__name__ + status


class Refused(ValueError):
    """Telegram refused a message: a wrong token, or no such chat."""


class _CheckedTelegram(SendTelegramMessage):
    """Raises an error when Telegram refuses a message; spidermon only logs it."""

    @override
    def run_action(self) -> None:
        refusals: list[logging.LogRecord] = []
        handler = logging.Handler(logging.ERROR)
        handler.emit = refusals.append  # type: ignore[method-assign,assignment]
        logger = logging.getLogger(SendTelegramMessage.__module__)
        logger.addHandler(handler)
        try:
            super().run_action()
        finally:
            logger.removeHandler(handler)
        if refusals:
            raise Refused


class TelegramMessage(_Chat, _CheckedTelegram):
    """Sends the message to chats (``SPIDERMON_TELEGRAM_…``)."""

    channel = "Telegram"
    message_template = "tmapi/message.jinja"

    @override
    def get_message(self) -> str:
        # Spidermon puts it into a URL unescaped, where "&" or "#" would cut it off.
        text: str = super().get_message()
        return text if self.fake else quote(text, safe="")


class DiscordMessage(_Chat, SendDiscordMessage):
    """Sends the message to a channel (``SPIDERMON_DISCORD_WEBHOOK_URL``)."""

    channel = "Discord"
    message_template = "tmapi/message.jinja"
