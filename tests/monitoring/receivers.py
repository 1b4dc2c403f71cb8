"""Receivers of messages on this machine: chats and Sentry over HTTP, and a mail server."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import attrs
import brotli

if TYPE_CHECKING:
    from email.message import EmailMessage

UNPACK = {"gzip": gzip.decompress, "br": brotli.decompress}


@attrs.frozen
class Told:
    """One request."""

    path: str
    query: dict[str, list[str]]
    body: bytes

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def event(self) -> Any:
        """The event in one of Sentry's envelopes: a separate line after two header lines."""
        return json.loads(self.body.splitlines()[2])


class _Receiver:
    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever)
        self._thread.start()
        self.port: int = server.socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class HttpReceiver(_Receiver):
    """Answers everything so that Slack's, Telegram's, Discord's and Sentry's clients accept it."""

    def __init__(self, status: int = 200, answer: bytes = b'{"ok": true, "members": []}') -> None:
        self.told: list[Told] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                unpack = UNPACK.get(self.headers.get("Content-Encoding", ""), bytes)
                url = urlsplit(self.path)
                told.append(Told(url.path, parse_qs(url.query), unpack(body)))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815 - its base class asks for that name

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        self.url = f"http://127.0.0.1:{self.port}"

    def of(self, beginning: str) -> Told:
        """Return the only request whose path begins so."""
        (only,) = [one for one in self.told if one.path.startswith(beginning)]
        return only


class MailReceiver(_Receiver):
    """Accepts mail as a server without TLS does."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.logins: list[str] = []
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                for line in self.rfile:
                    command = line.decode().strip()
                    self.wfile.write(self.answer(command))
                    if command.upper() == "DATA":
                        self.read_mail()
                    elif command.upper() == "QUIT":
                        return

            def answer(self, command: str) -> bytes:
                word = command.upper().split(" ")[0]
                if word == "EHLO":
                    return b"250-here\r\n250 AUTH PLAIN\r\n"
                if word == "AUTH":
                    receiver.logins.append(command)
                    return b"235 welcome\r\n"
                if word == "RCPT":
                    receiver.recipients.append(command.partition("<")[2].rstrip(">"))
                return {"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(word, b"250 ok\r\n")

            def read_mail(self) -> None:
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line.removeprefix(b"."))
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                receiver.mails.append(mail)
                self.wfile.write(b"250 taken\r\n")

        super().__init__(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))
