"""Values of any shape, and how they are tried.

Whatever is read: each reading ends in time, ends as documented, and shows no token. Briefly with
every run of the tests, then with the same values each time; ``make fuzz`` takes its time, and tries
others each time.
"""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tmapi_spiders.items import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The most seconds for one example, on a busy machine.
LIMIT = 20

QUIETLY = pytest.mark.filterwarnings("ignore:Generating overly large repr")

EXAMPLES = pytest.mark.parametrize("examples", [40, pytest.param(3000, marks=pytest.mark.fuzz)])


@contextmanager
def in_time() -> Iterator[None]:
    """Fail what takes longer than :data:`LIMIT`."""

    def stop(*_: object) -> None:
        raise AssertionError(f"it hangs: {LIMIT} s are over")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def try_all(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], examples: int) -> None:
    """Run *check* with so many examples; small numbers are the same ones every time."""

    def one(value: Any) -> None:
        with in_time():
            check(value)

    settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 1000,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # to find the least example takes minutes
    )(given(strategy)(one))()


#: Stands for a token in some spelling.
PLACE = "qPLACEq"

LONG_TEXTS = [
    *("9" * 5000, " " * 50_000, "1" + " " * 50_000 + "x", "&amp;" * 10_000, "%25" * 10_000),
    *("\\" * 50_000, "&" * 50_000, "(" * 10_000, "1," * 20_000, "\ud800", "\x1b[2J\u202e\u2028"),
    *("=1+1", "NaN", "Infinity", "null", "-1", "1e999", "²", "１２", "1.2.3", "9,90", "¥1,234.50"),
    "&#" + "9" * 5000 + ";",
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(LONG_TEXTS),
    st.builds("{}{}{}".format, st.text(max_size=5), st.just(PLACE), st.text(max_size=5)),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**30, 2**63, 2**31 - 1, 1e308]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
#: The names in the expressions of the product's fields.
FIELDS = sorted(
    {
        name
        for field in attrs.fields(Product)
        for name in re.findall(r"[a-z]\w+", field.metadata.get("expression", ""))
    }
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), inner, max_size=5),
    ),
    max_leaves=12,
)
ITEMS = st.fixed_dictionaries(
    {"item_id": st.one_of(st.integers(1, 10**12), VALUES)},
    optional={name: VALUES for name in FIELDS if name != "item_id"},
)
PAGES = st.fixed_dictionaries(
    {
        "code": st.one_of(st.just(200), VALUES),
        "data": st.fixed_dictionaries(
            {"items": st.one_of(st.lists(st.one_of(ITEMS, VALUES), max_size=4), VALUES)},
            optional={"has_next_page": VALUES, "total_count": VALUES, "image_url": VALUES},
        ),
    },
    optional={"msg": VALUES, "message": VALUES},
)
