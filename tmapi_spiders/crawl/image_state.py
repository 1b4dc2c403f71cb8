"""An image: what a job knows of it, and when it is converted.

Nobody has shown which images V2 reads without a conversion, so that the crawl learns it: of each
path one query goes ahead, and the others follow once its answer is there. "Convert it first"
means that the image is converted, and everything that was asked by the old path again by the new.

First pages without items are believed as soon as any query of the image has items by the same
path. If none has, once all have had their first page, the image is converted (again), and those
pages are asked for again, before they are believed. What becomes of a query hangs on what the API
answers to the image's queries, not on which answer comes first.
(Source: observed behaviour of the API: V2 refuses a URL that was not converted; the last row of
its table of answers.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tmapi_spiders.inputs.seed import Seed

__all__ = ["MOST_CONVERSIONS", "Decision", "Image", "refusal"]

#: Of one image in one job, beside one that another job has paid for.
MOST_CONVERSIONS = 2


@attrs.frozen
class Decision:
    """What an answer, or that none will come, has decided for the queries of an image."""

    believed: list[str] = attrs.field(factory=list)
    """Queries whose empty first page means that nothing was found."""
    ask: list[str] = attrs.field(factory=list)
    """Queries that are to ask now, by the present path."""
    failed: list[str] = attrs.field(factory=list)
    """Queries that end by :attr:`Image.failure`."""
    convert: bool = False
    """Whether the image is to be converted (again); those in :attr:`Image.waiting` wait for it."""
    doubted: int = 0
    """How many queries with an empty first page wait for it."""


@attrs.define
class Image:
    """What is known of one seed's image: a state machine that tells queries apart by a key.

    A **generation** is a path to it: as the seed has it, then after each conversion.

    >>> image = Image(True, expected=2, paths=["/a.jpg", "/b.jpg"], with_items={0, 1},
    ...               settled={"q1"}, waiting=["q2"], kept=True, failure=(422, "no"))
    >>> Image.from_json(image.to_json()) == image
    True
    """

    may_convert: bool
    expected: int
    """Different searches whose first page is asked for in this generation."""
    paths: list[str | None]
    """What is sent to the search, by generation; None: nothing is sent before a conversion."""
    is_read: bool = False
    """Whether a page, be it an empty one, has shown that the API takes the present path."""
    ahead: str | None = None
    """The query that asks by it while that is not known."""
    behind: list[str] = attrs.field(factory=list)
    """Queries that ask once it is."""
    with_items: set[int] = attrs.field(factory=set)
    """Generations that have shown items to any query."""
    settled: set[str] = attrs.field(factory=set)
    """Searches whose first page of this generation has come, or never will."""
    doubtful: list[str] = attrs.field(factory=list)
    """Queries whose first page has no items, while those of others are still to come."""
    waiting: list[str] = attrs.field(factory=list)
    """Queries that wait for the conversion that was asked for; the first one pays for it."""
    doubted: bool = False
    """Whether this generation is there since the one before was doubted."""
    kept: bool = False
    """Whether this generation's conversion was paid for by another job, so that it may be stale."""
    kept_before: int = 0
    """Conversions before it that another job has paid for."""
    is_remembered: bool = False
    """Whether a later page was refused, so that other queries' later pages may be, too."""
    failure: tuple[int | None, str] | None = None
    """Code and message by which all queries of the image end that have no page yet."""

    @classmethod
    def first(
        cls,
        seed: Seed,
        convert: str,
        queries_each: int,
        with_items: Iterable[int] = (),
        *,
        refused: bool = False,
    ) -> Self:
        """Return what is known of a seed's image before anything is asked.

        :param convert: the argument: auto, always or never
        :param queries_each: how many queries an image has
        :param with_items: generations that have shown items in earlier runs
        :param refused: whether the API is known to refuse the image's own URL
        """
        may_convert = convert != "never" and seed.can_be_converted
        wanted = refused or seed.needs_conversion or convert == "always"
        path = None if may_convert and wanted else seed.img_url
        return cls(may_convert, queries_each, [path], with_items=set(with_items))

    @classmethod
    def of_later_page(cls, seed: Seed, convert: str, path: str | None, generation: int) -> Self:
        """Return what a query that is past its first page knows of an image that was forgotten."""
        image = cls.first(seed, convert, 0, {generation})
        image.paths = [*[None] * generation, path]
        image.is_read = True
        return image

    @property
    def generation(self) -> int:
        """The present generation: how many conversions there were."""
        return len(self.paths) - 1

    @property
    def _paid(self) -> int:
        """How many conversions this job has paid for."""
        return self.generation - self.kept_before - self.kept

    @property
    def converts_first(self) -> bool:
        """Whether nothing can be sent to the search before a conversion."""
        return self.paths[-1] is None

    @property
    def is_converting(self) -> bool:
        """Whether a query has to wait for a conversion before it asks."""
        return self.converts_first or bool(self.waiting)

    @property
    def is_decided(self) -> bool:
        """Whether it can be said what first pages without items mean."""
        return self.generation in self.with_items or len(self.settled) >= self.expected

    @property
    def is_done(self) -> bool:
        """Whether no first page is to come any more, so that it can be forgotten."""
        busy = self.waiting or self.doubtful or self.behind
        return len(self.settled) >= self.expected and not (busy or self.is_remembered)

    @property
    def believes(self) -> bool:
        """Whether first pages without items mean that nothing was found."""
        if not self.may_convert or self.generation in self.with_items:
            return True
        is_last = self._paid >= MOST_CONVERSIONS or (self.doubted and not self.kept)
        return self.is_decided and is_last

    def ask(self, key: str) -> bool:
        """Say whether a query may ask by the present path now; if not, a decision says when."""
        if not self.is_read:
            if self.ahead not in {None, key}:
                self.behind.append(key)
                return False
            self.ahead = key
        return True

    def read(self, generation: int | None = None) -> Decision:
        """Note that a page has come: those that were behind may ask.

        :param generation: by which it was asked for; None for the present one
        """
        if self.is_read or self.waiting or generation not in {None, self.generation}:
            return Decision()
        self.is_read, self.ahead = True, None
        behind, self.behind = self.behind, []
        return Decision(ask=behind)

    def pass_on(self, key: str) -> Decision:
        """Note that a query will not tell whether the path is read: the next one goes ahead."""
        if key != self.ahead:
            return Decision()
        self.ahead = self.behind.pop(0) if self.behind else None
        return Decision(ask=[self.ahead] if self.ahead is not None else [])

    def settle(
        self,
        key: str,
        *,
        items: bool | None,
        generation: int | None = None,
        search: str | None = None,
    ) -> Decision:
        """Note that a query's first page has come, or never will, and decide what is in doubt.

        :param items: whether there are elements on it; None if it will never come
        :param generation: by which it was asked for; None for the present one
        :param search: what it asks, where others may ask the same; None: nobody else does
        """
        told = self.pass_on(key) if items is None else self.read(generation)
        at = self.generation if generation is None else generation
        if items:
            self.with_items.add(at)
        elif items is not None and (at != self.generation or self.waiting):  # it comes late
            if self.may_convert and at not in self.with_items:
                return self._again(key)
            self.settled.add(search or key)
            return Decision([key])
        elif items is not None:
            self.doubtful.append(key)
        self.settled.add(search or key)
        return attrs.evolve(self._decide(), ask=told.ask)

    def refuse(
        self,
        key: str,
        code: int | None,
        message: str,
        *,
        first: bool,
        generation: int | None = None,
    ) -> Decision:
        """Note that the API wants the image converted before it reads it, and decide.

        :param code: of the answer
        :param message: by which queries end if it may not be converted (any more)
        :param first: whether a first page was asked for
        :param generation: by which it was asked for; None for the present one
        """
        is_late = generation not in {None, self.generation}
        if not first:
            self.is_remembered = True
        if is_late or self.waiting or self.failure is not None:
            return self._again(key, first=first)
        others = [*self.doubtful, *self.behind]
        unsettled = max(self.expected - len(self.settled), 0)
        self.expected = unsettled + len(self.doubtful)
        doubted = len(self.doubtful)
        self.settled, self.doubtful, self.behind, self.ahead = set(), [], [], None
        if not self.may_convert or self._paid >= MOST_CONVERSIONS:
            self.failure = code, message
            self.settled.update(others, [key] if first else [])
            return Decision(failed=[key, *others])
        self.doubted = False
        if not first:
            self._note_past_first_page(key)
        self.waiting = [key, *others]
        return Decision(convert=True, doubted=doubted)

    def _again(self, key: str, *, first: bool = True) -> Decision:
        """Have a query ask again whose path is not the present one, or not for long."""
        if self.failure is not None:
            if first:
                self.settled.add(key)
            return Decision(failed=[key])
        if not first:
            self._note_past_first_page(key)
        if self.waiting:
            self.waiting.append(key)
            return Decision()
        return Decision(ask=[key] if self.ask(key) else [])

    def _note_past_first_page(self, key: str) -> None:
        if key not in self.settled:
            self.settled.add(key)
            self.expected += 1

    def _decide(self) -> Decision:
        if not self.doubtful:
            return Decision()
        if self.believes:
            believed, self.doubtful = self.doubtful, []
            return Decision(believed)
        if self.failure is not None:
            failed, self.doubtful = self.doubtful, []
            return Decision(failed=failed)
        if not self.is_decided:
            return Decision()
        self.waiting, self.doubtful = self.doubtful, []
        self.doubted = True
        self.expected = len(self.waiting)
        self.settled.clear()
        return Decision(convert=True, doubted=len(self.waiting))

    def wait(self, key: str) -> bool:
        """Have a query wait for a conversion; return whether that is to be asked for, as it is the
        first to wait.
        """
        self.waiting.append(key)
        return len(self.waiting) == 1

    def convert(self, path: str, *, kept: bool) -> list[str]:
        """Begin a new generation; return the queries that waited for it.

        :param path: what the conversion gave
        :param kept: whether another job has paid for the conversion
        """
        self.paths.append(path)
        self.kept_before += self.kept
        self.kept, self.is_read, self.ahead = kept, False, None
        return self.release()

    def is_past_first_page(self, key: str) -> bool:
        """Say whether a query that is to ask again has its first page."""
        return key in self.settled

    def fail(self, code: int | None, message: str) -> list[str]:
        """Note as :attr:`failure` that a conversion failed; return the queries that waited for it.

        Those that come later fail by it, too.
        """
        self.failure = code, f"the image could not be converted: {message}"
        self.settled.update(self.waiting)
        return self.release()

    def release(self) -> list[str]:
        """Let nobody wait any more; return those who did."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def to_json(self) -> dict[str, Any]:
        """Return all of it in what JSON knows; the same for the same image."""
        return attrs.asdict(
            self,
            value_serializer=lambda _, __, value: (
                sorted(value) if isinstance(value, set) else value
            ),
        )

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the image that :meth:`to_json` has told of; what else is in there is left out."""
        known = {field.name: content[field.name] for field in attrs.fields(cls)}
        for name in ("paths", "behind", "doubtful", "waiting"):
            known[name] = list(known[name])
        for name in ("with_items", "settled"):
            known[name] = set(known[name])
        if known["failure"] is not None:
            known["failure"] = tuple(known["failure"])
        return cls(**known)


def refusal(seed: Seed, convert: str, message: str) -> str:
    """Return why a query ends by a demand to convert its image, and what would help.

    >>> from tmapi_spiders.inputs.seed import Seed
    >>> path = Seed.parse("/search/imgextra5/1.jpg")
    >>> refusal(path, "auto", "Invalid image url").partition(". ")[2]
    "Give the picture's own URL as the seed"

    :param convert: the argument
    :param message: the API's
    """
    if not seed.can_be_converted:
        why = (
            "a path can't be converted, and may be no good any more. Give the picture's own URL as "
            "the seed"
        )
    elif convert == "never":
        why = "convert=never forbids that. Leave it out, or give convert=auto"
    else:
        why = (
            f"what it was converted to is refused as well, and it was converted {MOST_CONVERSIONS} "
            "times in this job. Search for it in another job later"
        )
    return f"{message.rstrip('.')}: {why}"
