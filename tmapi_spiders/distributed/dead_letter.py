"""Dead letters: paid answers that could not be turned into rows, or not completely.

There are two kinds. If the spider could not parse an answer, the query ends there, and the letter
is named after the query's task. If a pipeline failed on some of a page's items, the query goes on,
and the letter is named after a **mend**: a separate task that rereads the page.
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

#: What precedes the page number in a mend's name.
_MEND = "p"

#: Fields of the query's progress before the page that a letter keeps.
_BEFORE = ("pages", "items", "unreadable", "total_count", "img_url", "generation")


def mend_of(task: str, page: int) -> str:
    """Return the name of the mend of a query's page.

    >>> mend_of("a0/3", 7), query_task("a0/3/p7"), query_task("a0/3"), query_task("a0/c")
    ('a0/3/p7', 'a0/3', 'a0/3', 'a0/c')
    """
    return f"{task}/{_MEND}{page}"


def is_mend(task: str) -> bool:
    """Return whether a task is a mend.

    >>> is_mend("a0/3/p7"), is_mend("a0/3"), is_mend("a0/c")
    (True, False, False)
    """
    return task.count("/") > 1


def page_of_mend(task: str) -> int | None:
    """Return the page that a mend rereads; None for any other task.

    >>> page_of_mend("a0/3/p7"), page_of_mend("a0/3")
    (7, None)
    """
    return int(task.rpartition(_MEND)[2]) if is_mend(task) else None


def query_task(task: str) -> str:
    """Return the query's task for a mend, and any other task unchanged."""
    return "/".join(task.split("/")[:2])


@attrs.frozen
class DeadLetter:
    """What is known of a dead letter besides the answer's body."""

    page: int = 1
    is_read: bool = False
    """Whether the page was read and its sightings committed."""
    before: dict[str, Any] = attrs.field(factory=dict)
    """The query's progress before the page: those fields that have a value."""
    handed: tuple[str, ...] = ()
    """Names (:class:`ItemNames`) of the items that entered the pipelines."""
    failed: tuple[str, ...] = ()
    """Names of those that a pipeline failed on."""
    fetched_at: str | None = None
    """When the answer was paid for."""

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Return the letter stored as JSON, ignoring what else is in it.

        :raises ValueError: if it is not a letter
        """
        stored = orjson.loads(content)
        if not isinstance(stored, dict):
            raise ValueError("a dead letter is not a JSON object")
        names = [field.name for field in attrs.fields(cls)]
        known = {name: stored[name] for name in names if name in stored}
        for name in ("handed", "failed"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def to_json(self, **notes: Any) -> bytes:
        """Return it as JSON.

        :param notes: further fields, for people to read
        """
        return orjson.dumps({**notes, **attrs.asdict(self)})

    def wants(self, name: str, *, whole: bool) -> bool:
        """Return whether an item enters the pipelines when the answer is reread.

        Those that a pipeline failed on do.

        :param whole: whether those that never got there do as well

        >>> letter = DeadLetter(handed=("1", "2", "3"), failed=("2",))
        >>> [letter.wants(name, whole=False) for name in "1234"]
        [False, True, False, False]
        >>> [letter.wants(name, whole=True) for name in "1234"]
        [False, True, False, True]
        """
        return name in self.failed or (whole and name not in self.handed)


def progress_before(progress: Progress) -> dict[str, Any]:
    """Return a query's progress, for the letter of the page that comes next."""
    fields = {name: getattr(progress, name) for name in _BEFORE}
    return {name: value for name, value in fields.items() if value is not None}


def count_dead_letters(server: Redis, prefix: str) -> int:
    """Return how many answers of a job are kept as dead letters.

    :param prefix: the prefix of the job's keys
    """
    tasks: list[bytes] = server.hkeys(f"{prefix}:bodies")  # type: ignore[assignment]
    return sum(b"/" in task for task in tasks)  # others are foreign entries found in the queue


class ItemNames:
    """Names the items of one answer, in the order in which they enter the pipelines.

    A name is the item's rank, plus a number if several items have it: a project's middlewares may
    add items with the same rank or none. Rereading the answer gives each item the same name.

    >>> names = ItemNames()
    >>> [names.give(item) for item in ({"rank": 1}, {"rank": 1}, {}, {"rank": 2}, {})]
    ['1', '1.2', '?', '2', '?.2']
    """

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._given: dict[int, tuple[Any, str]] = {}
        """By identity, with the item itself, so that its identity is not reused."""

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
        """Return the name given to an item; "?" for any other."""
        return self._given.get(id(item), (None, "?"))[1]
