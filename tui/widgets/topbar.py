"""The first line: where one can go, where one is, and whether the daemon is there."""

from rich.cells import cell_len
from textual import events

from tui.keys import AREAS
from tui.live import Live
from tui.widgets.ink import Drawn, Line, Piece, measure
from tui.widgets.nodeline import STRANGERS, troubled


class TopBar(Drawn):
    ALLOW_SELECT = False

    def __init__(self, area: str) -> None:
        super().__init__()
        self._area = area
        self._live = Live()
        self._time = ""

    def show(self, live: Live, time: str) -> None:
        """Draws what changed; `time` is `12:41`."""
        before = self.line(0)
        self._live, self._time = live, time
        if tuple(before) != tuple(self.line(0)):
            self.redraw(0)

    def line(self, y: int) -> Line:
        width = self.size.width
        wide = width >= 100
        left = [Piece(" stablenew  " if wide else " ", "title"), *self._areas(" " if wide else "")]
        told, right = self._right(wide)

        def gap() -> int:
            return width - measure(left) - measure(told) - measure(right) - 1

        if gap() < 1:  # where there is little room the name goes first, then what is wrong: the footer tells it too
            left = [Piece(" ", "title"), *self._areas("")]
        while gap() < 1 and told:
            told.pop(0)
        if gap() < 1:
            left = [Piece(" ", "title"), *self._areas("", letters=True)]
        return [*left, Piece(" " * max(1, gap())), *told, *right]

    def _areas(self, between: str, *, letters: bool = False) -> list[Piece]:
        """A piece for each area; with `letters` the others are what is typed behind the leader."""
        told = []
        for area in AREAS:
            here = area.id == self._area
            word = f"[{area.title}]" if here else f" {area.letter if letters else area.title} "
            told.append(Piece(word + between, "active" if here else "dim"))
        return told

    def _right(self, wide: bool) -> tuple[list[Piece], list[Piece]]:
        """What is wrong or waits, where there is room for it; and what is always told."""
        nodes = [node for node in self._live.scene.nodes if node.state not in STRANGERS]
        waiting = sum(node.state == "new" for node in self._live.scene.nodes)
        up = sum(node.state in ("ready", "busy") for node in nodes)
        count = f"{up}/{len(nodes)}"
        if not self._live.linked:
            return [], [Piece("○ ", "bad"), Piece("no daemon" if wide else "off", "bad"), self._clock(wide)]
        sign = Piece("● ", "good" if up == len(nodes) and up else "warn")
        bad = troubled(nodes)
        told = [Piece(f"{bad[0]}  ", bad[1])] if bad else []
        words = f"{waiting} {'asks' if waiting == 1 else 'ask'} to join  "
        told += [Piece(words if wide else f"+{waiting}  ", "mark")] if waiting else []
        stands = "read-only" if _only_shows(self._live) else "daemon up"
        if stands == "read-only":
            sign = Piece("● ", "bad")
        if not wide:
            return told, [sign, Piece(count, "text")]
        word = "node" if len(nodes) == 1 else "nodes"
        return told, [sign, Piece(stands, "text"), Piece(f"  {count} {word}", "text"), self._clock(wide)]

    def _clock(self, wide: bool) -> Piece:
        return Piece(f"  {self._time}" if wide else "", "dim")

    async def on_click(self, event: events.Click) -> None:
        """A click on an area's name goes there."""
        x = cell_len(self.line(0)[0].text)
        for area, piece in zip(AREAS, self.line(0)[1:], strict=False):
            x += cell_len(piece.text)
            if event.x < x:
                await self.run_action(f"app.go('{area.id}')")
                return


def _only_shows(live: Live) -> bool:
    """Nobody asked for a moment, and yet nothing can be changed."""
    return live.standing.state == "read-only" and bool(live.standing.trouble)
