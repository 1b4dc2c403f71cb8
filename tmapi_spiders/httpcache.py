"""Scrapy's HTTP cache as the job's archive: stores paid answers, and replays them.

The cache stands where Scrapy puts it; the download handler's bodies are decompressed, so the policy
can judge them there. Scrapy's cache fails open: an error while reading is a miss, and one while
writing loses the answer. Here, either one stops the job, whatever the error is, and the answer that
was paid for is used all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.http import JsonResponse

from tmapi_spiders import stats
from tmapi_spiders.api.answers import Converted, NoPage, Page, read_answer
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.errors import StorageError
from tmapi_spiders.jobs.archive import StoredAnswer, request_line
from tmapi_spiders.local.local_run import LocalRun, local_run_of
from tmapi_spiders.system.sqlite import damage_error

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.http import Response
    from scrapy.settings import BaseSettings

    from tmapi_spiders.api.calls import Call

__all__ = ["ArchivePolicy", "ArchiveStorage"]


class ArchivePolicy:
    """Stores pages and conversions, and nothing else; they never expire (``HTTPCACHE_POLICY``)."""

    def __init__(self, settings: BaseSettings) -> None:
        """Make the policy; it has no settings."""

    def should_cache_request(self, request: Request) -> bool:
        """Return whether the answer to this may be in the archive."""
        return call_of(request) is not None

    def should_cache_response(self, response: Response, request: Request) -> bool:  # noqa: ARG002
        """Return whether this is a page or a conversion."""
        call = call_of(request)
        return call is not None and isinstance(call.answer, Page | Converted)

    def is_cached_response_fresh(
        self,
        cachedresponse: Response,  # noqa: ARG002 - Scrapy's signature
        request: Request,  # noqa: ARG002
    ) -> bool:
        """Return True: paid answers are not requested again."""
        return True

    def is_cached_response_valid(
        self,
        cachedresponse: Response,  # noqa: ARG002 - Scrapy's signature
        response: Response,  # noqa: ARG002
        request: Request,  # noqa: ARG002
    ) -> bool:
        """Return True; never called, since every stored answer is fresh."""
        return True


class ArchiveStorage:
    """Stores answers in the run's archive (``HTTPCACHE_STORAGE``)."""

    def __init__(self, settings: BaseSettings) -> None:
        """Make the storage; the archive is opened when the run is prepared."""

    def open_spider(self, spider: Spider) -> None:
        """Do nothing: the archive is open already."""

    def close_spider(self, spider: Spider) -> None:
        """Do nothing: the run closes the archive."""

    def retrieve_response(self, spider: Spider, request: Request) -> Response | None:
        """Return the stored answer; None, a miss, sends the request on to the gate."""
        run, call = local_run_of(spider.crawler), call_of(request)
        if call is None:
            return None
        try:
            stored = run.archive.find(request, call)
            if stored is None and call.is_conversion:
                stored = _kept_conversion(run, request, call)
            if stored is None:
                return None
            answer = read_answer(200, stored.body, conversion=call.is_conversion)
        except Exception as exc:  # noqa: BLE001 - as a miss, it would be paid for again
            run.storage_failed(_as_storage_error(run, exc))
            return None
        if isinstance(answer, NoPage):  # which is never stored
            run.storage_failed(damage_error(run.archive.path, answer.message))
            return None
        call.answer, call.fetched_at, call.kept = answer, stored.fetched_at, stored.kept
        run.count(stats.CONVERSION_REPLAYED if call.is_conversion else stats.PAGE_REPLAYED)
        return JsonResponse(request.url, status=200, body=stored.body, request=request)

    def store_response(self, spider: Spider, request: Request, response: Response) -> None:
        """Store an answer that was paid for."""
        run, call = local_run_of(spider.crawler), call_of(request)
        assert call is not None
        items = len(call.answer.elements) if isinstance(call.answer, Page) else 0
        try:
            try:
                run.archive.store(request, call, response.body, items)
            except Exception:
                run.count(stats.ANSWER_LOST)
                raise
            if call.is_conversion:
                assert call.fetched_at is not None
                run.conversions.keep(
                    request_line(request), StoredAnswer(response.body, call.fetched_at)
                )
        except Exception as exc:  # noqa: BLE001 - it was paid for, and would be again
            run.storage_failed(_as_storage_error(run, exc))


def _as_storage_error(run: LocalRun, exc: Exception) -> StorageError:
    if isinstance(exc, StorageError):
        return exc
    return StorageError(f"{run.archive.path}: it can't be used ({type(exc).__name__}: {exc}).")


def _kept_conversion(run: LocalRun, request: Request, call: Call) -> StoredAnswer | None:
    """Copy a conversion that another job has paid for into the archive; None if there is none.

    Only an image's first: a second is requested because the first seems to have gone stale.
    """
    if call.repeat > 1:
        run.conversions.forget(request_line(request))
        return None
    stored = run.conversions.find(request_line(request))
    if stored is not None:
        call.fetched_at, call.kept = stored.fetched_at, True
        run.archive.store(request, call, stored.body, 0)
        run.count(stats.CONVERSION_KEPT)
    return stored
