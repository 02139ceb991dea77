"""Textual's palette, patient with keys that come before its list is laid out. What is in it, the app says."""

from contextlib import suppress

from textual.command import CommandPalette


class Palette(CommandPalette):
    def _action_command_list(self, action: str) -> None:
        """Textual looks up the line of the highlighted command, and has none before it has drawn the list."""
        with suppress(KeyError):
            super()._action_command_list(action)
