"""Certificates that are not the right one, each in its own way."""

import datetime
import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

YEAR = datetime.timedelta(days=365)
NOW = datetime.datetime.now(datetime.UTC)


class Forged(NamedTuple):
    key: CertificateIssuerPrivateKeyTypes
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    def files(self, folder: Path, *more: bytes) -> tuple[Path, Path]:
        """Certificate (with `more` of its chain) and key."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / "cert.pem", folder / "key.pem"
        certificate.write_bytes(self.pem() + b"".join(more))
        key.write_bytes(self.key_pem())
        return certificate, key

    def client(self, folder: Path, *more: bytes, oldest: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if oldest:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self.files(folder, *more))
        return context

    def server(self, folder: Path, *, oldest: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if oldest:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self.files(folder))
        return context


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def p384() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def rsa2048() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def ed() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def forged(
    key: CertificateIssuerPrivateKeyTypes,
    *,
    subject: x509.Name | None = None,
    begins: datetime.datetime = NOW - YEAR,
    ends: datetime.datetime = NOW + YEAR,
    by: Forged | None = None,
    authority: bool = False,
) -> Forged:
    """Signed by itself, or `by` another; `authority`: it says that it may sign others."""
    name = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "daemon")])
    signer = by.key if by else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(signer, digest)
    )
    return Forged(key, certificate)


def stolen(key_file: Path) -> Forged:
    """The pinned one with its key: what nobody else has, to show that even that gives no other certificate a way in."""
    text = key_file.read_bytes()
    key = serialization.load_pem_private_key(text, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Forged(key, x509.load_pem_x509_certificates(text)[0])
