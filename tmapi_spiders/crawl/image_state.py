"""What a job knows about an image: whether to convert it, and whether to believe empty pages.

It is not known which images V2 reads without a conversion, so the crawl learns it: for each path
one query goes ahead, and the others follow once it is answered. If the answer is "convert it
first", the image is converted, and everything that was asked by the old path is asked again by the
new one.

First pages without items are believed as soon as any query of the image has items by the same
path. If all queries have had their first page and none has items, the image is converted (again),
and those pages are asked for again before they are believed. So the outcome of a query depends on
what the API answers to the image's queries, not on which answer comes first.
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

#: Conversions of one image that one job pays for, besides one that another job has paid for.
MOST_CONVERSIONS = 2


@attrs.frozen
class Decision:
    """What follows for the queries of an image from an answer, or from its absence."""

    believed: list[str] = attrs.field(factory=list)
    """Queries whose empty first page means that nothing was found."""
    ask: list[str] = attrs.field(factory=list)
    """Queries that ask now, by the present path."""
    failed: list[str] = attrs.field(factory=list)
    """Queries that end with :attr:`Image.failure`."""
    convert: bool = False
    """Whether to convert the image (again), for the queries in :attr:`Image.waiting`."""
    doubted: int = 0
    """Queries with an empty first page that wait for the conversion."""


@attrs.define
class Image:
    """What is known about one seed's image: a state machine that knows each query by a key.

    A **generation** is a path to the image: first the seed's own, then one after each conversion.
    A search is **settled** once its first page of the present generation has come, or won't.

    >>> image = Image(True, expected=2, paths=["/a.jpg", "/b.jpg"], with_items={0, 1},
    ...               settled={"q1"}, waiting=["q2"], kept=True, failure=(422, "no"))
    >>> Image.from_json(image.to_json()) == image
    True
    """

    may_convert: bool
    expected: int
    """Different searches that ask for their first page in this generation."""
    paths: list[str | None]
    """What is sent for the image, by generation; None: nothing before a conversion."""
    is_read: bool = False
    """Whether a page, possibly an empty one, has shown that the API takes the present path."""
    ahead: str | None = None
    """The query that asks by the present path while that is not known."""
    behind: list[str] = attrs.field(factory=list)
    """Queries that ask once it is known."""
    with_items: set[int] = attrs.field(factory=set)
    """Generations by which any query has found items."""
    settled: set[str] = attrs.field(factory=set)
    """Searches whose first page of this generation has come, or never will."""
    doubtful: list[str] = attrs.field(factory=list)
    """Queries whose first page has no items, while other queries' first pages are still to come."""
    waiting: list[str] = attrs.field(factory=list)
    """Queries that wait for a conversion; the first of them is charged with it."""
    doubted: bool = False
    """Whether this generation was made because empty pages of the previous one were doubted."""
    kept: bool = False
    """Whether another job paid for this generation's conversion, which may then be stale."""
    kept_before: int = 0
    """Earlier conversions that another job paid for."""
    is_remembered: bool = False
    """Whether a later page was refused; other queries' later pages may be refused, too."""
    failure: tuple[int | None, str] | None = None
    """Code and message with which all queries of the image end that have no page yet."""

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
        """Return what is known about a seed's image before anything is asked.

        :param convert: the argument: auto, always or never
        :param queries_each: how many searches ask for the image
        :param with_items: generations by which earlier runs found items
        :param refused: whether the API is known to refuse the image's own URL
        """
        may_convert = convert != "never" and seed.can_be_converted
        wanted = refused or seed.needs_conversion or convert == "always"
        path = None if may_convert and wanted else seed.img_url
        return cls(may_convert, queries_each, [path], with_items=set(with_items))

    @classmethod
    def of_later_page(cls, seed: Seed, convert: str, path: str | None, generation: int) -> Self:
        """Return what a query past its first page knows about an image that was forgotten."""
        image = cls.first(seed, convert, 0, {generation})
        image.paths = [*[None] * generation, path]
        image.is_read = True
        return image

    @property
    def generation(self) -> int:
        """The number of the present generation: how many conversions there were."""
        return len(self.paths) - 1

    @property
    def _paid(self) -> int:
        """Conversions that this job has paid for."""
        return self.generation - self.kept_before - self.kept

    @property
    def converts_first(self) -> bool:
        """Whether the image has to be converted before it is searched for."""
        return self.paths[-1] is None

    @property
    def is_converting(self) -> bool:
        """Whether a query has to wait for a conversion before it asks."""
        return self.converts_first or bool(self.waiting)

    @property
    def is_decided(self) -> bool:
        """Whether it is known what first pages without items mean."""
        return self.generation in self.with_items or len(self.settled) >= self.expected

    @property
    def is_done(self) -> bool:
        """Whether no further first page will come, so that the image can be forgotten."""
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
        """Return whether a query may ask by the present path now, or only after a decision."""
        if not self.is_read:
            if self.ahead not in {None, key}:
                self.behind.append(key)
                return False
            self.ahead = key
        return True

    def read(self, generation: int | None = None) -> Decision:
        """Note that a page has come: the queries that were behind may ask.

        :param generation: by which the page was asked for; None for the present one
        """
        if self.is_read or self.waiting or generation not in {None, self.generation}:
            return Decision()
        self.is_read, self.ahead = True, None
        behind, self.behind = self.behind, []
        return Decision(ask=behind)

    def pass_on(self, key: str) -> Decision:
        """Note that a query will not show whether the API takes the path: the next goes ahead."""
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
        """Note that a query's first page has come, or never will; decide about doubtful ones.

        :param items: whether there are elements on it; None if it will never come
        :param generation: by which it was asked for; None for the present one
        :param search: the id of what it asks, which other queries may ask, too; None: none does
        """
        others = self.pass_on(key) if items is None else self.read(generation)
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
        return attrs.evolve(self._decide(), ask=others.ask)

    def refuse(
        self,
        key: str,
        code: int | None,
        message: str,
        *,
        first: bool,
        generation: int | None = None,
    ) -> Decision:
        """Note that the API wants the image converted first, and decide what follows.

        :param code: the answer's
        :param message: the message with which queries end if it may not be converted (again)
        :param first: whether a first page was asked for
        :param generation: by which the page was asked for; None for the present one
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
        """Let a query ask again whose path is outdated, or about to be."""
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
        """Let a query wait for a conversion; return whether to request it: for the first one."""
        self.waiting.append(key)
        return len(self.waiting) == 1

    def convert(self, path: str, *, kept: bool) -> list[str]:
        """Begin a new generation; return the queries that waited for it.

        :param path: the path that the image was converted to
        :param kept: whether another job paid for the conversion
        """
        self.paths.append(path)
        self.kept_before += self.kept
        self.kept, self.is_read, self.ahead = kept, False, None
        return self.release()

    def is_past_first_page(self, key: str) -> bool:
        """Return whether a query that asks again has had its first page."""
        return key in self.settled

    def fail(self, code: int | None, message: str) -> list[str]:
        """Note as :attr:`failure` that a conversion failed; return the queries that waited for it.

        Queries that come later fail with it, too.
        """
        self.failure = code, f"the image could not be converted: {message}"
        self.settled.update(self.waiting)
        return self.release()

    def release(self) -> list[str]:
        """Return the queries that waited for a conversion; none waits any more."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON's types; equal images give equal JSON."""
        return attrs.asdict(
            self,
            value_serializer=lambda _, __, value: (
                sorted(value) if isinstance(value, set) else value
            ),
        )

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the image of a :meth:`to_json`; further keys are ignored."""
        known = {field.name: content[field.name] for field in attrs.fields(cls)}
        for name in ("paths", "behind", "doubtful", "waiting"):
            known[name] = list(known[name])
        for name in ("with_items", "settled"):
            known[name] = set(known[name])
        if known["failure"] is not None:
            known["failure"] = tuple(known["failure"])
        return cls(**known)


def refusal(seed: Seed, convert: str, message: str) -> str:
    """Return why a query ends with a demand to convert its image, and what would help.

    >>> from tmapi_spiders.inputs.seed import Seed
    >>> path = Seed.parse("/search/imgextra5/1.jpg")
    >>> refusal(path, "auto", "Invalid image url").partition(". ")[2]
    "Give the picture's own URL as the seed"

    :param convert: the argument
    :param message: the API's
    """
    if not seed.can_be_converted:
        why = (
            "a path can't be converted, and may no longer be valid. Give the picture's own URL as "
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
