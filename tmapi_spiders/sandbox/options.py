"""The options of a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from tmapi_spiders.sandbox.catalogue import MAX_PRODUCTS
from tmapi_spiders.sandbox.faults import FAULTS

__all__ = ["MAX_DAY", "MAX_NUMBER", "MAX_SECONDS", "SandboxOptions"]

MAX_DAY: Final = 1000
"""Later days would take long to compute."""

MAX_NUMBER: Final = 999_999_999
"""The bound of whole numbers that have no other."""

MAX_SECONDS: Final = 86_400
"""A day: longer waits make no sense, and clocks are limited."""

Validator = Callable[[object, "attrs.Attribute[Any]", Any], None]


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _rule(holds: Callable[[Any], bool], rule: str) -> Validator:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not holds(value):
            raise ValueError(f"{attribute.name}={_shortened(value)}: must be {rule}")

    return check


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_between(least: int, most: int) -> Validator:
    return _rule(
        lambda x: _is_whole(x) and least <= x <= most, f"a whole number from {least} to {most}"
    )


def _whole_from(least: int) -> Validator:
    return _whole_between(least, MAX_NUMBER)


def _one_of(*accepted: str) -> Validator:
    return _rule(lambda x: x in accepted, f"one of {', '.join(accepted)}")


@attrs.frozen
class SandboxOptions:
    """The options of a sandbox. A bad value raises ValueError with option, value and rule.

    >>> SandboxOptions(products=0)
    Traceback (most recent call last):
    ...
    ValueError: products=0: must be a whole number from 1 to 1000000
    """

    products: int = attrs.field(default=5000, validator=_whole_between(1, MAX_PRODUCTS))
    """The size of the catalogue on day 0, and roughly on any other day."""
    seed: int = attrs.field(default=1, validator=_whole_from(0))
    """Determines the catalogue and the failures: the same seed gives the same."""
    latency: float = attrs.field(
        default=0.0,
        validator=_rule(
            lambda x: 0 <= x <= MAX_SECONDS, f"a number of seconds from 0 to {MAX_SECONDS}"
        ),
    )
    """Seconds added to each call that is not refused at once (401, 503, 439)."""
    limit: int = attrs.field(default=0, validator=_whole_from(0))
    """The most calls in flight for the account; more are answered 503. 0: no limit."""
    balance: int = attrs.field(default=-1, validator=_whole_from(-1))
    """The number of calls answered with `code` 200 before 439. -1: unlimited."""
    failure_rate: float = attrs.field(
        default=0.0, validator=_rule(lambda x: 0 <= x <= 1, "a number from 0 to 1")
    )
    """The share of calls, 0 to 1, that get an injected failure; a repeated call may succeed."""
    failure_kinds: tuple[str, ...] = attrs.field(
        default=(),
        validator=_rule(
            lambda kinds: FAULTS.keys() >= set(kinds), f"kinds of faults: {', '.join(FAULTS)}"
        ),
    )
    """The kinds of injected failures, see `faults.FAULTS`; (): the transient kinds."""
    refused: str = attrs.field(default="foreign", validator=_one_of("foreign", "all", "none"))
    """Which unconverted URLs a search refuses (422): those on foreign hosts, all, or none, in which
    case those on foreign hosts find nothing."""
    stale: str = attrs.field(default="refused", validator=_one_of("refused", "empty"))
    """How a search by a stale path is answered: 422, or a page without items."""
    path_seconds: float = attrs.field(
        default=0.0,
        validator=_rule(
            lambda x: 0 <= x <= MAX_SECONDS, f"a number of seconds from 0 to {MAX_SECONDS}"
        ),
    )
    """How long the path from a conversion is good; 0: for ever."""
    path_searches: int = attrs.field(default=0, validator=_whole_from(0))
    """How many searches such a path is good for; 0: any number."""
    outage: str = attrs.field(
        default="",
        validator=_rule(
            lambda kind: kind == "" or kind in FAULTS, f"a kind of fault: {', '.join(FAULTS)}"
        ),
    )
    """The fault of every call that is let in, from the start; "": none."""
    outage_calls: int = attrs.field(default=-1, validator=_whole_from(-1))
    """How many calls fail so; -1: all, until `POST /_sandbox/outage` says otherwise."""
    token: str = attrs.field(default="", repr=False)
    """The only token accepted; "" accepts any."""
    day: int = attrs.field(default=0, validator=_whole_between(0, MAX_DAY))
    """The day: prices, sales and what is on sale change from day to day, see `drift`."""
