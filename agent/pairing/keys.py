"""The agent's own key and certificate, in `HOME/keys`: made at the first start, and never again."""

from pathlib import Path
from typing import NamedTuple

from agent.pairing.durable import private_folder, read_private, write_private
from schema.errors import Refused
from schema.ids import NodeId
from schema.keys import Identity, der_of, new_identity, node_id_of, read_identity

FOLDER = "keys"
KEY = "key.pem"
"""The key and its certificate after it: the one file that counts, so that there is never one without the other."""

CERTIFICATE = "cert.pem"
"""A copy of the certificate, which may be shown to anybody."""


class Kept(NamedTuple):
    node: NodeId
    certificate: bytes
    """DER."""
    key_file: Path
    certificate_file: Path


def kept_identity(home: Path, name: str) -> Kept:
    """Raises OSError, and Refused for a file that is damaged, which is left as it is."""
    folder = home / FOLDER
    private_folder(folder)
    key_file, certificate_file = folder / KEY, folder / CERTIFICATE
    kept = read_private(key_file)
    if kept is None:
        if certificate_file.exists():
            raise _damaged(key_file, f"it is missing, though its certificate {certificate_file} is there")
        identity = new_identity(name)
        write_private(key_file, identity.key + identity.certificate)
    else:
        identity = _read(key_file, kept)
    _copy(certificate_file, identity)
    der = der_of(identity.certificate)
    return Kept(node_id_of(der), der, key_file, certificate_file)


def _read(path: Path, kept: bytes) -> Identity:
    try:
        return read_identity(kept)
    except ValueError as fault:
        raise _damaged(path, str(fault)) from None


def _copy(path: Path, identity: Identity) -> None:
    there = read_private(path)
    if there is None:
        write_private(path, identity.certificate)
    elif there != identity.certificate:
        raise _damaged(path, "it is not the certificate that belongs to the key beside it")


def _damaged(path: Path, what: str) -> Refused:
    return Refused(
        f"this agent cannot show who it is: {what}.",
        where=str(path),
        remedy=f"Put it back from a backup; or move the folder {path.parent} away, start the agent again, "
        "and pair it anew.",
    )
