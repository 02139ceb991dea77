"""What is to be painted: the prompts of the packs and of the command line, in the order they are taken."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from daemon.prompting import tokens
from daemon.prompting.dialects.directives import read_matrix
from daemon.prompting.effective import check_prompt
from daemon.prompting.packs import read_list, read_pack
from daemon.prompting.recipe import Shelf
from daemon.prompting.texts import cleaned, stem
from schema.errors import Refused
from schema.packs import Pack, PackMatrix, PackPrompt
from schema.plans import PromptOrder
from schema.requests import RunRequest, TextFile

MAX_PACKS = 1000


class Source(NamedTuple):
    """A pack of this run, or the prompt of the command line."""

    stem: str
    """What the names of its jobs begin with; unique in the run."""
    prompts: tuple[PackPrompt, ...]
    pack: Pack | None = None
    negative: str = ""
    """`--negative`, added to what the pack says."""
    matrix: PackMatrix = PackMatrix()
    """Slots and their values: the pack's, or those of lines `#! [[weather]] = rain | fog` in the prompt itself."""

    def origin(self, prompt: PackPrompt) -> str:
        return f"pack {self.pack.where(prompt)}" if self.pack else "--prompt"


class Taken(NamedTuple):
    """One prompt in its turn."""

    source: Source
    prompt: PackPrompt


def read_sources(request: RunRequest, library: Shelf) -> tuple[Source, ...]:
    """The prompt of the command line first, then the packs as they were named. Raises Refused."""
    files = [file for name in request.packs for file in _files(name, library)]
    negative = cleaned(request.negative or "").strip()
    check_prompt(negative, "--negative")
    if len(files) > MAX_PACKS:
        raise Refused(f"{len(files)} packs are too many.", where="PACK", remedy=f"At most {MAX_PACKS} go into one run.")
    taken: Counter[str] = Counter()
    found: list[Source] = []
    if request.prompt is not None or (request.image is not None and not files):
        found.append(_of_command_line(request, negative, _unique("prompt", taken)))
    for file in files:
        pack = read_pack(file.name, file.text)
        if file.settings and not pack.preset:
            pack = msgspec.structs.replace(pack, preset=file.settings)
        found.append(Source(_unique(stem(pack.name), taken), pack.prompts, pack, negative, pack.matrix))
    if not found:
        raise Refused(
            "there is nothing to paint.", where="run", remedy="Name a pack, or give --prompt. See: stablenew pack list."
        )
    return tuple(found)


def in_order(sources: tuple[Source, ...], order: PromptOrder, seed: int) -> Iterator[Taken]:
    """All prompts in the order they are taken. Drawn orders mix the packs and depend on the seed alone.

    A prompt's place is drawn from its own hash, so that a prompt more does not reshuffle the others. By weight
    is drawing without putting back (Efraimidis and Spirakis 2006): heavy prompts tend to come early.
    """
    taken = [Taken(source, prompt) for source in sources for prompt in source.prompts]
    if order == "sequential":
        return iter(taken)
    weighted = order == "weighted"
    return iter(sorted(taken, key=lambda one: _key(one, seed, one.prompt.weight if weighted else 1.0)))


def _key(one: Taken, seed: int, weight: float) -> tuple[float, int]:
    digest = hashlib.sha256(f"{seed}\n{one.source.stem}\n{one.prompt.number}".encode()).digest()
    draw = (int.from_bytes(digest[:8]) + 1) / (2**64 + 1)
    return -math.log(draw) / weight, int.from_bytes(digest[8:16])


def _files(name: str | TextFile, library: Shelf) -> tuple[TextFile, ...]:
    if isinstance(name, str):
        return library.pack(name)
    lists = read_list(name.name, name.text)
    if lists is None:
        return (name,)
    return tuple(file for members in lists.values() for member in members for file in library.pack(member))


def _of_command_line(request: RunRequest, negative: str, name: str) -> Source:
    text = cleaned(request.prompt or "").strip()
    check_prompt(text, "--prompt")
    if not text and request.image is None:
        raise Refused("is empty.", where="--prompt", remedy="Say what is to be painted.")
    matrix = PackMatrix() if request.literal else read_matrix("--prompt", text)
    return Source(name, (tokens.prompt_of(1, 0, text, negative),), matrix=matrix)


def _unique(name: str, taken: Counter[str]) -> str:
    """`harbour`, then `harbour2`; also where the file system does not tell large letters from small."""
    candidate, number = name, 1
    while taken[candidate.casefold()]:
        number += 1
        candidate = f"{name}{number}"
    taken[candidate.casefold()] += 1
    return candidate
