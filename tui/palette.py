"""Textual's palette, patient with keys and clicks that come before or after its time. What is in it, the app says."""

from contextlib import suppress

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, Provider

from tui.background import is_open


def commands() -> type[Provider]:
    """Loaded when the palette is first opened."""
    from tui.commands import Commands

    return Commands


class Palette(CommandPalette):
    def _action_command_list(self, action: str) -> None:
        """Textual looks up the line of the highlighted command, and has none before it has drawn the list."""
        with suppress(KeyError):
            super()._action_command_list(action)

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Of two clicks beside it at once, the second would take away what is below it."""
        return super().dismiss(result) if is_open(self) else AwaitComplete()
