"""One model file read: its fingerprint, what its header and its sidecars say, its preview. Everything here blocks.

A file of a stranger is opened here: only as far as the header reaches, and pickles not at all.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from daemon.library.models.fingerprint import fingerprint
from daemon.library.models.folders import PICTURES, WHOLE, Beside, Seen, Stamp
from daemon.library.models.header import Header, read_header, whole_zip
from daemon.library.models.sidecars import MOST, READERS
from daemon.library.models.spoken import said
from daemon.library.models.told import Summary, Told, summary
from schema.errors import why
from schema.models import ModelKey
from schema.plans import Plain

WITH_HEADER = (".safetensors", ".sft")


class Known(Plain, frozen=True, kw_only=True):
    """What the index keeps of a file."""

    path: str
    list: str
    name: str
    stamp: Stamp
    key: ModelKey
    added: float
    """When it was first seen, Unix seconds."""
    header: int = 0
    """Bytes before the tensors."""
    beside: tuple[Beside, ...] = ()
    said: Summary = Summary()
    preview: str = ""
    """Name of the picture beside it."""
    thumbnail: bool = False
    """Its header has a picture in it."""
    trouble: str = ""
    short: bool = False
    """It is not all there: its content, and so its key, will be another."""
    broken: bool = False
    """The file itself is damaged; a sidecar may be so without harm to it."""
    folder: bool = False


class Content(NamedTuple):
    header: Header
    key: ModelKey
    trouble: str


def read(seen: Seen, now: float, was: Known | None) -> Known:
    """`was` is the same file as it was known before: its key holds as long as the file is untouched. Raises OSError."""
    content = _content(seen)
    key = was.key if was is not None and was.stamp == seen.stamp else content.key
    sources = told(seen, content.header)
    said_ = summary(sources)
    return Known(
        path=seen.path,
        list=seen.list or said_.list or "models",
        name=seen.name,
        stamp=seen.stamp,
        key=key,
        added=now if was is None else was.added,
        header=content.header.size,
        beside=seen.beside,
        said=said_,
        preview=next((one.name for one in seen.beside if one.name.lower().endswith(PICTURES)), ""),
        thumbnail=any(one.thumbnail for one in sources),
        trouble=content.trouble or next((f"{one.file}: {one.trouble}" for one in sources if one.trouble), ""),
        short=content.header.short,
        broken=bool(content.trouble),
        folder=seen.folder,
    )


def told(seen: Seen, header: Header | None = None) -> tuple[Told, ...]:
    """What each source says, in the order of their weight. Raises OSError where the model's file cannot be read."""
    if header is None:
        header = _content(seen).header
    folder, _, name = seen.path.rpartition("/")
    there = {one.name for one in seen.beside}
    stems = (name.rpartition(".")[0] or name, name)
    found: list[Told] = []
    for reader in READERS if there else ():
        names = (stem + ending for ending in reader.endings for stem in stems)
        for beside in (one for one in dict.fromkeys(names) if one in there):
            one = _sidecar(Path(folder, beside), reader.read)
            if one is not None and not (one.trouble and any(was.file == beside for was in found)):
                found.append(one)
    # What a header says was written by whoever trained it: better than a guess from a text, less than a site's page.
    at = next((n for n, one in enumerate(found) if one.kind == "text"), len(found))
    found.insert(at, said(header, name))
    return tuple(found)


def _sidecar(path: Path, read: Callable[[str, str], Told | None]) -> Told | None:
    """None where it is something else; what cannot be read is told as trouble."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST + 1)
    except OSError as fault:
        return Told(kind="", file=path.name, trouble=why(fault))
    if _is_strange(path.name, raw):
        return None
    if len(raw) > MOST:
        return Told(kind="", file=path.name, trouble=f"larger than {MOST >> 20} MB; it is not read")
    try:
        return read(path.name, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        return Told(kind="", file=path.name, trouble=f"line {line} is no UTF-8; save it as UTF-8")
    except ValueError as fault:
        return Told(kind="", file=path.name, trouble=f"{_where(fault)}; correct it or delete it")


def _is_strange(name: str, raw: bytes) -> bool:
    """Many programs call many things `.info`: one that is no JSON belongs to another."""
    plain = name.endswith(".info") and not name.endswith(".civitai.info")
    return plain and not raw.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _where(fault: ValueError) -> str:
    line, column = getattr(fault, "lineno", None), getattr(fault, "colno", None)
    words = str(getattr(fault, "msg", fault))
    return f"line {line}, column {column}: broken JSON ({words})" if line else f"broken JSON ({words})"


def _content(seen: Seen) -> Content:
    size = seen.stamp[0]
    if seen.folder:
        with (Path(seen.path) / WHOLE).open("rb") as file:
            return Content(Header(), fingerprint(file, size, 0), "")
    with Path(seen.path).open("rb") as file:
        if not seen.path.lower().endswith(WITH_HEADER):
            key = fingerprint(file, size, 0)
            cut = size == 0 or not whole_zip(file, size)
            trouble = "it ends too early: it is still being written, or must be downloaded again" if cut else ""
            return Content(Header(short=cut), key, trouble)
        header = read_header(file, size)
        return Content(header, fingerprint(file, size, header.size), header.trouble)
