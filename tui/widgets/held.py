"""A list whose items all lie here: filled at once, the cursor stays on its item."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tui.keys import bindings, of
from tui.widgets.listing import Listing
from tui.widgets.pages import PAGE, Pages

Item = TypeVar("Item")


class HeldList(Listing[Item]):
    """It is moved by the keys of its screen."""

    def __init__(self, key: Callable[[Item], str], *, id: str) -> None:
        super().__init__(Pages(key), id=id)
        self._key = key

    def name_of(self, item: Item) -> str:
        return self._key(item)

    def fill(self, items: Sequence[Item], total: int | None = None) -> None:
        """`total`: how many there are, where only the first are here."""
        stood = self.item()
        many = len(items) if total is None else max(total, len(items))
        self.pages.forget()
        for page in range(0, max(1, len(items)), PAGE):
            self.pages.put(page // PAGE, items[page : page + PAGE], many, page)
        index = self.pages.find(self._key(stood)) if stood is not None else None
        self.cursor = max(0, min(index if index is not None else self.cursor, many - 1))
        self.top = max(0, min(self.top, self.rows - self.rows_in_view))
        self.scroll_to_row(self.cursor // self.cells()[0])
        self.redraw_all()


class FormList(HeldList[Item], Generic[Item]):
    """Moves by its own keys: it stands in a form, whose screen has none of lists."""

    BINDINGS = bindings(of("held"))

    def action_step(self, by: int) -> None:
        self.move(0, by)

    def action_page(self, by: int) -> None:
        self.half(by)

    def action_jump(self, to: int) -> None:
        self.go(to if to >= 0 else self.pages.total - 1)
