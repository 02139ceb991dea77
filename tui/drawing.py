"""How pictures are drawn, changed while the program runs: half cells, the terminal's own pictures, or none."""

from typing import TYPE_CHECKING, Literal, get_args

from tui.greys import Greys
from tui.keys import pressed
from tui.widgets.livepicture import LivePicture
from tui.widgets.preview import Preview, sharp_now
from tui.widgets.thumbs import Thumbs

if TYPE_CHECKING:
    from tui.widgets.preview import SharpClass

How = Literal["half", "kitty", "sixel", "none"]

WORDS: dict[How, str] = {
    "half": "pictures in half cells: any terminal can",
    "kitty": "pictures by kitty's protocol; if none is seen this terminal cannot: {key} again",
    "sixel": "pictures by sixel; if none is seen this terminal cannot: {key} again",
    "none": "no pictures",
}


class Drawing(Greys):
    sharp: "SharpClass | None"
    """The widget of the terminal's own pictures; None: half cells."""
    thumbs: Thumbs

    @property
    def how_drawn(self) -> How:
        if self.thumbs.off:
            return "none"
        if self.sharp is None:
            return "half"
        return "kitty" if self.sharp.__name__ == "TGPImage" else "sixel"

    @property
    def sharp_live(self) -> "SharpClass | None":
        """For a picture that comes anew all the time: sixel flickers when it is drawn again and again."""
        return self.sharp if self.how_drawn == "kitty" else None

    def draw_by(self, how: How) -> None:
        """From now on, for as long as the program runs; areas that are not in view follow when they come into it."""
        self.sharp = sharp_now(how)
        self.thumbs.off = how == "none"
        for screen in self.screen_stack:
            for preview in screen.query(Preview):
                preview.use(self.sharp)
            for live in screen.query(LivePicture):
                live.use(self.sharp_live)
        self.drawn_otherwise()

    def drawn_otherwise(self) -> None:
        """Pictures are drawn in another way now."""

    def action_pictures(self) -> None:
        """The next way of drawing them."""
        ways = get_args(How)
        how = ways[(ways.index(self.how_drawn) + 1) % len(ways)]
        self.draw_by(how)
        self.told_how(WORDS[how].format(key=pressed("gallery.pictures")))

    def told_how(self, words: str) -> None:
        """What a person is told of it."""
