"""Two pictures side by side, and below them what they differ in: which is better? The answer is its id, or None."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow, JobRecord
from tui.athome import AtHome
from tui.background import begin, is_open, leave
from tui.keys import bindings, of
from tui.screens.alone import Shown, hints_of
from tui.screens.help import Keyed
from tui.screens.zoom import Caption
from tui.widgets.differing import differences, lines
from tui.widgets.imagegrid import stars_of
from tui.widgets.ink import Piece, plain
from tui.widgets.panel import Panel
from tui.widgets.preview import Preview
from tui.wishes import COVERS

EQUAL = "="
"""The answer that neither is better."""

QUESTION = " which is better?  "

ROOM = 3
"""The differences take a third of the screen's lines at most."""


class Compare(AtHome, Keyed, ModalScreen[str | None]):
    where = "compare"
    BINDINGS = bindings(of("compare"))

    def __init__(self, left: ImageRow, right: ImageRow) -> None:
        super().__init__()
        self.add_class(COVERS)
        self._pair = (left, right)
        self._records: dict[str, JobRecord] = {}
        self.panel = Panel(id="differences")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Preview(self.home.thumbs, self.home.sharp, id="left")
            yield Preview(self.home.thumbs, self.home.sharp, id="right")
        yield self.panel
        yield Caption()

    def on_mount(self) -> None:
        for name, image in zip(("#left", "#right"), self._pair, strict=True):
            preview = self.query_one(name, Preview)
            preview.show(image)
            preview.refoot(stars_of(image.stars))
        self.draw()
        begin(self, self._look_up, group="records")

    async def _look_up(self) -> None:
        for image in self._pair:
            try:
                self._records[image.id] = (await self.home.asker.get(f"/v1/images/{image.id}", Shown)).job
            except (NoDaemon, Refused):
                return
        if is_open(self):
            self.draw()

    def draw(self) -> None:
        left, right = self._pair
        differ, alike = differences(left, self._records.get(left.id), right, self._records.get(right.id))
        width = max(20, self.size.width - 2)
        shown = lines(differ, alike, width)
        self.panel.styles.height = min(len(shown) + 2, max(4, self.size.height // ROOM))
        names = [Piece("what differs", "title"), Piece(f"   {plain(left.job)} │ {plain(right.job)}", "dim")]
        self.panel.fill(shown, names, keep_place=True)
        hints = hints_of(self.home, self.where, self.size.width - len(QUESTION), wide=self.size.width >= 100)
        self.query_one(Caption).tell([Piece(QUESTION, "title"), *hints])

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def action_better(self, which: int) -> None:
        leave(self, self._pair[which].id)

    def action_tie(self) -> None:
        leave(self, EQUAL)

    def action_scroll(self, by: int) -> None:
        self.panel.scroll_by(by)

    def action_settings(self) -> None:
        """Only the pictures, or what they differ in too."""
        self.panel.display = not self.panel.display

    def action_leave(self) -> None:
        leave(self, None)
