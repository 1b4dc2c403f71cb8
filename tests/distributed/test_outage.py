"""An API that fails everything: workers on a job find out together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crawl.test_outage import CALLS, seeds_of
from tests.distributed.shared import Shared
from tmapi_spiders.crawl.outage import DIFFERENT, MOST_PROBES

if TYPE_CHECKING:
    from tests.distributed.servers import RedisServer
    from tests.support import Crawler, SandboxThread


def test_two_workers_make_as_many_calls_as_one_crawl(
    worker: Crawler, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    sandbox.fail_all("status-403")
    workers = [worker.start(job="j", seeds=seeds_of(40)) for _ in range(2)]
    for done in (worker.finish(process) for process in workers):
        assert done.exit_status == 4, done.log
        assert "STOPPED EARLY: refused (the last " in done.log
    made = sandbox.stats["calls"]
    assert CALLS + MOST_PROBES <= made <= CALLS + MOST_PROBES + DIFFERENT
    shared = Shared(redis_server.client)
    assert shared.facts["calls"] == str(made)
    assert not shared.outcomes, "none has failed"
