"""Slack."""

from __future__ import annotations

from slack_sdk.errors import SlackClientError
from spidermon.contrib.actions.slack import SendSlackMessage

from tmapi_spiders.monitoring.actions.base import TellsOfJob

__all__ = ["SlackMessage"]


class SlackMessage(TellsOfJob, SendSlackMessage):
    """Tells users and channels (``SPIDERMON_SLACK_…``)."""

    channel = "Slack"
    errors = (*TellsOfJob.errors, SlackClientError)
    sender_name = "tmapi_spiders"
    message_template = "tmapi/message.jinja"
    include_attachments = False
