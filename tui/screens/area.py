"""What every area is: the top line, its own body, the two last lines.

An area is told what changed (`told`) and asks for what it shows; between two looks it keeps what it has.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen

from tui.athome import AtHome
from tui.keys import Key, of, places_of
from tui.live import Change, Live
from tui.widgets.banner import Banner
from tui.widgets.filterline import FilterInput
from tui.widgets.foot import Foot
from tui.widgets.listing import Listing
from tui.widgets.thrift import ThriftyCompositor
from tui.widgets.toosmall import TooSmall
from tui.widgets.topbar import TopBar


class AreaScreen(AtHome, Screen[None]):
    """A screen with a tab. `area` is its id in `keys.AREAS`."""

    area: ClassVar[str]
    place: ClassVar[str] = ""
    """Whose keys it has, of `keys.TITLES`; empty: the area's."""
    AUTO_FOCUS = ""
    ready = False
    """Its parts are there; before, nothing is told to it."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ThriftyCompositor()
        self.top_bar = TopBar(self.area)
        self.banner = Banner()
        self.foot = Foot()

    def compose(self) -> ComposeResult:
        yield self.top_bar
        yield self.banner
        yield from self.body()
        yield TooSmall()
        yield self.foot

    def body(self) -> ComposeResult:
        yield from ()

    def told(self, live: Live, change: Change) -> None:
        """The newest state, and what of it is new."""
        self.top_bar.show(live, self.home.time())
        self.foot.show(live, self.home.again())
        self.banner.tell(self.home.banner(self.size.width))
        self.tell_keys()

    def tell_keys(self) -> None:
        """In the last line, what the keys do here."""
        self.foot.hint(self.home.hints(self.told_keys()), self.home.keymap_of_user)
        for field in self.query(FilterInput):
            field.name_key()

    def told_keys(self) -> tuple[Key, ...]:
        """Those that do something where one is."""
        return self.hinted()

    def tick(self) -> None:
        """Time passes, though nothing is told: every few seconds."""

    def hinted(self) -> tuple[Key, ...]:
        """What the palette and the last line tell, the most used first."""
        own = self.focused.own_keys if isinstance(self.focused, Listing) else ""
        places = (own, *places_of(self.place or self.area))
        return (*(key for place in places for key in of(place)), *of("everywhere"))

    def event_here(self) -> int | None:
        """The event of the log that the cursor stands on, where it stands on one."""
        return None

    def moment_here(self) -> str:
        """The moment that the cursor stands on, as a person writes it; empty: on none."""
        event = self.event_here()
        return str(event) if event is not None else ""

    def action_top(self) -> None:
        """To the top of what there is."""

    def step_back(self) -> bool:
        """Undoes one step inwards: an open pane, the marks. False: there was none."""
        return False

    def lead(self, pending: bool) -> None:
        """The leader was pressed, or is over."""
        if self.ready:
            self.foot.lead(pending)

    def on_mount(self) -> None:
        self.ready = True
        self.told(self.home.live, Change(everything=True, scene=True))

    def on_resize(self) -> None:
        if self.ready:
            self.call_after_refresh(lambda: self.banner.tell(self.home.banner(self.size.width)))

    def on_screen_resume(self) -> None:
        if self.ready:
            self.told(self.home.live, Change(everything=True, scene=True))
