"""Settings of the server's owner that are not as they were for as long as one of our requests works: put back after it.

What is owed is written into the agent's home before anything changes, so that an agent that was killed, or one whose
server died, puts it back at its next start. A setting that somebody changed meanwhile is theirs and stays.

The tile size of an upscale is set by us, as extras take no overrides. Forge's modules are an override that stays where
they do not stand in the server's config.json, and it writes them down only when they change: putting them back after
the first request that named some does that, and from then on the server puts them back itself.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from agent.backends import BackendTrouble
from agent.backends.webui.door import API, Door
from agent.backends.webui.reading import read_settings
from agent.backends.webui.shapes import Settings
from agent.backends.webui.stock import PLAIN_UPSCALERS, stem

MODULES = "forge_additional_modules"
_TILES = ("ESRGAN", "DAT", "SWIN")

Value = int | list[str]


class Loan(msgspec.Struct):
    before: Value
    """As its owner has it."""
    ours: Value
    """As our request has it."""


class Borrowed:
    def __init__(self, door: Door, home: Path | None) -> None:
        """`home`: None keeps what is owed in memory alone."""
        name = re.sub(r"[^\w.-]", "_", f"{door.server.host}-{door.server.port}")
        self._door = door
        self._file = home / "webui" / f"owed-{name}.json" if home else None
        self._owed = _read(self._file)
        self._modules: list[str] | None = None
        """Of the owner, while the server would not put them back itself. None: it does, or nobody knows them."""
        self._in_use = False
        self._lock = threading.Lock()

    def know(self, settings: Settings) -> None:
        """As they are while the server is idle."""
        self._modules = list(settings.forge_additional_modules or ()) if MODULES not in self._owed else None

    @contextmanager
    def tiles(self, upscaler: str, tile: int, overlap: int) -> Iterator[bool]:
        """True: the upscaler works in such tiles. False: it needs none, or the server has no such setting.

        0 is one piece. A tile larger than the picture would be filled up with black to its whole size.
        """
        before = {} if upscaler in PLAIN_UPSCALERS else _tile_settings(read_settings(self._door))
        wanted = {key: overlap if key.endswith("overlap") else tile for key in before}
        changed = {key: value for key, value in wanted.items() if before[key] != value}
        with self._lent({key: Loan(before[key], value) for key, value in changed.items()}):
            if changed:
                self._door.tell(f"{API}/options", changed)
            yield bool(before)

    @contextmanager
    def modules(self, ours: object) -> Iterator[None]:
        """While a request is under way whose override names `ours`."""
        before = self._modules
        if before is None or not isinstance(ours, list) or _same(ours, before):
            yield
            return
        with self._lent({MODULES: Loan(before, ours)}):
            yield
        if MODULES not in self._owed:
            self._modules = None  # they stand in its config.json now

    def put_back(self) -> None:
        """What is owed; called again when the server is back. Nothing while one of our requests is under way."""
        with self._lock, suppress(BackendTrouble):
            if self._owed and not self._in_use:
                self._put_back(dict(self._owed))

    def _put_back(self, owed: dict[str, Loan]) -> None:
        if MODULES in owed and self._door.progress().busy:
            del owed[MODULES]  # another client's job may have its own in force
        now = read_settings(self._door)
        back = {key: loan.before for key, loan in owed.items() if _same(getattr(now, key, None), loan.ours)}
        if back:
            self._door.tell(f"{API}/options", back)
        self._owe({key: loan for key, loan in self._owed.items() if key not in owed})

    @contextmanager
    def _lent(self, loans: Mapping[str, Loan]) -> Iterator[None]:
        if not loans:
            yield
            return
        with self._lock:
            owed = self._owed
            first = {key: owed[key].before if key in owed else loan.before for key, loan in loans.items()}
            self._owe(owed | {key: Loan(first[key], loan.ours) for key, loan in loans.items()})
            self._in_use = True
        try:
            yield
        finally:
            self._in_use = False
            self.put_back()

    def _owe(self, owed: dict[str, Loan]) -> None:
        self._owed = owed
        if self._file is None:
            return
        try:
            if owed:
                _write(self._file, msgspec.json.encode(owed))
            else:
                self._file.unlink(missing_ok=True)
        except OSError as fault:
            raise BackendTrouble("backend", f"{self._file} cannot be written: {fault.strerror}") from None


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    with new.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def _read(file: Path | None) -> dict[str, Loan]:
    """Empty for what nobody can read: nothing is written to a server that is not known for certain."""
    if file is None:
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Loan])
    except (OSError, ValueError, RecursionError):
        return {}


def _same(value: object, other: object) -> bool:
    """Numbers as numbers; modules also where one is told as a name and one as a file."""
    if isinstance(value, list) and isinstance(other, list):
        return [stem(str(each)) for each in value] == [stem(str(each)) for each in other]
    return value == other


def _tile_settings(settings: Settings) -> Mapping[str, int]:
    keys = (f"{family}_{what}" for family in _TILES for what in ("tile", "tile_overlap"))
    return {key: int(value) for key in keys if (value := getattr(settings, key)) is not None}
