"""The names of this package's stats: ``tmapi/<noun>/<outcome>``, each written here only."""

from __future__ import annotations

__all__ = [
    "ANSWER_DEAD",
    "ANSWER_LOST",
    "CALL_ALL_RUNS",
    "CALL_ANSWERED",
    "CALL_COST",
    "CALL_FAILED",
    "CALL_NOT_COUNTED",
    "CALL_OVER_LIMIT",
    "CALL_PER_NEW_PRODUCT",
    "CALL_REFUSED",
    "CALL_RETRIED",
    "CALL_SENT",
    "CONVERSION_KEPT",
    "CONVERSION_MADE",
    "CONVERSION_REPLAYED",
    "CONVERSION_WANTED",
    "EVIDENCE",
    "IMAGE_REFUSED",
    "MONITOR_FAILED",
    "MONITOR_PASSED",
    "MOST_IN_FLIGHT",
    "PAGE_DOUBTED",
    "PAGE_READ",
    "PAGE_REFUSED",
    "PAGE_REPLAYED",
    "PERMIT_HIGHEST",
    "PERMIT_NOW",
    "PRODUCT_DUPLICATE",
    "PRODUCT_NEW",
    "PRODUCT_REJECTED",
    "QUERY",
    "VALUE_UNREADABLE",
]

ANSWER_DEAD = "tmapi/answer/dead"
"""Paid for and kept, since the spider or a pipeline failed on it: not all of it became rows."""
ANSWER_LOST = "tmapi/answer/lost"
"""Paid for and not kept, since the archive could not be written (a full disk)."""
CALL_SENT = "tmapi/call/sent"
"""Calls sent in this run, conversions and retries included."""
CALL_ANSWERED = "tmapi/call/answered"
"""Calls answered with a page or a conversion."""
CALL_FAILED = "tmapi/call/failed"
"""Calls without an answer: connection failed, time-out."""
CALL_OVER_LIMIT = "tmapi/call/over_limit"
"""Calls answered that the account is over its limit."""
CALL_NOT_COUNTED = "tmapi/call/not_counted"
"""Calls answered 503, 439 or 401, or never sent: not in the budget."""
CALL_RETRIED = "tmapi/call/retried"
"""Calls that were retries."""
CALL_REFUSED = "tmapi/call/refused"
"""Calls not sent, since the job was stopping."""
CALL_ALL_RUNS = "tmapi/call/all_runs"
"""Calls in all runs of the job that count."""
CALL_PER_NEW_PRODUCT = "tmapi/call/per_new_product"
"""Calls in all runs that count, divided by products written."""
CALL_COST = "tmapi/call/cost"
"""Money spent in this run, if ``TMAPI_CALL_PRICE`` is set."""
MOST_IN_FLIGHT = "tmapi/call/most_in_flight"
PERMIT_HIGHEST = "tmapi/permit/highest"
"""The highest concurrency limit of the run."""
PERMIT_NOW = "tmapi/permit/now"
"""The concurrency limit at the end: what the account was found to allow, or more."""
CONVERSION_MADE = "tmapi/conversion/made"
CONVERSION_REPLAYED = "tmapi/conversion/replayed"
CONVERSION_KEPT = "tmapi/conversion/kept"
"""Replayed conversions that another job paid for."""
CONVERSION_WANTED = "tmapi/conversion/wanted"
"""Calls for pages that were refused until their image was converted (again)."""
IMAGE_REFUSED = "tmapi/image/refused"
"""Such calls that were made with the image's own URL."""
PAGE_DOUBTED = "tmapi/page/doubted"
"""First pages without items that were not believed before the image was converted (again)."""
PAGE_READ = "tmapi/page/read"
PAGE_REPLAYED = "tmapi/page/replayed"
"""Pages read from the job's archive."""
PAGE_REFUSED = "tmapi/page/refused"
"""Answers that are not pages."""
PRODUCT_NEW = "tmapi/product/new"
PRODUCT_DUPLICATE = "tmapi/product/duplicate"
PRODUCT_REJECTED = "tmapi/product/rejected"
QUERY = "tmapi/query/{status}"
EVIDENCE = "tmapi/evidence/{code}"
"""Queries with this evidence against their ending; ``evidence.py`` has the codes."""
VALUE_UNREADABLE = "tmapi/value/unreadable/{field}"
"""Items in which the API gave this field and it could not be read."""
MONITOR_PASSED = "tmapi/monitor/passed"
"""Monitors that passed, or had nothing to judge."""
MONITOR_FAILED = "tmapi/monitor/failed"
LEASE_TAKEN = "tmapi/lease/taken"
"""Pages and conversions that a worker leased."""
LEASE_COMMITTED = "tmapi/lease/committed"
LEASE_LOST = "tmapi/lease/lost"
"""Leases that went to another worker, since this one was silent for too long."""
REDIS_BATCH = "tmapi/redis/batch"
"""Round trips to Redis."""
