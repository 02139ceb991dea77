"""Presets and profiles from the form: applied, saved, renamed, deleted, edited."""

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from schema.errors import NoDaemon, Refused
from schema.plans import Scalar
from tui.background import begin
from tui.keys import bound, hints
from tui.link.shelf import Noun, names_of
from tui.screens.keeping import Keeping
from tui.screens.shelved import Shelved
from tui.widgets.ink import plain

if TYPE_CHECKING:
    from collections.abc import Callable

Config = Mapping[str, Mapping[str, Scalar]]

PROFILE = """name: {name}
character: ""
setting: ""
style: ""
negative: ""
wildcards: {{}}
loras: []
"""
"""What a new profile begins as."""


class Saved(Shelved):
    """Answers `presets NAME` or `profiles NAME`."""

    BINDINGS = bound("saved.new", "saved.rename", "saved.delete")

    lists: ClassVar[tuple[Noun, ...]] = ("presets", "profiles")
    heading = "Saved"

    def __init__(self, text: str, applied: Mapping[str, str], moved: "Callable[[str, str, str], None]") -> None:
        """`text`: the form as one of the first list. `applied`: what the form has, by noun; `moved` is told the noun,
        the name and the new one, empty where it was deleted."""
        super().__init__(self.heading, self.lists[0], applied[self.lists[0]], empty=False)
        self._lists = self.lists
        self._text = text
        self._applied = dict(applied)
        self._moved = moved

    def hints(self) -> str:
        return hints(
            "⏎ apply",
            "chooser.other the other",
            "saved.new save",
            "saved.edit edit",
            "saved.rename rename",
            "saved.delete delete",
            "dialog.back back",
        )

    @property
    def noun(self) -> Noun:
        return next(noun for noun in self.lists if noun == self.of)

    @property
    def now(self) -> str:
        return self._applied[self.noun]

    def put(self, noun: Noun, name: str, to: str) -> None:
        """The form follows what it has."""
        self._current = to
        if self._applied[noun] == name:
            self._applied[noun] = to
        self._moved(noun, name, to)

    @property
    def one(self) -> str:
        return self.noun.removesuffix("s")

    def keeping(self, noun: Noun) -> Keeping:
        return Keeping(self.home, noun, partial(self.put, noun))

    # Verbs ------------------------------------------------------------------------------------------

    async def action_save_new(self) -> None:
        from tui.screens.ask import Type

        def named(name: str | None) -> None:
            if name and name.strip():
                begin(self, partial(self._save, self.noun, name.strip()), group="shelf")

        if self.noun == "presets" and not json.loads(self._text):
            self.home.say("nothing to save: the form is as the pipeline says", bad=True)
            return
        help = {"presets": "What was changed in the form, under this name.", "profiles": "A new character."}
        told = help.get(self.noun, "All the stages of the form, under this name.")
        await self.app.push_screen(Type(f"Save a {self.one}", told, self.typed), named)

    async def _save(self, noun: Noun, name: str) -> None:
        if noun != "profiles":
            if await self.keeping(noun).save(name, self._text):
                self._current = name
                self.ask_anew()
        elif name in await self.known(noun):
            await self.action_edit()
        else:
            self._current = name
            await self.app.push_screen(self.editor(noun, name, PROFILE.format(name=json.dumps(name))), self._again)

    async def action_rename(self) -> None:
        from tui.screens.ask import Type

        name, noun = self.chosen(), self.noun

        def named(to: str | None) -> None:
            if to and to.strip() and to.strip() != name:
                begin(self, partial(self._rename, noun, name, to.strip()), group="shelf")

        if name:
            await self.app.push_screen(Type(f"Rename {plain(name)}", "Its new name.", name), named)

    async def _rename(self, noun: Noun, name: str, to: str) -> None:
        if await self.keeping(noun).rename(name, to):
            self.ask_anew()

    def action_delete(self) -> None:
        if name := self.chosen():
            begin(self, partial(self._delete, self.noun, name), group="shelf")

    async def _delete(self, noun: Noun, name: str) -> None:
        """Runs that were made with it keep what they need."""
        if await self.keeping(noun).delete(name):
            self.ask_anew()

    async def known(self, noun: Noun) -> tuple[str, ...]:
        try:
            return await names_of(self.home.asker, noun)
        except (Refused, NoDaemon):
            return ()


def preset_text(before: Config, now: Config) -> str:
    """What `now` has otherwise than `before`, as a preset: stage to its fields."""
    told: dict[str, dict[str, Scalar]] = {}
    for stage, fields in now.items():
        was = before.get(stage, {})
        other = {name: value for name, value in fields.items() if name != "type" and was.get(name) != value}
        if other:
            told[stage] = other
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
