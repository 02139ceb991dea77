"""The log as travel through it reads: whole, by stream or by type, up to one event. Blocks: for a thread."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from daemon.log.reading import read_log
from daemon.log.rows import TOLD, envelopes
from daemon.log.tables import reader
from schema.events import Envelope

_OF_STREAM = f"SELECT {TOLD} FROM events WHERE stream=? AND seq<=? ORDER BY sver"
_OF_TYPE = f"SELECT {TOLD} FROM events WHERE type=? AND seq<=? ORDER BY seq"


class LogPast:
    """Every call opens a read-only connection of its own. Raises LogFromNewer, or sqlite3.Error for a broken file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, after: int, upto: int) -> Iterator[Envelope]:
        """Those behind `after`, up to and with `upto`, in order."""
        return read_log(self._path, after, upto)

    def of_streams(self, streams: Iterable[str], upto: int) -> list[Envelope]:
        """In order within each stream."""
        return self._found(_OF_STREAM, streams, upto)

    def of_types(self, types: Iterable[str], upto: int) -> list[Envelope]:
        """In order within each type."""
        return self._found(_OF_TYPE, types, upto)

    def _found(self, sql: str, names: Iterable[str], upto: int) -> list[Envelope]:
        found: list[Envelope] = []
        with closing(reader(self._path)) as db:
            for name in names:
                found += envelopes(db.execute(sql, (name, upto)))
        return found
