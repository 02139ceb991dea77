"""Models, LoRAs, embeddings and all else with a name, as a table."""

from textual.strip import Strip

from schema.models import ModelRow
from tui.widgets.ink import Piece, fit
from tui.widgets.listing import Listing
from tui.widgets.modelline import heading, pieces
from tui.widgets.pages import Pages


class ModelTable(Listing[ModelRow]):
    header_lines = 1

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self, title: str) -> None:
        super().__init__(Pages(self.name_of), id="models")
        self.headed(title, "")

    def headed(self, title: str, kind: str) -> None:
        """`kind`: which of them are listed; empty: the usual."""
        self.title_line = (Piece(title, "title"), *((Piece(f"  {kind}", "dim"),) if kind else ()))

    def name_of(self, item: ModelRow) -> str:
        """A content may have several names, and a name several contents."""
        return item.key if item.path or item.key.startswith("name:") else f"name:{item.list}/{item.name}"

    def header_line(self, line: int, width: int) -> Strip:
        return self.strip(heading(width), width)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 3:
            words = '  None. Name folders in config.toml: [library] models = ["~/models"], or bring in a node.'
            return self.strip([Piece(fit(words, width), "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: ModelRow | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        return self.strip(pieces(item, width, cursor=here, marked=self.is_marked(item)), width, over)
