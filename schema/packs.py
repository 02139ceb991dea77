"""A prompt pack as it was read: everything the file says, nothing varied yet. See docs/packs.md."""

from typing import Literal

from schema.ids import Sha256
from schema.plans import Plain

Dialect = Literal["txt", "tsv", "json", "lines", "prompts"]
"""`lines`: of SD WebUI's script `Prompts from file`; `prompts`: of Dream Factory."""


class Part(Plain, frozen=True, kw_only=True):
    """A LoRA or an embedding that a prompt names."""

    name: str
    weight: float = 1.0


class PackPrompt(Plain, frozen=True, kw_only=True):
    number: int
    """From 1, within its pack."""
    line: int = 0
    """Where it begins, from 1; 0 where the dialect has no lines (JSON)."""
    text: str
    """Whole, as it is sent: embeddings, words and LoRAs. Slots and wildcards are still in it."""
    negative: str = ""
    weight: float = 1.0
    """How much it is preferred when prompts are drawn by weight."""
    overrides: dict[str, str] = {}
    """`stage.field` to value, as written, for this prompt alone."""
    backend: str | None = None
    """Who is to make it; None: as the run says."""
    seed: int | None = None
    """Its own; None: the run's."""
    embeddings: tuple[Part, ...] = ()
    negative_embeddings: tuple[Part, ...] = ()
    loras: tuple[Part, ...] = ()
    template: str = ""
    """The template a JSON slot names."""
    variables: dict[str, str] = {}
    """What a JSON slot gives that template."""
    lines: tuple[tuple[int, int, int], ...] = ()
    """Of a text that stands in lines: where each begins in it, and its line and column in the file."""
    negative_lines: tuple[tuple[int, int, int], ...] = ()


class MatrixSlot(Plain, frozen=True, kw_only=True):
    name: str
    values: tuple[str, ...] = ()
    """Empty: those of a wildcard of that name."""
    probability: float | None = None
    """That it is filled at all where values are drawn; None: always."""


class PackMatrix(Plain, frozen=True, kw_only=True):
    """Slots and values a JSON pack declares."""

    enabled: bool = False
    mode: str = "fanout"
    limit: int | None = None
    slots: tuple[MatrixSlot, ...] = ()


class Pack(Plain, frozen=True, kw_only=True):
    name: str
    """The stem of its file."""
    file: str
    """As the person knows it; told in errors and origins."""
    dialect: Dialect
    sha256: Sha256
    """Of its text as read."""
    prompts: tuple[PackPrompt, ...]
    matrix: PackMatrix = PackMatrix()
    preset: str = ""
    """JSON text of the settings it brings along (`preset_data`), whole; empty: none."""
    warnings: tuple[str, ...] = ()

    def where(self, prompt: PackPrompt) -> str:
        """`knights.txt:4`, or `orchard.json prompt 2` where there are no lines."""
        return f"{self.file}:{prompt.line}" if prompt.line else f"{self.file} prompt {prompt.number}"
