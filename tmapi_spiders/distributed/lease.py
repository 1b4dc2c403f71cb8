"""Leases: a task that a worker holds, and what is to be committed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.distributed.keys import CONVERSION_TASK, EXAMPLE, UNREADABLE
from tmapi_spiders.distributed.letter import (
    DeadLetter,
    ItemNames,
    is_mend,
    mend_of,
    progress_before,
    query_task,
)
from tmapi_spiders.distributed.store import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.inputs.queries import Query

__all__ = ["Lease"]


@attrs.define(eq=False)
class Lease:
    """One page, or one conversion, that this worker alone may work on until its time is up."""

    task: str
    token: str
    sends: bool
    """Whether it is leave to make a call; else the answer is in *body*."""
    query: Query
    """Of a conversion, the one that pays for it."""
    progress: Progress
    page: int
    attempt: int
    spared: int
    """Earlier tries that are not the page's own; see :class:`~tmapi_spiders.api.calls.Call`."""
    refusals: int
    rejections: int
    repeat: int
    """Of a conversion: which one of this image it is, from 1."""
    image: Image
    image_version: int
    body: bytes
    """An answer that is there already: another job's conversion, or a dead letter's."""
    letter: DeadLetter | None
    """That dead letter, if it is one's."""
    fetched_at: str | None
    """When that was paid for."""
    valid_until: float
    """By the event loop's clock."""
    call: Call | None = None
    """Its call, once the request is made."""
    answered: bool = False
    """Whether its permit has been given back."""
    counts: bool = True
    """Whether the call, if one was made, counts."""
    sent: bool = False
    is_lost: bool = False
    """Whether somebody else has it by now."""
    settled: bool = False
    """Whether the step that ends it is on its way."""
    callback_ended: bool = False
    unsettled: int = 0
    """Items on their way through the pipelines."""
    before: dict[str, Any] = attrs.field(init=False)
    """How far the query was before this page."""
    names: ItemNames = attrs.field(factory=ItemNames)
    handed: list[str] = attrs.field(factory=list)
    """Names of the items that went into the pipelines."""
    failed: list[str] = attrs.field(factory=list)
    """Those of them that a pipeline failed on."""
    rejected: int = 0
    """Items that came out of the pipelines as no rows of a product, by an error or not."""
    has_items: bool | None = None
    """Of a first page, whether it has elements, once that is known."""
    error: str | None = None
    """What the parsing of its answer raised, or else the first pipeline that failed."""
    is_parsed: bool = True
    """Whether the spider could take the answer."""
    answer: bytes = b""
    """The body of its answer, in case that it can't be parsed."""
    seen: list[int] = attrs.field(factory=list)
    rows: list[tuple[str, str, bytes]] = attrs.field(factory=list)
    """What came out of the pipelines: scope and id (:mod:`tmapi_spiders.crawl.dedupe`; "" for
    none) and
    line."""
    sightings: list[bytes] = attrs.field(factory=list)
    set: dict[str, Any] = attrs.field(factory=dict)
    """Fields of the query's hash; None removes one."""
    count: dict[str, int] = attrs.field(factory=dict)
    """Counters of the job."""
    unreadable: dict[str, int] = attrs.field(factory=dict)
    """By field, items in which a value could not be read."""
    examples: dict[str, str] = attrs.field(factory=dict)
    """By field, one of these values."""
    ends: tuple[Any, Any] = (None, None)
    """How the query ends, if the page has an item that is new to it, and if not."""
    goes_on: bool = False
    left: int | None = None
    """Pages that its query has left, as far as can be seen; None where nothing can."""
    change: Callable[[Image], list[dict[str, Any]]] | None = None
    """Given what is known of the image, changes that, and returns what becomes of other tasks.

    It is asked again if somebody else has changed the image meanwhile.
    """
    believed: int = 0
    """Empty first pages that its commit has believed."""
    letter_json: bytes = b""
    """The dead letter that the answer becomes."""
    keep: tuple[str, int, bytes] | None = None
    """A key, milliseconds, and the answer to keep there for other jobs."""
    refused: tuple[str, str] | None = None
    """A key, and the id of an image whose own URL the API refuses, to keep there."""

    def __attrs_post_init__(self) -> None:
        self.before = progress_before(self.progress)

    @property
    def is_mend(self) -> bool:
        """Whether it reads a page again whose query has gone on."""
        return is_mend(self.task)

    @property
    def is_conversion(self) -> bool:
        """Whether it converts an image instead of searching."""
        return self.task.endswith(f"/{CONVERSION_TASK}")

    @property
    def is_read(self) -> bool:
        """Whether its page was read, so that how far its query is then is committed, too."""
        return bool(self.progress.pages > self.before["pages"])

    @property
    def was_read(self) -> bool:
        """Whether an earlier reading of its answer has been committed."""
        return self.letter is not None and self.letter.is_read

    @property
    def is_staged(self) -> bool:
        """Whether it is known what becomes of its query, or of those that wait for it."""
        return self.goes_on or self.change is not None or self.ends != (None, None)

    @property
    def is_counted(self) -> bool:
        """Whether its place in the budget stays taken; without a call it has none."""
        return not self.sends or (self.sent and self.counts)

    @property
    def pages_before(self) -> int:
        """Pages of the query that are committed."""
        return self.page - 1

    @property
    def is_whole(self) -> bool:
        """Whether nothing more will come of its answer."""
        return self.callback_ended and not self.unsettled

    def expects(self, item: Any) -> bool:
        """Note an item that goes into the pipelines; return False for one that has been there."""
        name = self.names.give(item)
        if self.letter is not None and not self.letter.wants(name, whole=not self.is_mend):
            return False
        self.handed.append(name)
        self.unsettled += 1
        return True

    def add_row(self, identity: tuple[str, str] | None, line: bytes) -> None:
        """Have a row committed.

        :param identity: see :func:`tmapi_spiders.crawl.dedupe.identity_of`
        """
        scope, item_id = identity or ("", "")
        if scope == self.query.query_id:
            scope = query_task(self.task)  # which the query's end removes
        self.rows.append((scope, item_id, line))

    def new_letter(self) -> DeadLetter:
        """Return the dead letter that its answer becomes, as things are."""
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
        """Have a value counted that could not be read."""
        self.unreadable[field] = self.unreadable.get(field, 0) + 1
        self.examples.setdefault(field, example)

    def commit(self, done: Callable[[Any], None]) -> Step:
        """Return the step that commits it."""
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
        """How many more items its query has rejected.

        It is added, not set: meanwhile a mend of an earlier page may have taken some away.
        """
        if not self.is_read and not self.is_mend:
            return 0
        read = 0 if self.is_mend else self.progress.unreadable - self.before["unreadable"]
        earlier = self.letter.failed if self.letter is not None else ()
        return self.rejected + read - sum(one in self.handed for one in earlier)

    @property
    def letter_id(self) -> str:
        """The name of the dead letter that its answer becomes."""
        is_whole = self.is_mend or not self.is_parsed
        return self.task if is_whole else mend_of(self.task, self.page)

    def progress_fields(self) -> dict[str, Any]:
        """Return how far the query is, once all of the page's items are out of the pipelines."""
        names = ("pages", "items", "unreadable", "total_count", "finished_at")
        fields = {name: getattr(self.progress, name) for name in (*names, "img_url", "generation")}
        evidence = " ".join(self.progress.evidence)  # should it be cut short
        return fields | {"evidence": evidence, "code": None, "message": None}

    def give_back(
        self,
        how: str,
        done: Callable[[Any], None],
        *,
        delay: float = 0.0,
        pause: float = 0.0,
    ) -> Step:
        """Return the step that gives it back.

        :param how: retry, refused or unsent; see the script
        :param delay: seconds before anybody takes it
        :param pause: seconds without calls, if not even one was borne
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
        """Take over what somebody else has found out about the image."""
        self.image, self.image_version = image, version


def _texts(fields: dict[str, Any]) -> dict[str, str]:
    """Return fields as Redis holds them: text, where '' is none.

    >>> _texts({"page": 2, "code": None, "seen": ""})
    {'page': '2', 'code': '', 'seen': ''}
    """
    return {name: "" if value is None else str(value) for name, value in fields.items()}
