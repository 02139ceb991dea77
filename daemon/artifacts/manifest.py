"""`manifest.json` of a run and the sidecar beside each picture: the whole record, in a form that stays.

`docs/manifest.schema.json` is made from these structs. Times are UTC ISO 8601, durations seconds, sizes bytes.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from schema.plans import Randomizer, Scalar


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Fields are only ever added; readers ignore what they do not know."""


class Artifact(_Entry, frozen=True, kw_only=True):
    """One file of the folder."""

    id: str
    path: str
    """Absolute, when the manifest was written."""
    file: str
    """Below the folder of the manifest, with `/`."""
    sha256: str
    """Of that very file."""
    pixel_hash: str
    """SHA-256 of mode, size and decoded samples: metadata and compression do not change it."""
    width: int
    height: int
    media: str
    bytes: int
    seed: int | None
    index: int
    """Among the pictures of its stage, from 0."""
    suspect: str | None = None
    """Why it may be broken."""


class Durations(_Entry, frozen=True, kw_only=True):
    waited_s: float
    moved_s: float
    loaded_s: float
    executed_s: float


class ManifestStage(_Entry, frozen=True, kw_only=True):
    id: str
    kind: str
    state: str
    attempts: int
    node: str | None
    node_name: str | None = None
    """As the node was called when it ran."""
    backend: str | None
    started: str | None
    ended: str | None
    durations: Durations
    effective: dict[str, Scalar]
    """The config the backend really used."""
    reported: dict[str, Scalar]
    suspect: str | None
    filters: tuple[str, ...]
    reason: str
    artifacts: tuple[Artifact, ...]


class ManifestPick(_Entry, frozen=True, kw_only=True):
    """What one place to vary became."""

    key: str
    value: str
    source: str


class ManifestJob(_Entry, frozen=True, kw_only=True):
    id: str
    name: str
    state: str
    created: str
    ended: str | None
    pack: str | None
    prompt_number: int
    variant: int
    style: str | None
    template: str
    """The prompt before variation."""
    prompt: str
    """The prompt after variation, and after the stages that write prompts: what its pictures were made from."""
    negative_template: str
    negative: str
    seed: int
    seeds: tuple[int, ...]
    """Of its final pictures."""
    overlay: dict[str, Scalar]
    """`stage.field` to value: what differs from the run's base config."""
    origins: dict[str, str]
    """Where each value came from."""
    picks: tuple[ManifestPick, ...] = ()
    """What every place to vary became, and where that came from."""
    axes: dict[str, str] = {}
    """Of a grid: each axis and this job's level."""
    stages: tuple[ManifestStage, ...]
    finals: tuple[Artifact, ...]
    """The final pictures, on top of the folder."""
    earlier: tuple[Artifact, ...]
    """Files of earlier attempts that still lie in the folder; they are never changed."""
    reason: str
    planned_prompt: str = ""
    """What the stages that write prompts began from; empty where there are none."""
    planned_negative: str = ""


class VideoSummary(_Entry, frozen=True, kw_only=True):
    file: str
    sha256: str
    bytes: int
    media: str
    frames: int
    seconds: float
    fps: float
    codec: str
    width: int
    height: int


class ManifestPack(_Entry, frozen=True, kw_only=True):
    name: str
    sha256: str
    prompts: int
    jobs: int
    variants: int = 0


class Manifest(_Entry, frozen=True, kw_only=True):
    format: Literal["stablenew-manifest-1"]
    run: str
    name: str
    state: str
    created: str
    ended: str | None
    folder: str
    plan_hash: str
    seed: int
    pipeline: str
    base: str
    """SHA-256 of the pipeline's canonical JSON."""
    packs: tuple[ManifestPack, ...]
    randomizer: Randomizer = Randomizer()
    """How the variants were made, as it was asked for."""
    preset: str | None = None
    profile: str | None = None
    total: int
    """Jobs of the run."""
    finished: int
    failed: int
    """With those that need attention."""
    cancelled: int
    jobs: tuple[ManifestJob, ...]
    video_path: str | None
    video_summary: VideoSummary | None
    video_reason: str
    """Why there is no film although one was wanted."""
    sheet_path: str | None = None
    """Of a grid: its pictures on one page, by axis and level."""


class Sidecar(_Entry, frozen=True, kw_only=True):
    """Beside each picture: how it was made, up to the stage that made it. Nothing that may change later."""

    format: Literal["stablenew-picture-1"]
    image: Artifact
    run: str
    run_name: str
    plan_hash: str
    base: str
    job: str
    name: str
    created: str
    pack: str | None
    prompt_number: int
    variant: int
    style: str | None
    template: str
    prompt: str
    negative_template: str
    negative: str
    seed: int
    overlay: dict[str, Scalar]
    origins: dict[str, str]
    picks: tuple[ManifestPick, ...] = ()
    axes: dict[str, str] = {}
    stages: tuple[ManifestStage, ...]


def schema_document() -> bytes:
    """The JSON Schema (2020-12) of a manifest, as `docs/manifest.schema.json` holds it."""
    document = msgspec.json.schema(Manifest)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The manifest of a run of stablenew",
        **document,
    }
    return pretty(document)


def pretty(document: object) -> bytes:
    """JSON that a person can read and a second writing cannot change."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def earlier_of(previous: Manifest | None) -> Mapping[str, tuple[Artifact, ...]]:
    """Job id to every file that an older manifest names for it."""
    if previous is None:
        return {}
    return {
        job.id: (*(a for stage in job.stages for a in stage.artifacts), *job.finals, *job.earlier)
        for job in previous.jobs
    }
