"""Pictures that other programs made: what was read from one, and what happened to it here.

Events, commands and answers. A picture that came in keeps its own bytes; what it said stands beside it.
"""

from typing import Annotated, Literal

import msgspec

from schema.happened import Happened
from schema.ids import ImageId, JobId, RunId, Sha256, StageId
from schema.plans import JobSpec, Picture, Plain, RunSpec, Scalar
from schema.requests import RunRequest

Program = Literal[
    "a1111", "forge", "sdnext", "comfyui", "swarmui", "fooocus", "ruinedfooocus", "invokeai", "novelai",
    "stabilitymatrix", "easydiffusion", "drawthings", "stablenew", "stablenew-legacy", "none",
]  # fmt: skip


class LoraUse(Plain, frozen=True, kw_only=True):
    name: str
    weight: float = 1.0


class Foreign(Plain, frozen=True, kw_only=True):
    """What a picture, or a prompt file, says of how it was made."""

    name: str
    """The file, as the person called it."""
    program: Program = "none"
    version: str = ""
    carrier: str = "none"
    """Where the text lay: `png`, `exif`, `xmp`, `gif`, `video`, `stealth`, `txt`, `json`, or `none`."""
    media: str = ""
    prompt: str = ""
    negative: str = ""
    seed: int | None = None
    model: str | None = None
    """As the program named it."""
    loras: tuple[LoraUse, ...] = ()
    """Those that the prompt does not name itself."""
    fields: dict[str, Scalar] = {}
    """`stage.field` to value, samplers and schedules by the names that are used here: `txt2img.steps`."""
    rest: tuple[tuple[str, str], ...] = ()
    """What has no field here, verbatim and in order."""
    warnings: tuple[str, ...] = ()
    """What was said there and cannot be had here."""


class Understood(Plain, frozen=True, kw_only=True):
    """`POST /v1/foreign`."""

    foreign: Foreign
    run: RunRequest
    """That would make such a picture again."""


class ImportedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    sha256: Sha256
    """Of a picture that was sent with `PUT /v1/blobs`."""
    name: Annotated[str, msgspec.Meta(max_length=1000)]
    """The file, as the person called it."""
    beside: Annotated[str, msgspec.Meta(max_length=1 << 20)] = ""
    """Text of the `.txt` or `.json` that lay beside it; read where the picture says nothing itself."""


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`POST /v1/images/import`."""

    files: tuple[ImportedFile, ...]
    name: str = ""
    """What the run is called that they come under; empty: `imported`."""
    tags: tuple[str, ...] = ()


class ImportAnswer(Plain, frozen=True, kw_only=True):
    run: RunId | None = None
    """None: all of them were here already."""
    images: tuple[ImageId, ...] = ()
    known: tuple[str, ...] = ()
    """Names of files whose picture was here already."""
    silent: tuple[str, ...] = ()
    """Names of files that came in and say nothing of how they were made."""
    repeated: bool = False


class Posted(Plain, frozen=True, kw_only=True):
    """`POST /v1/images/post`."""

    posted: tuple[ImageId, ...] = ()
    known: tuple[ImageId, ...] = ()
    """The gallery has them already."""
    failed: dict[str, str] = {}
    """Image to the reason."""


class Synced(Plain, frozen=True, kw_only=True):
    """`POST /v1/images/sync`: favourites that changed on either side."""

    sent: tuple[ImageId, ...] = ()
    taken: tuple[ImageId, ...] = ()
    gone: tuple[ImageId, ...] = ()
    """Posted once, and no longer in the gallery."""
    failed: dict[str, str] = {}


class Post(Plain, frozen=True, kw_only=True):
    """A picture that was posted, as it is here now."""

    image: ImageId
    entry: str
    """What the gallery calls it."""
    agreed: bool
    tags: tuple[str, ...] = ()
    stars: int = 0


# Events -----------------------------------------------------------------------------------------


class PicturesImported(Happened, frozen=True, kw_only=True):
    """A run of pictures that were made elsewhere: nothing of it waits. Each picture follows."""

    run: RunId
    spec: RunSpec


class PictureImported(Happened, frozen=True, kw_only=True):
    """The file was on disk and verified before this was written. Its job is finished from the beginning."""

    job: JobId
    run: RunId
    spec: JobSpec
    """As far as the picture tells: prompt, seed, and in `overlay` the settings that were understood."""
    image: ImageId
    stage: StageId
    file: Picture
    name: str
    """The file it came from."""
    program: str
    effective: dict[str, Scalar] = {}
    """The settings of the stage, by field."""
    reported: dict[str, Scalar] = {}
    """What else its text says, by its own keys."""


class ImagePosted(Happened, frozen=True, kw_only=True):
    image: ImageId
    gallery: str
    """Its address."""
    entry: str
    """What the gallery calls it."""


class FavouriteSynced(Happened, frozen=True, kw_only=True):
    """Gallery and library agree on this picture."""

    image: ImageId
    gallery: str
    favourite: bool


# Commands ---------------------------------------------------------------------------------------


class ImportPictures(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    run: RunId
    spec: RunSpec
    pictures: tuple[PictureImported, ...]


class NotePosts(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    gallery: str
    entries: dict[ImageId, str]
    """Image to what the gallery calls it; those that the gallery had before are not among them."""


class Favour(msgspec.Struct, frozen=True, kw_only=True):
    image: ImageId
    favourite: bool
    taken: bool = False
    """The gallery says so: the picture here follows."""
    tags: tuple[str, ...] = ()
    stars: int = 0
    """Look-ups: what it has now."""


class NoteFavourites(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    gallery: str
    by_stars: int = 0
    """0: the tag `favourite` says it; else so many stars or more."""
    favours: tuple[Favour, ...] = ()
