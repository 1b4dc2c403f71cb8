"""Redis keys: what a job looks like there, and how its parts are called.

``P`` is ``image_search:<job>`` and ``A`` is ``image_search:@account:<digest>``; as in scrapy-redis,
names begin with the spider's. What jobs share has an ``@``, which no job's name has. A **task** is
``<seed key>/<n>``, the query of a seed under its n-th combination of the other arguments, or
``<seed key>/c``, the conversion of its image; the key is a hash, whatever the seed's id is. A
**mend**, ``<seed key>/<n>/p<page>``, reads a page again for the items that a pipeline failed on.

================================ ====== =====================================================
key                              type   content
================================ ====== =====================================================
``image_search:jobs``            zset   names of the jobs that are here, by when they expire
``P:job``                        hash   arguments, settings, state and counters of the job
``P:seeds``                      hash   seed key → the seed as the user wrote it, or JSON of its row
``P:each``                       hash   seed key → its queries, of seeds with arguments of their own
``P:requests``                   list   tasks, the next one at its left
``P:free``                       list   tasks that need no call, and so come first
``P:delayed``                    zset   tasks that wait, by the time they are due (ms)
``P:leases``                     zset   tasks that a worker holds, by the end of its lease (ms)
``P:leased``                     hash   task → ``token sends since worker``
``P:query:<task>``               hash   how far a query that has begun is
``P:begun``                      hash   queries that are begun and have not ended → ``pages left``:
                                        those read, and those left as far as can be seen
``P:seen:<task>``                set    item ids that a query has brought, while it is open
``P:images``                     hash   seed key → JSON: what is known of its image
``P:outcomes``                   hash   task → JSON: how a query ended
``P:items``                      list   lines of products.jsonl
``P:sightings``                  list   lines of sightings.jsonl
``P:dupefilter:<scope>``         set    item ids that were written
``P:rows``                       set    names of writes of rows that came of no page, each done once
``P:dead``                       hash   id → JSON: dead letters; see ``letter.py``
``P:bodies``                     hash   id → the answer of a dead letter, as it came
``P:workers``                    hash   worker → JSON: host, process, start
``P:alive``                      zset   workers, by the time until which they count as alive (ms)
``P:outage``                     hash   what has failed since the API last worked: ``failures``, the
                                        ``queries`` these are of, and each as ``query <task>``; once
                                        it is probed: ``probes`` that failed, ``probe_at`` the next
                                        one may leave, ``probe``: the last one's ``task token``,
                                        ``failing``: all of it in words
``P:pace``                       hash   minute → pages committed in it
``P:foreign``                    any    what somebody had put in the place of the queue
``A:permits``                    zset   ``P task token`` of calls in flight, by their lease's end;
                                        of one without a lease ``P 0/x number``
``A:limit``                      hash   how many calls the account bears, as far as is known
``image_search:@conversion:<…>`` string the API's answer to a conversion, for some days
``image_search:@refused:<…>``    set    ids of images that the API wants converted first, by source
================================ ====== =====================================================

All numbers are decimal text and all times milliseconds of Redis's own clock, but for those in JSON
lines and outcomes, which are as in the files of a job.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tmapi_spiders.config.settings import Config

__all__ = [
    "CONVERSION_TASK",
    "EXAMPLE",
    "JOBS",
    "OVER_LIMIT",
    "STRUCK",
    "UNREADABLE",
    "account_key",
    "conversion_prefix",
    "job_key",
    "refused_key",
]

_SPIDER = "image_search"

#: Names of all jobs.
JOBS = f"{_SPIDER}:jobs"

#: Behind the slash of a task that is a conversion.
CONVERSION_TASK = "c"

#: Of a job's hash, what stands before the name of a product's field: in how many items it could not
#: be read, and one of these values.
UNREADABLE = "unreadable:"
EXAMPLE = "unread_example:"

#: Of a job's hash: how many calls were sent and do not count, and how many of them were refused
#: over the account's limit.
STRUCK = "struck"
OVER_LIMIT = "over_limit"


def job_key(job: str) -> str:
    """Return what all keys of a job begin with.

    >>> job_key("monday")
    'image_search:monday'
    """
    return f"{_SPIDER}:{job}"


def account_key(config: Config) -> str:
    """Return what the keys of an account begin with: all jobs on one token share its limit.

    The digest is salted with the source and cut to 64 bits: it tells tokens apart, no more.
    """
    digest = blake2b(
        config.token.reveal().encode(),
        digest_size=8,
        salt=blake2b(config.source.encode(), digest_size=16).digest(),
        person=b"tmapi-account",
    )
    return f"{_SPIDER}:@account:{digest.hexdigest()}"


def refused_key(source: str) -> str:
    """Return the key of the images whose own URL the API refuses, which jobs share.

    >>> refused_key("sandbox")
    'image_search:@refused:sandbox'
    """
    return f"{_SPIDER}:@refused:{source}"


def conversion_prefix(source: str) -> str:
    """Return what the keys of conversions begin with, which jobs share; an image's hash comes next.

    >>> conversion_prefix("sandbox")
    'image_search:@conversion:sandbox:'
    """
    return f"{_SPIDER}:@conversion:{source}:"
