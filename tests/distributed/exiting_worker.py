"""Settings of workers that exit at random between any two steps, as if by kill -9."""

from __future__ import annotations

import os
import random
from typing import Any

from settings.distributed import *  # noqa: F403
from tmapi_spiders.distributed.held_leases import HeldLeases
from tmapi_spiders.distributed.store import Store
from tmapi_spiders.distributed.worker import Worker
from tmapi_spiders.distributed.worker_gate import LeaseGate

EXTENSIONS = {"tests.distributed.exiting_worker.Exits": 1}


class Exits:
    """Makes the process exit at random before or after each of these steps."""

    def __init__(self) -> None:
        share = float(os.environ["EXIT_SHARE"])
        draw = random.Random(int(os.environ["EXIT_SEED"]))

        def perhaps() -> None:
            if draw.random() < share:
                os._exit(9)

        async def sent(store: Store, steps: Any, run: Any = Store._try) -> Any:
            perhaps()
            reply = await run(store, steps)
            perhaps()
            return reply

        def between(owner: Any, name: str) -> None:
            original = getattr(owner, name)

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                perhaps()
                result = original(*args, **kwargs)
                perhaps()
                return result

            setattr(owner, name, wrapped)

        Store._try = sent  # type: ignore[method-assign, assignment]
        between(LeaseGate, "answered")
        between(HeldLeases, "commit")
        between(HeldLeases, "give_back")
        between(Worker, "take")
        between(HeldLeases, "_committed")

    @classmethod
    def from_crawler(cls, crawler: Any) -> Exits:
        return cls()
