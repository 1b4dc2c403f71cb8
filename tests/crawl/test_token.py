"""The token exists in the configuration and on the wire, nowhere else."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.support import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread
    from tests.ways import Way

#: Images for which answers quote the request, break the connection, or never come.
LEAKY = ",".join(
    f"/search/a/{name}.jpg"
    for name in ("echo", "redirect", "fail-hang", "fail-reset", "fail-cut-json", "teapot")
)


@pytest.mark.both_ways
@pytest.mark.parametrize("auth", ["query", pytest.param("header", marks=pytest.mark.long)])
def test_no_log_file_or_stat_holds_the_token(
    way: Way, crawl: Crawler, sandbox: SandboxThread, tmp_path: Path, auth: str
) -> None:
    log_file = tmp_path / "crawl.log"
    done = crawl(
        *(
            "-L",
            "DEBUG",
            "-s",
            f"TMAPI_AUTH={auth}",
            "-s",
            "DOWNLOAD_TIMEOUT=2",
            "-s",
            "TMAPI_RETRY_TIMES=1",
        ),
        *("--logfile", str(log_file), "-o", f"{tmp_path}/mine.csv"),
        seeds=LEAKY,
    )
    assert done.exit_status == 3
    assert {call["auth"] for call in sandbox.calls} == {auth}
    assert "tmapi/call/sent" in log_file.read_text()
    assert "***" in next(row["message"] for row in done.outcomes if "echo" in row["seed"])
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > (5 if way.alone else 4)
    for path in written:
        assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in done.log + done.stdout


def test_redirects_are_not_followed(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(seeds="/search/a/redirect.jpg")
    assert done.outcome["code"] == 302
    assert {call["params"]["img_url"] for call in sandbox.calls} == {"/search/a/redirect.jpg"}
    assert sandbox.stats["no_route"] == {}


def test_a_short_token_does_not_eat_into_titles(crawl: Crawler) -> None:
    plain = crawl(seeds="/search/a/teapot.jpg", job="long")
    short = crawl(seeds="/search/a/teapot.jpg", job="short", env={"TMAPI_TOKEN": "e"})
    assert [row["title"] for row in short.products] == [row["title"] for row in plain.products]


def test_without_a_token_nothing_is_sent(way: Way) -> None:
    done = way()(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 2
    assert "TMAPI_TOKEN: not set" in done.log
    assert "-s TMAPI_SANDBOX=1" in done.log  # profiles are this repository's: others have none
    assert "sandbox" in done.log
    assert not done.folder.exists()


def test_plain_http_to_another_machine_is_refused(way: Way) -> None:
    done = way("http://api.tmapi.example")(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 2
    assert "plain http" in done.log
    assert TOKEN not in done.log


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_an_unverified_certificate_never_sees_a_call(way: Way, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(500)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Ignore that the client hangs up, which is the point."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    crawl = way(f"https://127.0.0.1:{server.server_port}")
    try:
        done = crawl(seeds="/search/a/teapot.jpg")
        refused = crawl("-s", "DOWNLOAD_VERIFY_CERTIFICATES=0", seeds="/search/a/t.jpg", job="k")
        env = {"SSL_CERT_FILE": str(certificate)}
        trusting = crawl(seeds="/search/a/t.jpg", job="trusted", env=env)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert done.exit_status == 4
    assert "STOPPED EARLY: base_url (" in done.log
    assert "certificate" in done.log.rpartition("STOPPED EARLY")[2]
    if way.alone:  # other workers may trust it
        assert done.job["stop_reason"] == "base_url"
        assert (done.outcome["status"], done.outcome["calls"]) == ("not_started", 0)
        assert "certificate" in done.outcome["message"]
    assert refused.exit_status == 2
    assert trusting.outcome["code"] == 500
    assert len(seen) == 4, "only the crawl that trusts the certificate sent its call"


def test_a_proxy_of_the_environment_does_not_see_calls_over_plain_http(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    env = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    done = crawl(seeds="/search/a/onepage.jpg", env=env)
    assert done.outcome["status"] == "complete"
    assert sandbox.stats["calls"] == 1
