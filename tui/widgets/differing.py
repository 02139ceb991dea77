"""What two pictures differ in: words, settings, where they were made. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schema.pages import ImageRow, JobRecord
from schema.words import words_in
from tui.widgets.ink import Line, Piece, fit, plain, wrap
from tui.widgets.jobrow import lasted

PART = re.compile(r",|\n|\bBREAK\b")
"""What parts the phrases of a prompt."""

WORDS = ("prompt", "negative")
"""Told once, and not for every stage that was given them."""

MOST_LINES = 3
"""Of one value."""

NOTHING = "·"


class Difference(NamedTuple):
    name: str
    left: str
    right: str


def differences(
    left: ImageRow, its: JobRecord | None, right: ImageRow, others: JobRecord | None
) -> tuple[list[Difference], int]:
    """Those that differ, words first, and how many settings are alike. Without a record only the rows are compared."""
    one, other = settings_of(left, its), settings_of(right, others)
    names = list(dict.fromkeys((*one, *other)))
    found = [Difference(name, one.get(name, ""), other.get(name, "")) for name in names]
    differ = [each for each in found if each.left != each.right]
    words: list[Difference] = []
    if its is not None and others is not None:
        for name in WORDS:
            texts = [words_in(record).prompt if name == "prompt" else words_in(record).negative
                     for record in (its, others)]  # fmt: skip
            if texts[0] != texts[1]:
                words.append(Difference(name, *apart(*texts)))
    return [*words, *differ], len(found) - len(differ)


def apart(left: str, right: str) -> tuple[str, str]:
    """The phrases that only one of the two has; where only their order differs, both whole."""
    one, other = phrases(left), phrases(right)
    mine = ", ".join(part for part in one if part not in other)
    theirs = ", ".join(part for part in other if part not in one)
    return (mine, theirs) if mine or theirs else (left, right)


def phrases(text: str) -> list[str]:
    return [part for part in (" ".join(one.split()) for one in PART.split(text)) if part]


def settings_of(image: ImageRow, record: JobRecord | None) -> dict[str, str]:
    """Name to value, in the order in which people look at them."""
    told: dict[str, str] = {"seed": str(image.seed), "size": f"{image.width}x{image.height}"}
    named: Mapping[str, str | None] = {"model": image.model, "pack": image.pack}
    told |= {name: value for name, value in named.items() if value}
    if record is not None:
        told |= of_record(record)
    told["stars"] = "★" * image.stars
    told["tags"] = ", ".join(image.tags)
    return told


def of_record(record: JobRecord) -> dict[str, str]:
    spec = record.spec
    told = {"style": spec.style or ""}
    told |= {pick.key: pick.value for pick in spec.picks}
    for stage in record.stages:
        for field, value in (*of_overlay(spec.overlay, stage.id), *stage.effective.items()):
            if field in WORDS:
                continue
            told[f"{stage.id}.{field}"] = f"{value:g}" if isinstance(value, float) else str(value)
    told["stages"] = " → ".join(stage.id for stage in record.stages)
    last = next((stage for stage in reversed(record.stages) if stage.node), None)
    if last is not None:
        told["made on"] = f"{last.node_name or last.node}, {last.backend or ''}".rstrip(", ")
    took = sum(one.ended - one.started for one in record.stages if one.started is not None and one.ended is not None)
    told["took"] = lasted(took) if took else ""
    return {name: value for name, value in told.items() if value}


def of_overlay(overlay: Mapping[str, object], stage: str) -> list[tuple[str, object]]:
    return [(name.partition(".")[2], value) for name, value in overlay.items() if name.partition(".")[0] == stage]


def lines(differ: Sequence[Difference], alike: int, width: int) -> list[Line]:
    """A row for each, the left value and the right one beside each other."""
    name_room = min(22, max(8, max((len(plain(one.name)) for one in differ), default=0)))
    room = max(8, (width - name_room - 6) // 2)
    shown: list[Line] = []
    for one in differ:
        left = wrap(one.left, room, MOST_LINES) or [NOTHING]
        right = wrap(one.right, room, MOST_LINES) or [NOTHING]
        for at in range(max(len(left), len(right))):
            head = fit(plain(one.name), name_room) if at == 0 else " " * name_room
            shown.append([
                Piece(f" {head}  ", "dim"),
                Piece(fit(left[at] if at < len(left) else "", room), "mark"), Piece(" │ ", "faint"),
                Piece(fit(right[at] if at < len(right) else "", room), "mark"),
            ])  # fmt: skip
    if not differ:
        shown.append([Piece(" They were made alike.", "dim")])
    if alike:
        noun = "setting is" if alike == 1 else "settings are"
        shown.append([Piece(f" {alike} more {noun} alike", "faint")])
    return shown
