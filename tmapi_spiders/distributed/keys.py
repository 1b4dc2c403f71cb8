"""Names and contents of all Redis keys.

``P`` is ``image_search:<job>`` and ``A`` is ``image_search:@account:<digest>``; as in scrapy-redis,
names begin with the spider's. Keys that jobs share contain an ``@``, which no job name does. A
**task** is ``<seed key>/<n>``, a seed's query under its n-th combination of the other arguments,
or ``<seed key>/c``, the conversion of its image; the key is a hash, whatever the seed's id is. A
**mend**, ``<seed key>/<n>/p<page>``, rereads a page for the items that a pipeline failed on.

================================ ====== =====================================================
key                              type   content
================================ ====== =====================================================
``image_search:jobs``            zset   names of the jobs on this server, by when they expire
``P:job``                        hash   arguments, settings, state and counters of the job
``P:seeds``                      hash   seed key → the seed as the user wrote it, or JSON of its row
``P:each``                       hash   seed key → number of its queries, if it has own arguments
``P:requests``                   list   the queue: tasks, the next one on the left
``P:free``                       list   tasks that need no call, and so come first
``P:delayed``                    zset   tasks that wait, by when they are due (ms)
``P:leases``                     zset   leased tasks, by when the lease expires (ms)
``P:leased``                     hash   task → ``token sends since worker``
``P:query:<task>``               hash   progress of a query that has begun
``P:begun``                      hash   open queries → ``pages left``: pages read, and pages left as
                                        far as is known
``P:seen:<task>``                set    item ids that a query has found, while it is open
``P:images``                     hash   seed key → JSON: what is known of its image
``P:outcomes``                   hash   task → JSON: how a query ended
``P:items``                      list   lines of products.jsonl
``P:sightings``                  list   lines of sightings.jsonl
``P:dupefilter:<scope>``         set    item ids that were written
``P:rows``                       set    ids of writes of rows without a page, so each is done once
``P:dead``                       hash   id → JSON: dead letters; see ``dead_letter.py``
``P:bodies``                     hash   id → the answer of a dead letter, as received
``P:workers``                    hash   worker → JSON: host, process, calls, last heartbeat
``P:alive``                      zset   workers, by the time until which they count as alive (ms)
``P:outage``                     hash   failures since the API last worked: ``failures``, the number
                                        of ``queries`` they hit, and ``query <task>`` for each one;
                                        once it is probed: ``probes`` that failed, ``probe_at`` when
                                        the next may leave, ``probe`` the last one's ``task token``,
                                        ``failing`` a description
``P:pace``                       hash   minute → pages committed in it
``P:foreign``                    any    what someone had stored under the queue's key
``A:permits``                    zset   ``P task token`` of calls in flight, by when the lease
                                        expires; without a lease, ``P 0/x number``
``A:limit``                      hash   the account's concurrency limit, as far as it is known
``image_search:@conversion:<…>`` string the API's answer to a conversion, for some days
``image_search:@refused:<…>``    set    ids of images that the API wants converted first, by source
================================ ====== =====================================================

Numbers are decimal text, and times are milliseconds of Redis's clock, except in JSON lines and
outcomes, which are as in a job's files.
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

#: List of all jobs.
JOBS = f"{_SPIDER}:jobs"

#: What follows the slash in a conversion's task.
CONVERSION_TASK = "c"

#: Prefixes of fields in a job's hash, before the name of a product's field: the number of items in
#: which it could not be read, and one such value.
UNREADABLE = "unreadable:"
EXAMPLE = "unread_example:"

#: Fields of a job's hash: calls sent that do not count, and those of them that were refused over
#: the concurrency limit.
STRUCK = "struck"
OVER_LIMIT = "over_limit"


def job_key(job: str) -> str:
    """Return the prefix of a job's keys.

    >>> job_key("monday")
    'image_search:monday'
    """
    return f"{_SPIDER}:{job}"


def account_key(config: Config) -> str:
    """Return the prefix of an account's keys: all jobs that use one token share its limit.

    The digest is salted with the source and cut to 64 bits: it tells tokens apart, nothing more.
    """
    digest = blake2b(
        config.token.reveal().encode(),
        digest_size=8,
        salt=blake2b(config.source.encode(), digest_size=16).digest(),
        person=b"tmapi-account",
    )
    return f"{_SPIDER}:@account:{digest.hexdigest()}"


def refused_key(source: str) -> str:
    """Return the key of the set of images whose own URL the API refuses, shared by jobs.

    >>> refused_key("sandbox")
    'image_search:@refused:sandbox'
    """
    return f"{_SPIDER}:@refused:{source}"


def conversion_prefix(source: str) -> str:
    """Return the prefix of the keys of conversions, shared by jobs; an image's hash follows it.

    >>> conversion_prefix("sandbox")
    'image_search:@conversion:sandbox:'
    """
    return f"{_SPIDER}:@conversion:{source}:"
