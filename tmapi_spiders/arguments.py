"""The spider's arguments: typed, checked all at once, before anything is sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tmapi_spiders import readers
from tmapi_spiders.errors import UsageProblems, did_you_mean
from tmapi_spiders.queries import FILTERS, LANGUAGES, SORTS, Filters, PriceRange, Queries
from tmapi_spiders.seeds import Seeds, StreamedSeeds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Arguments", "is_job_name"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DECIMAL = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"(?P<start>{_DECIMAL})?\s*-\s*(?P<end>{_DECIMAL})?")


def _split(given: Any) -> list[Any]:
    """Split a comma-separated list; a real list (from a script) is taken as it is."""
    words = given if isinstance(given, list | tuple) else str(given).split(",")
    return [word if isinstance(word, PriceRange) else str(word).strip() for word in words]


def _quote(words: list[str]) -> str:
    return f"{', '.join(map(repr, words))} {'is' if len(words) == 1 else 'are'}"


def _unique(values: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _words(*accepted: str) -> BeforeValidator:
    rule = f"accepted: {', '.join(accepted)}, or several separated by commas."

    def read(given: Any) -> tuple[str, ...]:
        words = _split(given)
        if wrong := [word for word in words if word not in accepted]:
            raise ValueError(f"{_quote(wrong)} not known; {rule}{did_you_mean(wrong[0], accepted)}")
        return _unique(words)

    return BeforeValidator(read)


def read_prices(given: Any) -> tuple[PriceRange, ...]:
    """Read price ranges such as ``0-10,10-50,50-``; ``none`` is no range.

    >>> read_prices("-10,50-")
    (PriceRange(start=None, end='10'), PriceRange(start='50', end=None))

    :raises ValueError: naming the range that is wrong
    """
    rule = "accepted: START-END in decimals, either end may be left open: 0-10,10-50,50-"
    prices: dict[str, PriceRange] = {}
    problems = []
    for word in _split(given):
        found = None if isinstance(word, PriceRange) else _RANGE.fullmatch(word)
        if isinstance(word, PriceRange):
            price = word
        elif word in {"", "none"}:
            price = PriceRange()
        elif found and (found["start"] or found["end"]):
            price = PriceRange(found["start"], found["end"])
        else:
            problems.append(f"{word!r} is no price range")
            continue
        if price.start and price.end and Decimal(price.start) > Decimal(price.end):
            problems.append(f"{word!r} ends below its start")
        prices.setdefault(price.key, price)
    if problems:
        raise ValueError(f"{', '.join(problems)}; {rule}")
    return tuple(prices.values())


def read_filters(given: Any) -> tuple[Filters, ...]:
    """Read alternatives of filters such as ``none,is_factory+free_shipping``.

    >>> read_filters("none,free_shipping+is_factory")
    ((), ('is_factory', 'free_shipping'))

    :raises ValueError: naming the flag that is wrong
    """
    rule = f"accepted: none, {', '.join(FILTERS)}; joined by + within one alternative"
    alternatives = []
    wrong: list[str] = []
    for alternative in _split(given):
        flags = [flag.strip() for flag in alternative.split("+")]
        if flags != ["none"]:
            wrong += [flag for flag in flags if flag not in FILTERS]
        alternatives.append(tuple(flag for flag in FILTERS if flag in flags))
    if wrong:
        raise ValueError(f"{_quote(wrong)} no filter; {rule}.{did_you_mean(wrong[0], FILTERS)}")
    return _unique(alternatives)


def _count(least: int, most: int | None = None) -> BeforeValidator:
    rule = f"accepted: a whole number from {least}" + (f" to {most}." if most else " up.")

    def read(given: Any) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", str(given).strip()):
            raise ValueError(rule)
        number = int(given)
        if number < least or (most is not None and number > most):
            raise ValueError(rule)
        return number

    return BeforeValidator(read)


def is_job_name(given: object) -> TypeGuard[str]:
    """Say whether this can be the name of a job.

    >>> is_job_name("monday"), is_job_name("../monday")
    (True, False)
    """
    return isinstance(given, str) and _NAME.fullmatch(given) is not None


def _name(longest: int) -> BeforeValidator:
    def read(given: Any) -> str:
        if not _NAME.fullmatch(str(given)) or len(str(given)) > longest:
            raise ValueError(f"accepted: 1 to {longest} letters, digits, _ and -.")
        return str(given)

    return BeforeValidator(read)


def _convert(given: Any) -> str:
    accepted = ("auto", "always", "never")
    if given not in accepted:
        raise ValueError(f"accepted: auto, always, never.{did_you_mean(str(given), accepted)}")
    return str(given)


def _given(given: Any) -> Any:
    if isinstance(given, str) and not given.strip():
        raise ValueError("it is empty; accepted: a file, or images separated by commas.")
    return given


#: ``-20261123T180000Z`` behind a series' name must leave a valid job name.
_STAMP = "-%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = 17


class Arguments(BaseModel):
    """What ``-a`` takes. Lists multiply: seeds × languages × sorts × prices × filters."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    seeds: Annotated[str, BeforeValidator(_given)] = Field(
        description="A file with one image a line, or images separated by commas."
    )
    sort: Annotated[tuple[str, ...], _words(*SORTS)] = Field(
        default=("default",), description=f"Order of the results: {', '.join(SORTS)}."
    )
    language: Annotated[tuple[str, ...], _words(*LANGUAGES)] = Field(
        default=("en",), description=f"Language of the titles: {', '.join(LANGUAGES)}."
    )
    price: Annotated[tuple[PriceRange, ...], BeforeValidator(read_prices)] = Field(
        default=(PriceRange(),), description="Price ranges, such as 0-10,10-50,50- (no range)."
    )
    filters: Annotated[tuple[Filters, ...], BeforeValidator(read_filters)] = Field(
        default=((),),
        description="Alternatives of flags, joined by + within one: none,is_factory+free_shipping.",
    )
    page_size: Annotated[int, _count(1, 50)] = Field(
        default=20, description="Items a page, 1 to 50; above 20 is not documented."
    )
    max_pages: Annotated[int, _count(0)] = Field(
        default=0, description="Pages a query at most; 0 = all."
    )
    max_items: Annotated[int, _count(0)] = Field(
        default=0, description="Items a query at most, before dedupe; 0 = all."
    )
    convert: Annotated[Literal["auto", "always", "never"], BeforeValidator(_convert)] = Field(
        default="auto",
        description="Which images are converted first: those on foreign hosts, all, none.",
    )
    job: Annotated[str, _name(64)] | None = Field(
        default=None, description="The job's name, and its folder's (a new one with the time)."
    )
    series: Annotated[str, _name(64 - _STAMP_LENGTH)] | None = Field(
        default=None, description="A search repeated: the job is named SERIES-TIME."
    )

    keep_alive: Annotated[bool, BeforeValidator(readers.switch)] = Field(
        default=False, description="Of workers: whether they wait for more when the job has ended."
    )

    @classmethod
    def parse(
        cls, given: Mapping[str, Any], *, streamed: bool = False
    ) -> tuple[Arguments, Queries]:
        """Read and check *given* (names and values, as ``-a`` gives them) and the seeds they name.

        :param streamed: whether seeds are read anew each time, instead of held in memory without
            repeated ones
        :raises UsageProblems: with all that is wrong
        """
        problems: list[str] = []
        arguments = seeds = None
        try:
            arguments = cls.model_validate(dict(given))
        except ValidationError as exc:
            problems += [_explain(error, cls) for error in exc.errors()]
        if given.get("job") is not None and given.get("series") is not None:
            problems.append("job and series: a series names its jobs itself; give one of the two.")
        if isinstance(given.get("seeds"), str) and given["seeds"].strip():
            try:
                reader = StreamedSeeds if streamed else Seeds
                seeds = reader.from_argument(given["seeds"])
            except UsageProblems as exc:
                problems += exc.problems
        if arguments is None or seeds is None or problems:
            raise UsageProblems(*problems)
        queries = Queries(
            seeds, arguments.language, arguments.sort, arguments.price, arguments.filters
        )
        return arguments, queries

    def job_name(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
        """Return the name of the job that these arguments are for.

        >>> when = datetime(2026, 11, 23, 18, tzinfo=UTC)
        >>> Arguments(seeds="s", series="watch").job_name(lambda: when)
        'watch-20261123T180000Z'
        """
        return self.job or (self.series or "job") + now().strftime(_STAMP)


def _explain(error: Any, model: type[BaseModel]) -> str:
    """Put one of pydantic's errors the way this project does: name=value, rule, remedy."""
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        accepted = list(model.model_fields)
        return (
            f"{name}: no such argument.{did_you_mean(name, accepted)} "
            f"Accepted: {', '.join(accepted)}."
        )
    if error["type"] == "missing":
        description = model.model_fields[name].description
        return f"{name}: missing. {description} Example: -a {name}=seeds.txt"
    reason = error["msg"].removeprefix("Value error, ")
    return f"{name}={error['input']}: {reason}"
