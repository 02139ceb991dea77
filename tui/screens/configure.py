"""Settings: every one with its value, where that comes from and what it is for, changed in place; and all keys."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from tui.keys import bindings, face, of, pressed, shown
from tui.live import Change, Live
from tui.messages import CursorMoved, FilterChanged, ItemOpened, PagesWanted
from tui.screens.configureasking import Asking
from tui.widgets.filterline import FilterLine
from tui.widgets.ink import Line, Piece, plain
from tui.widgets.keylist import KeyList, key_rows
from tui.widgets.panel import Panel
from tui.widgets.settinglist import MODE, PENDING, SettingList, rows, value_words
from tui.widgets.settingwords import of_fault, of_key, of_setting
from tui.widgets.tabtitles import TabTitles

TABS = ("Settings", "Keys")


class Beside(Panel):
    """What is told of the line under the cursor."""

    class Resized(Message):
        """It has another width: words break elsewhere."""

    def on_resize(self) -> None:
        super().on_resize()
        self.post_message(self.Resized())


class ConfigureScreen(Asking):
    area = "settings"
    BINDINGS = bindings(of("settings"))

    def __init__(self) -> None:
        super().__init__()
        self.tabs = TabTitles(TABS)
        self.filter_line = FilterLine()
        self.settings = SettingList()
        self.keymap = KeyList()
        self.words = Beside(id="setting-words")
        self.tab = 0
        self.filters = ["", ""]
        """Of each list."""
        self.changed_only = False
        self._undo = ""
        """What the daemon would take back: another, and learning's mode may be another too."""
        self._stamp = 0

    def body(self) -> ComposeResult:
        yield self.tabs
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.settings
            yield self.keymap
            yield self.words

    def on_mount(self) -> None:
        self.show_tab()
        self.anew()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.anew()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        if live.linked and (change.everything or live.scene.undo != self._undo):
            self._undo = live.scene.undo
            self.ask_mode()

    def tick(self) -> None:
        """Somebody may have written the file with an editor of their own."""
        try:
            stamp = self.path.stat().st_mtime_ns if self.path is not None else 0
        except OSError:
            stamp = 0
        if stamp != self._stamp:
            self._stamp = stamp
            self.anew()

    # Drawing ----------------------------------------------------------------------------------------

    @property
    def listing(self) -> SettingList | KeyList:
        return self.keymap if self.tab else self.settings

    @property
    def broken(self) -> bool:
        return self.config.fault is not None

    def show_tab(self) -> None:
        self._show_list()
        if self.filter_line.input.value != self.filters[self.tab]:
            self.filter_line.input.value = self.filters[self.tab]
        self.set_focus(self.listing)
        self.call_after_refresh(self.draw)

    def _show_list(self) -> None:
        """While the file is broken there are only defaults to list: what is wrong has their room."""
        self.settings.display = not self.tab and not self.broken
        self.keymap.display = bool(self.tab)

    def draw(self) -> None:
        if not self.is_mounted:
            return
        words = self.filters[self.tab]
        if self.tab:
            self.keymap.fill(key_rows(self.config.keymap, words=words, only_set=self.changed_only))
        else:
            self.settings.fill(
                rows(self.config, mode=self.mode, words=words, only_set=self.changed_only, pending=self.pending)
            )
        self._off_a_head()
        self.set_class(self.broken and not self.tab, "-broken")
        hidden = not self.listing.display
        self._show_list()
        if hidden and self.listing.display:
            self.set_focus(self.listing)
        self.tabs.turn(self.tab)
        self.tabs.tell(self._standing())
        self.tally()
        self.draw_words()

    def _standing(self) -> Line:
        wide = self.size.width >= 100
        if self.broken:
            return [Piece("config.toml is not obeyed", "bad")]
        if self.pending:
            many = len(self.pending)
            words = f"{PENDING} {many} {'counts' if many == 1 else 'count'} when the daemon starts again: "
            return [
                Piece(words if wide else f"{PENDING} {many} for the daemon: ", "warn"),
                Piece(face("settings.again"), "key"),
            ]
        return [Piece(plain(self.config.path.name), "dim")]

    def tally(self) -> None:
        listing = self.listing
        changed = len(self.config.keymap) if self.tab else sum(key in self.config.values for key in self.config.origins)
        every = map(listing.pages.get, range(listing.pages.total))
        many = sum(one is not None and not one.is_head for one in every)
        noun = ("keys" if self.tab else "settings") if many != 1 else ("key" if self.tab else "setting")
        only = " that are changed" if self.changed_only else f" · {changed} changed" if changed else ""
        self.filter_line.tally.tell([Piece(f"{many} {noun}{only}")])

    @on(Beside.Resized)
    def draw_words(self) -> None:
        width = self.words.room[0]
        if width <= 0:
            return
        fault = self.config.fault
        if fault is not None and not self.tab:
            lines: Sequence[Line] = of_fault(fault, self.config.fault_line, self.config.text, width)
            self.words.fill(lines, (Piece("What is wrong", "bad"),), keep_place=True)
        elif self.tab and (key := self.keymap.item()) is not None:
            lines = of_key(key.key, self.config.keymap, width) if key.key is not None else []
            self.words.fill(lines, (Piece(key.id, "title"),), keep_place=False)
        elif (row := self.settings.item()) is not None:
            self.words.fill(of_setting(row, self.config, width), (Piece(plain(row.key), "title"),), keep_place=False)
        else:
            self.words.fill((), (), keep_place=False)

    # Moving -----------------------------------------------------------------------------------------

    @on(PagesWanted)
    def _all_here(self, event: PagesWanted) -> None:
        event.stop()

    @on(CursorMoved)
    def _moved(self) -> None:
        self.draw_words()

    def _off_a_head(self) -> None:
        """The cursor stands on what can be changed: behind a section's name there always is something."""
        item = self.listing.item()
        if item is not None and item.is_head:
            self.listing.go(self.listing.cursor + 1)

    def action_move(self, by: int) -> None:
        self.listing.move(0, by)
        item = self.listing.item()
        if item is not None and item.is_head:
            self.listing.move(0, by if self.listing.cursor else 1)

    def action_half(self, pages: int) -> None:
        self.listing.half(pages)
        self._off_a_head()

    def action_top(self) -> None:
        self.listing.go(0)
        self._off_a_head()

    def action_bottom(self) -> None:
        self.listing.go(self.listing.pages.total - 1)

    def action_section(self, by: int) -> None:
        """To the first of the next section, or of the one before."""
        listing = self.listing
        heads = [n for n in range(listing.pages.total) if (one := listing.pages.get(n)) is not None and one.is_head]
        here = max((n for n in heads if n <= listing.cursor), default=0)
        place = heads.index(here) + by if here in heads else 0
        if 0 <= place < len(heads):
            listing.go(min(heads[place] + listing.rows_in_view - 1, listing.pages.total - 1))
            listing.go(heads[place])
            listing.go(heads[place] + 1)

    def action_tab(self, by: int) -> None:
        self.tab = (self.tab + by) % len(TABS)
        self.show_tab()

    def action_filter(self) -> None:
        self.filter_line.input.begin()

    @on(FilterChanged)
    def _filtered(self, event: FilterChanged) -> None:
        if event.done:
            self.set_focus(self.listing)
        if event.text != self.filters[self.tab]:
            self.filters[self.tab] = event.text
            self.draw()

    def action_clear(self) -> None:
        if not self.step_back():
            self.home.say(f"these are all there are; {pressed('app.back')} leaves")

    def step_back(self) -> bool:
        """Away with what narrows the list."""
        if not self.filters[self.tab] and not self.changed_only:
            return False
        self.changed_only = False
        self.filters[self.tab] = self.filter_line.input.value = ""
        self.draw()
        return True

    def action_only_set(self) -> None:
        self.changed_only = not self.changed_only
        self.draw()

    # Changing ---------------------------------------------------------------------------------------

    @on(ItemOpened)
    async def _opened(self) -> None:
        await self.action_change()

    async def action_change(self) -> None:
        if self.tab:
            await self._ask_key(more=False)
        elif self.broken:
            self.open_file(self.config.fault_line)
        elif (one := self.settings.item()) is not None:
            await self.ask_for(one)

    async def action_add(self) -> None:
        if self.tab:
            await self._ask_key(more=True)
        else:
            self.home.say(f"{pressed('settings.add')} gives one more key to the same, in the list of keys: ]")

    async def _ask_key(self, *, more: bool) -> None:
        row = self.keymap.item()
        if row is not None and row.key is not None:
            await self.ask_key(row.key, more=more)

    async def action_turn(self) -> None:
        """Without asking, where there are few choices."""
        row = self.settings.item() if not self.tab else None
        if row is None or row.setting is None or self.broken or row.setting is MODE or row.key == "ui.theme":
            await self.action_change()
        elif row.setting.sort == "choice":
            choices = [*([""] if row.setting.empty else []), *row.setting.choices]
            at = choices.index(str(row.value or "")) if str(row.value or "") in choices else -1
            self.put(row.key, choices[(at + 1) % len(choices)])
        else:
            await self.ask_for(row)

    def action_reset(self) -> None:
        if self.tab:
            key = self.keymap.item()
            if key is not None and key.key is not None and key.changed:
                self.put(f"ui.keymap.{key.id}", None, f"{shown(key.key.keys)} again: {key.key.does}")
            else:
                self.home.say("it is as it was by default")
            return
        row = self.settings.item()
        if row is None or row.setting is None:
            return
        if row.setting is MODE:
            self.home.say(
                f"the daemon keeps this one: {pressed('settings.change')} chooses, {pressed('app.undo')} takes it back"
            )
        elif row.origin.startswith("STABLENEW_"):
            self.home.say(f"{row.origin} of the environment sets it; only there it can be taken away", bad=True)
        elif row.origin:
            self.put(row.key, None)
        else:
            self.home.say("it is as it was by default")

    def action_file(self) -> None:
        row = self.settings.item() if not self.tab else None
        line = self.config.fault_line
        if not line and row is not None and row.origin.startswith(f"{self.config.path.name}:"):
            line = int(row.origin.rpartition(":")[2])
        self.open_file(line)

    async def action_again(self) -> None:
        await self.start_daemon_again()

    def action_copy(self) -> None:
        if self.tab:
            key = self.keymap.item()
            if key is not None and key.key is not None:
                self.home.copy(f'"{key.id}" = "{key.keys}"', key.id)
        elif (row := self.settings.item()) is not None and row.setting is not None:
            self.home.copy(f"{row.key} = {value_words(row)}", row.key)
