"""The daemon's own key and certificate, in the state folder's `keys`: every paired agent knows the daemon by them."""

import os
from pathlib import Path
from typing import NamedTuple

from daemon.disk import Incoming, sync_folder
from schema.errors import Refused
from schema.ids import NodeId
from schema.keys import Identity, der_of, new_identity, node_id_of, read_identity

KEY = "key.pem"
"""The key and its certificate after it: the one file that counts, so that there is never one without the other."""

CERTIFICATE = "cert.pem"
"""A copy of the certificate, which may be shown to anybody."""


class Keys(NamedTuple):
    fleet: NodeId
    certificate: bytes
    """DER."""
    key_file: Path
    certificate_file: Path


def kept_keys(folder: Path, name: str) -> Keys:
    """Made at the first start. Raises OSError, and Refused for a file that is damaged, which is left as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    key_file, certificate_file = folder / KEY, folder / CERTIFICATE
    kept = read_private(key_file)
    if kept is None:
        if certificate_file.exists():
            raise _damaged(key_file, f"it is missing, though its certificate {certificate_file} is there")
        identity = new_identity(name)
        write_private(key_file, identity.key + identity.certificate)
    else:
        identity = _read(key_file, kept)
    there = read_private(certificate_file)
    if there is None:
        write_private(certificate_file, identity.certificate)
    elif there != identity.certificate:
        raise _damaged(certificate_file, "it is not the certificate that belongs to the key beside it")
    der = der_of(identity.certificate)
    return Keys(node_id_of(der), der, key_file, certificate_file)


def read_private(path: Path) -> bytes | None:
    """None: it is not there. Closed to others where it was not. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        return file.read()


def write_private(path: Path, content: bytes) -> None:
    """For this user alone, whole, and on disk when it returns. Raises OSError."""
    with Incoming(path.parent) as incoming:
        incoming.write(content)
        incoming.finish(path, mode=0o600)
    sync_folder(path.parent)


def _read(path: Path, kept: bytes) -> Identity:
    try:
        return read_identity(kept)
    except ValueError as fault:
        raise _damaged(path, str(fault)) from None


def _damaged(path: Path, what: str) -> Refused:
    return Refused(
        f"the daemon cannot show its agents who it is: {what}.",
        where=str(path),
        remedy=f"Put it back from a backup; or move the folder {path.parent} away, start the daemon again, and pair "
        "every agent anew.",
    )
