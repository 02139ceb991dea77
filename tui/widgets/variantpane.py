"""One variant whole, or what will be sent for the first job."""

import json
from collections.abc import Iterator

from schema.plans import Pick
from schema.prompts import Tried
from tui.keys import bound
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, unflagged, wrap
from tui.widgets.panel import Panel
from tui.widgets.samplelist import WITHIN, Numbered


class VariantPane(Panel):
    BINDINGS = bound("page.down", "page.up", "page.half_down", "page.half_up")

    def __init__(self) -> None:
        super().__init__(id="pane")
        self.payload = False
        """What is sent, instead of the variant."""
        self._shown: tuple[Numbered | None, Tried | None] = (None, None)

    def on_resize(self) -> None:
        self.show(*self._shown)

    def turn(self, one: Numbered | None, tried: Tried | None) -> None:
        self.payload = not self.payload
        self.top = 0
        self.show(one, tried)

    def show(self, one: Numbered | None, tried: Tried | None) -> None:
        self._shown = (one, tried)
        width = max(12, self.room[0])
        payload = tried.payload if tried is not None else ""
        lines = list(sent(payload, width)) if self.payload else list(variant(one, tried, width))
        title = "What is sent" if self.payload else f"Variant {one.number:,}" if one is not None else "This variant"
        name = f"  {plain(one.name)}" if one is not None and one.name and not self.payload else ""
        self.fill(lines, (Piece(title, "title"), Piece(fit_middle(name, width - 14).rstrip(), "dim")), keep_place=True)

    def action_scroll(self, lines: int) -> None:
        self.scroll_by(lines)


def variant(one: Numbered | None, tried: Tried | None, width: int) -> Iterator[Line]:
    if one is not None:
        yield from block(one.prompt, width, "text")
        if one.negative:
            yield [Piece(" not", "title")]
            yield from block(one.negative, width, "dim")
        yield [Piece(f" seed {one.seed}", "dim"), Piece("  written over by hand" if one.edited else "", "mark")]
        yield []
        for pick in told_once(one):
            key = fit(plain(pick.key), max(8, width // 2 - 2))
            yield [Piece(f" {key} ", "dim"), Piece(plain(pick.value) or "nothing")]
            if pick.source:
                yield [Piece(f"   {fit(plain(unflagged(pick.source)), width - 4)}", "faint")]
    warnings = tried.warnings if tried is not None else ()
    for words in warnings:
        yield from block(f"! {unflagged(words)}", width, "warn")


def told_once(one: Numbered) -> Iterator[Pick]:
    """Without those within another's value that say only the same again."""
    whole = {pick.key: pick.value for pick in one.picks}
    for pick in one.picks:
        if pick.source or whole.get(pick.key.rpartition(WITHIN)[0]) != pick.value:
            yield pick


def block(text: str, width: int, ink: str) -> Iterator[Line]:
    for line in wrap(text, width - 2, 60):
        yield [Piece(f" {line}", ink)]


def sent(payload: str, width: int) -> Iterator[Line]:
    """JSON by its stages, one field a line."""
    try:
        value = json.loads(payload) if payload else {}
    except ValueError:
        value = {"": payload}
    for depth, name, told in unfolded(value, 0):
        room = max(8, width - 2 * depth - 3 - len(name))
        lines = wrap(told, room, 12) or [""]
        ink = "title" if not told else "dim"
        yield [Piece(f" {'  ' * depth}{plain(name)} ", ink), Piece(lines[0])]
        for more in lines[1:]:
            yield [Piece(" " * (2 * depth + 2 + len(name)) + more)]


def unfolded(value: object, depth: int) -> Iterator[tuple[int, str, str]]:
    """Depth, name and words of every field; what is not set is left out."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value, 1) if isinstance(value, list) else ()
    for name, inner in pairs:
        if isinstance(inner, dict | list) and inner:
            yield depth, str(name), ""
            yield from unfolded(inner, depth + 1)
        elif inner not in (None, "", [], {}):
            yield depth, str(name), str(inner).lower() if isinstance(inner, bool) else str(inner)
