"""The tabs of texts besides packs: what each says in plain words, what a run becomes with it, who names it."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.errors import NoDaemon, Refused
from schema.shelf import Said, Use
from tui.link.shelf import Item, Noun, text_of, uses_of
from tui.screens.beside import BesideScreen
from tui.screens.draft import Draft
from tui.screens.fields import fields_of
from tui.screens.fieldwords import about, purpose
from tui.screens.library import CLOSELY
from tui.screens.librarydrafts import EFFECTIVE, Effect, effect, of_many, used
from tui.screens.libraryverbs import ShelfVerbs
from tui.widgets.ink import Piece
from tui.widgets.panel import Panel
from tui.widgets.shelflist import ShelfRow
from tui.widgets.shelfwords import broken, card, numbered

WORDED: tuple[Noun, ...] = ("wildcards", "styles", "templates", "profiles", "overlays")
"""Their values are words of prompts."""


VAST = 150
"""Columns from which on the text itself has room beside what it says."""


class TextsScreen(ShelfVerbs, BesideScreen[ShelfRow]):
    named: ClassVar[bool] = True
    """Others of the library may name it."""

    def __init__(self) -> None:
        super().__init__()
        self.effect: Effect | None = None
        self.uses: tuple[Use, ...] | None = None
        self.raw = Panel(id="raw")
        """Its text as it is written, where there is room for it besides."""
        self.raw.display = False
        self._refused = ""
        """Why there can be no run with it now."""
        self._trouble = ""
        self._broken: Item | None = None
        """The one under the cursor, where it cannot be read: its text alone."""

    def body(self) -> ComposeResult:
        yield self.tabs
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            yield from self.compose_beside()
            yield self.raw

    def on_resize(self) -> None:
        super().on_resize()
        self.raw.display = self.size.width >= VAST
        self.call_after_refresh(self.draw_card)

    # The one under the cursor -----------------------------------------------------------------------

    def show_nothing(self) -> None:
        self.card.fill((), (), keep_place=False)
        self.raw.fill((), (), keep_place=False)

    async def show_broken(self, row: ShelfRow, fault: str) -> None:
        self.effect = self.uses = None
        self._refused, self._trouble = "", fault
        self._broken = Item(name=row.name, text="")
        self.draw_card(keep_place=False)
        self.faulty(row, fault)
        try:
            self._broken = await text_of(self.home.asker, self.kept, row.name)
        except (Refused, NoDaemon):
            return
        self.draw_card(keep_place=False)

    async def show_item(self, row: ShelfRow, item: Item) -> None:
        self.effect = self.uses = self._broken = None
        self._refused, self._trouble = "", row.trouble
        self.draw_card(keep_place=False)
        await asyncio.sleep(CLOSELY)
        try:
            if self.named:
                self.uses = await uses_of(self.home.asker, self.kept, row.name)
                self.draw_card()
            if self.kept in EFFECTIVE and not self.home.past:
                self.effect = await effect(self.home.asker, self.home.draft or Draft(), self.kept, row.name)
        except Refused as e:
            self._refused = e.told()
        except NoDaemon:
            return
        self.draw_card()

    def draw_card(self, *, keep_place: bool = True) -> None:
        item = self.item or self._broken
        if item is None or not self.is_mounted:
            return
        width = self.card.room[0]
        if self.item is None:
            lines = broken(item.text, self._trouble, width)
        else:
            lines = card(
                item,
                width,
                worded=self.kept in WORDED,
                effect=self.effect,
                uses=self.uses,
                about=purposes(self.kept, item.says),
                refused=self._refused,
                fault=self._trouble,
            )
        many = len(item.says)
        more = f"{many:,} {'value' if many == 1 else 'values'}" if self.kept == "wildcards" and many else self.one
        self.card.fill(lines, self.headed(item.name, more), keep_place=keep_place)
        self.raw.fill(numbered(item.text, self.raw.room[0]), (Piece("As written", "title"),), keep_place=keep_place)

    def _into_details(self) -> None:
        super()._into_details()
        self.draw_card()

    # What is done with it ---------------------------------------------------------------------------

    async def action_use(self) -> None:
        names = tuple(self.every_name())
        if names:
            await self.home.write(used(self.home.draft or Draft(), self.kept, names))

    def help_renaming(self) -> str:
        if not self.uses:
            return super().help_renaming()
        files = ", ".join(f"{use.noun.removesuffix('s')} {use.name}" for use in self.uses[:3])
        more = f" and {len(self.uses) - 3} more" if len(self.uses) > 3 else ""
        return f"Its new name. These name it by the old one and stay as they are: {files}{more}."

    def action_copy(self, what: str) -> None:
        row = self.listing.item()
        if row is None:
            return
        if what == "id":
            self.home.copy(f"__{row.name}__" if self.kept == "wildcards" else row.name, "name")
        elif self.item is not None:
            self.home.copy(self.item.text, "text")

    def action_outside(self) -> None:
        from pathlib import Path

        if self.item is not None and self.item.path:
            self.home.open_outside(Path(self.item.path))
        else:
            self.home.say("it has no file of its own; e edits it here")


def purposes(noun: Noun, says: Sequence[Said]) -> dict[tuple[str, str], str]:
    """What the settings of a preset or a pipeline are for, by stage and field."""
    found: dict[tuple[str, str], str] = {}
    kind = stage = ""
    for one in says if noun in ("presets", "pipelines") else ():
        if one.of != stage:
            stage = one.of
            kind = one.name if noun == "pipelines" else one.of.rstrip("0123456789")
            found[one.of, one.name] = about(kind) if noun == "pipelines" else ""
        if (field := next((each for each in fields_of(kind) if each.name == one.name), None)) is not None:
            found[one.of, one.name] = purpose(kind, field)
    return found


class WildcardsScreen(TextsScreen):
    tab, kept, one = "wildcards", "wildcards", "wildcard"

    def file_now(self) -> str:
        """One of a file of many is edited in that file."""
        item = self.item
        if item is None or not item.path or not of_many(item):
            return super().file_now()
        return item.path.rpartition("/wildcards/")[2]

    def line_now(self, item: Item) -> int:
        row = self.listing.item()
        if row is None or item.name == row.name:
            return 0
        last = row.name.rpartition("/")[2]
        lines = item.text.splitlines()
        return next((at for at, line in enumerate(lines) if line.strip(" -\"'{").startswith(last)), 0)


class StylesScreen(TextsScreen):
    tab, kept, one = "styles", "styles", "style"


class ProfilesScreen(TextsScreen):
    tab, kept, one, named = "profiles", "profiles", "profile", False


class PresetsScreen(TextsScreen):
    tab, kept, one, named = "presets", "presets", "preset", False


class PipelinesScreen(TextsScreen):
    tab, kept, one, named = "pipelines", "pipelines", "pipeline", False


class TemplatesScreen(TextsScreen):
    tab, kept, one = "templates", "templates", "template"


class OverlaysScreen(TextsScreen):
    tab, kept, one = "overlays", "overlays", "overlay"


class WorkflowsScreen(TextsScreen):
    tab, kept, one = "workflows", "workflows", "workflow"


TEXTS: dict[str, type[TextsScreen]] = {
    screen.tab: screen
    for screen in (
        WildcardsScreen, StylesScreen, ProfilesScreen, PresetsScreen, PipelinesScreen, TemplatesScreen,
        OverlaysScreen, WorkflowsScreen,
    )
}  # fmt: skip
"""By tab."""
