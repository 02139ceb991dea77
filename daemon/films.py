"""Makes the film of a run when the ledger says that one is due, and tells the ledger how that went.

A film under way when the daemon dies is started again by the ledger with a new token.
"""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from daemon.artifacts.film import Film
from daemon.ledger import Committed, Ledger
from daemon.past import Past
from schema.errors import Refused
from schema.events import FilmStarted
from schema.ids import ImageId, RunId, Sha256, Token
from schema.observations import FilmBroke, FilmMade, Observation
from schema.pages import JobRecord
from schema.plans import FilmSpec, Picture

log = logging.getLogger(__name__)


class Films:
    def __init__(
        self,
        ledger: Ledger,
        past: Past,
        path_of: Callable[[Sha256], Path],
        keep: Callable[[Path], Awaitable[Picture]],
        make: Callable[[list[Path], FilmSpec, Path], Awaitable[Film]],
        draw_id: Callable[[], str],
        folder: Path,
    ) -> None:
        self._ledger = ledger
        self._past = past
        self._path_of = path_of
        self._keep = keep
        self._make = make
        self._draw_id = draw_id
        self._folder = folder

    async def run(self, batches: AsyncIterator[Committed]) -> None:
        """One film at a time, in the order they fall due; never ends."""
        due: asyncio.Queue[tuple[RunId, Token]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(due))
            async for batch in batches:
                for envelope in batch.envelopes:
                    if isinstance(envelope.event, FilmStarted):
                        due.put_nowait((envelope.event.run, Token(envelope.seq)))

    async def _work(self, due: asyncio.Queue[tuple[RunId, Token]]) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)  # what a killed daemon left
        while True:
            run, token = await due.get()
            try:
                observation: Observation = await self._film(run, token)
            except (Refused, OSError) as fault:
                log.warning("no film: %s", fault, extra={"run": run})
                observation = FilmBroke(run=run, token=token, reason=str(fault))
            await self._ledger.observe(observation)

    async def _film(self, run: RunId, token: Token) -> FilmMade:
        record = await self._past.run(run)
        spec = record.spec.film
        assert spec is not None, "a film was started for a run that wants none"
        frames = [self._path_of(sha256) for sha256 in frames_of(await self._past.jobs_of(run), spec.frames)]
        self._folder.mkdir(parents=True, exist_ok=True)
        made = self._folder / f"{run}-{token}.{spec.container}"
        try:
            film = await self._make(frames, spec, made)
            picture = await self._keep(made)
        finally:
            with contextlib.suppress(OSError):
                made.unlink(missing_ok=True)
        return FilmMade(
            run=run,
            token=token,
            image=ImageId(self._draw_id()),
            film=picture,
            frames=film.frames,
            seconds=film.seconds,
            fps=film.fps,
            codec=film.codec,
        )


def frames_of(jobs: tuple[JobRecord, ...], which: str) -> list[Sha256]:
    """The pictures of a film in plan order: `finals`, `all`, or those of one stage."""
    frames: list[Sha256] = []
    for job in jobs:
        done = [stage for stage in job.stages if stage.state == "done" and (stage.images or stage.deleted)]
        chosen = done[-1:] if which == "finals" else done if which == "all" else [s for s in done if s.id == which]
        frames += [image.file.sha256 for stage in chosen for image in stage.images]
    return frames
