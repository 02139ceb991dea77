"""Who a program is on the network: a key, its certificate, and the names that follow from them. Holds no key itself.

The recipe is measured: P-256, self-signed, dated so far apart that no machine's clock is ever outside.
"""

import datetime
import hmac
from base64 import b32encode
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from schema.ids import NodeId

NODE_ID_LENGTH = 26
FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(2099, 12, 31, tzinfo=datetime.UTC)

LARGEST_CERTIFICATE = 4096
"""Bytes of DER; ours have some 500."""


class Identity(NamedTuple):
    key: bytes
    """PEM, PKCS 8, not encrypted: for a file of mode 0600."""
    certificate: bytes
    """PEM."""


def new_identity(name: str) -> Identity:
    """A new key with its certificate; `name` is for people and proves nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "stablenew")])
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(pem, certificate.public_bytes(serialization.Encoding.PEM))


def read_identity(text: bytes) -> Identity:
    """Of a file that holds the key and, after it, its certificate. Raises ValueError with words on what is wrong."""
    try:
        key = serialization.load_pem_private_key(text, password=None)
        certificates = x509.load_pem_x509_certificates(text)
    except (ValueError, TypeError) as fault:
        raise ValueError("it does not hold a key and its certificate any more") from fault
    if len(certificates) != 1:
        raise ValueError("it holds more than one certificate")
    certificate = certificates[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("its key is not of the kind stablenew makes (P-256)")
    if certificate.public_key() != key.public_key():
        raise ValueError("its certificate belongs to another key")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(pem, certificate.public_bytes(serialization.Encoding.PEM))


def der_of(certificate: bytes) -> bytes:
    """PEM to DER. Raises ValueError."""
    return x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)


def pem_of(der: bytes) -> bytes:
    """DER to PEM. Raises ValueError."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def same(der: bytes | None, pinned: bytes) -> bool:
    """Whether two certificates are the same one, byte by byte; nothing else about them counts."""
    return der is not None and hmac.compare_digest(sha256(der).digest(), sha256(pinned).digest())


def node_id_of(der: bytes) -> NodeId:
    """Follows from the key alone, so that nobody can have another's.

    Raises ValueError for what is no certificate, and for one whose key is not of our kind.
    """
    if len(der) > LARGEST_CERTIFICATE:
        raise ValueError(f"a certificate of {len(der)} bytes")
    try:
        public = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as fault:
        raise ValueError("no certificate, or none with a key of a known kind") from fault
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise ValueError("a certificate whose key is not P-256")
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return NodeId(b32encode(sha256(spki).digest()).decode("ascii").lower()[:NODE_ID_LENGTH])
