"""NO_COLOR, also where a theme is made of the terminal's own colours: of those nobody knows how bright they are."""

from collections.abc import Sequence
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter, Monochrome, monochrome_style

DEFAULT = Style.from_color(RichColor.default(), RichColor.default())


class OwnGreys(LineFilter):
    """Pictures in greys, all else as the terminal writes by itself. As greys, its own colours would be all the same:
    letters of the colour of their ground."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and _colourless(style), control) for text, style, control in segments]


class Greys(App[None]):
    """Textual decides on its filter before a theme is taken, and keeps it whatever theme comes."""

    _own_greys = OwnGreys()

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        if not self.no_color or not self.native_ansi_color:
            return filters
        return [self._own_greys if isinstance(one, Monochrome) else one for one in filters]


@lru_cache(1024)
def _colourless(style: Style) -> Style:
    colours = [one for one in (style.color, style.bgcolor) if one is not None]
    return monochrome_style(style) if colours and all(one.triplet for one in colours) else style + DEFAULT
