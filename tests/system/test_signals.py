"""Signals that end a command do so as Ctrl-C does, except one that is ignored."""

from __future__ import annotations

import signal

import pytest

from tmapi_spiders.system.signals import ENDING, interruptible


@pytest.mark.parametrize("number", ENDING)
def test_each_is_an_interrupt_while_it_lasts(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in ENDING]
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert [signal.getsignal(one) for one in ENDING] == before


def test_a_hang_up_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
    finally:
        assert signal.signal(signal.SIGHUP, before) is signal.SIG_IGN
