"""Takes out of records what is nobody's business: always machines and folders, on request all words of a person.

A word becomes a salted id: the same word the same id within a bundle, and nothing that could be looked up without the
salt. What is taken for a word is whatever is not a number and not of this program's own vocabulary.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, get_args

from schema.dialects import SAMPLERS, SCHEDULERS
from schema.plans import Lane, Learning, Matrix, PromptOrder, Scalar, StageKind
from schema.records import LOOSE, Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

_FOLDERS = re.compile(
    r"(?<![\w.])(?:file:/{2}|[A-Za-z]:[\\/]|\\\\|~?/)(?:[^\s<>:\"'|,;]*[\\/])+|(?<![\w.])[A-Za-z]:[\\/]|file:/{2}"
)
_STAGES = frozenset({*get_args(StageKind), "randomizer"})

KNOWN_TAGS = frozenset(
    {
        "too noisy", "grainy", "too smooth", "plastic", "burnt", "oversaturated", "ignores prompt", "bad hands",
        "bad faces", "nailed it",
    }
)  # fmt: skip

_WORDS = frozenset(
    {
        *get_args(StageKind), *get_args(Lane), *get_args(Learning), *get_args(Matrix), *get_args(PromptOrder),
        "sketch", "webui", "comfyui", "diffusers", "llm", "forge", "standard", "learning", "explore", "absent",
        "built in", "lanczos",
        "original", "stretch", "crop", "fill", "noise", "nothing", "none", "area", "confidence", "merge", "position",
        *SAMPLERS, *SCHEDULERS, *(each for names in SAMPLERS.values() for each in names),
        "pencil", "charcoal", "ink", "watercolor", "dots", "canvas", "even", "early", "late", "sketch-1",
        *(each for names in SCHEDULERS.values() for each in names), "face", "hand", "person", "codeformer", "gfpgan",
    }
)  # fmt: skip


def without_folders(text: str) -> str:
    """Absolute paths lose their folders."""
    return _FOLDERS.sub("", text)


class Cloak:
    """Of one bundle."""

    def __init__(self, salt: bytes, redact: bool, runs: Iterable[str] = ()) -> None:
        """`runs`: ids that this installation drew itself, which say nothing."""
        self._salt = salt
        self._runs = frozenset(runs)
        self.redact = redact

    def id(self, kind: str, text: str) -> str:
        """`pack-5f0c21d3a9`: salted, whether words are taken out or not."""
        digest = blake2b(f"{kind}\0{text}".encode("utf-8", "surrogatepass"), key=self._salt[:64], digest_size=5)
        return f"{kind}-{digest.hexdigest()}"

    def node(self, name: str) -> str:
        return self.id("node", name) if name else ""

    def foreign(self, kind: str, name: str) -> str:
        """An id that another program gave: it may be a path, and two that differ in folders alone stay two."""
        if self.redact:
            return self.id(kind, name) if name else ""
        left = without_folders(name)
        return name if left == name else f"{self.id(kind, name)} {left}"

    def run(self, name: str) -> str:
        return name if name in self._runs else self.foreign("run", name)

    def text(self, text: str) -> str:
        """What is left as a person wrote it."""
        return without_folders(text)

    def word(self, kind: str, text: str) -> str:
        """What a person wrote."""
        if not text or text == LOOSE or text in _WORDS:
            return text
        return self.id(kind, text) if self.redact else without_folders(text)

    def tag(self, text: str) -> str:
        return text if text.casefold() in KNOWN_TAGS else self.word("tag", text)

    def param(self, name: str) -> str:
        """`lora:NAME`, `pick:PLACE`, `stage.field`: what is of this program's vocabulary stays."""
        if not self.redact:
            return without_folders(name)
        head, colon, rest = name.partition(":")
        if colon and head in ("lora", "pick"):
            return f"{head}:{self.id({'lora': 'lora', 'pick': 'place'}[head], rest)}"
        if name == "style":
            return name
        stage, dot, field = name.partition(".")
        if not dot:
            return name if name in vocabulary() else self.id("knob", name)
        return f"{self.stage(stage)}.{field if field in vocabulary() else self.id('field', field)}"

    def stage(self, name: str) -> str:
        if not self.redact:
            return name
        kind = name if name in _STAGES else name.rstrip("0123456789")
        return name if kind in _STAGES and len(name) <= len(kind) + 2 else self.id("stage", name)

    def value(self, value: Scalar, of: str = "") -> Scalar:
        """`of`: the knob. What stands in a prompt is never of the program's own vocabulary."""
        if not isinstance(value, str) or not value:
            return value
        if self.redact and (of == "style" or of.startswith("pick:")):
            return self.id("word", value)
        return self.word("word", value)

    def settings(self, settings: Mapping[str, Scalar]) -> Settings:
        return {self.param(name): self.value(value, name) for name, value in settings.items()}

    def values(self, values: Iterable[Scalar], of: str) -> tuple[Scalar, ...]:
        return tuple(self.value(value, of) for value in values)


@lru_cache(maxsize=1)
def vocabulary() -> frozenset[str]:
    """Names of all fields that a stage has, of its parts too (`hires.scale`), and those of the randomizer."""
    from schema.plans import Randomizer
    from schema.stages import Stage

    found = {"order", "matrix", "limit", "count", "variants", "max_images", "max_prompts"}
    assert found <= set(Randomizer.__struct_fields__)
    for stage in _leaves(Stage):
        for name, field in stage.model_fields.items():
            found.add(name)
            for part in _leaves(field.annotation):
                found |= {f"{name}.{inner}" for inner in part.model_fields}
    return frozenset(found)


def _leaves(kind: object) -> "Iterator[type[BaseModel]]":
    """The models that stand in a union, however deep."""
    from pydantic import BaseModel

    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _leaves(inner)
