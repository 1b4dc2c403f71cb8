"""Dead letters: answers that were paid for and could not be turned into rows, or not all of them.

Of two kinds. Where the spider could not take an answer, its query ends by that, and the letter has
the name of the query's task. Where a pipeline failed on some of a page's items, the query goes on,
and the letter is the page's: its name is a **mend**, a task of its own that reads the page again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import attrs
import orjson
from itemadapter import ItemAdapter

if TYPE_CHECKING:
    from redis import Redis

    from tmapi_spiders.crawl.progress import Progress

__all__ = [
    "DeadLetter",
    "ItemNames",
    "is_mend",
    "mend_of",
    "page_of_mend",
    "progress_before",
    "query_task",
]

#: What stands before the page's number in a mend's name.
_MEND = "p"

#: What a letter keeps of how far the query was before the page.
_BEFORE = ("pages", "items", "unreadable", "total_count", "img_url", "generation")


def mend_of(task: str, page: int) -> str:
    """Return the mend of a query's page.

    >>> mend_of("a0/3", 7), query_task("a0/3/p7"), query_task("a0/3"), query_task("a0/c")
    ('a0/3/p7', 'a0/3', 'a0/3', 'a0/c')
    """
    return f"{task}/{_MEND}{page}"


def is_mend(task: str) -> bool:
    """Say whether a task is a mend.

    >>> is_mend("a0/3/p7"), is_mend("a0/3"), is_mend("a0/c")
    (True, False, False)
    """
    return task.count("/") > 1


def page_of_mend(task: str) -> int | None:
    """Return the page that a mend reads again; None of any other task.

    >>> page_of_mend("a0/3/p7"), page_of_mend("a0/3")
    (7, None)
    """
    return int(task.rpartition(_MEND)[2]) if is_mend(task) else None


def query_task(task: str) -> str:
    """Return the task of a mend's query; any other task is its own."""
    return "/".join(task.split("/")[:2])


@attrs.frozen
class DeadLetter:
    """What is known of one such answer, besides its body."""

    page: int = 1
    is_read: bool = False
    """Whether the page's items have been read, and its sightings committed."""
    before: dict[str, Any] = attrs.field(factory=dict)
    """How far the query was before the page: those fields that have a value."""
    handed: tuple[str, ...] = ()
    """Names (:class:`ItemNames`) of the items that went into the pipelines."""
    failed: tuple[str, ...] = ()
    """Those of them that a pipeline failed on."""
    fetched_at: str | None = None
    """When the answer was paid for."""

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Return the letter that was kept as JSON, with whatever else is told there.

        :raises ValueError: if it is no letter
        """
        told = orjson.loads(content)
        if not isinstance(told, dict):
            raise ValueError("a dead letter is no JSON object")
        known = {field.name: told[field.name] for field in attrs.fields(cls) if field.name in told}
        for name in ("handed", "failed"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def to_json(self, **told: Any) -> bytes:
        """Return it as JSON.

        :param told: what people are told besides
        """
        return orjson.dumps({**told, **attrs.asdict(self)})

    def wants(self, name: str, *, whole: bool) -> bool:
        """Say whether an item goes into the pipelines when the answer is read again.

        Those that a pipeline failed on do.

        :param whole: whether those do, too, that never got there

        >>> letter = DeadLetter(handed=("1", "2", "3"), failed=("2",))
        >>> [letter.wants(name, whole=False) for name in "1234"]
        [False, True, False, False]
        >>> [letter.wants(name, whole=True) for name in "1234"]
        [False, True, False, True]
        """
        return name in self.failed or (whole and name not in self.handed)


def progress_before(progress: Progress) -> dict[str, Any]:
    """Return how far a query is, for the letter of the page that comes next."""
    fields = {name: getattr(progress, name) for name in _BEFORE}
    return {name: value for name, value in fields.items() if value is not None}


def count_dead_letters(server: Redis, prefix: str) -> int:
    """Return how many answers of a job are kept as dead letters.

    :param prefix: what the job's keys begin with
    """
    tasks: list[bytes] = server.hkeys(f"{prefix}:bodies")  # type: ignore[assignment]
    return sum(b"/" in task for task in tasks)  # else it is what somebody has put into the queue


class ItemNames:
    """Names the items of one answer, in the order in which they go into the pipelines.

    By its rank, and which one of that rank it is: a project's middlewares may bring several, or
    items without a rank. So an item has the same name when the answer is read again.

    >>> names = ItemNames()
    >>> [names.give(item) for item in ({"rank": 1}, {"rank": 1}, {}, {"rank": 2}, {})]
    ['1', '1.2', '?', '2', '?.2']
    """

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._given: dict[int, tuple[Any, str]] = {}
        """By identity, with the item, lest another one get that meanwhile."""

    def give(self, item: Any) -> str:
        """Name the next item."""
        rank = ItemAdapter(item).get("rank") if ItemAdapter.is_item(item) else None
        name = str(rank) if isinstance(rank, int) else "?"
        self._numbers[name] += 1
        if (number := self._numbers[name]) > 1:
            name = f"{name}.{number}"
        self._given[id(item)] = item, name
        return name

    def of(self, item: Any) -> str:
        """Return the name of an item that has one; "?" of any other."""
        return self._given.get(id(item), (None, "?"))[1]
