"""Sends messages to Slack."""

from __future__ import annotations

from slack_sdk.errors import SlackClientError
from spidermon.contrib.actions.slack import SendSlackMessage

from tmapi_spiders.monitoring.actions.base import JobMessageAction

__all__ = ["SlackMessage"]


class SlackMessage(JobMessageAction, SendSlackMessage):
    """Sends the message to users and channels (``SPIDERMON_SLACK_…``)."""

    channel = "Slack"
    errors = (*JobMessageAction.errors, SlackClientError)
    sender_name = "tmapi_spiders"
    message_template = "tmapi/message.jinja"
    include_attachments = False
