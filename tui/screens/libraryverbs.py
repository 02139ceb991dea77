"""What is done with the library's texts: written, edited, copied, renamed, deleted; `z` takes each of it back."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from schema.errors import NoDaemon, Refused, why
from tui.background import begin
from tui.changes import Change
from tui.keys import bindings, of, pressed
from tui.link import shelf
from tui.link.shelf import Item, text_of
from tui.screens.browsing import MANY
from tui.screens.keeping import Keeping
from tui.screens.librarydrafts import BEGINNINGS, copied
from tui.screens.libraryshelf import ShelfScreen
from tui.widgets.ink import plain


class ShelfVerbs(ShelfScreen):
    BINDINGS = bindings(of("shelf"))

    # Writing ----------------------------------------------------------------------------------------

    def line_now(self, item: Item) -> int:
        """The line, from 0, at which an editor begins."""
        return 0

    def file_now(self) -> str:
        """What is edited for the sake of the one under the cursor: by its name, or the file that holds it."""
        row = self.listing.item()
        return row.name if row is not None else ""

    async def action_edit(self) -> None:
        if (item := await self._text(self.file_now())) is not None:
            await self._open(item.name, item.text, item.text, self.line_now(item))

    async def _open(self, name: str, text: str, before: str | None, line: int = 0) -> None:
        """`before`: what is in the library now; None: nothing of this name."""
        from tui.screens.textedit import TextEdit

        own = before is not None and not (self.item is not None and self.item.builtin)

        def closed(saved: bool | None) -> None:
            if saved:
                begin(self, partial(self._saved, name, before if own else None), group="shelf")

        await self.app.push_screen(TextEdit(self.kept, name, text, line), closed)

    async def _saved(self, name: str, before: str | None) -> None:
        """It is in the library now. `before`: of one's own, under this name; None: there was none."""
        asker = self.home.asker
        if (item := await self._text(name)) is not None:
            back = partial(self._delete, [name]) if before is None else partial(self._save, name, before)
            told = f"{'write' if before is None else 'edit'} the {self.one} {name}"
            self.home.changes.note(Change(told, back, partial(shelf.save, asker, self.kept, name, item.text)))
        self.show_name(name)

    async def action_edit_outside(self) -> None:
        """In $EDITOR; what cannot be saved stays in the file that is told."""
        from tui.editor import edit_text

        if (item := await self._text(self.file_now())) is None:
            return
        ending = Path(self.item.path).suffix if self.item is not None else ""
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="stablenew-")
        path = Path(folder) / f"{self.one}{ending or '.txt'}"
        text, trouble = edit_text(self.app, item.text, path, self.line_now(item) + 1)
        there = f"What you wrote is in {path}." if text != item.text else ""
        if trouble:
            self.home.say(f"{trouble} {there}".strip(), bad=True)
        saved = there and not trouble and await self.done(partial(self._save, item.name, text), there)
        if saved or not there:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        if saved:
            self.home.say(f"{item.name} saved")
            builtin = self.item is not None and self.item.builtin
            await self._saved(item.name, None if builtin else item.text)

    async def action_add(self) -> None:
        from tui.screens.ask import Type

        def named(name: str | None) -> None:
            if name and name.strip():
                begin(self, partial(self._begin, name.strip()), group="shelf")

        beginning = BEGINNINGS[self.kept]
        await self.app.push_screen(Type(f"A new {self.one}", f"Its name in the library. {beginning.help}"), named)

    async def _begin(self, name: str) -> None:
        if await self._is_free(name):
            await self._open(name, BEGINNINGS[self.kept].text.replace("NAME", name), None)

    async def action_duplicate(self) -> None:
        from tui.screens.ask import Type

        row = self.listing.item()

        def named(to: str | None) -> None:
            if row is not None and to and to.strip():
                begin(self, partial(self._copy, row.name, to.strip()), group="shelf")

        if row is not None:
            await self.app.push_screen(Type(f"A copy of {plain(row.name)}", "Its name.", f"{row.name} copy"), named)

    async def _copy(self, name: str, to: str) -> None:
        item = await self._text(name)
        if item is None or not await self._is_free(to):
            return
        file, text = copied(self.kept, self.item if self.item and self.item.name == name else item, to)
        make = partial(self._save, file, text)
        if await self.done(make):
            self.home.changes.note(Change(f"copy the {self.one} {name}", partial(self._delete, [to]), make))
            self.home.say(f"{to} is a copy of {name}")
            self.show_name(to)

    # Files ------------------------------------------------------------------------------------------

    async def action_bring(self) -> None:
        from tui.screens.ask import Type

        def typed(text: str | None) -> None:
            if text and text.strip():
                begin(self, partial(self._bring, Path(text.strip()).expanduser()), group="shelf")

        help = "Its path, or drop it here. It is called as its file; what is here already stays."
        await self.app.push_screen(Type(f"Bring in a {self.one}", help), typed)

    async def _bring(self, path: Path) -> None:
        try:
            text = await asyncio.to_thread(path.read_text, "utf-8-sig")
        except OSError as fault:
            self.home.say(f"{path} cannot be read: {why(fault)}", bad=True)
            return
        except UnicodeDecodeError:
            self.home.say(f"{path} is no UTF-8 text; `stablenew {self.one} import` takes it as it is", bad=True)
            return
        make = partial(self._save, path.name, text)
        if await self._is_free(path.stem) and await self.done(make):
            self.home.changes.note(Change(f"bring in {path.name}", partial(self._delete, [path.stem]), make))
            self.home.say(f"{path.stem} is in the library now")
            self.show_name(path.stem)

    async def action_write_out(self) -> None:
        from tui.screens.ask import Type

        item = await self._text()
        ending = Path(self.item.path).suffix if self.item is not None else ""

        def typed(text: str | None) -> None:
            if item is not None and text and text.strip():
                begin(self, partial(self._write_out, Path(text.strip()).expanduser(), item.text), group="shelf")

        if item is not None:
            name = item.name.rpartition("/")[2] + (ending or ".txt")
            help = "Where to. A file that is there is not written over."
            await self.app.push_screen(Type(f"Write {plain(item.name)} to a file", help, f"~/{name}"), typed)

    async def _write_out(self, path: Path, text: str) -> None:
        def write() -> None:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)

        try:
            await asyncio.to_thread(write)
        except FileExistsError:
            self.home.say(f"{path} is there already; nothing was written", bad=True)
        except OSError as fault:
            self.home.say(f"{path} cannot be written: {why(fault)}", bad=True)
        else:
            self.home.say(f"it is in {path}")

    # Names ------------------------------------------------------------------------------------------

    async def action_rename(self) -> None:
        from tui.screens.ask import Type

        row = self.listing.item()

        def named(to: str | None) -> None:
            if row is not None and to and to.strip() and to.strip() != row.name:
                begin(self, partial(self._rename, row.name, to.strip()), group="shelf")

        if row is not None:
            await self.app.push_screen(Type(f"Rename {plain(row.name)}", self.help_renaming(), row.name), named)

    def help_renaming(self) -> str:
        return "Its new name."

    async def _rename(self, name: str, to: str) -> None:
        if await Keeping(self.home, self.kept).rename(name, to):
            self.show_name(to)

    async def action_delete(self) -> None:
        from tui.screens.ask import Confirm

        names = self.every_name()

        def answered(yes: bool | None) -> None:
            if yes:
                begin(self, partial(self._delete_all, names), group="shelf")

        if len(names) > MANY:
            await self.app.push_screen(
                Confirm(f"Delete {len(names):,} {self.kept}?", f"{pressed('app.undo')} brings them back."), answered
            )
        elif names:
            answered(True)

    async def _delete_all(self, names: Sequence[str]) -> None:
        """What comes with the program stays; the others are gone until `z`."""
        gone: list[str] = []
        for name in names:
            if await self.done(partial(self._delete, [name])):
                gone.append(name)
        if not gone:
            return
        what = f"the {self.one} {gone[0]}" if len(gone) == 1 else f"{len(gone):,} {self.kept}"
        change = Change(f"delete {what}", partial(self._restore, gone), partial(self._delete, gone))
        self.home.changes.note(change)
        self.home.say(f"{gone[0] if len(gone) == 1 else what} deleted; {pressed('app.undo')} brings back")
        self.listing.unmark()
        self.reread()

    # Doing ------------------------------------------------------------------------------------------

    async def _save(self, name: str, text: str) -> None:
        await shelf.save(self.home.asker, self.kept, name, text)

    async def _delete(self, names: Sequence[str]) -> None:
        for name in names:
            await shelf.delete(self.home.asker, self.kept, name)

    async def _restore(self, names: Sequence[str]) -> None:
        for name in reversed(names):
            await shelf.restore(self.home.asker, self.kept, name)

    async def done(self, work: Callable[[], Awaitable[object]], remedy: str = "") -> bool:
        """False after a toast that says why not, and `remedy`."""
        try:
            await work()
        except Refused as e:
            self.home.say(f"{e.told()} {remedy}".strip(), bad=True)
        except NoDaemon:
            self.home.say(f"The daemon does not answer; nothing was changed. {remedy}".strip(), bad=True)
        else:
            return True
        return False

    async def _text(self, name: str = "") -> Item | None:
        """Of this one, or of the one under the cursor: also where it cannot be read. None after a toast."""
        row = self.listing.item()
        name = name or (row.name if row is not None else "")
        if not name:
            return None
        found: list[Item] = []

        async def ask() -> None:
            found.append(await text_of(self.home.asker, self.kept, name))

        return found[0] if await self.done(ask) else None

    async def _is_free(self, name: str) -> bool:
        if self._is_there(name):
            self.home.say(f"there is a {self.one} {name} already", bad=True)
            return False
        return True

    def show_name(self, name: str) -> None:
        """Reads the names again and goes to this one."""
        self.wanted = name
        self.reread()
