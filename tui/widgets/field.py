"""A line that is typed: what it has may come from anywhere, and is shown so that nothing in it steers the terminal."""

from rich.text import Text
from textual.widgets import Input

from tui.widgets.ink import harmless


class Field(Input):
    """Its value stays as it is, the cursor where it stands."""

    @property
    def _value(self) -> Text:
        shown = super()._value
        shown.plain = harmless(shown.plain)
        return shown
