"""Variants of a prompt, one a line: what sets each apart."""

from collections.abc import Sequence

from textual.strip import Strip

from schema.plans import Pick
from schema.prompts import Sample
from tui.keys import bindings, of
from tui.messages import PagesWanted
from tui.widgets.held import FormList
from tui.widgets.ink import Piece, fit, plain, shortened, wrap

WITHIN = " > "
"""In the key of a place that stands within another's value, which tells it already."""


def sets_apart(pick: Pick) -> bool:
    """Neither held at one value nor told by the place it stands within."""
    return WITHIN not in pick.key and not pick.source.startswith("--lock")


class Numbered(Sample, frozen=True, kw_only=True):
    """A sample in its place, as it will run."""

    number: int
    edited: bool = False


class SampleList(FormList[Numbered]):
    BINDINGS = bindings(of("samples"))
    own_keys = "samples"
    notice = "every picture that it will make, a line each; {dawn|dusk} or __sky__ in the prompt makes several"

    def __init__(self) -> None:
        super().__init__(lambda one: str(one.number), id="samples")
        self._here = 0

    def fill(self, items: Sequence[Numbered], total: int | None = None) -> None:
        self._here = len(items)
        super().fill(items, total)
        self.want()

    def want(self) -> None:
        """The first are here; those below are asked for as one comes to them."""
        last = min(self.in_view()[1], self.pages.total - 1)
        if last >= self._here:
            self.post_message(PagesWanted([]))

    def inner(self, y: int, width: int) -> Strip:
        if not self.pages.total:
            return self.strip(
                [Piece(f" {line}", "faint") for line in wrap(self.notice, width - 2, 5)[y : y + 1]], width
            )
        return super().inner(y, width)

    def cell_line(self, index: int, item: Numbered | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        number = Piece(f"{index + 1:>5} ", "dim")
        head = Piece(">" if here else " ", "strong")
        if item is None:
            return self.strip([head, number, Piece("…", "faint")], width, over)
        sign = Piece("* " if item.edited else "", "mark")
        return self.strip([head, number, sign, *self.words(item, width - 7 - len(sign.text))], width, over)

    def words(self, item: Numbered, width: int) -> list[Piece]:
        told = [plain(pick.value) or "nothing" for pick in item.picks if sets_apart(pick)]
        if not told or item.edited:
            return [Piece(fit(plain(item.prompt) or "no words", max(1, width)))]
        pieces: list[Piece] = []
        for at, word in enumerate(told):
            pieces += [Piece(" · ", "faint")] if at else []
            pieces.append(Piece(word))
        return shortened(pieces, width)
