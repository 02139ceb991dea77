"""The one daemon that this agent takes orders of, in `HOME/keys/pin.json`."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.pairing.durable import private_folder, read_private, remove, write_private
from agent.pairing.keys import FOLDER
from schema.errors import Refused
from schema.ids import NodeId
from schema.keys import der_of, node_id_of, pem_of

PIN = "pin.json"


class Pin(NamedTuple):
    certificate: bytes
    """The daemon's, DER."""
    fleet: NodeId
    epoch: int
    """Of the daemon's log when the two were paired."""


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    certificate: str
    """PEM."""
    fleet: NodeId
    epoch: int


class Pins:
    """Raises OSError, and Refused for a file that cannot be read: which never opens a paired agent again."""

    def __init__(self, home: Path) -> None:
        self._path = home / FOLDER / PIN
        self.pinned: Pin | None = None
        kept = read_private(self._path)
        if kept is not None:
            self.pinned = self._read(kept)

    def keep(self, pin: Pin) -> None:
        """On disk when it returns. Raises OSError, and nothing is pinned then."""
        private_folder(self._path.parent)
        written = _Written(certificate=pem_of(pin.certificate).decode("ascii"), fleet=pin.fleet, epoch=pin.epoch)
        write_private(self._path, msgspec.json.encode(written))
        self.pinned = pin

    def forget(self) -> None:
        """The agent takes a new daemon from then on. Raises OSError."""
        if self._path.parent.is_dir():
            remove(self._path)
        self.pinned = None

    def _read(self, kept: bytes) -> Pin:
        try:
            written = msgspec.json.decode(kept, type=_Written)
            certificate = der_of(written.certificate.encode("ascii"))
            if node_id_of(certificate) != written.fleet:
                raise ValueError("it names another daemon than its certificate")
        except (msgspec.MsgspecError, UnicodeError, ValueError) as fault:
            raise Refused(
                f"the file with the daemon that this agent belongs to is damaged ({fault}).",
                where=str(self._path),
                remedy="Put it back from a backup, or run `stablenew agent unpair` and pair it anew.",
            ) from None
        return Pin(certificate, written.fleet, written.epoch)
