"""Channels: where monitors' messages go, as far as the user's credentials say.

Nothing of spidermon is loaded here: most crawls do without.
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

#: The setting that asks for monitors.
ENABLED = "SPIDERMON_ENABLED"

#: The setting by which a project names suites of its own.
OWN_SUITES = "SPIDERMON_SPIDER_CLOSE_MONITORS"

#: This package's own, where a project names none.
SUITE = "tmapi_spiders.monitoring.suite.JobMonitors"

_INSTALL = "pip install -c constraints.txt '/path/to/tmapi_spiders[monitoring]'"

_ACTIONS = "tmapi_spiders.monitoring.actions"


@attrs.frozen
class Channel:
    """One way to tell people."""

    name: str
    settings: tuple[str, ...]
    """Those of spidermon's settings that it takes; any of them says that it is wanted."""
    action: str
    """The import path of what sends the message."""
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
    """Return spidermon's settings that the environment gives and nobody else does.

    As with ours: credentials are best there.
    """
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_PREFIX) and value and settings.get(name) is None
    }


def channels(settings: BaseSettings) -> list[Channel]:
    """Return the channels whose settings are all there."""
    return [one for one in CHANNELS if len(one.given(settings, {})) == len(one.settings)]


def problems(settings: BaseSettings, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what keeps the monitors that the user has asked for from working."""
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
    """Return what is missing for a job to be judged, whether or not crawls are."""
    if find_spec("spidermon") is None:
        return [f"spidermon is not installed. Install it: {_INSTALL}"]
    if settings.get(OWN_SUITES) is not None:
        return []  # who is told is the project's to say
    return [
        problem
        for channel in CHANNELS
        if (names := channel.given(settings, environ))
        for problem in _channel_problems(channel, names)
    ]


def _channel_problems(channel: Channel, given: list[str]) -> list[str]:
    found: list[Any] = [
        f"{name}: missing; {channel.name} needs it beside {' and '.join(given)}."
        for name in channel.settings
        if name not in given
    ]
    if missing := [name for name in channel.libraries if find_spec(name) is None]:
        found.append(
            f"{given[0]}: {channel.name} needs {' and '.join(missing)}, not installed. Install "
            f"it: {_INSTALL}"
        )
    return found
