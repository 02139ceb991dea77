"""A list with the details of one item: beside it where there is room, instead of it where there is none."""

from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from tui.screens.listarea import ListScreen
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel

Item = TypeVar("Item")

BROAD = 170
"""Cells of a terminal from which on there is room for wide details beside the list."""


class SplitScreen(ListScreen[Item]):
    """One goes from the list to `details` and back."""

    @property
    def details(self) -> Widget:
        raise TypeError("a split screen says what stands beside its list")

    def action_open(self) -> None:
        self.action_details()

    def action_details(self) -> None:
        self.add_class("-open")
        if self.details.is_on_screen:  # the next key is meant for it
            self._into_details()
        else:
            self.call_after_refresh(self._into_details)

    def _into_details(self) -> None:
        self.set_focus(self.details)
        self.look()

    def action_list(self) -> None:
        self.remove_class("-open")
        self.set_focus(self.listing)

    def step_back(self) -> bool:
        if self.focused is self.details:
            self.action_list()
            return True
        return super().step_back()

    def action_clear(self) -> None:
        if self.focused is self.details:
            self.action_list()
        else:
            super().action_clear()

    # Moving, where the details are a list of their own ----------------------------------------------

    @property
    def moved(self) -> Listing[Item] | None:
        """The list within the details, while one is there."""
        return self.details if isinstance(self.details, Listing) and self.focused is self.details else None

    def action_move(self, across: int, down: int) -> None:
        if (inner := self.moved) is not None:
            inner.move(across, down)
        else:
            super().action_move(across, down)

    def action_half(self, pages: int) -> None:
        if (inner := self.moved) is not None:
            inner.half(pages)
        else:
            super().action_half(pages)

    def action_top(self) -> None:
        if (inner := self.moved) is not None:
            inner.go(0)
        else:
            super().action_top()

    def action_bottom(self) -> None:
        if (inner := self.moved) is not None:
            inner.go(inner.pages.total - 1)
        else:
            super().action_bottom()


class BesideScreen(SplitScreen[Item]):
    """The details are a card, which the keys of the list scroll while it has the focus."""

    def __init__(self) -> None:
        super().__init__()
        self.card = Panel(id="card")
        self.beside = Vertical(id="beside")

    @property
    def details(self) -> Widget:
        return self.card

    def compose_beside(self) -> ComposeResult:
        with self.beside:
            yield from self.above_card()
            yield self.card

    def above_card(self) -> ComposeResult:
        yield from ()

    def action_move(self, across: int, down: int) -> None:
        if self.focused is self.card:
            self.card.scroll_by(down)
        else:
            super().action_move(across, down)

    def action_half(self, pages: int) -> None:
        if self.focused is self.card:
            self.card.scroll_by(pages * self.card.room[1] // 2)
        else:
            super().action_half(pages)
