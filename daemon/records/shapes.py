"""The lines and documents of a bundle, and the JSON Schema (2020-12) that all of them obey."""

from typing import Annotated, Literal

import msgspec

from schema.insights import Insights, Report
from schema.plans import Learning, Plain
from schema.records import RecordRun, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Stars = Annotated[int, msgspec.Meta(ge=0, le=5)]
Digest = Annotated[str, msgspec.Meta(max_length=128)]


class RatingLine(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """A line of `ratings.jsonl`: one verdict. A picture that was rated again stands here once, with its last rating."""

    id: str
    """Of the picture."""
    at: str
    """UTC, ISO 8601."""
    session: str
    """The sitting it was rated in: moods differ from one to the next."""
    pack: str
    """The file of prompts; `(prompts)`: none."""
    prompt: str
    seed: int
    """Pictures of one prompt and one seed share their luck."""
    run: str
    params: Settings
    """`stage.field`, `lora:NAME` (its weight), `style`, `pick:PLACE` (what a place to vary became)."""
    stars: Stars
    """0: not rated, but tagged or in a duel."""
    tags: tuple[str, ...]
    params_id: Digest
    """The same settings have the same id: a line of `params.jsonl`."""
    backend: str = ""
    """`sketch` draws test pictures: never compare them with others."""
    better_than: str = ""
    """Of a duel: the id of the picture that lost."""
    tie: bool = False
    """Of a duel: neither is better."""
    whole: bool = False
    """It was given to its run as a whole."""
    made: str = ""
    """When the picture was made: UTC, ISO 8601."""


class ImageStage(Plain, frozen=True, kw_only=True, omit_defaults=False):
    id: str
    kind: str
    backend: str
    node: str
    """A salted id: which of them were made by the same machine."""
    seconds: float
    filters: tuple[str, ...] = ()


class ImageLine(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """A line of `images.jsonl`: a picture that was rated, and what it took."""

    id: str
    pixels: Digest
    """Of its decoded pixels: the same for two files that look the same."""
    job: str
    run: str
    params_id: Digest
    seed: int
    seconds: float
    stages: tuple[ImageStage, ...]
    learning: Learning
    experiment: str = ""
    score: float | None = None
    """What a program thought of how it fits its prompt."""
    run_stars: Stars = 0


class ParamsLine(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """A line of `params.jsonl`."""

    params_id: Digest
    params: Settings
    images: int
    """How many have them."""
    stars: float | None
    """Mean of those that were rated. Do not compare these means: see README.md."""


class BundledFile(Plain, frozen=True, kw_only=True, omit_defaults=False):
    path: str
    bytes: int
    sha256: str
    lines: int | None = None
    schema: str = ""
    """Where in `schema.json` it says what each of its lines, or the whole of it, is like."""


class Manifest(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`manifest.json`."""

    format: Literal["stablenew-records"]
    version: int
    program: str
    algorithm: int
    seq: int
    """Position in the log of the installation that all of this follows from."""
    at: str
    """When it was made; UTC."""
    redacted: tuple[str, ...]
    """What was left out or made unreadable."""
    records: int
    left_out: int
    """Older records, for want of room."""
    files: tuple[BundledFile, ...]
    """All others of the bundle."""


class PresetProposal(Plain, frozen=True, kw_only=True):
    """One of the presets you propose."""

    pack: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    """As it is written in the bundle."""
    settings: Annotated[Settings, msgspec.Meta(min_length=1, max_length=200)]
    """`stage.field` to value, only what is to change."""
    why: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    """For the person who decides: what it rests on, and how sure you are."""


class Presets(Plain, frozen=True, kw_only=True):
    """`presets.json`: the one file that can be sent back. It is checked, shown as a difference, and applied by nobody
    but the person."""

    presets: Annotated[tuple[PresetProposal, ...], msgspec.Meta(min_length=1, max_length=100)]
    source: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Who proposes them."""


SHAPES: dict[str, type[Plain]] = {
    "rating": RatingLine, "image": ImageLine, "params": ParamsLine, "run": RecordRun, "insights": Insights,
    "report": Report, "manifest": Manifest, "presets": Presets,
}  # fmt: skip


def json_schema() -> dict[str, object]:
    """`$defs/rating` and so on; the document itself accepts any of them."""
    refs, parts = msgspec.json.schema_components(tuple(SHAPES.values()), ref_template="#/$defs/{name}")
    named = dict(zip(SHAPES, refs, strict=True))
    return {
        "$schema": DIALECT,
        "title": "A bundle of rated pictures",
        "description": "Each file of the bundle, or each of its lines, is one of these; manifest.json says which.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in SHAPES],
        "$defs": {**named, **parts},
    }
