"""The packs: browsed, looked into, tried, run and edited, in whichever format they were written."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from schema.errors import NoDaemon, Refused
from schema.prompts import Tried
from schema.requests import RunRequest
from tui.keys import bindings, of, pressed
from tui.link.shelf import Item
from tui.screens.beside import SplitScreen
from tui.screens.draft import Draft
from tui.screens.library import in_quotes
from tui.screens.librarydrafts import used
from tui.screens.libraryverbs import ShelfVerbs
from tui.screens.packtext import line_of
from tui.widgets.packlist import PackHead, PromptList, PromptRow
from tui.widgets.shelflist import ShelfRow


class PacksScreen(ShelfVerbs, SplitScreen[ShelfRow]):
    tab, kept, one = "packs", "packs", "pack"
    place = "packs"
    BINDINGS = bindings(of("packs"))

    def __init__(self) -> None:
        super().__init__()
        self.prompts = PromptList()
        self.head = PackHead()

    @property
    def details(self) -> PromptList:
        return self.prompts

    def body(self) -> ComposeResult:
        yield self.tabs
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            with Vertical(id="beside"):
                yield self.head
                yield self.prompts

    # The one under the cursor -----------------------------------------------------------------------

    def show_nothing(self) -> None:
        self.head.show(None, None, "")
        self.prompts.fill(())

    async def show_broken(self, row: ShelfRow, fault: str) -> None:
        self.head.show(row, None, fault)
        self.prompts.fill(())

    async def show_item(self, row: ShelfRow, item: Item) -> None:
        self.prompts.fill([PromptRow(number=n, text=text) for n, text in enumerate(item.prompts, 1)])
        many = len(item.prompts)
        self.prompts.title_line = self.headed(row.name, f"{many:,} {'prompt' if many == 1 else 'prompts'}")
        self.prompts.redraw(0)
        await self._count(row)

    async def _count(self, row: ShelfRow) -> None:
        """What a run of it would be, by the function that plans one."""
        tried: Tried | None = None
        fault = row.trouble
        if fault:
            self.head.show(row, None, fault)
        try:
            tried = await self.home.asker.try_out(RunRequest(packs=(row.name,)), 1)
        except Refused as e:
            fault = e.told()
        except NoDaemon:
            return
        self.head.show(row, tried, fault)
        self.faulty(row, fault)

    # What is done with it ---------------------------------------------------------------------------

    async def action_use(self) -> None:
        names = tuple(self.every_name())
        if names:
            await self.home.write(used(self.home.draft or Draft(), "packs", names))

    async def action_try_out(self) -> None:
        """The prompt under the cursor; what comes back goes into a new run."""
        from tui.screens.prompt import PromptEditor

        row, pack = self.prompts.item(), self.item
        if row is None or pack is None:
            return
        prompt, negative = pack.alone(row.number - 1)

        async def back(draft: Draft | None) -> None:
            if draft is not None:
                await self.home.write(draft)

        await self.app.push_screen(PromptEditor(Draft(prompt=prompt, negative=negative)), back)

    def line_now(self, item: Item) -> int:
        pack = self.item
        return line_of(item.text, pack.prompts, self.prompts.cursor) if self.focused is self.prompts and pack else 0

    def made_with(self) -> str:
        row = self.listing.item()
        return in_quotes("pack:", row.name) if row is not None else ""

    def action_copy(self, what: str) -> None:
        row, prompt = self.listing.item(), self.prompts.item()
        if what == "id" and row is not None:
            self.home.copy(row.name, "name")
        elif prompt is not None:
            self.home.copy(prompt.text, "prompt")

    def action_outside(self) -> None:
        keys = f"{pressed('shelf.edit')} edits it here, {pressed('shelf.editor')} in your own editor"
        self.home.say(f"{keys}; `stablenew pack export` writes it to a file")
