"""One of the library's own: a profile, a style, a template, found by typing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from schema.errors import NoDaemon, Refused
from schema.pages import Resource
from tui.background import is_open
from tui.keys import bound, face
from tui.link.shelf import Noun, names_of, text_of
from tui.screens.chooser import Chooser

if TYPE_CHECKING:
    from tui.screens.textedit import TextEdit


class Shelved(Chooser):
    """As `Chooser`: the name, empty for none, None for going back."""

    whose = "none"
    asking = "asking for them …"
    none_like = "none is called so"
    none_told = "the library has none"
    unknown = "though the library has none of that name"

    BINDINGS = bound("saved.edit")

    def __init__(self, title: str, noun: Noun, current: str = "", *, empty: bool = True) -> None:
        super().__init__(title, (noun,), current, empty=empty)
        self._noun = noun

    @property
    def noun(self) -> Noun:
        return self._noun

    async def every(self, of: str) -> Sequence[Resource]:
        return [Resource(list=of, name=name) for name in await names_of(self.home.asker, self.noun)]

    def action_refresh(self) -> None:
        self.ask_anew()

    def hints(self) -> str:
        return (
            f"⏎ take  {face('chooser.typed')} as typed  {face('saved.edit')} edit its text"
            + (f"  {face('chooser.nothing')} none" if self._empty else "")
            + f"  {face('dialog.back')} back"
        )

    def chosen(self) -> str:
        item = self.names.item()
        return item.name if item is not None else ""

    async def action_edit(self) -> None:
        name, noun = self.chosen(), self.noun
        if not name:
            return
        try:
            item = await text_of(self.home.asker, noun, name)
        except (Refused, NoDaemon) as e:
            self.home.say(e.told() if isinstance(e, Refused) else "The daemon does not answer.", bad=True)
            return
        await self.app.push_screen(self.editor(noun, name, item.text), self._again)

    def editor(self, noun: Noun, name: str, text: str) -> "TextEdit":
        from tui.screens.textedit import TextEdit

        return TextEdit(noun, name, text)

    def _again(self, saved: bool | None) -> None:
        if saved and is_open(self):
            self.ask_anew()
