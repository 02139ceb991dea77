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


def as_before(path: Path, text: str) -> bytes:
    """The text in the encoding and with the line ends of the file whose place it takes."""
    try:
        with path.open("rb") as file:
            old = file.read(65_536)
    except OSError:
        return text.encode(errors="replace")
    body = text.removeprefix("\ufeff")
    if "\r" not in body and old.count(b"\r\n") and old.count(b"\r\n") == old.count(b"\n"):
        body = body.replace("\n", "\r\n")
    if old[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return old[:2] + body.encode("utf-16-le" if old[:1] == b"\xff" else "utf-16-be", errors="replace")
    return (b"\xef\xbb\xbf" if old[:3] == b"\xef\xbb\xbf" else b"") + body.encode(errors="replace")


def write_text(path: Path, text: str, raw: bytes | None = None) -> None:
    """Whole or not at all, synced; as `raw`, else encoded as the file that is there. Raises Refused."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, as_before(path, text) if raw is None else raw)
        sync_folder(path.parent)
    except OSError as fault:
        raise Refused(
            f"cannot be written: {fault.strerror}.",
            where=told(str(path), 200),
            remedy="Check permissions and free space.",
        ) from None
