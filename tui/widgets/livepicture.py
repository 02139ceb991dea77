"""The unfinished picture of a running job: fetched again when there is a newer one, at most once a second; where it is
asked for, also what became of it.

Nothing is fetched while it is not shown, and never two at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.strip import Strip

from schema.errors import NoDaemon, Refused
from tui.background import begin
from tui.widgets.halfcell import Cells, NoPicture, cells_of
from tui.widgets.ink import Framed, Piece
from tui.widgets.preview import opened, set_picture

if TYPE_CHECKING:
    from tui.widgets.preview import SharpClass


MADE = -1
"""In place of a number: the picture that a finished job has made."""


class LivePicture(Framed):
    """`fetch(job)` brings its newest JPEG; `true`: whether the terminal shows 24-bit colours; `pause` in seconds.

    `made(job)` brings what a finished one has made.
    """

    ALLOW_SELECT = False

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[bytes]],
        *,
        true: Callable[[], bool],
        pause: float,
        sharp: "SharpClass | None" = None,
        made: Callable[[str], Awaitable[bytes]] | None = None,
    ) -> None:
        super().__init__(id="live")
        self.display = False
        self._fetch = fetch
        self._made = made or fetch
        self._true = true
        self._pause = pause
        self._sharp = sharp
        self._wanted: tuple[str, int] | None = None
        """Job and number of its newest picture."""
        self._shown: tuple[str, int] | None = None
        self._cells: Cells | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        if self._sharp is not None:
            yield self._sharp(None, classes="sharp")

    def use(self, sharp: "SharpClass | None") -> None:
        """Draws by another protocol from now on."""
        if sharp is not self._sharp:
            self.query(".sharp").remove()
            self._sharp = sharp
            if sharp is not None:
                self.mount(sharp(None, classes="sharp"))
            self.show(None)

    def show(self, job: str | None, number: int = 0, *, keep: bool = False) -> None:
        """The job that is looked at; None: none, or none that runs. Number 0: what is shown of it stays; with `keep`
        also what is shown of another."""
        if keep and (job is None or number == 0):
            return
        if job is None or (number == 0 and (self._wanted is None or self._wanted[0] != job)):
            self._wanted = self._shown = self._cells = None
            self.display = False
        elif number and (job, number) != self._wanted:
            if self._wanted is not None and self._wanted[0] != job and not keep:
                self._shown = self._cells = None
                self.display = False
            self._wanted = (job, number)
            if not self._busy:
                self._busy = True
                begin(self, self._follow, group="live")

    async def _follow(self) -> None:
        try:
            while self._wanted is not None and self._wanted != self._shown:
                wanted = self._wanted
                await self._bring(wanted)
                await asyncio.sleep(self._pause)
        finally:
            self._busy = False

    async def _bring(self, wanted: tuple[str, int]) -> None:
        try:
            blob = await (self._made if wanted[1] == MADE else self._fetch)(wanted[0])
            self._shown = wanted
            if self._sharp is not None:
                picture = await asyncio.to_thread(opened, blob)
            else:
                columns, lines = self.room if self.display else self.room_to_be()
                cells = await asyncio.to_thread(cells_of, blob, columns, lines, true=self._true())
        except (NoDaemon, Refused, NoPicture, OSError, ValueError):
            self._shown = wanted
            return
        if self._wanted is None or self._wanted[0] != wanted[0]:
            return
        self.display = True
        word, of_it = ("as made", wanted[0]) if wanted[1] == MADE else ("as it comes", str(wanted[1]))
        self.title_line = (Piece(word, "title"), Piece(f"  {of_it}", "dim"))
        if self._sharp is not None:
            for widget in self.query(".sharp"):
                set_picture(widget, picture)
        else:
            self._cells = cells
            self.refresh()

    def room_to_be(self) -> tuple[int, int]:
        """Inside the frame, before it has ever been shown."""
        width = self.parent.size.width if self.parent is not None and hasattr(self.parent, "size") else 36
        high = self.styles.height
        return max(4, width - 2), max(4, int(high.value) - 2 if high is not None and high.is_cells else 12)

    def inner(self, y: int, width: int) -> Strip:
        cells, high = self._cells, self.room[1]
        if cells is None or cells.columns > width:
            return self.strip((), width)
        left, above = (width - cells.columns) // 2, max(0, (high - cells.lines) // 2)
        if not 0 <= y - above < cells.lines:
            return self.strip((), width)
        right = width - left - cells.columns
        return Strip.join([self.strip((), left), cells.strips[y - above], self.strip((), right)])
