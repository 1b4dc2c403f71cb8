"""When the API is taken to fail everything, and when no longer."""

from __future__ import annotations

import random

import attrs
import pytest

from tmapi_spiders.crawl.outage import DIFFERENT, MOST_PROBES, Outage, Sign

FAILS = Sign(works=False, said="500: oh")
MANY = [f"q{number}" for number in range(100)]


@attrs.define
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def outage_of(calls: int = 20, pause: float = 2.0) -> tuple[Outage, Clock]:
    clock = Clock()
    return Outage(calls, pause, clock), clock


def fail(outage: Outage, queries: list[str]) -> None:
    for query in queries:
        outage.failed(query, FAILS)


def test_a_row_over_different_queries() -> None:
    outage, _ = outage_of()
    fail(outage, MANY[:19])
    before = outage.is_probing
    fail(outage, MANY[19:20])
    assert (before, outage.is_probing) == (False, True)
    assert str(outage) == "the last 20 calls, of 20 queries, failed; the last one: 500: oh"


def test_a_success_in_between_begins_anew() -> None:
    outage, _ = outage_of()
    for _ in range(10):
        fail(outage, MANY[:19])
        outage.worked()
    assert not outage.is_probing
    assert not outage.spares


@pytest.mark.parametrize("queries", [1, DIFFERENT - 1])
def test_few_queries_are_never_taken_for_it(queries: int) -> None:
    outage, _ = outage_of()
    fail(outage, MANY[:queries] * 50)
    assert not outage.is_probing
    assert not outage.spares, "these use up their tries"
    assert outage.room == 1, "but one at a time"


def test_no_page_loses_a_retry_once_it_may_be_one() -> None:
    outage, _ = outage_of()
    spared = []
    for query in MANY[: DIFFERENT + 1]:
        fail(outage, [query])
        spared.append(outage.spares)
    assert spared == [False] * (DIFFERENT - 1) + [True] * 2
    assert not outage.is_probing


def test_row_and_calls_in_flight_are_no_more_than_the_number() -> None:
    """In whatever order calls end, no more are made than it takes to know."""
    order = random.Random(1)
    for most in (1, 8, 16, 40):
        outage, _ = outage_of()
        sent, in_flight = 0, 0
        while not outage.is_probing or in_flight:
            room = outage.room
            while in_flight < (most if room is None else min(most, room)):
                in_flight += 1
                sent += 1
            for _ in range(order.randint(1, in_flight)):
                in_flight -= 1
                outage.failed(f"q{sent - in_flight}", FAILS)
        assert sent == max(20, most)


def test_probes_after_pauses_that_double() -> None:
    outage, clock = outage_of()
    fail(outage, MANY[:20])
    pauses = []
    while not outage.is_over:
        assert outage.room == 0
        pauses.append(outage.seconds_to_probe)
        clock.now += outage.seconds_to_probe
        assert outage.room == 1
        outage.failed("late", FAILS)
        assert outage.room == 1, "that was in flight before"
        outage.failed("probe", FAILS, is_probe=True)
        assert outage.spares
    assert pauses == [4.0, 8.0, 16.0, 32.0, 64.0]
    assert len(pauses) == MOST_PROBES


def test_a_probe_that_works_ends_it() -> None:
    outage, clock = outage_of(pause=0)
    fail(outage, MANY[:20])
    clock.now += 60
    outage.failed("a", FAILS, is_probe=True)
    outage.worked()
    assert (outage.is_probing, outage.spares, outage.room, outage.seconds_to_probe) == (
        *(False, False, None),
        0.0,
    )
    fail(outage, MANY[:20])
    assert outage.is_probing
    assert outage.seconds_to_probe == pytest.approx(0.1), "as the first time"


def test_it_can_be_off() -> None:
    outage, _ = outage_of(calls=0)
    fail(outage, MANY)
    assert (outage.is_probing, outage.spares, outage.room) == (False, False, None)
