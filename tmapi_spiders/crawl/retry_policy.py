"""Decides whether a call that failed is retried, and after what delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.backoff import backoff, jittered

if TYPE_CHECKING:
    from tmapi_spiders.api.calls import Call

__all__ = ["RetryPolicy"]


@attrs.frozen
class RetryPolicy:
    """The retry policy of a run, the same in one process and in workers.

    Which answers may be retried at all is decided in :mod:`tmapi_spiders.middlewares`.

    >>> from tmapi_spiders.api.calls import Call
    >>> policy = RetryPolicy(times=1, delay=0.0)
    >>> call = Call("query", "search", "image", page=1)
    >>> policy.delay_after_failure(call)
    0.0
    >>> call.attempt = 2
    >>> policy.delay_after_failure(call)
    """

    times: int
    """Tries after the first (``TMAPI_RETRY_TIMES``)."""
    delay: float
    """Seconds before the first retry (``TMAPI_RETRY_DELAY``); doubled for each further one."""

    def delay_after_failure(self, call: Call) -> float | None:
        """Return the seconds until a call that failed is retried; None if it has no retry left.

        A failure that is blamed on the API (:attr:`Call.is_spared`) uses up no try.
        """
        if call.counted_attempts > self.times:
            return None
        return _delay(call, backoff(self.delay, max(call.counted_attempts, 1)))

    def delay_over_limit(self, call: Call, refusals: int) -> float:
        """Return the seconds until a call is retried that was over the account's limit.

        The first time there is no delay of ours, since the call waits at the gate anyway.

        :param refusals: how often it had been over the limit before
        """
        return _delay(call, backoff(self.delay, refusals) if refusals else 0.0)


def _delay(call: Call, seconds: float) -> float:
    """Return a delay with jitter, or the one that the API asks for, if that is longer."""
    return max(jittered(seconds), call.retry_after)
