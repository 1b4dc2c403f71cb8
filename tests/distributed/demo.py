"""`make demo-distributed`: three workers share a job, one is killed, and nothing is lost.

Uses a real Redis-compatible server and the sandbox, on loopback. The workers' results are compared
with those of a crawl in one process. Everything is made up, and written to output/demo-distributed
and output/demo-local.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs

from tests.distributed.servers import RedisServer
from tests.distributed.shared import result_of_crawl
from tests.support import ROOT, Crawl, Crawler, SandboxThread

LIMIT = 8
SHARED, LOCAL = "demo-distributed", "demo-distributed-local"
ARGUMENTS: dict[str, Any] = {
    "seeds": ",".join(f"https://cbu01.alicdn.com/demo-{number}.jpg" for number in range(10)),
    "sort": "default,sales",
    "page_size": 10,
}


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def run(crawler: Crawler, *words: str, **arguments: Any) -> None:
    print(f"$ scrapy {' '.join([*words, *(f'-a {n}={v}'[:60] for n, v in arguments.items())])}")
    done = crawler.command(*words, **arguments)
    print(done.stdout, end="")
    if done.exit_status:
        sys.exit(f"exit status {done.exit_status}\n{done.log}")


def main() -> None:
    output = ROOT / "output"
    for job in (SHARED, LOCAL):
        shutil.rmtree(output / job, ignore_errors=True)
    sandbox = SandboxThread(latency=0.3, limit=LIMIT)
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    try:
        with RedisServer(folder, "--appendonly", "yes") as server:
            demonstrate(server, sandbox, output)
    finally:
        sandbox.stop()
        shutil.rmtree(folder, ignore_errors=True)


def demonstrate(server: RedisServer, sandbox: SandboxThread, output: Path) -> None:
    workers = server.crawler(output, sandbox.url, TMAPI_LEASE_SECONDS="3")
    say(f"A job is put on Redis; the account allows {LIMIT} calls in flight, and each takes 0.3 s")
    run(workers, "tmapi", "enqueue", SHARED, **ARGUMENTS)
    say("Three workers begin, as they would on three machines")
    processes = [workers.start("-L", "WARNING", job=SHARED) for _ in range(3)]
    while sandbox.stats["ok"] < 20:
        time.sleep(0.1)
    say("One of them is killed (kill -9)")
    processes[0].kill()
    processes[0].communicate()
    run(workers, "tmapi", "status", SHARED)
    for process in processes[1:]:
        done = workers.finish(process, SHARED)
        print(done.log, end="")
        if done.exit_status:
            sys.exit(f"a worker ended with status {done.exit_status}")
    calls, most = sandbox.stats["calls"] - sandbox.stats["refused"], sandbox.stats["max_in_flight"]
    say("The job's files are written")
    run(workers, "tmapi", "export", SHARED)
    say("The same crawl in one process, for comparison")
    sandbox.reset()
    alone = attrs.evolve(workers, variables={})("-L", "WARNING", **ARGUMENTS, job=LOCAL)
    paid = sandbox.stats["calls"] - sandbox.stats["refused"]
    same = result_of_crawl(alone) == result_of_crawl(Crawl(0, "", "", output / SHARED))
    print(f"products, sightings and outcomes are the same: {'yes' if same else 'NO'}")
    print(f"calls: {calls} by the workers, {paid} by one process; {calls - paid} were in flight at")
    print(f"the kill and paid for again. Most calls in flight: {most}, refused ones included.")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
