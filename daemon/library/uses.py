"""Who names a thing of the library: packs with a wildcard or a LoRA in them, profiles with a style, and so on."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

from daemon.library.finding import Finder
from daemon.library.kinds import Kind, split
from daemon.prompting.tokens import plain_slot
from schema.errors import Refused
from schema.shelf import Use

MOST_READ = 5_000
"""Files that are read to answer."""

MOST_LINE = 200
"""Characters of a line that are told."""

WORDED: tuple[Kind, ...] = ("pack", "wildcard", "style", "profile", "template", "overlay")

NAMERS: dict[str, tuple[Kind, ...]] = {
    "wildcards": WORDED,
    "loras": WORDED,
    "embeddings": WORDED,
    "models": ("pipeline", "preset", "pack"),
    "styles": ("profile", "overlay"),
    "templates": ("profile", "pack"),
    "overlays": ("profile",),
    "workflows": ("pipeline",),
}
"""Which kinds may name it in their texts."""

_PLACE = re.compile(r"__([^\s_](?:[^\s]*?[^\s_])?)__|\[\[([^\[\]\n]{1,80})\]\]")

Names = Callable[[str], bool]
"""Whether this line names it."""


def uses(finder: Finder, noun: str, name: str) -> tuple[Use, ...]:
    """One for each file, with the first line that names it; files that cannot be read are passed over."""
    names = _namer(finder, noun, name)
    found = list(_in_lists(finder, name)) if noun == "packs" else []
    entries = (entry for kind in NAMERS.get(noun, ()) for entry in finder.all(kind))
    for entry in islice(entries, MOST_READ):
        if entry.path is None or (noun == f"{entry.kind}s" and entry.name.casefold() == name.casefold()):
            continue
        try:
            text = finder.read(entry).text
        except Refused:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if names(line):
                words = line.strip()[:MOST_LINE]
                found.append(Use(noun=f"{entry.kind}s", name=entry.name, line=number, words=words))
                break
    return tuple(found)


def _namer(finder: Finder, noun: str, name: str) -> Names:
    if noun == "wildcards":
        tables, slot = finder.tables(), plain_slot(name)
        same = lru_cache(maxsize=None)(lambda asked: name in tables.meant(asked))
        return lambda line: any(
            same(found[1]) if found[1] else plain_slot(found[2]) == slot for found in _PLACE.finditer(line)
        )
    stem = re.escape(name.rpartition("/")[2] if noun in ("loras", "embeddings", "models") else name)
    word = re.compile(rf"(?<![\w-]){stem}(?![\w-])", re.IGNORECASE)
    if noun == "loras":  # in a prompt, or in a list of a profile or an overlay
        lora = re.compile(rf"(?:<lora:|\bname\W{{1,4}})(?:[^<>:]*/)?{stem}(?![\w-])", re.IGNORECASE)
        return lambda line: lora.search(line) is not None
    return lambda line: word.search(line) is not None


def _in_lists(finder: Finder, name: str) -> Iterator[Use]:
    for title, members in finder.lists().items():
        if any(split(member, "pack")[0].casefold() == name.casefold() for member in members):
            yield Use(noun="packs", name=title, words=", ".join(members)[:MOST_LINE])
