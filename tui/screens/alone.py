"""Screens of pictures to be judged and nothing else: what they share, and when a key counts.

Nothing here waits for the daemon: a verdict is shown as given, sent on its way, and told again if it is refused.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Self

import msgspec
from textual import on
from textual.geometry import Region
from textual.screen import ModalScreen

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow, JobRecord
from tui.background import begin, leave
from tui.keys import KEYS, first_shown, of, pressed
from tui.screens.help import Keyed
from tui.widgets.ink import Drawn, Line, Piece, fit, measure
from tui.widgets.judged import Judged
from tui.widgets.thrift import ThriftyCompositor
from tui.wishes import COVERS

if TYPE_CHECKING:
    from textual.timer import Timer

    from tui.app import StableNew

A_LOOK = 0.1
"""Seconds that a picture stands before a key can be about it. Nobody reacts faster; a key that repeats itself, two
keys under one finger, or a burst of a slow line would rate what nobody has seen."""

MOMENT = 6.0
"""Seconds that it is told what was done last, and how it was made."""

ALWAYS = ("undo", "help", "back")
"""Words of hints that are never left out."""


class Attention:
    """`clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float], look: float = A_LOOK) -> None:
        self.look = look
        self._clock = clock
        self._since: float | None = None
        self._key = float("-inf")

    def seen(self) -> None:
        """What is to be judged stands on the screen since now."""
        if self._since is None:
            self._since = self._clock()

    def lost(self) -> None:
        """Something else is to be shown."""
        self._since = None

    def counts(self) -> bool:
        """Whether the key that was pressed now can be about what is seen. One that comes too soon after another
        does not count either: a key that is held down never does."""
        now = self._clock()
        counts = self._since is not None and now - max(self._since, self._key) >= self.look
        self._key = now
        return counts


class Told(Drawn):
    """Lines below the pictures; only what changes of them is sent."""

    lines: tuple[Line, ...] = ()

    def __init__(self) -> None:
        super().__init__(id="told")
        self.add_class("-pictures")

    def line(self, y: int) -> Line:
        return self.lines[y] if y < len(self.lines) else ()

    def tell(self, *lines: Line) -> None:
        self.lines = tuple(tuple(line) for line in lines)
        self.redraw(*range(len(lines)))


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/images/{id}`."""

    image: ImageRow
    job: JobRecord


class Alone(Keyed, ModalScreen[None]):
    look = A_LOOK

    def __init__(self, home: "StableNew") -> None:
        super().__init__()
        self.home = home
        """Known also when the screen is gone: what is refused then is told all the same."""
        self.add_class(COVERS)
        self._compositor = ThriftyCompositor()
        self.attention = Attention(lambda: asyncio.get_running_loop().time(), self.look)
        self.records: dict[str, JobRecord] = {}
        """Of pictures that are shown or come next, by their id."""
        self.just: Line = ()
        """What was done last."""
        self._asked: set[str] = set()
        self._moment: Timer | None = None
        self._head = -1
        """Of the log, when it was last asked for more."""

    def on_mount(self) -> None:
        self.home.outbox.tell = self.draw

    def on_unmount(self) -> None:
        if self.home.outbox.tell == self.draw:
            self.home.outbox.tell = lambda: None

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """An area below tells its own changes as regions of this screen: they are covered, and nothing is sent."""
        return self if regions else super().refresh(repaint=repaint, layout=layout, recompose=recompose)

    # What is seen -----------------------------------------------------------------------------------

    def pictures(self) -> Iterable[Judged]:
        """Those that are to be judged now."""
        return self.query(Judged).results(Judged)

    @on(Judged.Seen)
    def _seen(self, event: Judged.Seen) -> None:
        event.stop()
        shown = [one for one in self.pictures() if one.image is not None]
        if shown and all(one.seen for one in shown):
            self.attention.seen()

    def opens(self) -> str:
        id = f"{self.where}.outside"
        return f"; {pressed(id)} opens its file" if id in KEYS else ""

    def counts(self, what: str) -> bool:
        """Whether this verdict can be meant; told where it cannot."""
        if any(one.is_broken for one in self.pictures()):
            self.tell_now([Piece(f" it cannot be shown and so not be judged{self.opens()}", "warn")])
            return False
        if self.attention.counts():
            return True
        self.tell_now([Piece(f" {what} came before this could be seen: it has no verdict yet", "warn")])
        return False

    def tell_now(self, words: Line) -> None:
        """For a moment."""
        self.just = words
        if self._moment is not None:
            self._moment.stop()
        self._moment = self.set_timer(MOMENT, partial(self._moment_over, words))
        self.draw()

    def _moment_over(self, words: Line) -> None:
        if self.just is words:
            self.just = ()
            self.draw()

    def may_be_more(self, failed: bool) -> bool:
        """Whether it is worth asking again for something to show: the log has grown since, or asking `failed`."""
        head, before = self.home.live.scene.head, self._head
        self._head = head
        return self.home.live.linked and (failed or head != before)

    def look_up(self, image: ImageRow) -> None:
        """Brings how it was made, for the time when it may be shown."""
        if image.id not in self._asked:
            self._asked.add(image.id)
            begin(self, partial(self._look_up, image), group="records")

    async def _look_up(self, image: ImageRow) -> None:
        try:
            shown = await self.home.asker.get(f"/v1/images/{image.id}", Shown)
        except (NoDaemon, Refused):
            self._asked.discard(image.id)
            return
        self.records[image.id] = shown.job
        while len(self.records) > 200:
            self.records.pop(next(iter(self.records)))
        self.looked_up(image.id)

    def draw(self) -> None:
        """The lines below the pictures, anew."""

    def looked_up(self, image: str) -> None:
        """How this one was made is known now."""

    # Lines that all have ----------------------------------------------------------------------------

    def under_way(self) -> Line:
        """What the daemon has not taken yet, when it takes its time."""
        outbox = self.home.outbox
        many = len(outbox.waiting)
        if outbox.silent and many:
            words = "verdict waits" if many == 1 else "verdicts wait"
            return [Piece(f"no daemon: {many:,} {words} ", "bad")]
        return [Piece(f"{many:,} on their way ", "dim")] if many > 2 else []

    def hints(self, room: int) -> Line:
        return hints_of(self.home, self.where, room, wide=self.size.width >= 100)

    def bottom(self, left: Line) -> Line:
        """The last line: where one is, the keys, what is under way. Nothing to judge: only keys that do something."""
        right = self.under_way()
        room = self.size.width - measure(left) - measure(right) - 1
        middle = self.hints(room if any(one.image is not None for one in self.pictures()) else 0)
        gap = " " * max(0, room - measure(middle))
        return [*left, *middle, Piece(gap), *right]

    # Keys of all ------------------------------------------------------------------------------------

    def open_outside(self, image: ImageRow | None) -> None:
        from pathlib import Path

        if image is not None and image.path:
            self.home.open_outside(Path(image.path))

    def action_leave(self) -> None:
        leave(self, None)


def hints_of(home: "StableNew", where: str, room: int, *, wide: bool) -> list[Piece]:
    """As many keys of a place as fit into so many cells; undo, help and the way out always do."""
    faces = [(first_shown(key, home.keymap_of_user), key.hint) for key in of(where) if key.hint and home.may(key.id)]
    if wide:
        faces = [("space" if keys == "␣" else keys, word) for keys, word in faces]
    pieces = [(word, [Piece(keys, "key"), Piece(f" {word}  ", "dim")]) for keys, word in faces]
    room -= sum(measure(line) for word, line in pieces if word in ALWAYS)
    told: list[Piece] = []
    for word, line in pieces:
        if word not in ALWAYS:
            if measure(line) > room:
                continue
            room -= measure(line)
        told += line
    return told


def cut(words: str, width: int) -> str:
    return fit(words, max(0, width)).rstrip()
