"""What a prompt's signs do, where they stand: weights, LoRAs, remarks, keywords, and what is never closed. Pure.

Places to vary are the daemon's to tell (`schema.prompts.Segment`): here only what a backend reads in the words.
"""

import re
from bisect import bisect_right
from typing import Literal, NamedTuple

Kind = Literal["heavier", "lighter", "schedule", "number", "network", "keyword", "comment", "fault"]

COMMENT = re.compile(r"^[^\S\n]*#.*", re.MULTILINE)
"""Lines that packs and directives write for the program itself."""
NUMBER = re.compile(r":\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))\s*\Z")
SIGN = re.compile(
    r"\\."  # an escaped sign is a letter
    r"|\[\[[^\[\]\n]*\]\]"  # a slot of ours
    r"|<[a-z]+:[^<>\n]*>"
    r"|<[a-z]+:[^<>\n]*(?=\n|\Z)"
    r"|\b(?:BREAK|AND)\b"
    r"|[()\[\]|]"
)
"""Of AUTOMATIC1111's wiki, "Attention/emphasis" and "Prompt editing"; Forge and SD.Next read them alike."""


class Mark(NamedTuple):
    """Characters `start` up to `end` of the text; later ones lie over earlier ones."""

    start: int
    end: int
    kind: Kind


class Fault(NamedTuple):
    at: int
    """A character of the text."""
    sentence: str


class Lexed(NamedTuple):
    marks: tuple[Mark, ...]
    faults: tuple[Fault, ...]

    def told(self, text: str) -> tuple[str, ...]:
        """Each fault with its line, for a person."""
        starts = [0, *(found.end() for found in re.finditer("\n", text))]
        return tuple(f"line {bisect_right(starts, fault.at)}: {fault.sentence}" for fault in self.faults)


class _Open(NamedTuple):
    at: int
    sign: str
    turns: bool = False
    """A bar stands in it: words that take turns, not lighter ones."""


def lex(text: str) -> Lexed:
    """One pass; the outer of two groups comes first, so that the inner one lies over it."""
    marks: list[Mark] = []
    faults: list[Fault] = []
    stack: list[_Open] = []
    remarks = [found.span() for found in COMMENT.finditer(text)]
    hidden = iter([*remarks, (len(text) + 1, len(text) + 1)])
    low, high = next(hidden)
    for found in SIGN.finditer(text):
        while found.start() >= high:
            low, high = next(hidden)
        if found.start() >= low:
            continue
        sign, at = found.group(), found.start()
        if sign in ("(", "["):
            stack.append(_Open(at, sign))
        elif sign == "|":
            if stack and stack[-1].sign == "[":
                stack[-1] = stack[-1]._replace(turns=True)
        elif sign in (")", "]"):
            _close(text, found.end(), sign, stack, marks, faults)
        elif sign in ("BREAK", "AND"):
            marks.append(Mark(at, found.end(), "keyword"))
        elif sign.startswith("<"):
            whole = sign.endswith(">")
            marks.append(Mark(at, found.end(), "network" if whole else "fault"))
            if not whole:
                faults.append(Fault(at, f"{_shown(text, at)} is not closed: put > where it ends"))
    for one in stack:
        marks.append(Mark(one.at, one.at + 1, "fault"))
        close = ")" if one.sign == "(" else "]"
        faults.append(Fault(one.at, f"{_shown(text, one.at)} is not closed: put {close}, or write \\{one.sign}"))
    marks.sort(key=lambda mark: (mark.kind in ("number", "fault"), mark.start, -mark.end))
    comments = tuple(Mark(*span, "comment") for span in remarks)
    return Lexed((*marks, *comments), tuple(sorted(faults)))


def _close(text: str, end: int, sign: str, stack: list[_Open], marks: list[Mark], faults: list[Fault]) -> None:
    """The group that ends with the character before `end`."""
    if not stack or stack[-1].sign != ("(" if sign == ")" else "["):
        marks.append(Mark(end - 1, end, "fault"))
        faults.append(Fault(end - 1, f"{sign} closes nothing: take it out, or write \\{sign}"))
        return
    one = stack.pop()
    number = NUMBER.search(text, one.at + 1, end - 1)
    if number is not None:
        marks.append(Mark(number.start("number"), number.end("number"), "number"))
    marks.append(Mark(one.at, end, _kind(one, number)))


def _kind(one: _Open, number: re.Match[str] | None) -> Kind:
    if one.sign == "[":
        return "schedule" if one.turns or number is not None else "lighter"
    return "lighter" if number is not None and float(number.group("number")) < 1 else "heavier"


def _shown(text: str, at: int) -> str:
    """The words from there on, for finding them again."""
    line = text[at:].partition("\n")[0]
    return f"‘{line[:20]}{'…' if len(line) > 20 else ''}’"
