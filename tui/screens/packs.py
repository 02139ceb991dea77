"""The packs: browsed, looked into, tried, run and edited, in whichever format they were written."""

from dataclasses import replace
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from schema.errors import NoDaemon, Refused
from schema.pages import Page
from schema.prompts import Tried
from schema.requests import RunRequest
from tui.background import begin
from tui.keys import bindings, of
from tui.link.shelf import Item, checked, item_of, names_of, text_of
from tui.live import Change
from tui.screens.area import ListScreen
from tui.screens.draft import Draft
from tui.screens.packtext import line_of
from tui.widgets.ink import Piece, plain
from tui.widgets.packlist import PackHead, PackList, PackRow, PromptList, PromptRow
from tui.widgets.pages import PAGE


class PacksScreen(ListScreen[PackRow]):
    area = "packs"
    BINDINGS = bindings(of("packs"))
    route = "/v1/packs"
    orders = (("name", "name"), ("faults", "faulty first"))

    def __init__(self) -> None:
        super().__init__()
        self.table = PackList()
        self.prompts = PromptList()
        self.head = PackHead()
        self.pack: Item | None = None
        """The one under the cursor, as its file has it."""
        self._looked: PackRow | None = None
        """Its row as the card tells it: looked at again once more is known of it."""
        self._every: tuple[PackRow, ...] | None = None
        self._troubles: dict[str, str] = {}
        """Packs that are broken, and how."""

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            with Vertical(id="beside"):
                yield self.head
                yield self.prompts

    @property
    def listing(self) -> PackList:
        return self.table

    def noun(self, many: int) -> str:
        return " pack" if many == 1 else " packs"

    def concerns(self, change: Change) -> bool:
        return change.everything or change.library

    def reread(self) -> None:
        self._every = self.pack = None
        super().reread()

    # Names ------------------------------------------------------------------------------------------

    async def _fetch(self, page: int) -> None:
        if self._every is None:
            try:
                names = await names_of(self.home.asker, "packs")
            except Refused as e:
                self._fault = e.told()
                self.tally()
                return
            except NoDaemon:
                self.listing.pages.failed(page)
                return
            self._every = tuple(PackRow(name=name, trouble=self._troubles.get(name, "")) for name in names)
            begin(self, self._check, group="check", exclusive=True)
        words = self.filter.lower().split()
        rows = [row for row in self._every if all(word in row.name.lower() for word in words)]
        if self.order == "faults":
            rows.sort(key=lambda row: not row.trouble)
        part = tuple(rows[page * PAGE : (page + 1) * PAGE])
        self._take(page, Page(items=part, total=len(rows), head=0))
        self.tally()
        self.settle()

    async def _check(self) -> None:
        """All of them are read, which takes its time where there are thousands: the names are there before."""
        try:
            found = await checked(self.home.asker, "packs")
        except (Refused, NoDaemon):
            return
        rows = tuple(PackRow(name=name, trouble=trouble_of(name, found.warnings)) for name in found.items)
        troubles = {row.name: row.trouble for row in rows if row.trouble}
        if troubles != self._troubles:
            self._troubles, self._every = troubles, rows
            super().reread()

    # The one under the cursor -----------------------------------------------------------------------

    def look(self) -> None:
        row = self.listing.item()
        if row is None:
            self.pack = None
            self.head.show(None, None, "")
            self.prompts.fill(())
        elif self.pack is None or row != self._looked:
            self._looked = row
            begin(self, partial(self._look, row), group="look", exclusive=True)

    async def _look(self, row: PackRow) -> None:
        try:
            self.pack = await item_of(self.home.asker, "packs", row.name)
        except Refused as e:
            self.pack = None
            self.head.show(row, None, e.told())
            self.prompts.fill(())
            return
        except NoDaemon:
            return
        self.prompts.fill([PromptRow(number=n, text=text) for n, text in enumerate(self.pack.prompts, 1)])
        self.prompts.title_line = (
            Piece(plain(row.name), "title"),
            Piece(f"  {len(self.pack.prompts):,} {'prompt' if len(self.pack.prompts) == 1 else 'prompts'}", "dim"),
        )
        self.prompts.redraw(0)
        await self._count(row)

    async def _count(self, row: PackRow) -> None:
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
        index = self.table.pages.find(row.name)
        if index is not None and bool(fault) != bool(row.trouble):
            self._looked = PackRow(name=row.name, trouble=fault)
            self.table.pages.replace(index, self._looked)
            self.table.redraw_items(index, whole=True)

    def action_open(self) -> None:
        self.add_class("-open")
        if self.app.size.width >= 100:  # it is there already: the next key is meant for it
            self.set_focus(self.prompts)
        else:
            self.call_after_refresh(self.set_focus, self.prompts)

    def action_details(self) -> None:
        self.action_open()

    def action_list(self) -> None:
        self.remove_class("-open")
        self.set_focus(self.listing)

    def step_back(self) -> bool:
        if self.focused is self.prompts:
            self.action_list()
            return True
        return super().step_back()

    def action_clear(self) -> None:
        if self.focused is self.prompts:
            self.action_list()
        else:
            super().action_clear()

    # What is done with it ---------------------------------------------------------------------------

    async def action_apply(self) -> None:
        from tui.screens.newrun import NewRun

        names = [row.name for row in self._every or ()] if self.listing.all_marked else list(self.targets())
        if names:
            draft = replace(self.home.draft or Draft(), pack=names[0], packs=tuple(names[1:]))
            await self.app.push_screen(NewRun(draft))

    async def action_try_out(self) -> None:
        """The prompt under the cursor; what comes back goes into a new run."""
        from tui.screens.newrun import NewRun
        from tui.screens.prompt import PromptEditor

        row, pack = self.prompts.item(), self.pack
        if row is None or pack is None:
            return
        prompt, negative = pack.alone(row.number - 1)

        def back(draft: Draft | None) -> None:
            if draft is not None:
                self.app.push_screen(NewRun(draft))

        async def wish(draft: Draft) -> RunRequest:
            from tui.screens.draft import request

            return request(draft)

        await self.app.push_screen(PromptEditor(Draft(prompt=prompt, negative=negative), wish), back)

    async def action_edit(self) -> None:
        from tui.screens.textedit import TextEdit

        row = self.listing.item()
        if row is None:
            return
        try:
            pack = self.pack or await text_of(self.home.asker, "packs", row.name)
        except Refused as e:
            self.home.say(e.told(), bad=True)
            return
        except NoDaemon:
            self.home.say("The daemon does not answer.", bad=True)
            return
        line = line_of(pack.text, pack.prompts, self.prompts.cursor) if self.focused is self.prompts else 0
        await self.app.push_screen(TextEdit("packs", pack.name, pack.text, line), self._saved)

    async def action_add(self) -> None:
        from tui.screens.ask import Type
        from tui.screens.textedit import TextEdit

        def named(name: str | None) -> None:
            if name and name.strip():
                self.app.push_screen(TextEdit("packs", name.strip(), ""), self._saved)

        help = (
            "Its name in the library. Prompts in plain text: an empty line between two, a line `neg: ...` within one."
        )
        await self.app.push_screen(Type("A new pack", help), named)

    def _saved(self, saved: bool | None) -> None:
        if saved:
            self.reread()

    def action_copy(self, what: str) -> None:
        row, prompt = self.listing.item(), self.prompts.item()
        if what == "id" and row is not None:
            self.home.copy(row.name, "name")
        elif prompt is not None:
            self.home.copy(prompt.text, "prompt")

    def action_outside(self) -> None:
        self.home.say("e edits it here; `stablenew pack export` writes it to a file")


def trouble_of(name: str, warnings: tuple[str, ...]) -> str:
    """What is said of this pack, with its line."""
    return next((words for words in warnings if f"{name}." in words or f"{name}:" in words), "")
