"""The app, as its screens and widgets know it."""

from typing import TYPE_CHECKING, Protocol

from textual.app import App

if TYPE_CHECKING:
    from tui.app import StableNew


class Shown(Protocol):
    """Whatever is shown by an app."""

    @property
    def app(self) -> App[object]: ...


class AtHome:
    """Of a screen or a widget that asks its app for more than drawing."""

    @property
    def home(self: Shown) -> "StableNew":
        from tui.app import StableNew

        assert isinstance(self.app, StableNew)
        return self.app
