"""Search and downloads as the daemon offers them. A download belongs to the daemon: who follows it may go away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import aiohttp

from daemon.disk import write_whole
from daemon.library.models.remote.door import PATIENCE, Door, Site, check, read
from daemon.library.models.remote.download import Download, keep_beside
from daemon.library.models.remote.named import check_within, named, target
from daemon.library.models.remote.sites import Civitai, HuggingFace, Source, Wanted
from schema.errors import Refused
from schema.models import Fetching, ModelWanted, Offer
from schema.settings import LibrarySettings

MOST_AT_ONCE = 4
PICTURE = 10 << 20
TELL = 0.5
"""Seconds between two states that are told."""

KINDS = {"image/png": ".preview.png", "image/jpeg": ".preview.jpeg", "image/webp": ".preview.webp"}

HashOf = Callable[[str], Awaitable[tuple[Path, str]]]
"""A model's name to its file and SHA-256. Raises Refused."""


class _Job:
    """A download under way."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.download: Download | None = None
        self.ended: Fetching | None = None
        self.task: asyncio.Task[None] | None = None

    def state(self, seconds: float) -> Fetching:
        it = self.download
        path, had, total = (str(it.path), it.had, it.total) if it else ("", 0, 0)
        return Fetching(id=self.id, path=path, bytes=had, total=total, seconds=round(seconds, 1))


class Remote:
    def __init__(
        self,
        settings: LibrarySettings,
        roots: Sequence[Path],
        *,
        floor: int,
        hash_of: HashOf,
        came: Callable[[], Awaitable[object]],
    ) -> None:
        """`floor` of bytes that stay free; `came` is called when a file has come."""
        civitai = Site(settings.civitai, settings.civitai_token)
        face = Site(settings.huggingface, settings.huggingface_token)
        self._door = Door((civitai, face))
        self._civitai = Civitai(self._door, civitai)
        self._sources: dict[str, Source] = {
            "civitai": self._civitai, "huggingface": HuggingFace(self._door, face),
        }  # fmt: skip
        self._settings = settings
        self._roots = roots
        self._floor = floor
        self._hash_of = hash_of
        self._came = came
        self._jobs: dict[ModelWanted, _Job] = {}

    async def search(self, words: str, source: str, list_: str, most: int) -> tuple[Offer, ...]:
        """Of one site, or of all: what one cannot answer is left out while another can. Raises Refused."""
        self._check_on()
        if not words.strip():
            raise Refused("nothing is asked for.", where="words", remedy="Write some words.")
        wanted = {"": tuple(self._sources), "hf": ("huggingface",)}.get(source, (source,))
        if any(one not in self._sources for one in wanted):
            raise Refused(f"'{source[:40]}' is no site.", where="source", remedy="Use civitai or huggingface.")
        asked = [self._sources[one].search(words, list_, most) for one in wanted]
        found = await asyncio.gather(*asked, return_exceptions=True)
        faults = [one for one in found if isinstance(one, BaseException)]
        if faults and (len(faults) == len(found) or not all(isinstance(fault, Refused) for fault in faults)):
            raise faults[0]
        lists = [one for one in found if not isinstance(one, BaseException)]
        return tuple(offer for offers in lists for offer in offers)

    async def fetch(self, wanted: ModelWanted) -> AsyncIterator[Fetching]:
        """Its states until it has ended; the same wish joins one that is under way. Raises Refused."""
        self._check_on()
        job = self._jobs.get(wanted) or self._begun(wanted)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while job.ended is None:
            yield job.state(loop.time() - began)
            assert job.task is not None
            await asyncio.wait((job.task,), timeout=TELL)
        if job.task is not None and job.task.done() and not job.task.cancelled():
            job.task.result()  # a bug is no failed download
        yield job.ended

    async def close(self) -> None:
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._door.close()

    def _begun(self, wanted: ModelWanted) -> _Job:
        if len(self._jobs) >= MOST_AT_ONCE:
            raise Refused(f"{MOST_AT_ONCE} downloads are under way.", remedy="Wait for one of them.")
        named(wanted.id)  # what makes no sense is refused before anything begins
        job = self._jobs[wanted] = _Job(wanted.id)
        job.task = asyncio.create_task(self._run(wanted, job))
        return job

    async def _run(self, wanted: ModelWanted, job: _Job) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        state: Literal["done", "failed"] = "failed"
        reason, path = "it was broken off", ""
        try:
            path = str(await self._fetched(wanted, job))
            await self._came()
            state, reason = "done", ""
        except Refused as fault:
            reason = fault.told()
        finally:
            was = job.state(loop.time() - began)
            job.ended = Fetching(
                id=was.id, state=state, path=path, bytes=was.bytes, total=was.total, seconds=was.seconds, reason=reason
            )
            self._jobs.pop(wanted, None)

    async def _fetched(self, wanted: ModelWanted, job: _Job) -> Path:
        what = named(wanted.id)
        if what.source == "about":
            return await self._about(what.id)
        found = await self._sources[what.source].wanted(what.id)
        path = await asyncio.to_thread(target, self._roots, wanted.list or found.list, wanted.name or found.name)
        if any(other.download is not None and other.download.path == path for other in self._jobs.values()):
            raise Refused(f"{path} is being downloaded already.", remedy="Wait for it.")
        job.download = Download(self._door, found, path, largest=self._settings.largest_mb << 20, floor=self._floor)
        await job.download.run()
        await self._beside(path, found)
        return path

    async def _about(self, name: str) -> Path:
        """What Civitai says of a file that is here, by its hash."""
        path, sha256 = await self._hash_of(name)
        await asyncio.to_thread(check_within, self._roots, path)
        found = await self._civitai.by_hash(sha256)
        await self._beside(path, found)
        return path

    async def _beside(self, path: Path, found: Wanted) -> None:
        """Its sidecar, and a preview where there is none; without one the model is as good."""
        await asyncio.to_thread(keep_beside, path, found.sidecar)
        there = [path.with_name(path.stem + ending) for ending in KINDS.values()]
        if found.picture is None or any(await asyncio.gather(*(asyncio.to_thread(one.exists) for one in there))):
            return
        try:
            async with self._door.get(found.picture) as answer:
                check(answer)
                ending = KINDS.get(answer.content_type)
                async with asyncio.timeout(PATIENCE):
                    data = await read(answer, PICTURE) if ending else b""
        except (Refused, aiohttp.ClientError, OSError, TimeoutError):
            return
        if ending and 0 < len(data) <= PICTURE:
            await asyncio.to_thread(write_whole, path.with_name(path.stem + ending), data)

    def _check_on(self) -> None:
        if not self._settings.remote:
            raise Refused(
                "nobody on the internet is asked about models.",
                where="[library] remote",
                remedy="Write `remote = true` below [library] in config.toml, and start the daemon again.",
            )
