"""The names of this package's stats: ``tmapi/<noun>/<outcome>``, each written here only."""

from __future__ import annotations

__all__ = [
    "CALL_FAILED",
    "CALL_REFUSED",
    "CALL_SENT",
    "MOST_IN_FLIGHT",
    "PAGE_READ",
    "PAGE_REFUSED",
    "PRODUCT_DUPLICATE",
    "PRODUCT_NEW",
    "PRODUCT_REJECTED",
    "QUERY",
]

CALL_SENT = "tmapi/call/sent"
CALL_FAILED = "tmapi/call/failed"
"""No answer came: connection, time-out."""
CALL_REFUSED = "tmapi/call/refused"
"""Not sent, since the job was stopping."""
MOST_IN_FLIGHT = "tmapi/call/most_in_flight"
PAGE_READ = "tmapi/page/read"
PAGE_REFUSED = "tmapi/page/refused"
"""An answer that is no page."""
PRODUCT_NEW = "tmapi/product/new"
PRODUCT_DUPLICATE = "tmapi/product/duplicate"
PRODUCT_REJECTED = "tmapi/product/rejected"
QUERY = "tmapi/query/{status}"
