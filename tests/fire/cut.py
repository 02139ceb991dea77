"""The power fails: what may lie on a disk behind any call of a recorded life, and whether it keeps what was told.

Stricter than disks are: whatever was not synced may be there, be missing, or be torn between sectors, each by itself;
names of files count only once their folder was synced. What a sync covered is there.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SECTOR = 512


class Call(NamedTuple):
    """Created, Written, Truncated, Synced, Renamed, Linked, Unlinked, Made (a folder), Acknowledged."""

    op: str
    name: str
    other: str
    offset: int
    content: bytes


def recorded(path: Path) -> list[Call]:
    """As the shim wrote them."""
    raw, at, calls = path.read_bytes(), 0, []
    while at < len(raw):
        op, at = chr(raw[at]), at + 1
        texts = []
        for _ in range(2):
            (size,) = struct.unpack_from("=I", raw, at)
            texts.append(raw[at + 4 : at + 4 + size].decode())
            at += 4 + size
        offset, size = struct.unpack_from("=QI", raw, at)
        at += 12
        calls.append(Call(op, texts[0], texts[1], offset, raw[at : at + size]))
        at += size
    return calls


@dataclass(eq=False)
class File:
    content: bytearray = field(default_factory=bytearray)
    """What is synced."""
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes that are not: where, and what; None: it ends there."""
    folder: bool = False

    def sync(self) -> None:
        self.content = _with(self.content, self.waiting)
        self.waiting = []

    def after_a_cut(self, keep: float, draw: random.Random) -> bytes:
        kept = [piece for piece in self.waiting if draw.random() < keep]
        if 0 < keep < 1:
            kept = [piece for whole in kept for piece in _torn(whole, draw)]
        return bytes(_with(self.content, kept))


def _with(content: bytearray, pieces: list[tuple[int, bytes | None]]) -> bytearray:
    content = bytearray(content)
    for offset, written in pieces:
        if written is None:
            content = content[:offset].ljust(offset, b"\0")
        else:
            content = content.ljust(offset, b"\0")
            content[offset : offset + len(written)] = written
    return content


def _torn(piece: tuple[int, bytes | None], draw: random.Random) -> list[tuple[int, bytes | None]]:
    """Every fourth write loses sectors."""
    offset, written = piece
    if written is None or len(written) <= SECTOR or draw.random() < 0.75:
        return [piece]
    sectors = [(offset + at, written[at : at + SECTOR]) for at in range(0, len(written), SECTOR)]
    return [sector for sector in sectors if draw.random() < 0.5]


class Disk:
    """Files and names as the program sees them, and which of that is synced."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._seen: dict[str, File] = {}
        self._synced: dict[str, File] = {}
        self._waiting: list[tuple[str, File | None]] = []

    def do(self, call: Call) -> None:
        match call.op:
            case "C":
                self._name(call.name, File())
            case "M":
                self._name(call.name, File(folder=True))
            case "L":
                self._name(call.other, self._seen[call.name])
            case "R":
                self._name(call.other, self._seen[call.name])
                self._name(call.name, None)
            case "U":
                self._name(call.name, None)
            case "W" if (file := self._seen.get(call.name)) is not None:
                file.waiting.append((call.offset, call.content))
            case "T" if (file := self._seen.get(call.name)) is not None:
                file.waiting.append((call.offset, None))
            case "S":
                self._sync(call.name)

    def _name(self, name: str, file: File | None) -> None:
        if file is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = file
        self._waiting.append((name, file))

    def _sync(self, name: str) -> None:
        file = self._seen.get(name)
        if file is not None and not file.folder:
            file.sync()
            return
        for one, named in self._waiting:
            if one.rpartition("/")[0] == name:
                self._put(self._synced, one, named)
        self._waiting = [(one, named) for one, named in self._waiting if one.rpartition("/")[0] != name]

    def _put(self, names: dict[str, File], name: str, file: File | None) -> None:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file

    def after_a_cut(self, keep: float, draw: random.Random) -> dict[str, bytes | None]:
        """Name below the root to what is in the file; None: a folder."""
        names = dict(self._synced)
        for name, file in self._waiting:
            if draw.random() < keep:
                self._put(names, name, file)
        made = {name for name, file in self._seen.items() if file.folder}
        image: dict[str, bytes | None] = {}
        for name, file in sorted(names.items()):
            parent = name.rpartition("/")[0]
            if parent in made and parent not in names:
                continue  # nobody finds what lies in a folder that is not there
            image[name.removeprefix(self._root + "/")] = None if file.folder else file.after_a_cut(keep, draw)
        return image


class Cut(NamedTuple):
    at: int
    """Calls before it."""
    keep: float
    seed: int
    told: tuple[str, ...]
    """What was acknowledged by then."""
    image: dict[str, bytes | None]


def cuts(root: Path, calls: list[Call], keeps: tuple[tuple[float, int], ...], every: int = 1) -> Iterator[Cut]:
    """The states that a cut behind every call may leave. `keeps`: how much of what is not synced, by which seed."""
    disk, told = Disk(root), []
    for at, call in enumerate(calls):
        if call.op == "A":
            told.append(call.name)
        else:
            disk.do(call)
        if at % every == 0 or at == len(calls) - 1:
            for keep, seed in keeps:
                image = disk.after_a_cut(keep, random.Random(f"{at} {keep} {seed}"))
                yield Cut(at, keep, seed, tuple(told), image)


def lay_out(image: dict[str, bytes | None], folder: Path) -> None:
    for name, content in image.items():
        if content is None:
            (folder / name).mkdir(parents=True, exist_ok=True)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
