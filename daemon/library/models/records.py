"""One model with all that its sources say, and the hashes that sites and programs name it by."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from daemon.library.models.fingerprint import hashes
from daemon.library.models.folders import Seen
from daemon.library.models.index import Index
from daemon.library.models.reading import Known, told
from daemon.library.models.rows import Row
from daemon.library.models.told import Told, first, trained
from schema.errors import Refused, why
from schema.models import ModelKey, ModelRecord, ModelSource

MOST_TEXT = 20_000


def record(one: Row, among: Iterable[Row], hashes: dict[str, str]) -> ModelRecord:
    """Blocks: its sidecars are read again. What cannot be read is told in `trouble`."""
    row = msgspec.structs.asdict(one.row)
    if not one.files:
        return ModelRecord(**row)
    known = one.files[0]
    try:
        sources = told(_seen(known))
    except OSError as fault:
        sources, row["trouble"] = (), why(fault)
    same = [other.row.name for other in among if other.row.key == one.row.key and other.row.name != one.row.name]
    return ModelRecord(
        **row,
        paths=tuple(each.path for each in one.files),
        same=tuple(same),
        description=first(each.description for each in sources)[:MOST_TEXT],
        notes=first(each.notes for each in sources)[:MOST_TEXT],
        negative=first(each.negative for each in sources),
        author=first(each.author for each in sources),
        address=first(each.address for each in sources if each.address.startswith(("https://", "http://"))),
        resolution=first(each.resolution for each in sources),
        trained=trained(sources),
        hashes=hashes,
        sources=tuple(map(_source, sources)),
    )


class Hashing:
    """Whole hashes, computed once for each content: a checkpoint takes a good part of a minute."""

    def __init__(self, index: Index, stop: Callable[[], bool]) -> None:
        self._index = index
        self._stop = stop
        self._running: dict[ModelKey, asyncio.Task[dict[str, str]]] = {}

    async def of(self, one: Row, *, compute: bool) -> dict[str, str]:
        """As known; empty where they were never computed and are not to be. Raises Refused."""
        if not one.files or one.files[0].short or one.files[0].folder:
            return {}
        known = one.files[0]
        kept = await asyncio.to_thread(self._index.hashes, known.key)
        if kept or not compute:
            return kept
        task = self._running.get(known.key)
        if task is None:
            task = self._running[known.key] = asyncio.create_task(self._compute(known))
            task.add_done_callback(lambda done: self._running.pop(known.key, None))
        return await asyncio.shield(task)

    async def _compute(self, known: Known) -> dict[str, str]:
        try:
            found = await asyncio.to_thread(hashes, Path(known.path), known.header, self._stop)
        except OSError as fault:
            raise Refused(f"{known.path}: {why(fault)}.") from None
        if found:
            await asyncio.to_thread(self._index.keep_hashes, known.key, found)
        return found


def _seen(known: Known) -> Seen:
    return Seen(known.path, known.list, known.name, known.stamp, known.added, known.beside, known.folder)


def _source(one: Told) -> ModelSource:
    return ModelSource(file=one.file, kind=one.kind or "unreadable", trouble=one.trouble)
