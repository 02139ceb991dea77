"""What a file is that nobody told the kind of: by the folder it lies in, by its name, by what is in it."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from daemon.library.kinds import ENDINGS, Kind
from daemon.prompting.marked.nodes import Node
from daemon.prompting.marked.reading import read
from daemon.prompting.packs import read_list
from daemon.prompting.presets import SECTIONS
from daemon.prompting.texts import suffix
from daemon.prompting.wildcards import MAX_WILDCARDS
from schema.errors import Refused
from schema.faults import KINDS

_FOLDERS: dict[str, Kind] = {
    "prompts": "pack", "lists": "pack", "characters": "profile", "stories": "profile",
    **{kind: kind for kind in ENDINGS}, **{f"{kind}s": kind for kind in ENDINGS},
}  # fmt: skip

_SHAPES: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("pack", frozenset({"pack_data", "slots"})),
    ("pipeline", frozenset({"stages"})),
    ("style", frozenset({"styles", "preset_data", "param_map"})),
    ("profile", frozenset({"character", "backstory", "setting", "storyline", "profile", "wildcards"})),
    ("overlay", frozenset({"grades", "fields", "most", "embeddings", "overlay"})),
    ("template", frozenset({"genre", "templates", "template"})),
    ("preset", frozenset({*KINDS, *SECTIONS, "randomization", "api", "pipeline"})),
)
"""A file with one of these fields at its root is of this kind; the first that fits."""


def kind_of(path: PurePath, text: str) -> Kind | None:
    """None: nothing tells."""
    ending = suffix(path.name)
    found = kind_of_folder(path)
    if found is not None:
        return found
    if ending == ".csv":
        return "style"
    if ending in (".tsv", ".prompts"):
        return "pack"
    if ending == ".txt":
        return "wildcard" if "wildcard" in path.name.casefold() else "pack"
    return _of_tree(path.name, text) if ending in (".json", ".yaml", ".yml") else None


def kind_of_folder(path: PurePath) -> Kind | None:
    """By the nearest folder that is called after a kind: `packs`, `old_packs`, `My wildcards`."""
    for part in reversed(path.parts[:-1]):
        for word in re.split(r"[^a-z_]+|_", part.casefold()):
            found = _FOLDERS.get(word)
            if found is not None and suffix(path.name) in ENDINGS[found]:
                return found
    return None


def _of_tree(name: str, text: str) -> Kind | None:
    try:
        top = read(name, text, MAX_WILDCARDS).value
    except Refused:
        by_name = name.casefold()
        return next((kind for kind in ENDINGS if kind in by_name and suffix(name) in ENDINGS[kind]), None)
    if isinstance(top, list):
        return _of_list(top)
    if not isinstance(top, dict) or not top:
        return None
    for kind, fields in _SHAPES:
        if fields & top.keys():
            return kind
    inner = [node.value for node in top.values()]
    if all(isinstance(value, dict) and "class_type" in value for value in inner):
        return "workflow"
    if any(isinstance(value, dict) and {"param_map", "prompt"} & value.keys() for value in inner):
        return "style"
    if "loras" in top:
        return "overlay"
    if "prompt" in top:
        return "template" if "{prompt}" in str(top["prompt"].value) and "name" not in top else "style"
    return "wildcard" if _holds_lists(inner) and not _is_list(name, text) else "pack" if _is_list(name, text) else None


def _of_list(top: list[Node]) -> Kind | None:
    """Steps of a pipeline, styles, or values."""
    first = top[0].value if top else None
    if isinstance(first, dict):
        return "pipeline" if "type" in first and "prompt" not in first and "preset_data" not in first else "style"
    return "wildcard" if isinstance(first, str) else None


def _is_list(name: str, text: str) -> bool:
    """A list of packs: every member is called as a pack's file."""
    try:
        lists = read_list(name, text) or {}
    except Refused:
        return False
    members = [member for each in lists.values() for member in each]
    return bool(members) and all(suffix(member) in ENDINGS["pack"] for member in members)


def _holds_lists(values: Sequence[object]) -> bool:
    return bool(values) and all(
        isinstance(value, list | str)
        or (isinstance(value, dict) and _holds_lists([one.value for one in value.values()]))
        for value in values
    )
