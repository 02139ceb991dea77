"""The verb `library take PATH...`: what came in of a whole folder, in numbers, and by name what did not."""

import json
import sys
from collections import Counter
from pathlib import Path

from daemon.library.shelf import FolderShelf
from daemon.library.taking import PICTURES, WORDS, Taken, sync, take
from daemon.prompting.texts import cleaned, told
from schema.errors import Exit, Refused

ORDER = ("pack", "list", "preset", "wildcard", "style", "template", "profile", "overlay", "pipeline", "workflow")


def run(shelf: FolderShelf, learning: Path, words: list[str], as_json: bool) -> int:
    """2 where nothing came in of what should. Raises Refused."""
    paths = [word for word in words if word != "--replace"]
    if not paths:
        raise Refused("which folder?", where="import", remedy="Name a folder of StableNew, or files.")
    found = [one for path in paths for one in take(shelf, learning, Path(path), "--replace" in words)]
    sync(found)
    for one in found:
        if one.why:
            print(cleaned(one.why), file=sys.stderr)
    if as_json:
        print(json.dumps(_as_json(found, learning)))
    else:
        _print(found, learning)
    pictures = sum(one.suffix.lower() in PICTURES for path in paths for one in Path(path).rglob("*"))
    if pictures:
        print(f"{pictures} pictures are in it too: `stablenew image import` keeps them.", file=sys.stderr)
    if not found:
        raise Refused(
            "nothing of the library is in it.",
            where=told(paths[0], 200),
            remedy="Packs, presets and the like are taken.",
        )
    came_in = any(one.outcome in ("taken", "there") for one in found)
    return Exit.DONE if came_in else Exit.REFUSED


def _print(found: list[Taken], learning: Path) -> None:
    for kind in dict.fromkeys((*ORDER, *(one.kind for one in found))):
        counts = Counter[str](one.outcome for one in found if one.kind == kind)
        if not counts:
            continue
        total = counts["taken"]
        more = ", ".join(f"{counts[outcome]} {word}" for outcome, word in WORDS.items() if counts[outcome])
        name = f"{kind}{'s' if total != 1 and kind != 'learning' else ''}"
        if kind == "learning":
            records = sum(one.records for one in found if one.kind == kind and one.outcome == "taken")
            name = f"files with {records} learning records, to {told(str(learning), 200)}"
        print(f"{total} {name}{f' ({more})' if more else ''}")


def _as_json(found: list[Taken], learning: Path) -> dict[str, object]:
    counts: dict[str, dict[str, int]] = {}
    for one in found:
        each = counts.setdefault(one.kind, {})
        each[one.outcome] = each.get(one.outcome, 0) + 1
    return {
        "counts": counts,
        "records": sum(one.records for one in found if one.outcome == "taken"),
        "learning": str(learning),
        "items": [
            {
                "kind": one.kind, "name": cleaned(one.name), "path": str(one.path.absolute()),
                "outcome": one.outcome, "why": cleaned(one.why) or None,
            }
            for one in found
        ],
    }  # fmt: skip
