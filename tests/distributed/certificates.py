"""Certificate authorities for one test, and the certificates they sign."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@attrs.frozen
class Authority:
    """A certificate authority (CA), with its files in a folder of its name."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = attrs.field(init=False, repr=False)

    @key.default
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sign(self.folder.name, self.key.public_key(), is_authority=True)

    @property
    def certificate(self) -> Path:
        """Settings for a client that trusts it."""
        return self.folder / f"{self.folder.name}.pem"

    def issue(self, host: str = "127.0.0.1") -> tuple[Path, Path]:
        """Return a certificate for an address or a host name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        secret = self.folder / f"{host}.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return self._sign(host, key.public_key()), secret

    def server_context(
        self, host: str = "127.0.0.1", *, asks_clients: bool = False
    ) -> ssl.SSLContext:
        """Return the TLS context of a server.

        :param asks_clients: whether clients have to present a certificate of this authority
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(host))
        if asks_clients:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _sign(
        self, name: str, key: ec.EllipticCurvePublicKey, *, is_authority: bool = False
    ) -> Path:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.folder.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        # From Python 3.13 on, certificates are checked for what RFC 5280 requires.
        ours = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
        if is_authority:
            builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
        else:
            by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours)
            builder = builder.add_extension(by, False)
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(name)]), False)
        path = self.folder / f"{name}.pem"
        signed = builder.sign(self.key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return path


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
