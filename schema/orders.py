"""What daemon and agent say to one another, over HTTP with msgpack bodies. See docs/agent-protocol.md.

    GET    /v1/card                      -> Card
    GET    /v1/attempts                  -> list[AttemptReport]    all it knows, finished ones from the spool
    PUT    /v1/attempts/{id}   Order     -> Accepted               idempotent: same id, same answer, one run
    POST   /v1/attempts/{id}/cancel      -> AttemptReport          honoured within a step
    DELETE /v1/attempts/{id}             -> 204                    the daemon has committed it; the spool forgets
    HEAD   /v1/blobs/{sha256}            -> 200 | 404
    PUT    /v1/blobs/{sha256}            -> 204                    the body is checked against the name
    GET    /v1/blobs/{sha256}            -> bytes
    GET    /v1/feed                      -> WebSocket of AgentNews
    PUT    /v1/watched         bool      -> 204                    somebody looks at unfinished pictures, or nobody
    POST   /v1/free                      -> 204                    unload models
    POST   /v1/refresh                   -> Card                   read the backends' lists anew
    DELETE /v1/pairing                   -> 204 | 409              the agent takes another daemon from now on
    GET    /v1/pairing                   -> JSON                   for this machine's own people only

The attempt's id is `JOB/STAGE/TOKEN` with the slashes written as `~`.
"""

from typing import Literal

import msgspec

from schema.errors import Trouble
from schema.ids import JobId, NodeId, Sha256, StageId, Token
from schema.models import Candidate
from schema.plans import Measures, Plain, Scalar

PROTOCOL = 1
"""Major version of this page; a daemon gives nothing to an agent of another."""


LARGEST_ORDER = 8 * 1024 * 1024
"""Bytes of its body: a workflow of half a million characters, and masks and controls, fit in well."""


def attempt_id(job: JobId, stage: StageId, token: Token) -> str:
    return f"{job}~{stage}~{token}"


def parse_attempt_id(text: str) -> tuple[JobId, StageId, Token]:
    """Raises ValueError when it is none."""
    job, stage, token = text.split("~")
    return JobId(job), StageId(stage), Token(int(token))


class Gpu(Plain, frozen=True, kw_only=True):
    name: str
    vram_gb: float


BackendState = Literal["disconnected", "starting", "ready"]
"""`starting`: the server answers but cannot work yet. Only a ready backend is given work."""


class BackendCard(Plain, frozen=True, kw_only=True):
    """What one backend can do and what it has. Lists are names as the backend spells them."""

    kind: str
    """`sketch`, `webui`, `comfyui`, `diffusers`, `llm`, `words`."""
    kinds: tuple[str, ...]
    """Stage kinds."""
    open_lists: bool = False
    """True when any name is accepted and recorded (`sketch`)."""
    models: tuple[str, ...] = ()
    vaes: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()
    upscalers: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    restorers: tuple[str, ...] = ()
    processors: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    hypernetworks: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    """Text encoders that are files of their own."""
    controls: tuple[str, ...] = ()
    """ControlNet models."""
    control_processors: tuple[str, ...] = ()
    interrogators: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ()
    workflows: bool = False
    """It runs a person's own ComfyUI workflows."""
    note: str = ""
    """One honest sentence for people: what it is and what it is not."""
    state: BackendState = "ready"
    trouble: str = ""
    """Why it is not ready, with the remedy."""
    url: str = ""
    """Of the server it drives, without credentials."""
    release: str = ""
    """The server's own version, with its flavour: `forge f2.0.1`."""


class Card(Plain, frozen=True, kw_only=True):
    """What an agent says it can do."""

    node: NodeId
    name: str
    instance: str
    version: str
    protocol: int = PROTOCOL
    backends: tuple[BackendCard, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    vram_gb: float = 0.0
    speed: float = 1.0
    """A hint, 1 = a reference card; measured speeds replace it."""
    ram_gb: float = 0.0
    boot: str = ""
    """Of the machine: new at every start of it. With `instance` it tells a restart from a copied disk."""
    host: str = ""
    """The machine's own name."""
    storage: str = ""
    """Id of the shared storage that it writes results to (`Product.place`); empty: none."""
    epoch: int = 0
    """The newest it has had orders of: a daemon with an older one must not give it any."""
    seen: int = 0
    """The highest token of an order that it took: a daemon whose log ends before that event has an older copy of it."""


class Order(Plain, frozen=True, kw_only=True):
    """One stage to run: everything that is needed, nothing else."""

    job: JobId
    stage: StageId
    token: Token
    epoch: int
    """Lower than the highest seen: refused."""
    config: msgspec.Raw
    """The stage as msgpack of what `schema.stages` writes as JSON, overlay applied."""
    backend: str | None = None
    prompt: str = ""
    negative: str = ""
    seed: int = 0
    inputs: tuple[Sha256, ...] = ()
    """Pictures of the stage before, and the `image` and `mask` of img2img if it names any; sent as blobs beforehand."""
    preset: str | None = None
    previews: bool = False
    reduced: bool = False
    """Use the memory-saving profile."""
    storage: str = ""
    """Shared storage that the daemon reads too: results may be left there (`Card.storage`)."""
    careful: bool = False
    """What was made before was black or flat: where the backend can, decode with full precision this time."""
    context: str = ""
    """For a language model: the session so far, in words. It may be another when the same order is sent again."""
    candidates: tuple[Candidate, ...] = ()
    """LoRAs that `selectLoras` may choose; as `context`."""


class Accepted(Plain, frozen=True, kw_only=True):
    state: Literal["accepted", "busy", "refused"]
    reason: str = ""
    again: bool = False
    """Of what was refused: nothing is wrong with the order itself, so the stage may be given out anew."""


class Product(Plain, frozen=True, kw_only=True):
    """A file an attempt made, as the agent claims it."""

    sha256: Sha256
    bytes: int
    seed: int | None = None
    place: str = ""
    """Path below the shared storage where it lies too; a label to be checked, never to be trusted."""


class Result(Plain, frozen=True, kw_only=True):
    backend: str
    products: tuple[Product, ...] = ()
    effective: dict[str, Scalar] = {}
    reported: dict[str, Scalar] = {}
    """Whatever else the backend said; `caption`, `score`, `prompt` and `negative` of stages that answer in words."""
    measures: Measures = Measures()
    suspect: str | None = None
    filters: tuple[str, ...] = ()


class AttemptReport(Plain, frozen=True, kw_only=True):
    job: JobId
    stage: StageId
    token: Token
    state: Literal["waiting", "running", "done", "broke", "cancelled"]
    result: Result | None = None
    trouble: Trouble | None = None
    reason: str = ""


class Progress(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    """A vital: never in the log."""

    job: JobId
    stage: StageId
    token: Token
    step: int
    steps: int
    eta_s: float | None = None
    doing: str = ""
    """`loading model`, `sampling`, `decoding`."""


class Preview(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    job: JobId
    stage: StageId
    token: Token
    jpeg: bytes


class Ended(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    report: AttemptReport


class Load(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    """A vital, every few seconds: also the heartbeat."""

    busy: bool
    vram_used_gb: float = 0.0
    vram_gb: float = 0.0
    """0: not told."""
    gpu_percent: float | None = None
    """How much of the last seconds the device computed; None: not measured."""
    celsius: float | None = None
    watts: float | None = None
    ram_used_gb: float = 0.0
    resident: tuple[str, ...] = ()
    spool_free_bytes: int = 0


class CardChanged(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    """A backend came or went, or has other lists."""

    card: Card


AgentNews = Progress | Preview | Ended | Load | CardChanged
