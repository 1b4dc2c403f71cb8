"""Leases: tasks a worker holds, with everything to be committed for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.distributed.dead_letter import (
    DeadLetter,
    ItemNames,
    is_mend,
    mend_of,
    progress_before,
    query_task,
)
from tmapi_spiders.distributed.keys import CONVERSION_TASK, EXAMPLE, UNREADABLE
from tmapi_spiders.distributed.store import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.inputs.queries import Query

__all__ = ["Lease"]


@attrs.define(eq=False)
class Lease:
    """A page or a conversion that only this worker may work on until the lease expires."""

    task: str
    token: str
    sends: bool
    """Whether the lease includes a permit for a call; otherwise the answer is in *body*."""
    query: Query
    """For a conversion, the query that pays for it."""
    progress: Progress
    page: int
    attempt: int
    spared: int
    """Earlier attempts that failed because everything did; see ``Call.spared``."""
    refusals: int
    rejections: int
    repeat: int
    """For a conversion, its number among those of this image, from 1."""
    image: Image
    image_version: int
    body: bytes
    """An answer that exists already: another job's conversion, or a dead letter's."""
    letter: DeadLetter | None
    """The dead letter, if *body* is one's."""
    fetched_at: str | None
    """When *body* was paid for."""
    valid_until: float
    """When the lease expires, by the event loop's clock."""
    call: Call | None = None
    """The call, once the request is made."""
    answered: bool = False
    """Whether the permit has been returned."""
    counts: bool = True
    """Whether the call, if one was made, counts towards the budget."""
    sent: bool = False
    is_lost: bool = False
    """Whether another worker has the task by now."""
    is_ended: bool = False
    """Whether the step that ends the lease has been queued."""
    callback_ended: bool = False
    in_pipelines: int = 0
    """Items that are still in the pipelines."""
    before: dict[str, Any] = attrs.field(init=False)
    """The query's progress before this page."""
    names: ItemNames = attrs.field(factory=ItemNames)
    handed: list[str] = attrs.field(factory=list)
    """Names of the items that entered the pipelines."""
    failed: list[str] = attrs.field(factory=list)
    """Names of those that a pipeline failed on."""
    rejected: int = 0
    """Items that left the pipelines without becoming product rows, through an error or not."""
    has_items: bool | None = None
    """For a first page, whether it has elements, once that is known."""
    error: str | None = None
    """What parsing the answer raised, or else the first pipeline that failed."""
    is_parsed: bool = True
    """Whether the spider could parse the answer."""
    answer: bytes = b""
    """The body of the answer, in case it can't be parsed."""
    seen: list[int] = attrs.field(factory=list)
    rows: list[tuple[str, str, bytes]] = attrs.field(factory=list)
    """Rows that left the pipelines: scope and id (:mod:`tmapi_spiders.crawl.dedupe`), and line.

    Scope and id are "" for a row without an identity.
    """
    sightings: list[bytes] = attrs.field(factory=list)
    set: dict[str, Any] = attrs.field(factory=dict)
    """Fields of the query's hash to set; None removes one."""
    count: dict[str, int] = attrs.field(factory=dict)
    """Amounts to add to the job's counters."""
    unreadable: dict[str, int] = attrs.field(factory=dict)
    """By field, the number of items in which a value could not be read."""
    examples: dict[str, str] = attrs.field(factory=dict)
    """By field, one such value."""
    ends: tuple[Any, Any] = (None, None)
    """How the query ends if the page has an item that is new to it, and if it has none."""
    goes_on: bool = False
    left: int | None = None
    """Pages that the query has left; None if that is not known."""
    change: Callable[[Image], list[dict[str, Any]]] | None = None
    """Updates what is known of the image, and returns what that changes for other tasks.

    Called again if another worker has updated the image meanwhile.
    """
    believed: int = 0
    """Number of empty first pages that the commit has accepted."""
    letter_json: bytes = b""
    """The dead letter that the answer becomes, as JSON."""
    keep: tuple[str, int, bytes] | None = None
    """A key, milliseconds, and the answer to keep there for other jobs."""
    refused: tuple[str, str] | None = None
    """The key of the set, and the id, of an image whose own URL the API refuses."""

    def __attrs_post_init__(self) -> None:
        self.before = progress_before(self.progress)

    @property
    def is_mend(self) -> bool:
        """Whether this rereads a page of a query that has gone on since."""
        return is_mend(self.task)

    @property
    def is_conversion(self) -> bool:
        """Whether this converts an image instead of fetching a page."""
        return self.task.endswith(f"/{CONVERSION_TASK}")

    @property
    def is_read(self) -> bool:
        """Whether the page was read, so that the query's progress is committed with it."""
        return bool(self.progress.pages > self.before["pages"])

    @property
    def was_read(self) -> bool:
        """Whether an earlier reading of the answer has been committed."""
        return self.letter is not None and self.letter.is_read

    @property
    def is_staged(self) -> bool:
        """Whether it is decided what happens to its query, or to those awaiting the conversion."""
        return self.goes_on or self.change is not None or self.ends != (None, None)

    @property
    def is_counted(self) -> bool:
        """Whether the call stays counted in the budget; a lease without a call takes no place."""
        return not self.sends or (self.sent and self.counts)

    @property
    def pages_before(self) -> int:
        """Number of the query's pages that are committed."""
        return self.page - 1

    @property
    def is_whole(self) -> bool:
        """Whether nothing more will come from the answer."""
        return self.callback_ended and not self.in_pipelines

    def expects(self, item: Any) -> bool:
        """Note an item that enters the pipelines; return False for one that was in them before."""
        name = self.names.give(item)
        if self.letter is not None and not self.letter.wants(name, whole=not self.is_mend):
            return False
        self.handed.append(name)
        self.in_pipelines += 1
        return True

    def add_row(self, identity: tuple[str, str] | None, line: bytes) -> None:
        """Add a row to the commit.

        :param identity: see :func:`tmapi_spiders.crawl.dedupe.identity_of`
        """
        scope, item_id = identity or ("", "")
        if scope == self.query.query_id:
            scope = query_task(self.task)  # removed when the query ends
        self.rows.append((scope, item_id, line))

    def new_letter(self) -> DeadLetter:
        """Return the dead letter that the answer becomes, as things stand."""
        earlier = self.letter or DeadLetter()
        left = [one for one in earlier.failed if one not in self.handed]
        return DeadLetter(
            page=self.page,
            is_read=self.is_read or self.was_read,
            before=self.before,
            handed=tuple(dict.fromkeys((*earlier.handed, *self.handed))),
            failed=tuple(dict.fromkeys((*left, *self.failed))),
            fetched_at=self.fetched_at,
        )

    def note_unread(self, field: str, example: str) -> None:
        """Count a value that could not be read."""
        self.unreadable[field] = self.unreadable.get(field, 0) + 1
        self.examples.setdefault(field, example)

    def commit(self, done: Callable[[Any], None]) -> Step:
        """Return the step that commits the lease."""
        rest: dict[str, Any] = {}
        if self.letter_json:
            rest["letter"] = self.letter_json.decode()
            rest["letter_of"] = self.letter_id
        if self.is_mend:
            rest["mends"] = query_task(self.task)
        if self.change is not None:
            image = Image.from_json(self.image.to_json())
            rest["others"] = [
                {**other, "set": _texts(other.get("set", {}))} for other in self.change(image)
            ]
            rest["image"] = {"seed_id": self.query.seed.key, "version": self.image_version}
            if not image.is_done:
                content = {**image.to_json(), "version": self.image_version + 1}
                rest["image"]["content"] = orjson.dumps(content).decode()
        fresh, stale = self.ends
        if self.refused is not None:
            rest["refused"] = self.refused
        rest |= {
            "counts": self.is_counted,
            "set": _texts((self.progress_fields() if self.is_read else {}) | self.set),
            "count": self.count | {UNREADABLE + name: by for name, by in self.unreadable.items()},
            "first": {EXAMPLE + name: one for name, one in self.examples.items()},
            "rejected": self.newly_rejected,
            "next": self.goes_on,
            "left": self.left or False,
            "ends_fresh": fresh or False,
            "ends_stale": stale or False,
        }
        values: list[Any] = [self.task, self.token, b""]
        values += [len(self.seen), *self.seen, len(self.rows)]
        for scope, item_id, line in self.rows:
            values += (scope, item_id, line.rstrip(b"\n"))
        values += [len(self.sightings), *(line.rstrip(b"\n") for line in self.sightings)]
        if self.keep is not None:
            rest["keep"], rest["keep_ms"], body = self.keep
            values.append(body)
        elif self.letter_json:
            values.append(self.answer)
        values[2] = orjson.dumps(rest)
        return Step("commit", values, done)

    @property
    def newly_rejected(self) -> int:
        """How many more items the query has rejected.

        Added rather than set, since a mend of an earlier page may have subtracted some meanwhile.
        """
        if not self.is_read and not self.is_mend:
            return 0
        read = 0 if self.is_mend else self.progress.unreadable - self.before["unreadable"]
        earlier = self.letter.failed if self.letter is not None else ()
        return self.rejected + read - sum(one in self.handed for one in earlier)

    @property
    def letter_id(self) -> str:
        """Name of the dead letter that the answer becomes."""
        is_whole = self.is_mend or not self.is_parsed
        return self.task if is_whole else mend_of(self.task, self.page)

    def progress_fields(self) -> dict[str, Any]:
        """Return the query's progress, once all of the page's items have left the pipelines."""
        names = ("pages", "items", "unreadable", "total_count", "finished_at")
        fields = {name: getattr(self.progress, name) for name in (*names, "img_url", "generation")}
        evidence = " ".join(self.progress.evidence)  # in case the query is cut short
        return fields | {"evidence": evidence, "code": None, "message": None}

    def give_back(
        self,
        how: str,
        done: Callable[[Any], None],
        *,
        delay: float = 0.0,
        pause: float = 0.0,
    ) -> Step:
        """Return the step that gives the lease back.

        :param how: retry, refused or unsent; see ``give_back.lua``
        :param delay: seconds before any worker may take the task
        :param pause: seconds without calls, if the API refused even a single one
        """
        rest = {
            "how": how,
            "counts": self.is_counted,
            "delay": round(delay * 1000),
            "pause": round(pause * 1000),
            "set": _texts(self.set),
            "note": _texts(
                {
                    name: getattr(self.progress, name)
                    for name in ("code", "message", "finished_at")
                    if getattr(self.progress, name) is not None
                }
            ),
            "count": self.count,
        }
        return Step("give_back", [self.task, self.token, orjson.dumps(rest)], done)

    def replace_image(self, image: Image, version: int) -> None:
        """Replace what is known of the image by what another worker has found out."""
        self.image, self.image_version = image, version


def _texts(fields: dict[str, Any]) -> dict[str, str]:
    """Return fields as Redis stores them: as text, '' standing for None.

    >>> _texts({"page": 2, "code": None, "seen": ""})
    {'page': '2', 'code': '', 'seen': ''}
    """
    return {name: "" if value is None else str(value) for name, value in fields.items()}
