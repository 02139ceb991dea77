"""Storage that the daemon reads too, such as a network drive: results are left there as well, and only named.

`DIR/.stablenew-storage` holds the storage's own id, written by whoever comes first: both sides see the same one, or
speak of different folders. What is left lies at `results/NODE/SHA256.EXT` until the daemon has committed it.
"""

import logging
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from schema.errors import Refused, why
from schema.ids import ALPHABET, NodeId, Sha256
from schema.orders import AttemptReport

log = logging.getLogger(__name__)

MARK = ".stablenew-storage"
ID_LENGTH = 20
LONGEST_MARK = 100
PATIENCE = 10

MAGIC = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"RIFF", "webp"))


class Shared:
    def __init__(self, folder: Path, storage: str, node: NodeId) -> None:
        self.id = storage
        """As on the card and in orders."""
        self._folder = folder
        self._node = node

    @classmethod
    def open(cls, folder: Path, node: NodeId) -> "Shared":
        """Raises Refused for a folder that is not there or not writable."""
        try:
            storage = _marked(folder / MARK)
            (folder / "results" / node).mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise Refused(
                f"the shared storage cannot be used: {why(fault)}", where=f"--shared {folder}",
                remedy="Mount it, and let this user write there.",
            ) from None  # fmt: skip
        return cls(folder, storage, node)

    def leave_all(self, report: AttemptReport, contents: Sequence[bytes]) -> AttemptReport:
        """The report with the places of its products. Blocks until they are on disk."""
        result = report.result
        if result is None:
            return report
        products = tuple(
            msgspec.structs.replace(product, place=self.leave(product.sha256, content))
            for product, content in zip(result.products, contents, strict=True)
        )
        return msgspec.structs.replace(report, result=msgspec.structs.replace(result, products=products))

    def leave(self, sha: Sha256, content: bytes) -> str:
        """Its place below the storage; blocks until it is on disk. Empty where that failed: it is then fetched as ever.

        Made under another name first, so that nobody reads half a file.
        """
        place = f"results/{self._node}/{sha}.{_extension(content)}"
        path = self._folder / place
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            if not (self._folder / MARK).exists():
                raise OSError(None, "it is not mounted any more")
            path.parent.mkdir(exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as fault:
            log.warning("a result could not be left in the shared storage: %s", why(fault))
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return ""
        return place

    def forget(self, place: str) -> None:
        """The daemon has it. Only what this agent left there is removed."""
        path = self._folder / place
        if path.parent != self._folder / "results" / self._node:
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as fault:
            log.info("a result stays in the shared storage: %s", why(fault))


def _marked(mark: Path) -> str:
    """The id that is there, or a new one; of two that come at once, one wins. Raises OSError."""
    try:
        with mark.open("x", encoding="ascii") as file:
            file.write("".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH)) + "\n")
    except FileExistsError:
        pass
    for _ in range(PATIENCE):
        storage = mark.read_bytes()[:LONGEST_MARK].decode("ascii", "replace").strip()
        if storage:
            break
        time.sleep(0.1)  # the other one is about to write it
    if not storage.isalnum():
        raise OSError(None, f"{mark.name} holds no id; remove it")
    return storage


def _extension(content: bytes) -> str:
    return next((name for magic, name in MAGIC if content.startswith(magic)), "bin")
