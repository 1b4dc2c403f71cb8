"""The spider's arguments: typed, checked all at once, before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tmapi_spiders.api.endpoint import LANGUAGES, SORTS
from tmapi_spiders.config import values
from tmapi_spiders.config.values import count
from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened
from tmapi_spiders.inputs.argument_values import filters_of, prices_of, words
from tmapi_spiders.inputs.combinations import Combinations, Filters, PriceRange
from tmapi_spiders.inputs.job_names import (
    LONGEST,
    LONGEST_SERIES,
    UNNAMED,
    is_job_name,
    name_in_series,
)
from tmapi_spiders.inputs.python_values import as_text, unkept
from tmapi_spiders.inputs.queries import Queries
from tmapi_spiders.inputs.seed_columns import MEANINGS, Layout, columns_of
from tmapi_spiders.inputs.seeds import Seeds, StreamedSeeds, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

__all__ = ["Arguments"]


def _name(longest: int) -> BeforeValidator:
    def read(given: Any) -> str:
        if not is_job_name(str(given)) or len(str(given)) > longest:
            raise ValueError(f"accepted: 1 to {longest} letters, digits, _ and -.")
        return str(given)

    return BeforeValidator(read)


def _convert(given: Any) -> str:
    accepted = ("auto", "always", "never")
    if given not in accepted:
        raise ValueError(f"accepted: auto, always, never.{did_you_mean(str(given), accepted)}")
    return str(given)


def _given(given: Any) -> Any:
    if isinstance(given, list | tuple):
        return joined(given)
    if not isinstance(given, str):
        raise ValueError("accepted: a file (text or Path), or images (text, or a list of them).")
    if not given.strip():
        raise ValueError("it is empty; accepted: a file, or images separated by commas.")
    return given


def _sheet(given: Any) -> str:
    if not (name := str(given).strip()):
        raise ValueError("it is empty; accepted: the name or the number of a sheet.")
    return name


class Arguments(BaseModel):
    """What ``-a`` takes. Lists multiply: seeds × languages × sorts × prices × filters."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    seeds: Annotated[str, BeforeValidator(_given)] = Field(
        description="A file with one image a line, a table of images (CSV, TSV, XLSX, JSON lines), "
        "or images separated by commas."
    )
    columns: Annotated[dict[str, str], BeforeValidator(columns_of)] = Field(
        default={},
        description="Which column of a table is what, such as image=Bild-URL,id=Art.-Nr.; of the "
        f"meanings {', '.join(MEANINGS)}.",
    )
    sheet: Annotated[str, BeforeValidator(_sheet)] | None = Field(
        default=None,
        description="The sheet of a workbook, by its name or number (the first that is visible).",
    )
    sort: Annotated[tuple[str, ...], BeforeValidator(words(*SORTS))] = Field(
        default=("default",), description=f"Order of the results: {', '.join(SORTS)}."
    )
    language: Annotated[tuple[str, ...], BeforeValidator(words(*LANGUAGES))] = Field(
        default=("en",), description=f"Language of the titles: {', '.join(LANGUAGES)}."
    )
    price: Annotated[tuple[PriceRange, ...], BeforeValidator(prices_of)] = Field(
        default=(PriceRange(),), description="Price ranges, such as 0-10,10-50,50- (no range)."
    )
    filters: Annotated[tuple[Filters, ...], BeforeValidator(filters_of)] = Field(
        default=((),),
        description="Alternatives of flags, joined by + within one: none,is_factory+free_shipping.",
    )
    page_size: Annotated[int, BeforeValidator(count(1, 50))] = Field(
        default=20, description="Items a page, 1 to 50; above 20 is not documented."
    )
    max_pages: Annotated[int, BeforeValidator(count(0))] = Field(
        default=0, description="Pages a query at most; 0 = all."
    )
    max_items: Annotated[int, BeforeValidator(count(0))] = Field(
        default=0, description="Items a query at most, before dedupe; 0 = all."
    )
    convert: Annotated[Literal["auto", "always", "never"], BeforeValidator(_convert)] = Field(
        default="auto",
        description="Which images are converted first: those on foreign hosts, all, none.",
    )
    job: Annotated[str, _name(LONGEST)] | None = Field(
        default=None, description="The job's name, and its folder's (a new one with the time)."
    )
    series: Annotated[str, _name(LONGEST_SERIES)] | None = Field(
        default=None, description="A search repeated: the job is named SERIES-TIME."
    )

    keep_alive: Annotated[bool, BeforeValidator(values.switch)] = Field(
        default=False, description="Of workers: whether they wait for more when the job has ended."
    )

    @classmethod
    def parse(
        cls,
        given: Mapping[str, Any],
        *,
        streamed: bool = False,
        rates: Mapping[str, Decimal] | None = None,
    ) -> tuple[Arguments, Queries]:
        """Read and check *given* (names and values, as ``-a`` or a script gives them), and the
        seeds that they name.

        :param streamed: whether seeds are read anew each time, instead of held in memory without
            repeated ones
        :param rates: of target prices, by currency; None: these are not looked at
        :raises UsageProblems: with all that is wrong
        """
        given = as_text(given, Arguments.model_fields)
        problems = unkept(given, Arguments.model_fields)
        arguments = seeds = None
        try:
            arguments = cls.model_validate(dict(given))
        except ValidationError as exc:
            problems += [_explain(error, cls) for error in exc.errors()]
        if given.get("job") is not None and given.get("series") is not None:
            problems.append("job and series: a series names its jobs itself; give one of the two.")
        if isinstance(given.get("seeds"), str) and given["seeds"].strip():
            reader = StreamedSeeds if streamed else Seeds
            try:
                if (layout := _layout(given, rates)) is not None:
                    seeds = reader.from_argument(given["seeds"], layout)
            except UsageProblems as exc:
                problems += exc.problems
        if arguments is None or seeds is None or problems:
            raise UsageProblems(*problems)
        return arguments, Queries(seeds, arguments.combinations, arguments.max_pages)

    @property
    def combinations(self) -> Combinations:
        """Those under which seeds without arguments of their own are searched."""
        return Combinations(self.language, self.sort, self.price, self.filters)

    def job_name(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
        """Return the name of the job that these arguments are for.

        >>> when = datetime(2026, 11, 23, 18, tzinfo=UTC)
        >>> Arguments(seeds="s", series="watch").job_name(lambda: when)
        'watch-20261123T180000Z'
        """
        return self.job or name_in_series(self.series or UNNAMED, now())


def _layout(given: Mapping[str, Any], rates: Mapping[str, Decimal] | None) -> Layout | None:
    """Return what *given* says of a table of seeds; None if that is wrong, which is told of it."""
    columns, sheet = given.get("columns"), given.get("sheet")
    try:
        return Layout(
            {} if columns is None else columns_of(columns),
            "" if sheet is None else _sheet(sheet),
            rates,
        )
    except ValueError:
        return None


def _explain(error: Any, model: type[BaseModel]) -> str:
    """Put one of pydantic's errors the way this project does: name=value, rule, remedy."""
    name = shortened(error["loc"][0])
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
    return f"{name}={shortened(error['input'])}: {reason}"
