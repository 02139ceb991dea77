"""Every message of the terminal UI. Widgets post upward what happened; screens set downward what is.

`can_replace` lets a newer message swallow an older one that still waits: back-pressure in one line.
"""

from typing import TYPE_CHECKING

from textual.message import Message

from schema.scenes import Frame

if TYPE_CHECKING:
    from tui.screens.draft import Draft


class FrameArrived(Message):
    """The daemon told something."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        super().__init__()


class WentSilent(Message):
    """The daemon does not answer; it is tried again."""

    def __init__(self, reason: str, again_in: float) -> None:
        self.reason = reason
        self.again_in = again_in
        super().__init__()


class CursorMoved(Message):
    """A list's cursor stands on another item."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, CursorMoved)


class PagesWanted(Message):
    """A list shows rows that are not here yet."""

    def __init__(self, pages: list[int]) -> None:
        self.pages = pages
        super().__init__()


class ItemOpened(Message):
    """A list's item was double-clicked."""


class MarksChanged(Message):
    """Other items are marked."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, MarksChanged)


class FilterChanged(Message):
    """Another filter was typed; `done` when it was accepted or given up."""

    def __init__(self, text: str, *, done: bool) -> None:
        self.text = text
        self.done = done
        super().__init__()


class StagesEdited(Message):
    """The cards of the stages were changed: the whole draft as it is now."""

    def __init__(self, draft: "Draft") -> None:
        self.draft = draft
        super().__init__()
