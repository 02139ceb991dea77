"""Texts of the library kept from a dialog: each wish says how it went, and `z` takes it back."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from schema.errors import NoDaemon, Refused
from tui.changes import Change
from tui.keys import pressed
from tui.link import shelf
from tui.link.shelf import Noun

if TYPE_CHECKING:
    from tui.app import StableNew


class Keeping(NamedTuple):
    """Each verb is true where it was done, and false after a toast that says why not."""

    home: "StableNew"
    noun: Noun
    moved: Callable[[str, str], None] = lambda name, to: None
    """Told of a name and the one that it has instead, empty where it is gone; also when that is taken back."""

    @property
    def one(self) -> str:
        return self.noun.removesuffix("s")

    async def save(self, name: str, text: str) -> bool:
        """Also over one of the same name."""
        there: list[str] = []
        if not await self._done(partial(self._find, name, there)):
            return False
        make = partial(self._write, name, text)
        if not await self._done(make):
            return False
        back = partial(self._write, name, there[0]) if there else partial(self._drop, name)
        self.home.changes.note(Change(f"save the {self.one} {name}", back, make))
        self.home.say(f"{name} saved" + (f"; {pressed('app.undo')} brings back what it was" if there else ""))
        return True

    async def rename(self, name: str, to: str) -> bool:
        if not await self._done(partial(self._call, name, to)):
            return False
        change = Change(f"rename the {self.one} {name}", partial(self._call, to, name), partial(self._call, name, to))
        self.home.changes.note(change)
        self.home.say(f"{name} is called {to} now")
        return True

    async def delete(self, name: str) -> bool:
        gone = partial(self._drop, name)
        if not await self._done(gone):
            return False
        self.home.changes.note(Change(f"delete the {self.one} {name}", partial(self._restore, name), gone))
        self.home.say(f"{name} deleted; {pressed('app.undo')} brings it back")
        return True

    async def _done(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except Refused as e:
            self.home.say(e.told(), bad=True)
        except NoDaemon:
            self.home.say("The daemon does not answer; nothing was changed.", bad=True)
        else:
            return True
        return False

    async def _find(self, name: str, into: list[str]) -> None:
        """Puts its text there, if there is one."""
        if name in await shelf.names_of(self.home.asker, self.noun):
            into.append((await shelf.text_of(self.home.asker, self.noun, name)).text)

    async def _write(self, name: str, text: str) -> None:
        await shelf.save(self.home.asker, self.noun, name, text)

    async def _call(self, name: str, to: str) -> None:
        await shelf.rename(self.home.asker, self.noun, name, to)
        self.moved(name, to)

    async def _drop(self, name: str) -> None:
        await shelf.delete(self.home.asker, self.noun, name)
        self.moved(name, "")

    async def _restore(self, name: str) -> None:
        await shelf.restore(self.home.asker, self.noun, name)
