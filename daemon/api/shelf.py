"""What the routes need of the library of models. `daemon/models.py` is it."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from schema.errors import Refused
from schema.models import Candidate, Fetching, ModelRecord, ModelRow, ModelScan, ModelVerdict, ModelWanted, Offer

Size = Literal[256, 1024]


class ModelsAsked(NamedTuple):
    filter: str = ""
    list: str = ""
    """Empty: all whose names are files; `all`: samplers and the like too."""
    node: str = ""
    backend: str = ""
    sort: str = ""
    offset: int = 0
    limit: int = 1_000_000


class ModelPage(NamedTuple):
    items: tuple[ModelRow, ...]
    total: int


class ModelShelf(Protocol):
    """Every method raises Refused where what is asked for is not there."""

    async def page(self, asked: ModelsAsked) -> ModelPage: ...
    async def record(self, name: str, *, hashes: bool = False) -> ModelRecord: ...
    async def verdicts(self, select: Sequence[str]) -> tuple[ModelVerdict, ...]: ...
    async def preview(self, name: str, size: Size) -> Path: ...
    async def scan(self) -> ModelScan: ...
    async def candidates(self, words: str, base: str = "") -> tuple[Candidate, ...]:
        """LoRAs that fit a prompt's words, best first; `base`: of the checkpoint, or its name."""
        ...

    async def search(self, words: str, source: str, list_: str, most: int) -> tuple[Offer, ...]: ...
    def fetch(self, wanted: ModelWanted) -> AsyncIterator[Fetching]:
        """The download's states, at most a few a second; it goes on when nobody listens any more."""
        ...


class NoModels:
    """Where no library is."""

    async def page(self, asked: ModelsAsked) -> ModelPage:
        return ModelPage((), 0)

    async def record(self, name: str, *, hashes: bool = False) -> ModelRecord:
        raise _nothing()

    async def verdicts(self, select: Sequence[str]) -> tuple[ModelVerdict, ...]:
        raise _nothing()

    async def preview(self, name: str, size: Size) -> Path:
        raise _nothing()

    async def scan(self) -> ModelScan:
        return ModelScan()

    async def candidates(self, words: str, base: str = "") -> tuple[Candidate, ...]:
        return ()

    async def search(self, words: str, source: str, list_: str, most: int) -> tuple[Offer, ...]:
        raise _nothing()

    def fetch(self, wanted: ModelWanted) -> AsyncIterator[Fetching]:
        raise _nothing()


def _nothing() -> Refused:
    return Refused("nobody here looks after models.")
