"""Records: a picture with how it was made and what a person said of it. Files, exports and imports speak them."""

from schema.ids import Seq
from schema.plans import Learning, Plain, Scalar

Settings = dict[str, Scalar]
"""`stage.field` (or another knob of a record: `lora:NAME`, `style`, `pick:KEY`) to its value."""

LOOSE = "(prompts)"
"""Pack of pictures whose prompt came from no pack."""


class Record(Plain, frozen=True, kw_only=True):
    """A rated picture in the flat form of the contract: one JSON line of a file of records."""

    id: str
    """Of the picture; unique in a file, but for ratings given again."""
    at: str
    """When it was rated; UTC ISO 8601."""
    session: str
    """The sitting in which it was rated."""
    pack: str
    prompt: str
    """After variation."""
    seed: int
    run: str
    params: Settings
    stars: int
    tags: tuple[str, ...] = ()
    backend: str = ""
    """Kind of what made the picture; those of `sketch` are never pooled with others."""
    better_than: str = ""
    """Of a duel: the id of the other picture, which lost; `stars` is then 0."""
    tie: bool = False
    """Of a duel: neither is better."""
    whole: bool = False
    """Given to its run as a whole."""
    made: str = ""
    """When the picture was made; UTC ISO 8601, empty where nobody knows."""


class RecordStage(Plain, frozen=True, kw_only=True):
    id: str
    kind: str
    backend: str = ""
    node: str = ""
    seconds: float = 0.0
    effective: Settings = {}
    reported: Settings = {}
    filters: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """Pixel hashes of its pictures."""


class WholeRecord(Record, frozen=True, kw_only=True):
    """Everything that is known of a rated picture: config, outputs, durations, verdicts."""

    seq: Seq = Seq(0)
    """Of the verdict."""
    job: str = ""
    pixels: str = ""
    """Pixel hash: with `job` the key of the record."""
    negative: str = ""
    template: str = ""
    """The prompt before variation."""
    style: str = ""
    base: str = ""
    """SHA-256 of the run's base config."""
    overlay: Settings = {}
    """What the job changed of it."""
    picks: dict[str, str] = {}
    randomizer: Settings = {}
    learning: Learning = "passive"
    experiment: str = ""
    stages: tuple[RecordStage, ...] = ()
    seconds: float = 0.0
    """Of all its stages."""
    run_stars: int = 0
    """Verdict on its run as a whole; 0: none."""
    score: float | None = None
    """What a scoring stage said of it."""


class RecordRun(Plain, frozen=True, kw_only=True):
    """A run as its records' readers need it: what it wanted to find out, and what its jobs had in common."""

    run: str
    created: float
    """Unix seconds."""
    name: str = ""
    packs: tuple[str, ...] = ()
    pipeline: str = ""
    base: str = ""
    preset: str = ""
    jobs: int = 0
    learning: Learning = "passive"
    experiment: str = ""
    kind: str = ""
    """`learning` or `explore`; empty: an ordinary run."""
    question: str = ""
    variables: dict[str, tuple[Scalar, ...]] = {}
    seeds: int = 0
    randomizer: Settings = {}
    stars: int = 0
    """Verdict on the run as a whole; 0: none."""
