"""The spider's arguments: read, typed and checked, all at once, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from tmapi_spiders.api.endpoint import LANGUAGES, SORTS
from tmapi_spiders.config.validation import validated
from tmapi_spiders.config.values import one_of, switch
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.argument_values import (
    FilterSets,
    Languages,
    Limit,
    PriceRanges,
    Sorts,
    count,
)
from tmapi_spiders.inputs.combinations import Combinations, PriceRange
from tmapi_spiders.inputs.job_names import (
    LONGEST,
    LONGEST_SERIES,
    UNNAMED,
    name_in_series,
    name_of_length,
)
from tmapi_spiders.inputs.python_values import as_text, unkept
from tmapi_spiders.inputs.queries import Queries
from tmapi_spiders.inputs.seed_files.seed_columns import MEANINGS, Layout, columns_of, sheet_of
from tmapi_spiders.inputs.seeds import Seeds, StreamedSeeds, joined

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

__all__ = ["Arguments"]


def _seeds(given: Any) -> Any:
    if isinstance(given, list | tuple):
        return joined(given)
    if not isinstance(given, str):
        raise ValueError("accepted: a file (text or Path), or images (text, or a list of them).")
    if not given.strip():
        raise ValueError("it is empty; accepted: a file, or images separated by commas.")
    return given


class Arguments(BaseModel):
    """What ``-a`` takes. Lists multiply: seeds × languages × sorts × prices × filters."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    seeds: Annotated[str, PlainValidator(_seeds)] = Field(
        description="A file with one image per line, a table of images (CSV, TSV, XLSX, JSON "
        "lines), or images separated by commas."
    )
    columns: Annotated[Mapping[str, str], PlainValidator(columns_of)] = Field(
        default={},
        description="What the columns of a table mean, such as image=Bild-URL,id=Art.-Nr.; the "
        f"meanings are {', '.join(MEANINGS)}.",
    )
    sheet: Annotated[str, PlainValidator(sheet_of)] | None = Field(
        default=None,
        description="The sheet of a workbook, by name or number (the first visible one).",
    )
    sort: Sorts = Field(
        default=("default",), description=f"Order of the results: {', '.join(SORTS)}."
    )
    language: Languages = Field(
        default=("en",), description=f"Language of the titles: {', '.join(LANGUAGES)}."
    )
    price: PriceRanges = Field(
        default=(PriceRange(),), description="Price ranges, such as 0-10,10-50,50- (no range)."
    )
    filters: FilterSets = Field(
        default=((),),
        description="Alternatives of flags, joined by + within one: none,is_factory+free_shipping.",
    )
    page_size: Annotated[int, PlainValidator(count(1, 50))] = Field(
        default=20, description="Items per page, 1 to 50; more than 20 is not documented."
    )
    max_pages: Limit = Field(default=0, description="The most pages per query; 0 = all.")
    max_items: Limit = Field(
        default=0, description="The most items per query, before dedupe; 0 = all."
    )
    convert: Annotated[str, PlainValidator(one_of("auto", "always", "never"))] = Field(
        default="auto",
        description="Which images are converted first: those on other hosts than Alibaba's, all, "
        "or none.",
    )
    job: Annotated[str, PlainValidator(name_of_length(LONGEST))] | None = Field(
        default=None,
        description="The name of the job and its folder (a new one with the time).",
    )
    series: Annotated[str, PlainValidator(name_of_length(LONGEST_SERIES))] | None = Field(
        default=None, description="For a repeated search: the job is named SERIES-TIME."
    )
    keep_alive: Annotated[bool, PlainValidator(switch)] = Field(
        default=False,
        description="For workers: whether they wait for more when the job has ended.",
    )

    @classmethod
    def parse(
        cls,
        given: Mapping[str, Any],
        *,
        streamed: bool = False,
        rates: Mapping[str, Decimal] | None = None,
    ) -> tuple[Arguments, Queries]:
        """Read and check *given* (names and values from ``-a`` or a script) and the seeds it names.

        :param streamed: read the seeds anew each time, duplicates included, instead of holding
            them in memory
        :param rates: how many CNY one unit is, by currency, for target prices; None: ignore them
        :raises UsageProblems: with all that is wrong
        """
        given = as_text(given, Arguments.model_fields)
        arguments, wrong = validated(cls, given)
        problems = [*unkept(given, Arguments.model_fields), *wrong]
        seeds = None
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
        """Combinations for seeds without overrides."""
        return Combinations(self.language, self.sort, self.price, self.filters)

    def job_name(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
        """Return the name of the job, a new one where none is given.

        >>> when = datetime(2026, 11, 23, 18, tzinfo=UTC)
        >>> Arguments(seeds="s", series="watch").job_name(lambda: when)
        'watch-20261123T180000Z'
        """
        return self.job or name_in_series(self.series or UNNAMED, now())


def _layout(given: Mapping[str, Any], rates: Mapping[str, Decimal] | None) -> Layout | None:
    """Return how *given* describes a table of seeds; None if it is wrong (reported elsewhere)."""
    columns, sheet = given.get("columns"), given.get("sheet")
    try:
        return Layout(
            {} if columns is None else columns_of(columns),
            "" if sheet is None else sheet_of(sheet),
            rates,
        )
    except ValueError:
        return None
