"""`import`: takes in what other programs left behind. Folders of StableNew, files of the library, pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.cli.child import become
from tui.cli.tree import JSON, KEY, Verb, argument, flag

if TYPE_CHECKING:
    from pathlib import Path

KEPT = frozenset({".txt", ".tsv", ".prompts", ".json", ".jsonl", ".yaml", ".yml", ".csv"})
"""Endings of what the library and the learning keep."""

RUNS = frozenset({"manifest.json", "run_metadata.json", "image.json"})
"""What tells of a whole run beside its pictures."""


def bring(path: Sequence[str], replace: bool, key: str | None, as_json: bool) -> int:
    """Pictures alone go to the daemon; everything else is read by an offline child."""
    import subprocess
    from pathlib import Path

    from tui.cli.foreign import bring_in
    from tui.link.endpoint import daemon_command

    paths = [Path(one) for one in path]
    if all(_only_pictures(one) for one in paths):
        return bring_in(path, None, (), key, as_json)
    words = (*path, *(["--replace"] * replace), *(["--json"] * as_json))
    if not any(_may_teach(one) for one in paths):
        return become("library", "take", *words)
    from tui.cli.learnfiles import learn_from

    code = subprocess.run(daemon_command("library", "take", *words)).returncode
    if code == 0:
        learn_from(path)
    return code


def _may_teach(path: "Path") -> bool:
    """A file of learning records, or a folder that may hold some."""
    return path.is_dir() or path.suffix.lower() == ".jsonl" or path.name.endswith(".review.json")


def _only_pictures(path: "Path") -> bool:
    """A picture, or a folder of pictures and of what says how they were made."""
    from tui.link.files import PICTURES

    if not path.is_dir():
        return path.suffix.lower() in PICTURES
    files = [one for one in path.rglob("*") if one.suffix.lower() in KEPT | PICTURES and one.name not in RUNS]
    pictures = {one.with_name(one.name.partition(".")[0]) for one in files if one.suffix.lower() in PICTURES}
    return bool(pictures) and all(one.with_name(one.name.partition(".")[0]) in pictures for one in files)


VERB = Verb(
    bring,
    "Take in packs, lists, presets, wildcards, styles, learning records and pictures of other programs.\n"
    "A folder of StableNew is looked through whole; what is broken is named, and the rest comes in.\n"
    "Only pictures need the daemon.",
    (
        argument("PATH", "Folders or files.", often="+"),
        flag("--replace", "Take the place of what is there and differs."),
        KEY,
        JSON,
    ),
)
