"""A threaded HTTP/1.1 server on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.observed.answers import Reply

    Answer = Callable[[str, str, str, bytes], Reply]
    """Called with the method, the target, the header apikey and the body."""


class Wire:
    """Serves from its creation until ``close``."""

    def __init__(self, answer: Answer) -> None:
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), _handler(answer, self._connections))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and close the connections that clients keep open."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in self._connections.copy():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *args: Any) -> None:
        """Report all errors except those of clients that disconnected."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*args)


def _handler(answer: Answer, connections: set[socket.socket]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16  # An answer leaves in one piece.

        def setup(self) -> None:
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            # Always read the body: otherwise it would be taken for the next request.
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = answer(self.command, self.path, self.headers.get("apikey", ""), body)
            self.close_connection = self.close_connection or bool(reply.ending)
            if reply.ending == "reset":
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()  # With linger 0 and no FIN before: a reset.
            if reply.status == 0:
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            is_cut = reply.ending == "cut connection"
            self.wfile.write(reply.body[: len(reply.body) // 2] if is_cut else reply.body)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - its base class asks for those

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
