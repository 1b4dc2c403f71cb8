"""A webhook on this machine that verifies signatures."""

from __future__ import annotations

import json
import re
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import attrs

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECRET = "only-the-receiver-knows-0123"


def genuine() -> Callable[[Mapping[str, str], bytes, str], bool]:
    """Return the function that docs/watch.md has for receivers."""
    page = (ROOT / "docs" / "watch.md").read_text("utf-8")
    found = re.search(r"^    import hashlib.*?(?=^\S)", page, re.MULTILINE | re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(textwrap.dedent(found[0]), names)
    function: Callable[[Mapping[str, str], bytes, str], bool] = names["is_genuine"]
    return function


@attrs.frozen
class Message:
    """One request, accepted or not."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    is_genuine: bool
    status: int

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class WebhookThread:
    """A webhook; ``answers`` are the statuses of its next answers, then it accepts everything."""

    def __init__(self, *answers: int) -> None:
        self.messages: list[Message] = []
        self.answers = list(answers)
        self.released = threading.Event()
        """An answer of 0 waits until this is set."""
        receiver, check = self, genuine()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 204
                headers = dict(self.headers.items())
                is_genuine = check(headers, body, SECRET)
                receiver.messages.append(Message(self.path, headers, body, is_genuine, status))
                if status == 0:
                    receiver.released.wait(30)
                    return
                self.send_response(status)
                self.send_header("Location", receiver.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Message]:
        return [message for message in self.messages if message.status == 204]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
