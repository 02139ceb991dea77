"""Where a picture's texts lie: PNG text chunks, EXIF of JPEG and WebP, or a `.txt` beside it."""

from pathlib import Path

from daemon.artifacts import formats
from daemon.artifacts.png import Malformed
from schema.errors import Refused, why
from schema.plans import Plain

LARGEST = 256 << 20


class Carried(Plain, frozen=True, kw_only=True):
    carrier: str
    """`png`, `exif`, `txt`, or `none`."""
    media: str
    texts: dict[str, str]


def texts_of(path: Path) -> Carried:
    """Raises Refused when the file cannot be read or is damaged."""
    try:
        raw = _read(path)
        kind = formats.of(raw)
        if kind is None:
            if path.suffix.lower() != ".txt":
                raise Refused(
                    "this is neither PNG, JPEG, WebP nor a .txt file.", where=str(path), remedy="Name a picture."
                )
            return Carried(carrier="txt", media="text/plain", texts={"parameters": _decoded(raw)})
        found = kind.texts(raw)
        beside = path.with_suffix(".txt")
        if not found and beside.is_file():
            return Carried(carrier="txt", media=kind.media, texts={"parameters": _decoded(_read(beside))})
    except OSError as fault:
        raise _unreadable(fault.filename or str(path), fault) from fault
    except Malformed as fault:
        raise Refused(f"the picture {fault}.", where=str(path), remedy="Take another copy of it.") from fault
    carrier = ("png" if kind is formats.PNG else "exif") if found else "none"
    return Carried(carrier=carrier, media=kind.media, texts=found)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise Refused(f"is larger than {LARGEST >> 20} MB.", where=str(path), remedy="Check that it is the right file.")
    return raw


def _unreadable(name: str, fault: OSError) -> Refused:
    if isinstance(fault, IsADirectoryError):
        return Refused("this is a folder.", where=name, remedy="Name a picture in it.")
    if isinstance(fault, FileNotFoundError | NotADirectoryError):
        return Refused("there is no such file.", where=name, remedy="Check the path.")
    return Refused(f"cannot be read: {why(fault)}.", where=name, remedy="Check its permissions.")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
