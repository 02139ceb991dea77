"""The library of models, whole: folders, nodes' cards and people's verdicts in one list; what is new is told.

Reading folders goes on a thread of its own; every answer waits for the first look after the start.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from daemon.api.shelf import ModelPage, ModelsAsked, Size
from daemon.core.vitals import Vitals
from daemon.library.models import candidates, filters, naming, rows
from daemon.library.models.bases import known_base
from daemon.library.models.index import Index
from daemon.library.models.previews import Shrink, preview
from daemon.library.models.records import Hashing, record
from daemon.library.models.remote.remote import Remote
from daemon.library.models.rows import Owned, Row, Used, stem
from daemon.library.models.watching import Paths, Watch
from daemon.prompting.needs import WORDS, listed
from daemon.scheduling.able import Known
from daemon.scheduling.fitness import STAND_IN, is_real
from daemon.views.read_views import ReadViews
from daemon.views.select import NotFound
from schema.errors import Refused
from schema.models import FILES, Candidate, Fetching, ModelKey, ModelRecord, ModelScan, ModelVerdict, ModelWanted, Offer
from schema.names import nearest
from schema.settings import LibrarySettings, Settings

log = logging.getLogger(__name__)

Given = TypeVar("Given")

LISTS = tuple(name for name in WORDS if name != "workflows")


@dataclass(kw_only=True)
class Parts:
    """What it is made of."""

    index: Index
    views: ReadViews
    durable: Callable[[], int]
    """Seq of the newest event on disk: verdicts up to it are in the list."""
    known: Callable[[], Sequence[Known]]
    vitals: Vitals
    clock: Callable[[], float]
    cache: Path
    """Folder of small previews."""
    shrink: Shrink
    settings: LibrarySettings = field(default_factory=LibrarySettings)
    floor: int = 0
    """Bytes that a download leaves free."""


class Models:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._looked = asyncio.Event()
        self._running = False
        self._stopping = False
        self._hashing = Hashing(parts.index, lambda: self._stopping)
        self._remote = Remote(
            parts.settings, parts.index.roots, floor=parts.floor, hash_of=self._hash_of, came=self._look_again
        )
        self._listed: tuple[object, tuple[object, ...], tuple[Row, ...]] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        self._running = True
        try:
            await self._on_thread(self._parts.index.load)
            await self._look()
            self._looked.set()
            await Watch(self._parts.index.roots, self._parts.settings.watch, self._look_again).run()
            await asyncio.Event().wait()  # no folder is watched: there may be a look all the same
        finally:
            self._stopping = True
            await self._remote.close()
            self._looked.set()
            await asyncio.to_thread(self._thread.shutdown, True, cancel_futures=True)
            self._parts.index.close()

    def as_of(self, views: ReadViews, known: Callable[[], Sequence[Known]]) -> "Models":
        """The files of now with what people had said of them and what nodes had by another moment. To be asked only."""
        then = copy(self)
        then._parts = dataclass_replace(self._parts, views=views, durable=lambda: views.seq, known=known)
        then._listed = None
        return then

    async def scan(self) -> ModelScan:
        await self._looked.wait()
        return await self._look()

    async def page(self, asked: ModelsAsked) -> ModelPage:
        if asked.list not in ("", "all", *LISTS):
            near = nearest(asked.list, LISTS) or LISTS
            raise Refused(
                f"there is no list '{asked.list[:40]}'.", where="list", remedy=f"Take one of {', '.join(near)}."
            )
        tests = filters.parse(asked.filter, self._parts.clock())
        found = await self._rows(asked)

        def sifted() -> ModelPage:
            every = LISTS if "list:" in asked.filter else FILES
            lists = {"": every, "all": LISTS}.get(asked.list, (asked.list,))
            there = filters.ordered(
                filters.matching([one for one in found if one.row.list in lists], tests), asked.sort
            )
            items = tuple(one.row for one in there[asked.offset : asked.offset + asked.limit])
            return ModelPage(items, len(there))

        return await asyncio.to_thread(sifted)

    async def record(self, name: str, *, hashes: bool = False) -> ModelRecord:
        found = await self._rows()
        one = _the_one(found, name)
        told = await self._hashing.of(one, compute=hashes)
        return await asyncio.to_thread(record, one, found, told)

    async def verdicts(self, select: Sequence[str]) -> tuple[ModelVerdict, ...]:
        said = await self._said()
        found = rows.judged(await self._base(ModelsAsked()), said, {})
        try:
            return tuple(
                each for one in naming.chosen(found, select, self._parts.clock()) for each in rows.verdict(one, said)
            )
        except naming.Unknown as fault:
            raise _not_found(fault) from None

    async def preview(self, name: str, size: Size) -> Path:
        one = _the_one(await self._base(ModelsAsked()), name)
        return await preview(one, size, self._parts.cache, self._parts.shrink)

    async def candidates(self, words: str, base: str = "") -> tuple[Candidate, ...]:
        found = await self._rows()
        return await asyncio.to_thread(candidates.candidates, found, words, _base(found, base))

    def named(self, list_: str) -> dict[str, str]:
        """As a prompt names each of a list that can be used, with what calls it up or who has it. Blocks a little."""
        there = candidates.available([one.row for one in self._newest() if one.row.list == list_])
        told = (", ".join(row.triggers[:3]) or ", ".join(row.nodes) or row.title for row in there)
        return dict(zip(candidates.spelled(there), told, strict=True))

    async def search(self, words: str, source: str, list_: str, most: int) -> tuple[Offer, ...]:
        found = await self._remote.search(words, source, list_, most)
        here = await self._on_thread(self._parts.index.hashed)
        return tuple(replace(one, have=bool(one.sha256) and one.sha256 in here) for one in found)

    def fetch(self, wanted: ModelWanted) -> AsyncIterator[Fetching]:
        return self._remote.fetch(wanted)

    # ------------------------------------------------------------------------------------------

    async def _hash_of(self, name: str) -> tuple[Path, str]:
        """Of a file that is here. Raises Refused."""
        one = _the_one(await self._base(ModelsAsked()), name)
        told = await self._hashing.of(one, compute=True)
        if "sha256" not in told:
            raise Refused(f"{one.row.name} is no whole file here.", where="id", remedy="Name one that is.")
        return Path(one.row.path), told["sha256"]

    async def _look_again(self, touched: Paths = None) -> None:
        await self._look(touched)

    async def _look(self, touched: Paths = None) -> ModelScan:
        """One at a time. Watchers are told where anything is other than before."""
        before = self._parts.index.files
        told = await self._on_thread(lambda: self._parts.index.scan(lambda: self._stopping, touched))
        if told.added or told.changed or told.moved or told.gone or self._parts.index.files.keys() != before.keys():
            self._parts.vitals.library += 1
            log.info(
                "models: %d files, %d came, %d changed, %d moved, %d went in %.1f s",
                *(told.files, told.added, told.changed, told.moved, told.gone, told.seconds),
            )
        return told

    async def _rows(self, asked: ModelsAsked = ModelsAsked()) -> tuple[Row, ...]:  # noqa: B008 - a constant
        base, said, used = await self._base(asked), await self._said(), await self._used()
        return await asyncio.to_thread(rows.judged, base, said, used)

    async def _base(self, asked: ModelsAsked) -> tuple[Row, ...]:
        """Files and nodes as they are now; made anew only when either is another."""
        if self._running:  # where nobody looks, no folder has anything in it
            await self._looked.wait()
        if not asked.node and not asked.backend:
            return await asyncio.to_thread(self._newest)
        owned = tuple(_owned(_asked(self._parts.known(), asked.node), asked.backend))
        found = await asyncio.to_thread(rows.rows, self._parts.index.files.values(), owned)
        return tuple(one for one in found if one.row.nodes)

    def _newest(self) -> tuple[Row, ...]:
        """Blocks where something is other than the last time."""
        files, known = self._parts.index.files, self._parts.known()
        cards = tuple((one.name, one.card) for one in known)
        kept = self._listed
        if kept is not None and kept[0] is files and len(kept[1]) == len(cards) and all(map(_same, kept[1], cards)):
            return kept[2]
        found = rows.rows(files.values(), _owned(known, ""))
        self._listed = (files, cards, found)
        return found

    async def _said(self) -> dict[ModelKey, ModelVerdict]:
        await self._parts.views.shown(self._parts.durable())
        return {one.model: one for one in await self._parts.views.models_said()}

    async def _used(self) -> dict[tuple[str, str], Used]:
        """Spellings of one name are counted together."""
        found: dict[tuple[str, str], Used] = {}
        for one in await self._parts.views.models_used():
            key = (one.list, stem(one.name))
            was = found.get(key, Used())
            uses = was.uses + one.uses
            rated = [(each.rating, each.uses) for each in (was, one) if each.rating is not None]
            weight = sum(number for _, number in rated)
            found[key] = Used(uses, sum(stars * number for stars, number in rated) / weight if weight else None)
        return found

    async def _on_thread(self, do: Callable[[], Given]) -> Given:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)


def model_folders(settings: Settings) -> tuple[Path, ...]:
    """Where files of models lie: as the library and the agent are told."""
    agent = settings.agent
    named = (*settings.library.models, *(folder for folder in (agent.models, agent.diffusers) if folder))
    return tuple(Path(folder).expanduser() for folder in named)


def _the_one(found: Sequence[Row], name: str) -> Row:
    try:
        return naming.the_one(found, name)
    except naming.Unknown as fault:
        raise _not_found(fault) from None


def _not_found(fault: naming.Unknown) -> NotFound:
    return NotFound(fault.sentence, where=fault.where, remedy=fault.remedy)


def _same(one: object, other: object) -> bool:
    """Node name and card: the very same card, so that nobody compares thousands of names."""
    assert isinstance(one, tuple) and isinstance(other, tuple)
    return one[0] == other[0] and one[1] is other[1]


def _base(found: Iterable[Row], base: str) -> str:
    """What a checkpoint is made for, by its own row; else as its name says."""
    if not base:
        return ""
    one = next((one for one in found if one.row.list == "models" and stem(one.row.name) == stem(base)), None)
    return one.row.base if one is not None and one.row.base else known_base(base)


def _asked(known: Sequence[Known], node: str) -> Sequence[Known]:
    """The node that is named, or all. Raises NotFound naming the nodes there are."""
    found = [one for one in known if node in ("", one.id, one.name)]
    if node and not found:
        names = ", ".join(f"{one.name} ({one.id})" for one in known) or "none yet"
        raise NotFound(f"no node '{node[:80]}' is known.", where="node", remedy=f"There are: {names}.")
    return found


def _owned(known: Sequence[Known], backend: str) -> Iterator[Owned]:
    """Every name of every card; the stand-in's own only where nothing else is there, or where it is asked for."""
    real = is_real(card.kind for one in known if one.card for card in one.card.backends)
    for one in known:
        for card in one.card.backends if one.card else ():
            if card.kind == backend or (not backend and not (real and card.kind == STAND_IN)):
                for list_ in LISTS:
                    yield from (Owned(list_, name, one.name, card.kind) for name in listed(card, list_))
