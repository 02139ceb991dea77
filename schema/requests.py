"""What clients send to the daemon's routes, as JSON. Field for field the flags of the command line."""

from typing import Literal

import msgspec

from schema.keeping import Scope
from schema.plans import Lane, Learning, Matrix, PromptOrder, Scalar


class _Request(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class TextFile(_Request, frozen=True, kw_only=True):
    """A file the client read: the daemon opens no path that a client names."""

    name: str
    """As the person typed it; told in errors."""
    text: str
    settings: str = ""
    """JSON text of the settings that lie beside a pack, in a `.json` of the same stem without prompts."""


class Edit(_Request, frozen=True, kw_only=True):
    """A variant of the plan that the person wrote over before it runs."""

    name: str
    """`JobSpec.name` of any of its jobs, or `PACK-PROMPT-vN` for all its seeds."""
    prompt: str | None = None
    negative: str | None = None


class Mix(_Request, frozen=True, kw_only=True):
    """One picture of an explore run."""

    set: dict[str, Scalar]
    """Knob (`stage.field`) to value."""
    group: int = 0
    """Mixes of one group share prompt and seed."""


class RunRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/plan` and `POST /v1/runs`; the plan is made from this alone, plus the library and the last run."""

    packs: tuple[str | TextFile, ...] = ()
    """A name in the library, or a file's text."""
    prompt: str | None = None
    negative: str | None = None
    pipeline: str | TextFile | None = None
    """A name in the library, or JSON or YAML text; None: the settings' default."""
    preset: str | None = None
    profile: str | TextFile | None = None
    last: bool = False
    set: tuple[str, ...] = ()
    """`STAGE.FIELD=VALUE`."""
    count: int = 1
    seed: int | None = None
    max_images: int | None = None
    max_prompts: int | None = None
    order: PromptOrder = "sequential"
    matrix: Matrix | None = None
    """None: as the pack says, else all."""
    limit: int | None = None
    lock: tuple[str, ...] = ()
    """`SLOT=VALUE`: a place to vary by its key (`Pick.key`), and what it is to be."""
    variants: int | None = None
    """Of each prompt: an even sample of its space (`all`), or so many draws (`random`); None: all, or one draw."""
    search: tuple[str, ...] = ()
    """`SEARCH => A | B`: put in place of words of the prompts, one more place to vary each."""
    reroll: tuple[str, ...] = ()
    """`KEY=N`: this place draws for the N-th time; the others stay."""
    chance: tuple[str, ...] = ()
    """`KEY=0.4`: how likely this place is filled at all where values are drawn; else it becomes empty words."""
    overlay: str | TextFile | None = None
    """What may vary besides words (styles, LoRAs, grades, any stage field), within the limits written there."""
    style: tuple[str, ...] = ()
    """Styles around every prompt, in order."""
    template: str | TextFile | None = None
    """A genre's template that the prompt is put into."""
    vary: tuple[str, ...] = ()
    """`STAGE.FIELD=V1,V2` or `lora=NAME:0.4,OTHER:0.8`: axes of a grid; every combination becomes a job."""
    literal: bool = False
    """Prompts are taken as they stand: nothing in them is expanded."""
    edits: tuple[Edit, ...] = ()
    lane: Lane | None = None
    priority: int = 0
    """Of all its jobs: higher ones run first within a lane."""
    node: str | None = None
    backend: str | None = None
    whole: bool = False
    """Keep all its jobs on one node."""
    at: str | None = None
    """ISO time or age from now, `2h`."""
    window: str | None = None
    deadline: str | None = None
    hold: bool = False
    video: bool | None = None
    """None: as the settings say."""
    learning: Learning | None = None
    """None: the program's own mode."""
    experiment: Literal["learning", "explore"] | None = None
    """`learning`: the one axis of `vary`, with `count` seeds shared by its levels, and nothing else varies. `explore`:
    `mixes`."""
    mixes: tuple[Mix, ...] = ()
    """Of an explore run: each a picture with its own settings, at the prompt and seed of its group. None: the daemon
    mixes `max_images` pictures of what is undecided, or of what `vary` names, as would teach most by now."""
    plan_hash: str | None = None
    name: str | None = None
    image: str | None = None
    """SHA-256 of an uploaded picture to begin from instead of txt2img."""


class Selection(_Request, frozen=True, kw_only=True):
    """`POST /v1/jobs/{verb}`: which jobs, and what the verb needs besides."""

    select: tuple[str, ...]
    """Job ids, run ids, unique prefixes of either, or FILTERs; at least one."""
    reason: str = ""
    stage: str | None = None
    only: bool = False
    to: str | None = None
    """`top`, `bottom`, `before` or `after`; the last two with `anchor`."""
    anchor: str | None = None
    priority: int | None = None
    set: tuple[str, ...] = ()
    prompt: str | None = None
    negative: str | None = None
    seed: int | None = None
    backend: str | None = None
    """`edit`: who is to make it; empty: whoever can."""


class ImageSelection(_Request, frozen=True, kw_only=True):
    """`POST /v1/images/{verb}`: image ids, run or job ids (their final pictures), prefixes, or FILTERs."""

    select: tuple[str, ...]
    stars: int | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    better: str | None = None
    """Of two that are compared: an id, `A` or `B` for the first or the second, `=` for neither."""


class ModeRequest(_Request, frozen=True, kw_only=True):
    mode: str


class PairRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/nodes/pair`: `name` is a node that waits to be paired, by name, id or address, or a unique prefix."""

    name: str
    code: str


class AddRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/nodes/add`: an agent that mDNS does not show. With `code` it is paired at once."""

    address: str
    """`HOST:PORT`; the port may be left out."""
    code: str | None = None


class PinRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/queue/pin`."""

    node: str | None


class GrantRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/access`: who may ask over TCP, and for how many days; for ever without."""

    name: str
    scope: Scope
    days: float | None = None


class SwitchRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/feedback/switch`."""

    on: bool


class ResetRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/feedback/reset`: wildcards and packs; all that was adjusted, where none is named."""

    names: tuple[str, ...] = ()


def keyed(text: str) -> tuple[str, str]:
    """`KEY=VALUE`, cut at the first `=` that stands in no braces; the key is empty where there is none."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if sign == "=" and depth <= 0:
            return text[:at].strip(), text[at + 1 :]
    return "", ""
