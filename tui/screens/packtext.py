"""A pack's text as an editor shows it, and as it is written back: only what was changed is another. Pure."""

import re
from difflib import SequenceMatcher

FAULT = re.compile(r":(\d+)(?::(\d+))?\b")

MOST_LINES = 5_000
"""Above this, lines are told apart by what stands before and behind the change only."""


def shown(text: str) -> str:
    """With plain line ends, as a text field has them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def written(before: str, edited: str) -> str:
    """`edited` with the line ends that `before` has: lines that were not touched stay byte for byte."""
    if shown(before) == edited:
        return before
    old, new = before.splitlines(keepends=True), edited.split("\n")
    bare = [line.rstrip("\r\n") for line in old] + ([""] if not old or old[-1][-1:] in "\r\n" else [])
    end = "\r\n" if before.count("\r\n") * 2 > before.count("\n") else "\n"
    ends = [line[len(line.rstrip("\r\n")) :] for line in old] + [""]
    told = [end] * (len(new) - 1) + [""]
    for one in _same(bare, new):
        for step in range(one[2]):
            at = one[1] + step
            if at < len(new) - 1:
                told[at] = ends[one[0] + step] or end
    return "".join(line + tail for line, tail in zip(new, told, strict=True))


def _same(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    if max(len(old), len(new)) <= MOST_LINES:
        return [(a, b, n) for a, b, n in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()]
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return [(0, 0, head), (len(old) - tail, len(new) - tail, tail)]


def line_of(text: str, prompts: tuple[str, ...], number: int) -> int:
    """The line, from 0, on which the prompt with this number, from 0, begins; as near as can be found."""
    at = 0
    for prompt in prompts[: number + 1]:
        head = prompt.split("\n")[0].strip()[:60]
        found = text.find(head, at) if head else -1
        if found < 0:
            found = text.find(head.replace('"', '\\"'), at) if head else -1
        at = found + 1 if found >= 0 else at
    return text.count("\n", 0, max(0, at - 1))


def fault_at(where: str) -> tuple[int, int] | None:
    """Line and column, from 0, of `night.txt:4:7`."""
    found = FAULT.search(where)
    return (int(found[1]) - 1, int(found[2] or 1) - 1) if found else None
