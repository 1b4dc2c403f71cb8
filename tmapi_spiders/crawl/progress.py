"""The progress of a query: what was read and paid for so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.evidence import evidence_against

if TYPE_CHECKING:
    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.crawl.paging import Ending
    from tmapi_spiders.inputs.queries import Query

__all__ = ["Progress"]


@attrs.define
class Progress:
    """How far a query has got. It is forgotten once its outcome is written."""

    query: Query
    pages: int = 0
    items: int = 0
    new_items: int = 0
    rejected_items: int = 0
    unreadable: int = 0
    """Rejected items without a readable id."""
    calls: int = 0
    """Calls that count towards the budget, in all runs of the job."""
    retries: int = 0
    """Calls among them that were retries."""
    total_count: int | None = None
    code: int | None = None
    message: str | None = None
    started_at: str | None = None
    """When the first call was sent, in any run."""
    finished_at: str | None = None
    """When the last page was paid for, or the last error came."""
    img_url: str | None = None
    """What was sent for the image; None until that is known."""
    generation: int = 0
    """How many conversions of the image had been made then."""
    seen: set[int] = attrs.field(factory=set)
    """Item ids on the pages of this query so far."""
    in_pipelines: int = 0
    """Products on their way through the pipelines."""
    dead_letters: set[int] = attrs.field(factory=set)
    """Pages of which not everything could be turned into rows."""
    empty_page: tuple[Page, str] | None = None
    """An empty first page that may not be believed yet, and when it was paid for."""
    ending: Ending | None = None

    @property
    def evidence(self) -> tuple[str, ...]:
        """The evidence against any ending, going by what was read so far."""
        return evidence_against(
            None, pages=self.pages, items=self.items, unreadable=self.unreadable
        )

    def identity(self) -> dict[str, object]:
        """Return the columns that name this query in every output file, with the image as sent."""
        sent = {"seed_img_url": self.img_url} if self.img_url is not None else {}
        return {**self.query.identity(), **sent}
