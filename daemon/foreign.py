"""Pictures of other programs, from the reading child and the artifact store to an import the ledger takes."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from daemon.artifacts.foreign.readers import Readers
from daemon.artifacts.foreign.requests import STAGE, effective_of, pipeline_of, spec_of
from daemon.artifacts.store import ArtifactStore
from daemon.prompting.steps import steps_of
from schema.commands import ImportPictures
from schema.errors import Refused
from schema.foreign import Foreign, ImportedFile, PictureImported, Understood
from schema.ids import ImageId, RunId, job_id
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec, Picture, RunSpec, Scalar
from schema.stages import Txt2Img

BASE = PipelineConfig(name="imported", stages=(Txt2Img(id="txt2img"),))
"""What an imported picture would be made again with; its own settings lie over it."""

SEEDS = 2**63
LONGEST_REST = 500
"""Characters of one thing a picture says that the log keeps; the file itself has all of it."""

MOST_REST = 60


class ForeignPictures:
    def __init__(self, readers: Readers, store: ArtifactStore, draw_id: Callable[[], str]) -> None:
        self._readers = readers
        self._store = store
        self._draw_id = draw_id

    async def read(self, content: AsyncIterator[bytes], name: str) -> Understood:
        """Raises Refused."""
        return await self._readers.read(content, name)

    async def import_of(self, run: RunId, name: str, files: Sequence[ImportedFile], folder: str) -> ImportPictures:
        """As the ledger takes it. Raises Refused for a file that was not sent, or that is no picture."""
        pictures: list[PictureImported] = []
        taken: set[str] = set()
        for number, file in enumerate(files, 1):
            seen, said = self._store.seen(file.sha256), self._said(self._store.path(file.sha256), file)
            picture, foreign = await asyncio.gather(seen, said)
            called = _stem(file.name, taken)
            pictures.append(self._imported(run, number, called, foreign, picture))
        spec = RunSpec(
            name=name, base=await self._store.put_blob(BASE.canonical()), plan_hash="", seed=0, jobs=len(pictures),
            pipeline=BASE.name, stages=steps_of(BASE), folder=folder, learning="passive",
        )  # fmt: skip
        return ImportPictures(run=run, spec=spec, pictures=tuple(pictures))

    async def _said(self, path: Path, file: ImportedFile) -> Foreign:
        """A verified picture is kept whatever becomes of its texts."""
        try:
            return (await self._readers.read(path, file.name, file.beside)).foreign
        except Refused as refused:
            return Foreign(name=file.name, rest=(("unreadable", refused.sentence),))

    def _imported(self, run: RunId, number: int, called: str, foreign: Foreign, picture: Picture) -> PictureImported:
        seed = foreign.seed if foreign.seed is not None and foreign.seed < SEEDS else None
        return PictureImported(
            job=job_id(run, number),
            run=run,
            spec=_spec(foreign, called, seed),
            image=ImageId(self._draw_id()),
            stage=STAGE,
            file=replace(picture, seed=seed),
            name=foreign.name,
            program=foreign.program,
            effective=effective_of(foreign),
            reported=_reported(foreign),
        )


def _spec(foreign: Foreign, called: str, seed: int | None) -> JobSpec:
    """With those settings that make sense together, and what making it again would need."""
    pipeline, _ = pipeline_of(foreign)
    alone = PipelineConfig(name=BASE.name, stages=(pipeline.stages[0],))
    spec = spec_of(foreign, name=called, seed=seed)
    kept = _flat(alone.stages[0].model_dump(mode="json", exclude_unset=True))
    overlay = {field: value for field, value in spec.overlay.items() if field.removeprefix("txt2img.") in kept}
    return replace(spec, overlay=overlay, stages=steps_of(alone))


def _flat(settings: dict[str, object], before: str = "") -> set[str]:
    names: set[str] = set()
    for name, value in settings.items():
        names |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}"}
    return names


def _reported(foreign: Foreign) -> dict[str, Scalar]:
    said: dict[str, Scalar] = {key: value[:LONGEST_REST] for key, value in foreign.rest[:MOST_REST]}
    if foreign.seed is not None and foreign.seed >= SEEDS:
        said["seed"] = str(foreign.seed)  # more than the lists can hold as a number
    if foreign.version:
        said["version"] = foreign.version
    return said


def _stem(name: str, taken: set[str]) -> str:
    """A job's name of a file's: unique in its run, and fit to be a file's name itself."""
    stem = re.sub(r"[^\w.\- ]+", "_", Path(name.replace("\\", "/")).stem).strip("._ ")[:80] or "picture"
    found, number = stem, 1
    while found in taken:
        number += 1
        found = f"{stem}-{number}"
    taken.add(found)
    return found
