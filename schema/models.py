"""Models, LoRAs, embeddings and all else that a stage or a prompt can name: one list of files and of what nodes have.

`key` is what a person's tags and stars hold on to: the fingerprint of a file's content, so that they survive a move
and a new name, or `name:LIST/NAME` of one that only nodes have.
"""

from typing import Literal, NewType

import msgspec

from schema.happened import Happened
from schema.plans import Plain

ModelKey = NewType("ModelKey", str)
"""32 hex digits of a file's fingerprint, or `name:loras/sea_haze`."""

FILES = (
    "models", "loras", "embeddings", "vaes", "upscalers", "hypernetworks", "controls", "encoders", "detectors",
    "restorers",
)  # fmt: skip
"""Lists of `schema.orders.BackendCard` whose names are files."""

Lack = Literal["triggers", "base", "preview", "description"]
"""What is not known of a file: neither a sidecar nor its header says it."""


class Candidate(Plain, frozen=True, kw_only=True):
    """A LoRA that may fit a prompt: what the stage `selectLoras` chooses among, best first."""

    name: str
    """As a prompt names it: `<lora:NAME:WEIGHT>`."""
    weight: float = 1.0
    """That its maker or the person prefers."""
    tags: tuple[str, ...] = ()
    """The person's first, then those of its sidecars and of what it was trained on."""
    triggers: tuple[str, ...] = ()
    """Words that call it up."""
    base: str = ""
    """What it is made for: `sdxl`, `sd1`, `flux`; empty: unknown."""
    stars: int = 0
    """The person's own, of the LoRA itself."""
    rating: float | None = None
    """Mean stars of the pictures made with it."""
    uses: int = 0
    """Jobs that were made with it."""
    favourite: bool = False
    score: float = 0.0
    """0 to 1: how well it fits the prompt that was asked about."""


class ModelRow(Plain, frozen=True, kw_only=True):
    """One name of one list."""

    key: ModelKey
    list: str
    """Field of `schema.orders.BackendCard`: `models`, `loras`, ..."""
    name: str
    """Below the folder of its kind, without the file's ending; as the node spells it where no file is here."""
    nodes: tuple[str, ...] = ()
    """Names of the nodes that have it."""
    backends: tuple[str, ...] = ()
    path: str = ""
    """Absolute; empty: it lies on nodes only."""
    bytes: int = 0
    added: float | None = None
    """When its file was first seen, Unix seconds; None: it lies on nodes only."""
    title: str = ""
    base: str = ""
    """As of `Candidate`."""
    triggers: tuple[str, ...] = ()
    weight: float | None = None
    about: tuple[str, ...] = ()
    """Tags that its sidecars and its header bring."""
    tags: tuple[str, ...] = ()
    """The person's own."""
    stars: int = 0
    favourite: bool = False
    rating: float | None = None
    """Mean stars of the pictures made with it."""
    uses: int = 0
    preview: bool = False
    """`GET /v1/models/{key}/preview` has a picture."""
    missing: tuple[Lack, ...] = ()
    """Empty of one that lies on nodes only: nobody has looked."""
    trouble: str = ""
    """What is wrong with the file or what lies beside it, with the remedy."""


class ModelSource(Plain, frozen=True, kw_only=True):
    """A file beside the model, or its own header, and what it said."""

    file: str
    kind: str
    """`civitai`, `a1111`, `stability-matrix`, `lora-manager`, `swarm`, `header`, `text`."""
    trouble: str = ""


class ModelRecord(ModelRow, frozen=True, kw_only=True):
    """`model show`."""

    paths: tuple[str, ...] = ()
    """All files of this name and content."""
    same: tuple[str, ...] = ()
    """Other names of the same content."""
    description: str = ""
    notes: str = ""
    negative: str = ""
    """What its maker puts into the negative prompt with it."""
    author: str = ""
    address: str = ""
    """Web page of its maker."""
    resolution: str = ""
    trained: tuple[tuple[str, int], ...] = ()
    """Words of the captions it was trained on, most frequent first, with how often."""
    hashes: dict[str, str] = {}
    """`sha256`, `autov1`, `autov2`, `autov3`; computed when first asked for."""
    sources: tuple[ModelSource, ...] = ()


class ModelSelection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`POST /v1/models/{tag|rate|favourite}`: names, keys or FILTERs."""

    select: tuple[str, ...]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    stars: int | None = None
    favourite: bool | None = None


class ModelVerdict(Plain, frozen=True, kw_only=True):
    """What a person has said of one model so far."""

    model: ModelKey
    name: str = ""
    tags: tuple[str, ...] = ()
    stars: int = 0
    favourite: bool | None = None
    """None: nobody has said."""
    other: bool = False
    """A second key of the model before it: only what is taken away is taken away here too."""


class ModelTagged(Happened, frozen=True, kw_only=True):
    model: ModelKey
    name: str = ""
    """As it was called then."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class ModelRated(Happened, frozen=True, kw_only=True):
    """0 stars: the rating was taken back."""

    model: ModelKey
    name: str = ""
    stars: int
    was: int = 0


class ModelFavoured(Happened, frozen=True, kw_only=True):
    """It became a favourite, or is none any more."""

    model: ModelKey
    name: str = ""
    now: bool


class ModelScan(Plain, frozen=True, kw_only=True):
    """What a look through the folders found."""

    folders: tuple[str, ...] = ()
    files: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    seconds: float = 0.0
    troubles: tuple[str, ...] = ()
    """Folders and files that could not be read, at most 100."""


class Offer(Plain, frozen=True, kw_only=True):
    """A model that a site offers for download (`model search`)."""

    source: Literal["civitai", "huggingface"]
    id: str
    """What `model get` takes."""
    name: str
    list: str = ""
    base: str = ""
    author: str = ""
    triggers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    file: str = ""
    bytes: int = 0
    """0: not told."""
    sha256: str = ""
    """Empty: not told."""
    page: str = ""
    downloads: int = 0
    have: bool = False
    """A file of this content is here."""


class ModelWanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`POST /v1/models/get`."""

    id: str
    """`civitai:VERSION`, `hf:OWNER/NAME/FILE`, or the address of one of these pages."""
    list: str = ""
    """Which folder it goes to; empty: as the site says."""
    name: str = ""
    """Its file's name here; empty: as the site calls it."""


class Fetching(Plain, frozen=True, kw_only=True):
    """A download under way, and how it ended."""

    id: str
    state: Literal["running", "done", "failed"] = "running"
    path: str = ""
    bytes: int = 0
    """Had so far."""
    total: int = 0
    """0: not told."""
    seconds: float = 0.0
    reason: str = ""
