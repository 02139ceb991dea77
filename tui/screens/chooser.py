"""One name of many: what the nodes really have, found by typing; what they have not may be taken as well."""

from collections.abc import Callable, Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from schema.errors import NoDaemon, Refused
from schema.pages import Resource
from tui.athome import AtHome
from tui.background import begin, is_open, leave
from tui.keys import bindings, bound, face, of
from tui.link.catalogue import narrowed
from tui.messages import ItemOpened
from tui.widgets.field import Field
from tui.widgets.ink import plain
from tui.widgets.namelist import NameList


class Chooser(AtHome, ModalScreen[str | None]):
    """The chosen name, empty for the backend's own choice, None for going back.

    `lists`: of `schema.orders.BackendCard`. Of several tab shows the next, and what is chosen is told with its list:
    `loras NAME`.
    """

    BINDINGS = [*bindings(of("chooser")), *bound("dialog.back")]
    whose = "the backend's own choice"
    """What stands there where nothing is chosen."""
    asking = "asking the nodes …"
    none_like = "no node has a name like this"
    none_told = "no node has told of any; what you type is taken as it is"
    unknown = "though no node has it"

    def __init__(
        self, title: str, lists: tuple[str, ...], current: str = "", *, empty: bool = True, backend: str = ""
    ) -> None:
        """`empty`: nothing may be chosen; `backend`: only what this one has is offered."""
        super().__init__()
        self._backend = backend
        self._title = title
        self._lists = lists
        self._current = current
        self._empty = empty
        self._at = 0
        """Which of the lists is shown."""
        self._filter = ""
        self._every: Sequence[Resource] = ()
        """Of the list that is shown."""
        self._known = False
        """They have come."""
        self._taking = False
        """Enter was pressed before they had."""
        self.names = NameList()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog chooser") as dialog:
            dialog.border_title = self.title_words()
            dialog.border_subtitle = self.hints()
            yield Field(placeholder="type to narrow", compact=True, id="narrow")
            yield self.names
            yield Static("", id="told", classes="quiet")

    def hints(self) -> str:
        keys = [
            "⏎ take",
            f"{face('chooser.other')} other list" if len(self._lists) > 1 else "",
            f"{face('chooser.typed')} as typed",
        ]
        keys += [
            f"{face('chooser.nothing')} none" if self._empty else "",
            f"{face('chooser.refresh')} read again",
            f"{face('dialog.back')} back",
        ]
        return "  ".join(filter(None, keys))

    def title_words(self) -> Content:
        if len(self._lists) == 1:
            return Content(self._title)
        told = (f"[{name}]" if name == self.of else f" {name} " for name in self._lists)
        return Content(f"{self._title}  {''.join(told)}")

    @property
    def of(self) -> str:
        return self._lists[self._at]

    def on_mount(self) -> None:
        field = self.query_one(Input)
        self.set_focus(field)
        self.names.taken = self._current
        self.names.all_nodes = sum(node.state != "lost" for node in self.home.live.scene.nodes)
        self.call_after_refresh(self.ask_anew)

    # Names ------------------------------------------------------------------------------------------

    async def _fetch(self, of: str) -> None:
        try:
            self._every, self.names.starred = await self.home.favoured.first(of, await self.every(of))
        except (NoDaemon, Refused) as e:
            self.names.notice = plain(str(e))
            self.names.redraw_all()
            return
        if of == self.of and is_open(self):
            self._known = True
            self.show_names(self._index_of_current)
            if self._taking:
                self.take()

    async def every(self, of: str) -> Sequence[Resource]:
        """All there is to choose from. Raises NoDaemon or Refused."""
        return await self.home.catalogue.of(of, self._backend)

    def show_names(self, cursor: Callable[[Sequence[Resource]], int] = lambda names: 0) -> None:
        """Those that fit what is typed."""
        self._filter = self.typed
        found = narrowed(self._every, self._filter)
        self.names.notice = "" if found else self._nothing()
        self.names.fill(found, cursor(found))
        self.tell()

    def _index_of_current(self, names: Sequence[Resource]) -> int:
        return next((index for index, one in enumerate(names) if one.name == self._current), 0)

    def _nothing(self) -> str:
        return self.none_like if self._every else self.none_told

    @on(Input.Changed)
    def _narrowed(self) -> None:
        self._taking = False
        if self._known:
            self.show_names()

    def ask_anew(self) -> None:
        self._known = False
        self.names.notice = self.asking
        self.names.fill((), 0)
        begin(self, partial(self._fetch, self.of), group="names", exclusive=True)

    def tell(self) -> None:
        """What enter would do where there is nothing to take, and what the field has now."""
        typed = plain(self.typed)
        words = f"now: {now}" if (now := plain(self.now) or self.whose) else ""
        if typed and self._known and not self.names.pages.total:
            words = f"⏎ takes '{typed}' as it is typed" + (f", {self.unknown}" if self._every else "")
        elif self.names.pages.total:
            words = " · ".join(filter(None, (f"{self.names.pages.total:,}", words)))
        self.query_one("#told", Static).update(Content(words), layout=False)

    @property
    def now(self) -> str:
        """What the field has."""
        return self._current

    @property
    def typed(self) -> str:
        return self.query_one(Input).value.strip()

    # Taking one -------------------------------------------------------------------------------------

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.take()

    @on(ItemOpened)
    def _opened(self, event: ItemOpened) -> None:
        event.stop()
        self.take()

    def take(self) -> None:
        """What the cursor stands on, or what is typed where nothing is like it; once the names are here."""
        item = self.names.item()
        if not self._known:
            self._taking = True
        elif item is not None:
            leave(self, self.told(item.name))
        else:
            self.action_as_typed()

    def action_as_typed(self) -> None:
        if self.typed:
            leave(self, self.told(self.typed))

    def told(self, name: str) -> str:
        return f"{self.of} {name}" if len(self._lists) > 1 else name

    def action_other(self) -> None:
        if len(self._lists) > 1:
            self._at = (self._at + 1) % len(self._lists)
            self.query_one(".dialog").border_title = self.title_words()
            self.ask_anew()

    def action_nothing(self) -> None:
        if self._empty:
            leave(self, "")

    def action_step(self, by: int) -> None:
        self.names.move(0, by)

    def action_half(self, by: int) -> None:
        self.names.half(by)

    def action_refresh(self) -> None:
        begin(self, self._refresh, group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.home.refresh_nodes()
        if is_open(self):
            self.ask_anew()

    def action_leave(self) -> None:
        leave(self, None)
