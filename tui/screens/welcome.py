"""The first start, on a home in which nothing was ever made: one screen, one key for a picture, then its stars."""

from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow, JobRecord, Page
from schema.requests import ImageSelection, RunRequest, TextFile
from tui.background import begin, is_open, leave
from tui.keys import bindings, of
from tui.widgets.ink import Drawn, Line, Piece, plain
from tui.widgets.judged import Judged
from tui.widgets.welcomewords import PROMPT, asked, failed, hello, making, rated, waiting
from tui.wishes import COVERS

if TYPE_CHECKING:
    from tui.app import StableNew

Step = Literal["hello", "making", "picture", "rated", "failed"]

PIPELINE = TextFile(name="first picture", text='[{"type": "txt2img"}]')
"""One stage that everything that draws can do: no detector, no upscaler is needed."""

LOOK = 0.25
"""Seconds between two looks at how far it is."""

PATIENCE = 4.0
"""Seconds that it waits before it is asked why, and then between two such questions."""

FEW = 500
"""Events at most in a log in which nothing can have been made yet; beyond it nobody is asked."""


class Total(msgspec.Struct, frozen=True):
    total: int


class Why(msgspec.Struct, frozen=True):
    """Of `GET /v1/jobs/{id}/explain`."""

    text: str = ""


class House(msgspec.Struct, frozen=True):
    """Of `GET /v1/status`."""

    results: str = ""


async def is_first(home: "StableNew") -> bool:
    """Whether no run was ever asked for here."""
    scene = home.live.scene
    if not home.live.linked or home.readonly or scene.head > FEW or scene.runs:
        return False
    try:
        return not (await home.asker.get("/v1/runs", Total, {"limit": 1})).total
    except (Refused, NoDaemon):
        return False


class Spoken(Drawn):
    """Lines that are as many as are told."""

    lines: list[Line] = []

    def tell(self, lines: list[Line]) -> None:
        if lines != self.lines:
            was, self.lines = len(self.lines), lines
            if was != len(lines):
                self.styles.height = len(lines)
            self.redraw(*range(len(lines)))

    def line(self, y: int) -> Line:
        return self.lines[y] if y < len(self.lines) else ()


class Welcome(ModalScreen[str | None]):
    """Answers the area to go to next; None: the one it lies over."""

    BINDINGS = bindings(of("welcome"))

    def __init__(self, home: "StableNew") -> None:
        super().__init__()
        self.home = home
        self.add_class(COVERS)
        self.words = Spoken(id="welcome-words")
        self.picture = Judged(home.thumbs, home.sharp, id="welcome-picture")
        self.last = Spoken(id="welcome-last")
        self.step: Step = "hello"
        self.run_id = ""
        self.image: ImageRow | None = None
        self.stars = 0
        self.reason = ""
        self.why = ""
        """It waits for this."""
        self._asked_why = 0.0
        self._folder = ""
        self._since = 0.0
        self._looking = False

    def compose(self) -> ComposeResult:
        yield self.words
        yield self.picture
        yield self.last

    def on_mount(self) -> None:
        self.picture.display = False
        self.set_interval(LOOK, self.look)
        begin(self, self._where, group="where")
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    async def _where(self) -> None:
        try:
            self._folder = (await self.home.asker.get("/v1/status", House)).results
        except (Refused, NoDaemon):
            return
        if is_open(self):
            self.draw()

    # What is seen -----------------------------------------------------------------------------------

    def draw(self) -> None:
        width, high = self.size
        if not width or not self.is_mounted:
            return
        self.picture.display = self.step in ("picture", "rated")
        match self.step:
            case "hello":
                self.words.tell(hello(self._folder, self.home.live.scene.nodes, width, high - 1))
                self.last.tell([self._standing()])
            case "making":
                quote: Line = [Piece(f"  {PROMPT}", "dim")]
                head: list[Line] = [[], [Piece("  The first picture", "title")], quote, [], self._progress(width), []]
                self.words.tell(head + waiting(self.why, width))
                self.last.tell([self._standing()])
            case "failed":
                self.words.tell([[], *failed(self.reason, width)])
                self.last.tell([self._standing()])
            case "picture":
                self.words.tell([[Piece("  The first picture", "title"), Piece(f"  {PROMPT}", "dim")]])
                self.last.tell(asked(self._path, width))
            case "rated":
                self.words.tell([[Piece("  The first picture", "title"), Piece(f"  {PROMPT}", "dim")]])
                self.last.tell(rated(self.stars, self._path, width))

    @property
    def _path(self) -> str:
        return self.image.path if self.image is not None else ""

    def _standing(self) -> Line:
        live = self.home.live
        if not live.linked:
            return [Piece("  ○ no daemon ", "bad"), Piece(plain(live.silence), "dim")]
        return [Piece("  ● ", "good"), Piece("the daemon runs, and goes on when you leave", "dim")]

    def _progress(self, width: int) -> Line:
        mine = [job for job in self.home.live.running.values() if job.job.startswith(f"{self.run_id}.")]
        seconds = self.home.wall() - self._since
        return making(mine[0] if mine and self.run_id else None, bool(self.run_id), seconds, width)

    def look(self) -> None:
        """Draws what moved; when the run is no longer under way, asks what came of it."""
        if self.step in ("hello", "making"):
            self.draw()
        if self.step != "making" or not self.run_id or self._looking or not self.home.live.linked:
            return
        if all(run.run != self.run_id for run in self.home.live.scene.runs):
            self._looking = True
            begin(self, self._came, group="came")
        elif self.home.wall() - max(self._since, self._asked_why) > PATIENCE:
            self._asked_why = self.home.wall()
            begin(self, self._ask_why, group="why", exclusive=True)

    async def _ask_why(self) -> None:
        """Nobody may be there to draw it."""
        if any(job.job.startswith(f"{self.run_id}.") for job in self.home.live.running.values()):
            self.why = ""
            return
        try:
            self.why = (await self.home.asker.get(f"/v1/jobs/{self.run_id}.1/explain", Why)).text
        except (Refused, NoDaemon):
            self.why = ""

    async def _came(self) -> None:
        """Its picture, or why there is none."""
        asker = self.home.asker
        try:
            found = await asker.get("/v1/images", Page[ImageRow], {"filter": f"run:{self.run_id}", "limit": 1})
            if found.items:
                self.image, self.step = found.items[0], "picture"
            else:
                self.reason = (await asker.get(f"/v1/jobs/{self.run_id}.1", JobRecord)).reason
                self.step = "failed"
        except (Refused, NoDaemon) as fault:
            self.reason, self.step = str(fault), "failed"
        finally:
            self._looking = False
        if is_open(self):
            self.draw()
            self.picture.show(self.image)

    # Keys -------------------------------------------------------------------------------------------

    def action_make(self) -> None:
        """The first picture; later the same key leads on."""
        if self.step in ("hello", "failed"):
            self.step, self.run_id, self._since, self.why = "making", "", self.home.wall(), ""
            self.draw()
            begin(self, self._make, group="make")
        elif self.step == "rated":
            leave(self, "run")

    async def _make(self) -> None:
        wish = RunRequest(prompt=PROMPT, pipeline=PIPELINE, name="first picture")
        answer = await self.home.answered("/v1/runs", wish)
        if answer is None or not answer.run:
            self.step = "hello"
        else:
            self.run_id = answer.run
        if is_open(self):
            self.draw()

    @on(Judged.Seen)
    def _seen(self, event: Judged.Seen) -> None:
        event.stop()

    def action_rate(self, stars: int) -> None:
        """Only what stands on the screen."""
        image = self.image
        if self.step not in ("picture", "rated") or image is None or self.picture.seen != image.id:
            return
        begin(self, partial(self._rate, image, stars), group="rate")

    async def _rate(self, image: ImageRow, stars: int) -> None:
        if await self.home.answered("/v1/images/rate", ImageSelection(select=(image.id,), stars=stars)) is None:
            return
        self.stars, self.step = stars, "rated"
        if is_open(self):
            self.draw()

    def action_undo(self) -> None:
        if self.step == "rated":
            self.step, self.stars = "picture", 0
            self.home.action_undo()
            self.draw()

    def action_further(self, where: str) -> None:
        leave(self, where)

    def action_leave(self) -> None:
        leave(self, None)
