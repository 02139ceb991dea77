"""Models on Civitai and Hugging Face, found by words and fetched into the library; the download goes on behind."""

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from schema.errors import NoDaemon, Refused
from schema.models import Fetching, ModelWanted, Offer
from tui.athome import AtHome
from tui.background import begin, is_open, leave
from tui.keys import bound, hints
from tui.link.offers import fetching, offers
from tui.messages import ItemOpened
from tui.widgets.field import Field
from tui.widgets.ink import plain
from tui.widgets.offertable import OfferTable

Fetchings = dict[str, Fetching]
"""Downloads that were begun here, by the offer's id, also those that have ended."""


class Offers(AtHome, ModalScreen[None]):
    BINDINGS = bound("dialog.back", "offers.take", "offers.words")

    def __init__(self, of: str, words: str, under_way: Fetchings) -> None:
        """`of`: the kind that is looked for; empty: any. `words`: to begin with. `under_way` is kept up to date also
        when the dialog was left."""
        super().__init__()
        self._of = of
        self._words = words
        self.under_way = under_way
        self.table = OfferTable(under_way)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog chooser offers") as dialog:
            dialog.border_title = "Models on Civitai and Hugging Face"
            dialog.border_subtitle = hints("⏎ search, fetch", "tab list", "dialog.back back")
            yield Field(self._words, placeholder="words, then enter", id="search", compact=True, select_on_focus=False)
            yield self.table
            yield Static("", id="told")

    def on_mount(self) -> None:
        self.action_words()
        if self._words:
            self._search()

    def tell(self, words: str, *, bad: bool = False) -> None:
        if is_open(self):
            line = self.query_one("#told", Static)
            line.set_class(bad, "wrong")
            line.update(Content(plain(words)))

    # Searching --------------------------------------------------------------------------------------

    def action_words(self) -> None:
        self.set_focus(self.query_one(Input))

    @on(Input.Submitted)
    def _search(self) -> None:
        if words := self.query_one(Input).value.strip():
            self.tell("asking …")
            begin(self, partial(self._ask, words), group="search", exclusive=True)

    async def _ask(self, words: str) -> None:
        try:
            found = await offers(self.home.asker, words, self._of)
        except Refused as e:
            self.tell(e.told(), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer", bad=True)
        else:
            self.table.fill(found)
            self.tell(f"{len(found)} found" if found else "nothing is called so")
            if found:
                self.set_focus(self.table)

    # Fetching ---------------------------------------------------------------------------------------

    @on(ItemOpened)
    def action_take(self) -> None:
        offer = self.table.item()
        if self.focused is not self.table or offer is None:
            return
        going = self.under_way.get(offer.id)
        if offer.have:
            self.tell("it is here already")
        elif going is None or going.state != "running":
            self.under_way[offer.id] = Fetching(id=offer.id, total=offer.bytes)
            begin(self.home, partial(self._fetch, offer), group="fetching")

    async def _fetch(self, offer: Offer) -> None:
        """Goes on when the dialog is left; its end is told wherever one is then."""
        home = self.home
        try:
            async for state in fetching(home.asker, ModelWanted(id=offer.id, list=offer.list)):
                self._follow(offer, state)
        except Refused as e:
            self._follow(offer, Fetching(id=offer.id, state="failed", reason=e.told()))
        except NoDaemon:
            reason = "the daemon does not answer; it goes on with it when it is there"
            self._follow(offer, Fetching(id=offer.id, state="failed", reason=reason))
        end = self.under_way[offer.id]
        if end.state == "failed":
            home.say(f"{offer.name}: {end.reason or 'the download failed'}", bad=True)
        else:
            home.say(f"{offer.name} is here: {end.path}")

    def _follow(self, offer: Offer, state: Fetching) -> None:
        self.under_way[offer.id] = state
        if is_open(self):
            self.table.redraw_all()

    def action_leave(self) -> None:
        leave(self, None)
