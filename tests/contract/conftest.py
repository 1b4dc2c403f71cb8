"""The Redis server of tests/distributed, for what holds with and without it."""

from tests.distributed.conftest import redis_server, shared_server

__all__ = ["redis_server", "shared_server"]
