"""Models that sites offer: two lines each, and how far a download is."""

from collections.abc import Mapping

from textual.strip import Strip

from schema.models import Fetching, Offer
from schema.sizes import size
from tui.widgets.held import FormList
from tui.widgets.ink import Piece, fit, plain
from tui.widgets.jobrow import bar
from tui.widgets.modelline import SHORT


class OfferTable(FormList[Offer]):
    def __init__(self, under_way: Mapping[str, Fetching]) -> None:
        """`under_way`: downloads by the offer's id, also those that have ended."""
        super().__init__(lambda offer: offer.id, id="offers")
        self._under_way = under_way

    def cells(self) -> tuple[int, int]:
        return 1, 2

    def cell_line(self, index: int, item: Offer | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip((), width, over)
        if line == 0:
            told = f"{SHORT.get(item.list, item.list):>8} {item.base:>6} {size(item.bytes) if item.bytes else '?':>9}"
            name = Piece(" " + fit(plain(item.name), max(8, width - len(told) - 2)), "strong" if here else "text")
            return self.strip([name, Piece(plain(told), "dim")], width, over)
        return self.strip([*self.state(item), Piece(f"  {self.about(item)}", "dim")], width, over)

    def state(self, item: Offer) -> list[Piece]:
        going = self._under_way.get(item.id)
        if going is None:
            return [Piece("   it is here" if item.have else "", "good")]
        if going.state == "done":
            return [Piece("   here now", "good")]
        if going.state == "failed":
            return [Piece(f"   {plain(going.reason) or 'failed'}", "bad")]
        part = going.bytes / going.total if going.total else 0.0
        return [Piece("   "), *bar(part, 12), Piece(f" {size(going.bytes)}", "run")]

    def about(self, item: Offer) -> str:
        words = [item.source, f"by {item.author}" if item.author else "", f"{item.downloads:,} downloads"]
        return plain(" · ".join(filter(None, (*words, ", ".join(item.triggers[:4])))))
