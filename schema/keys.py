"""Who a program is on the network: a key, its certificate, and the names that follow from them. Holds no key itself.

The recipe is measured: P-256, self-signed, dated so far apart that no machine's clock is ever outside.
"""

import datetime
from base64 import b32encode
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from schema.ids import NodeId

NODE_ID_LENGTH = 26
FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(2099, 12, 31, tzinfo=datetime.UTC)


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


def der_of(certificate: bytes) -> bytes:
    """PEM to DER. Raises ValueError."""
    return x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)


def pem_of(der: bytes) -> bytes:
    """DER to PEM. Raises ValueError."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def pin_of(der: bytes) -> str:
    """SHA-256 of the certificate, as 64 hex digits: what is compared, and what people may compare."""
    return sha256(der).hexdigest()


def node_id_of(der: bytes) -> NodeId:
    """Follows from the key alone, so that nobody can have another's. Raises ValueError for what is no certificate."""
    public = x509.load_der_x509_certificate(der).public_key()
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return NodeId(b32encode(sha256(spki).digest()).decode("ascii").lower()[:NODE_ID_LENGTH])
