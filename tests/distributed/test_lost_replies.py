"""A reply lost on the way: the request was carried out, and the worker does not know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.distributed.proxies import LosingProxy
from tests.distributed.shared import Shared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import SandboxThread

#: Long enough to distinguish a crawl that waits for its next regular heartbeat, a third of it, from
#: one that does not, however slow the machine is.
LEASE_SECONDS = 300

#: Part of a reply with the lease of a second page, and part of a reply to a commit.
LEASE, COMMIT = b"page\r\n$1\r\n2\r\n", b"\r\n$4\r\ndone\r\n"


@pytest.mark.parametrize(
    "word",
    [pytest.param(LEASE, id="lease"), pytest.param(COMMIT, id="commit", marks=pytest.mark.long)],
)
def test_a_worker_asks_again_at_once(
    word: bytes,
    tmp_path: Path,
    sandbox: SandboxThread,
    redis_server: RedisServer,
) -> None:
    begun = time.monotonic()
    with LosingProxy(redis_server.port, word, times=2) as proxy:
        start = redis_server.crawler(tmp_path / "output", sandbox.url)
        done = start(
            seeds="/search/a/one.jpg,/search/a/two.jpg",
            max_pages=2,
            env={
                "REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0",
                "TMAPI_LEASE_SECONDS": str(LEASE_SECONDS),
            },
        )
    assert done.exit_status == 0, done.log
    assert proxy.lost == 2
    assert time.monotonic() - begun < LEASE_SECONDS / 3, "it has waited for its next heartbeat"
    shared = Shared(redis_server.client)
    shared.check()
    assert len(sandbox.calls) == int(shared.facts["calls"]) == 4, "nothing is paid for twice"
    assert [row["calls"] for row in shared.outcomes.values()] == ["2", "2"]
    assert {(row["query_id"], row["page"]) for row in shared.sightings} == {
        (query_id, page) for query_id in shared.outcomes for page in (1, 2)
    }
