"""The options of a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from tmapi_spiders.sandbox.catalogue import MAX_PRODUCTS
from tmapi_spiders.sandbox.faults import FAULTS

__all__ = ["MAX_DAY", "MAX_NUMBER", "MAX_SECONDS", "SandboxOptions"]

MAX_DAY: Final = 1000
"""Later days would take long to make."""

MAX_NUMBER: Final = 999_999_999
"""Of whole numbers without a bound of their own: as large as anybody will wait for."""

MAX_SECONDS: Final = 86_400
"""A day: nobody waits for longer, and clocks don't count for ever."""

Validator = Callable[[object, "attrs.Attribute[Any]", Any], None]


def _rule(holds: Callable[[Any], bool], rule: str) -> Validator:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not holds(value):
            raise ValueError(f"{attribute.name}={value!r}: must be {rule}")

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
    """What a sandbox is like. A bad value raises ValueError: option, value and rule.

    >>> SandboxOptions(products=0)
    Traceback (most recent call last):
    ...
    ValueError: products=0: must be a whole number from 1 to 1000000
    """

    products: int = attrs.field(default=5000, validator=_whole_between(1, MAX_PRODUCTS))
    """Size of the catalogue on day 0, and about its size on any other."""
    seed: int = attrs.field(default=1, validator=_whole_from(0))
    """Which catalogue, and which failures: the same seed gives the same."""
    latency: float = attrs.field(
        default=0.0,
        validator=_rule(
            lambda x: 0 <= x <= MAX_SECONDS, f"a number of seconds from 0 to {MAX_SECONDS}"
        ),
    )
    """Seconds added to each call that is not refused at once (401, 503, 439)."""
    limit: int = attrs.field(default=0, validator=_whole_from(0))
    """Calls in flight that the account may have; one more is answered 503. 0: no limit."""
    balance: int = attrs.field(default=-1, validator=_whole_from(-1))
    """Calls answered `code` 200 before 439. -1: endless."""
    failure_rate: float = attrs.field(
        default=0.0, validator=_rule(lambda x: 0 <= x <= 1, "a number from 0 to 1")
    )
    """Share of calls, 0 to 1, that get an injected failure; a repeated call may succeed."""
    failure_kinds: tuple[str, ...] = attrs.field(
        default=(),
        validator=_rule(
            lambda kinds: FAULTS.keys() >= set(kinds), f"kinds of faults: {', '.join(FAULTS)}"
        ),
    )
    """What an injected failure can be, see `faults.FAULTS`; (): the transient kinds."""
    refused: str = attrs.field(default="foreign", validator=_one_of("foreign", "all", "none"))
    """Whose URLs a search refuses that were not converted (422): those on foreign hosts, all, or
    none; those on foreign hosts find nothing then."""
    stale: str = attrs.field(default="refused", validator=_one_of("refused", "empty"))
    """What a search by a path that has gone stale is answered: 422, or a page without items."""
    path_seconds: float = attrs.field(
        default=0.0,
        validator=_rule(
            lambda x: 0 <= x <= MAX_SECONDS, f"a number of seconds from 0 to {MAX_SECONDS}"
        ),
    )
    """How long a path that a conversion gave is good; 0: for ever."""
    path_searches: int = attrs.field(default=0, validator=_whole_from(0))
    """How many searches such a path is good for; 0: any number."""
    outage: str = attrs.field(
        default="",
        validator=_rule(
            lambda kind: kind == "" or kind in FAULTS, f"a kind of fault: {', '.join(FAULTS)}"
        ),
    )
    """Every call that is let in fails so from the start; "" = none does."""
    outage_calls: int = attrs.field(default=-1, validator=_whole_from(-1))
    """How many calls do; -1: all, until `POST /_sandbox/outage` says otherwise."""
    token: str = attrs.field(default="", repr=False)
    """The one token accepted; "" accepts any."""
    day: int = attrs.field(default=0, validator=_whole_between(0, MAX_DAY))
    """Which day it is: prices, sales and what is on sale move from day to day, see `drift`."""
