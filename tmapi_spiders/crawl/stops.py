"""The reasons for which a job stops early, and what its user can do about each."""

from __future__ import annotations

import attrs

__all__ = ["STOPS", "Stop"]


@attrs.frozen
class Stop:
    """A reason to stop a job early."""

    meaning: str
    remedy: str = ""
    """What to do before continuing the job."""
    replays: bool = True
    """Whether what the archive holds is still written; if not, the files can't be relied on."""


#: By the ``reason`` of outcomes.jsonl and the ``stop_reason`` of job.json.
STOPS = {
    "auth": Stop("the API refused the token", "Check TMAPI_TOKEN (and TMAPI_AUTH)."),
    "balance": Stop("the account is out of balance or subscription", "Top up the account."),
    "base_url": Stop("there is no such API", "Check TMAPI_BASE_URL."),
    "refused": Stop(
        "the gateway refuses this machine or token, whatever is asked",
        "Ask TMAPI why, or resume from another network.",
    ),
    "outage": Stop(
        "the API fails everything",
        "Resume when it works again. If it only fails on what is left: TMAPI_OUTAGE_CALLS=0.",
    ),
    "budget": Stop("TMAPI_BUDGET is spent"),
    "deadline": Stop("CLOSESPIDER_TIMEOUT is over"),
    "interrupted": Stop("Ctrl-C, SIGTERM, SIGHUP, or one of Scrapy's other limits"),
    "storage": Stop(
        "a file can't be written or read",
        "Make room, or repair what the message names.",
        replays=False,
    ),
    "settings": Stop("the project has switched off what the crawl needs", replays=False),
    "error": Stop("a crash", replays=False),
}
