"""The Scrapy project that a command runs in: its scrapy.cfg, its profiles, its spiders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.utils.conf import closest_scrapy_cfg, get_config

from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_profile", "no_such_spider"]

#: The option that enables the add-on for one command.
_ON_THE_COMMAND_LINE = """-s 'ADDONS={"tmapi_spiders.addon.TmapiAddon": 500}'"""

_PROFILE = "SCRAPY_PROJECT"
_MODULE = "SCRAPY_SETTINGS_MODULE"


def check_profile() -> None:
    """Check that ``SCRAPY_PROJECT`` names a profile; Scrapy would run without settings.

    :raises UsageProblems: if the scrapy.cfg has no such profile
    """
    given = os.environ.get(_PROFILE)
    if not given or _MODULE in os.environ:  # Scrapy sets it too, if the profile exists
        return
    config = get_config()
    profiles = config.options("settings") if config.has_section("settings") else []
    if profiles:
        where = closest_scrapy_cfg() or "scrapy.cfg"
        raise UsageProblems(
            f"{_PROFILE}={shortened(given)}: {where} has no such profile."
            f"{did_you_mean(given, profiles)} It has: {', '.join(profiles)}."
        )


def no_such_spider(given: str, known: Iterable[str], ours: str) -> list[str]:
    """Return why a project has no spider of the given name, and what to do.

    :param known: the names of its spiders
    :param ours: the name of this package's spider, which may be among them
    """
    try:
        check_profile()
    except UsageProblems as exc:
        return list(exc.problems)
    if not closest_scrapy_cfg() and _MODULE not in os.environ:
        problem = (
            f"spider={shortened(given)}: there is no scrapy.cfg in {Path.cwd()} or above, so no "
            "project's spiders and settings are known: cd to your project, or enable the add-on "
            f"that {ours} needs: {_ON_THE_COMMAND_LINE}"
        )
        return [problem]
    names = sorted(known)
    nearest = did_you_mean(given, {*names, ours})
    found = f" It has: {', '.join(names)}." if names else " It has none."
    problems = [f"spider={shortened(given)}: this project has no such spider.{nearest}{found}"]
    if ours not in names and (given == ours or ours in nearest):
        problems.append(
            f"{ours} needs the add-on in the settings; for one command: {_ON_THE_COMMAND_LINE}"
        )
    return problems
