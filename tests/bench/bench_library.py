"""Fifty thousand wildcards: found, completed at every key, read of one map, against dynamicprompts and bare reads.

    python tests/bench/bench_library.py [--wildcards N] [--rounds N] [--json]

found       names of all files, for the first time, against a bare walk and against dynamicprompts' own tree
again       the same where nothing changed, and after one file came
typed       a completion at each key of several words, with the values of what is shown, against one bare look at
            every name (`typed in name`)
map         one YAML file of as many wildcards, against the reader that dynamicprompts takes
plan        one plan of a prompt with a wildcard of them
"""

import argparse
import os
import sys
from itertools import count
from pathlib import Path

import yaml
from dynamicprompts.wildcards.wildcard_manager import WildcardManager
from measure import Goal, Line, compared, finish, interleaved, percentile, scratch, seconds

from daemon.library.completing import Completer
from daemon.library.shelf import FolderShelf
from daemon.library.wordbook import Wordbook
from daemon.prompting.plan import make_plan
from daemon.prompting.wildcards import read_wildcards
from schema.places import places
from schema.requests import RunRequest
from schema.settings import Settings

WILDCARDS = 50_000
SUBJECTS = ("sky", "harbour", "lamp", "oak", "fog", "window", "stone", "river", "roof", "garden")
TYPED = ("sky", "harbour/la", "w123", "oak_49", "zzz", "ga")


def make(root: Path, wildcards: int) -> None:
    for number in range(wildcards):
        folder = root / f"set{number // 500}" / SUBJECTS[number % 10]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{SUBJECTS[number % 7]}_{number}.txt").write_text("first\nsecond\nthird\n")


def bare_walk(root: Path) -> None:
    for _, _, names in os.walk(root):
        _ = [name for name in names if name.endswith(".txt")]


def keys(completer: Completer) -> list[float]:
    """Seconds of every key press."""
    texts = [f"a view of __{word[: end + 1]}" for word in TYPED for end in range(len(word))]
    return [seconds(lambda text=text: completer.complete(text, len(text), 20)) for text in texts]  # type: ignore[misc]


def bare_keys(names: list[str]) -> list[float]:
    return [
        seconds(lambda typed=word[: end + 1]: [name for name in names if typed in name])  # type: ignore[misc]
        for word in TYPED
        for end in range(len(word))
    ]


def measure(folder: Path, wildcards: int, rounds: int) -> list[Line]:
    home = places({"STABLENEW_HOME": str(folder)})
    root = home.config / "wildcards"
    make(root, wildcards)
    first = of_all(root, rounds)
    shelf = FolderShelf(home)
    shelf.tables()
    return [*first, *anew(shelf, root, rounds), *typed(shelf, rounds), *one_map(wildcards, rounds), *planned(shelf)]


def of_all(root: Path, rounds: int) -> list[Line]:
    found = interleaved(
        rounds,
        {
            "mine": lambda: seconds(lambda: list(Wordbook([(root, False)]).tables().names())),
            "walk": lambda: seconds(lambda: bare_walk(root)),
            "theirs": lambda: seconds(lambda: list(WildcardManager(root).tree.get_collection_names())),
        },
    )
    what = "names of all, first time"
    return [
        compared(what, "s", found["mine"], "bare walk", found["walk"], Goal("ratio", most=8)),
        compared(what, "s", found["mine"], "dynamicprompts", found["theirs"], Goal("ratio", most=1)),
    ]


def anew(shelf: FolderShelf, root: Path, rounds: int) -> list[Line]:
    numbers = count()

    def after_one() -> float:
        (root / "set0" / f"new_{next(numbers)}.txt").write_text("x\n")
        return seconds(shelf.tables)

    found = interleaved(rounds, {"again": lambda: seconds(shelf.tables), "one": after_one})
    return [
        Line(what="names where nothing changed", value=min(found["again"]), unit="s", goal=Goal("value", most=0.02)),
        Line(what="names after one file came", value=min(found["one"]), unit="s", goal=Goal("value", most=1)),
    ]


def typed(shelf: FolderShelf, rounds: int) -> list[Line]:
    completer = Completer(shelf)
    began = seconds(lambda: completer.complete("__", 2))
    names = list(shelf.tables().names())
    mine: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        mine += keys(completer)
        bare += bare_keys(names)
    looks = "one look at every name"
    return [
        Line(what="the first completion", value=began, unit="s", goal=Goal("value", most=0.5)),
        compared("a key, p50", "s", [percentile(mine, 0.5)], looks, [percentile(bare, 0.5)], Goal("ratio", most=10)),
        Line(what="a key, p95", value=percentile(mine, 0.95), unit="s", goal=Goal("value", most=0.05)),
    ]


def one_map(wildcards: int, rounds: int) -> list[Line]:
    text = "".join(f"{SUBJECTS[at % 10]}_{at}: [first, '2::second', third {at}]\n" for at in range(wildcards))
    found = interleaved(
        rounds,
        {
            "mine": lambda: seconds(lambda: read_wildcards("all.yaml", text)),
            "theirs": lambda: seconds(lambda: yaml.safe_load(text)),
        },
    )
    return [compared("one map of all", "s", found["mine"], "yaml.safe_load", found["theirs"], Goal("ratio", most=0.5))]


def planned(shelf: FolderShelf) -> list[Line]:
    request = RunRequest(prompt="a view of __oak_49*__ by __sky_0__", limit=10, seed=1)
    took = seconds(
        lambda: make_plan(request, library=shelf, settings=Settings(), drawn_seed=1, now=0.0, drawn_folder="f")
    )
    return [Line(what="a plan with two of them", value=took, unit="s", goal=Goal("value", most=0.5))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wildcards", type=int, default=WILDCARDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with scratch("library") as folder:
        finish(measure(folder, asked.wildcards, asked.rounds), sys.argv)


if __name__ == "__main__":
    main()
