"""Reads and writes the small text files of the library: UTF-8, size checked, replaced whole, remembered by mtime."""

from pathlib import Path
from typing import NamedTuple

from daemon.disk import sync_folder, write_whole
from daemon.prompting.texts import told
from schema.errors import Refused


class _Read(NamedTuple):
    stamp: tuple[int, int, int]
    text: str


class Texts:
    """Remembers what it read as long as the file's time, size and inode stay the same."""

    def __init__(self) -> None:
        self._read: dict[Path, _Read] = {}

    def of(self, path: Path, most: int) -> str:
        """Raises Refused when it cannot be read, is larger than `most` bytes, or is no UTF-8."""
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            known = self._read.get(path)
            if known is not None and known.stamp == stamp:
                return known.text
            text = read_text(path, most)
        except OSError as fault:
            raise Refused(
                f"cannot be read: {fault.strerror}.", where=told(str(path), 200), remedy="Check the file's permissions."
            ) from None
        self._read[path] = _Read(stamp, text)
        return text


def read_text(path: Path, most: int) -> str:
    """Raises Refused, and OSError when the file cannot be read. A byte order mark is left out."""
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise Refused(
            f"is larger than {most // 1000} kB.",
            where=told(str(path), 200),
            remedy="Split it, or check that it is the right file.",
        )
    return decoded(raw, path)


def decoded(raw: bytes, path: Path) -> str:
    """UTF-8, or UTF-16 behind its mark, as some editors save it. Raises Refused with the line."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise Refused(
                "is half of a UTF-16 text.", where=told(str(path), 200), remedy="Save the file again, as UTF-8."
            ) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise Refused(
            f"is no UTF-8 text: byte 0x{raw[fault.start]:02x} cannot be read.",
            where=f"{told(str(path), 200)}:{line}",
            remedy="Save the file as UTF-8.",
        ) from None


def write_text(path: Path, text: str) -> None:
    """Whole or not at all, synced. Raises Refused."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
        sync_folder(path.parent)
    except OSError as fault:
        raise Refused(
            f"cannot be written: {fault.strerror}.",
            where=told(str(path), 200),
            remedy="Check permissions and free space.",
        ) from None
