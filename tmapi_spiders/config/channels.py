"""Channels that monitors' messages go to, and whether the user's credentials for them are complete.

Nothing here imports spidermon: most crawls don't need it.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

__all__ = [
    "CHANNELS",
    "ENABLED",
    "OWN_SUITES",
    "SUITE",
    "Channel",
    "channels",
    "from_environment",
    "missing",
    "problems",
]

_PREFIX = "SPIDERMON_"

#: The setting that turns monitors on.
ENABLED = "SPIDERMON_ENABLED"

#: The setting that lists a project's own suites.
OWN_SUITES = "SPIDERMON_SPIDER_CLOSE_MONITORS"

#: This package's suite, used where a project lists none.
SUITE = "tmapi_spiders.monitoring.suite.JobMonitors"

_INSTALL = "pip install '/path/to/tmapi_spiders[monitoring]'"

_ACTIONS = "tmapi_spiders.monitoring.actions"


@attrs.frozen
class Channel:
    """A service that delivers messages to people."""

    name: str
    settings: tuple[str, ...]
    """The settings of spidermon that it needs; giving any of them asks for it."""
    action: str
    """The import path of the action that sends the message."""
    libraries: tuple[str, ...]

    def given(self, settings: BaseSettings, environ: Mapping[str, str]) -> list[str]:
        """Return which of its settings the user gave."""
        return [name for name in self.settings if settings.get(name) or environ.get(name)]


CHANNELS = (
    Channel(
        "Slack",
        ("SPIDERMON_SLACK_SENDER_TOKEN", "SPIDERMON_SLACK_RECIPIENTS"),
        f"{_ACTIONS}.slack.SlackMessage",
        ("jinja2", "slack_sdk"),
    ),
    Channel(
        "Telegram",
        ("SPIDERMON_TELEGRAM_SENDER_TOKEN", "SPIDERMON_TELEGRAM_RECIPIENTS"),
        f"{_ACTIONS}.chat.TelegramMessage",
        ("jinja2", "requests"),
    ),
    Channel(
        "Discord",
        ("SPIDERMON_DISCORD_WEBHOOK_URL",),
        f"{_ACTIONS}.chat.DiscordMessage",
        ("jinja2", "requests"),
    ),
    Channel(
        "e-mail",
        ("SPIDERMON_SMTP_HOST", "SPIDERMON_EMAIL_SENDER", "SPIDERMON_EMAIL_TO"),
        f"{_ACTIONS}.mail.MailMessage",
        ("jinja2", "premailer"),
    ),
    Channel(
        "Sentry",
        ("SPIDERMON_SENTRY_DSN",),
        f"{_ACTIONS}.sentry.SentryMessage",
        ("jinja2", "sentry_sdk"),
    ),
)


def from_environment(
    settings: BaseSettings, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return spidermon's settings that only the environment gives.

    As with this package's own, the environment is the best place for credentials.
    """
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_PREFIX) and value and settings.get(name) is None
    }


def channels(settings: BaseSettings) -> list[Channel]:
    """Return the channels whose settings are all given."""
    return [one for one in CHANNELS if len(one.given(settings, {})) == len(one.settings)]


def problems(settings: BaseSettings, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return why the monitors that the user asked for can't work."""
    given = settings.get(ENABLED)
    if given is None:
        given = environ.get(ENABLED) or False
    try:
        enabled = settings.__class__({ENABLED: given}).getbool(ENABLED)
    except ValueError:
        return [f"{ENABLED}={given}: accepted: 1, 0, True, False."]
    if not enabled:
        return []
    if find_spec("spidermon") is None:
        return [f"{ENABLED}: spidermon is not installed. Install it ({_INSTALL}), or leave it out."]
    return missing(settings, environ)


def missing(settings: BaseSettings, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what is missing to judge a job, whether or not crawls are judged."""
    if find_spec("spidermon") is None:
        return [f"spidermon is not installed. Install it: {_INSTALL}"]
    if settings.get(OWN_SUITES) is not None:
        return []  # the project decides who gets messages
    return [
        problem
        for channel in CHANNELS
        if (names := channel.given(settings, environ))
        for problem in _channel_problems(channel, names)
    ]


def _channel_problems(channel: Channel, given: list[str]) -> list[str]:
    found: list[Any] = [
        f"{name}: missing; {channel.name} needs it together with {' and '.join(given)}."
        for name in channel.settings
        if name not in given
    ]
    if missing := [name for name in channel.libraries if find_spec(name) is None]:
        found.append(
            f"{given[0]}: {channel.name} needs {' and '.join(missing)}, not installed. Install "
            f"it: {_INSTALL}"
        )
    return found
