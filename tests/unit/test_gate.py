"""The gate lets out no more than it may, and nothing once it is closed."""

from __future__ import annotations

import asyncio

import pytest

from tmapi_spiders.gate import Gate, GateClosed


def test_permits() -> None:
    async def main() -> Gate:
        gate = Gate(3)

        async def call() -> None:
            async with gate.permit():
                await asyncio.sleep(0)

        await asyncio.gather(*(call() for _ in range(20)))
        return gate

    gate = asyncio.run(main())
    assert (gate.calls, gate.in_flight, gate.most_in_flight) == (20, 0, 3)


def test_a_call_that_waits_when_the_gate_closes_is_not_sent() -> None:
    async def main() -> Gate:
        gate = Gate(1)
        async with gate.permit():
            waiting = asyncio.create_task(gate.permit().__aenter__())
            await asyncio.sleep(0)
            gate.close()
        with pytest.raises(GateClosed):
            await waiting
        with pytest.raises(GateClosed):
            async with gate.permit():
                pass
        return gate

    assert asyncio.run(main()).calls == 1
