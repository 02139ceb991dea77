"""One name of many: what the nodes really have, found by typing; what they have not may be taken as well."""

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from schema.errors import NoDaemon, Refused
from tui.background import begin
from tui.messages import ItemOpened, PagesWanted
from tui.widgets.ink import plain
from tui.widgets.namelist import NameList
from tui.widgets.pages import PAGE

if TYPE_CHECKING:
    from textual.timer import Timer

    from tui.app import StableNew

WAIT = 0.12
"""Seconds after the last letter before the names are asked for."""


class Chooser(ModalScreen[str | None]):
    """The chosen name, empty for the backend's own choice, None for going back.

    `lists`: of `schema.orders.BackendCard`. Of several tab shows the next, and what is chosen is told with its list:
    `loras NAME`.
    """

    BINDINGS = [
        Binding("escape", "leave", "back"),
        Binding("down", "step(1)", "down", priority=True),
        Binding("up", "step(-1)", "up", priority=True),
        Binding("pagedown", "half(1)", "page down", priority=True),
        Binding("pageup", "half(-1)", "page up", priority=True),
        Binding("ctrl+j,ctrl+s", "as_typed", "take what is typed", priority=True),
        Binding("ctrl+x", "nothing", "the backend's own choice", priority=True),
        Binding("tab,shift+tab", "other", "the other list", priority=True),
        Binding("ctrl+r", "refresh", "let the nodes read their lists again", priority=True),
    ]

    def __init__(self, title: str, lists: tuple[str, ...], current: str = "", *, empty: bool = True) -> None:
        super().__init__()
        self._title = title
        self._lists = lists
        self._current = current
        self._empty = empty
        self._at = 0
        """Which of the lists is shown."""
        self._filter = ""
        self._typing: Timer | None = None
        self._taking = False
        """Enter was pressed before the names had come."""
        self._none = False
        """The nodes have nothing at all in these lists."""
        self.names = NameList()

    @property
    def home(self) -> "StableNew":
        from tui.app import StableNew

        assert isinstance(self.app, StableNew)
        return self.app

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog chooser") as dialog:
            dialog.border_title = self.title_words()
            keys = ["⏎ take", "tab other list" if len(self._lists) > 1 else "", "^j as typed"]
            keys += ["^x none" if self._empty else "", "^r read again", "esc back"]
            dialog.border_subtitle = "  ".join(filter(None, keys))
            yield Input(placeholder="type to narrow", compact=True, id="narrow")
            yield self.names
            yield Static("", id="told", classes="quiet")

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
        field.cursor_blink = self.app.animation_level != "none"
        self.set_focus(field)
        self.names.taken = self._current
        self.names.all_nodes = sum(node.state != "lost" for node in self.home.live.scene.nodes)
        self.names.notice = "asking the nodes …"
        self.tell()

    def on_resize(self) -> None:
        self.call_after_refresh(self.names.want)

    # Names ------------------------------------------------------------------------------------------

    @on(PagesWanted)
    def _wanted(self, event: PagesWanted) -> None:
        event.stop()
        for page in event.pages:
            begin(self, partial(self._fetch, page), group="names")

    async def _fetch(self, page: int) -> None:
        pages = self.names.pages
        age = pages.age
        try:
            got = await self.home.asker.names(self.of, self._filter, page * PAGE, PAGE)
        except (NoDaemon, Refused) as e:
            pages.failed(page)
            self.names.notice = plain(str(e))
            self.names.redraw_all()
            return
        if age != pages.age or not self.is_current:
            return
        first = not pages.known
        changed = pages.put(page, got.items, got.total, self.names.cursor)
        if first:
            self._none = not got.total and not self._filter
            self.names.cursor = self._index_of_current() if not self._filter else 0
            self.names.notice = "" if got.total else self._nothing()
        self.names.arrived(changed, total_changed=first)
        self.names.scroll_to_row(self.names.cursor)
        self.tell()
        if first and self._taking:
            self.take()

    def _index_of_current(self) -> int:
        pages = self.names.pages
        here = (i for i in range(min(pages.total, PAGE)) if (one := pages.get(i)) and one.name == self._current)
        return next(here, 0)

    def _nothing(self) -> str:
        if self._filter:
            return "no node has a name like this"
        return "no node has told of any; what you type is taken as it is"

    @on(Input.Changed)
    def _narrowed(self, event: Input.Changed) -> None:
        if self._typing is not None:
            self._typing.stop()
        self._taking = False
        self._typing = self.set_timer(WAIT, partial(self.narrow, event.value.strip()))
        self.tell()

    def narrow(self, words: str) -> None:
        if words != self._filter:
            self._filter = words
            self.ask_anew()

    def ask_anew(self) -> None:
        self.names.pages.forget()
        self.names.cursor = self.names.top = 0
        self.names.notice = ""
        self.names.want()

    def tell(self) -> None:
        """What enter would do where there is nothing to take, and what the field has now."""
        typed = plain(self.typed)
        words = f"now: {plain(self._current)}" if self._current else "now: the backend's own choice"
        if typed and self.names.pages.known and not self.names.pages.total:
            words = f"⏎ takes '{typed}' as it is typed" + ("" if self._none else ", though no node has it")
        elif self.names.pages.total:
            words = f"{self.names.pages.total:,} · {words}"
        self.query_one("#told", Static).update(Content(words), layout=False)

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
        """What the cursor stands on; what is typed where the list is not the one that was typed for, or empty."""
        item = self.names.item()
        if item is not None and self._filter == self.typed:
            self.dismiss(self.told(item.name))
        elif self.names.pages.known and not self.names.pages.total and self.typed:
            self.action_as_typed()
        else:
            self._taking = True
            self.narrow(self.typed)

    def action_as_typed(self) -> None:
        if self.typed:
            self.dismiss(self.told(self.typed))

    def told(self, name: str) -> str:
        return f"{self.of} {name}" if len(self._lists) > 1 else name

    def action_other(self) -> None:
        if len(self._lists) > 1:
            self._at = (self._at + 1) % len(self._lists)
            self.query_one(".dialog").border_title = self.title_words()
            self.ask_anew()

    def action_nothing(self) -> None:
        if self._empty:
            self.dismiss("")

    def action_step(self, by: int) -> None:
        self.names.move(0, by)

    def action_half(self, by: int) -> None:
        self.names.half(by)

    def action_refresh(self) -> None:
        begin(self, self._refresh, group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.home.refresh_nodes()
        if self.is_current:
            self.ask_anew()

    def action_leave(self) -> None:
        self.dismiss(None)
