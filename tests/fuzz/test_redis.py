"""Fuzzes a job on Redis with any value in any place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.distributed.desk import Desk
from tests.fuzz.values import EXAMPLES, QUIETLY, VALUES, try_all

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.distributed.servers import RedisServer

pytestmark = QUIETLY

CONTENTS = st.one_of(
    st.binary(max_size=20),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"-1", b"0", b"9" * 5000, b"nan", b"\x1b[2J", b"[]", b"{}", b"null"]),
)


@EXAMPLES
def test_a_job(
    redis_server: RedisServer, tmp_path: Path, examples: int, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(redis_server, tmp_path / "output")
    desk.lease(desk.make(), 2)
    client: Any = desk.client
    kept = {key: client.dump(key) for key in sorted(client.keys("*:j:*"))}
    kinds = {key: client.type(key) for key in kept}
    fields = [
        (key, field)
        for key, kind in kinds.items()
        if kind == b"hash"
        for field in sorted(client.hkeys(key))
    ]
    lists = [(key, None) for key, kind in kinds.items() if kind == b"list"]

    def check(given: tuple[tuple[bytes, bytes | None], bytes, str]) -> None:
        (key, field), content, command = given
        if field is None:
            client.lpush(key, content)
        else:
            client.hset(key, field, content)
        try:
            assert desk.run(command) in {0, 2, 4}
            told = capsys.readouterr()
            assert "\x1b" not in told.out + told.err
        finally:
            for name, dumped in kept.items():
                client.restore(name, 0, dumped, replace=True)

    commands = st.sampled_from(["status", "export", "stop", "replay"])
    try_all(st.tuples(st.sampled_from(fields + lists), CONTENTS, commands), check, examples)
