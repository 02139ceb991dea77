"""The log as a list: a million events or ten, each a sentence on a line."""

from collections.abc import Mapping
from datetime import datetime

from textual.strip import Strip

from schema.logpages import EventRow
from tui.widgets.ink import Piece, fit, plain
from tui.widgets.listing import Listing
from tui.widgets.pages import Pages

SIGNS: dict[str, tuple[str, str]] = {
    "StageAssigned": ("▶", "run"),
    "StageFinished": ("✓", "good"),
    "JobFinished": ("✓", "good"),
    "RunFinished": ("✓", "good"),
    "FilmFinished": ("✓", "good"),
    "JobCancelled": ("⊘", "dim"),
    "StageCancelled": ("⊘", "dim"),
    "JobHeld": ("‖", "warn"),
    "RunPaused": ("‖", "warn"),
    "QueuePaused": ("‖", "warn"),
    "ImageRated": ("★", "star"),
    "RunRated": ("★", "star"),
    "ModelRated": ("★", "star"),
    "ImagesCompared": ("★", "star"),
    "RunSubmitted": ("+", "mark"),
    "DaemonStarted": ("●", "good"),
    "DaemonStopped": ("○", "dim"),
    "CommandUndone": ("↶", "warn"),
    "CommandRedone": ("↷", "warn"),
}
"""Sign and ink of events that are looked for; trouble has its own, all others a point."""

QUIET = ("JobMoved", "JobPriorityChanged", "NothingChanged", "StageCancelled", "JobReleased", "NodeAddressed")


class EventList(Listing[EventRow]):
    header_lines = 1

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self) -> None:
        super().__init__(Pages(lambda row: str(row.seq)), id="events")
        self.names: Mapping[str, str] = {}
        """Of nodes, by their ids."""
        self.me = ""
        """The actor who is called `you`."""
        self.now = 0.0
        self._digits = 5

    def name_of(self, item: EventRow) -> str:
        return str(item.seq)

    def header_line(self, line: int, width: int) -> Strip:
        when, who = columns(width)
        words = ("  " + fit("event", self._digits, "right"), " " + fit("when", when), " " + fit("who", who))
        return self.strip([Piece("".join(words) + "   what happened", "dim")], width)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 3:
            return self.strip([Piece(fit("  No event here.", width), "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: EventRow | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        when, who = columns(width)
        sign, ink = ("✗", "bad") if item.trouble else SIGNS.get(item.type, ("·", "faint"))
        text = "bad" if item.trouble else "dim" if item.type in QUIET else "text"
        drawn = [
            Piece(">" if here else " ", "strong"),
            Piece("●", "mark") if self.is_marked(item) else Piece(" "),
            Piece(fit(str(item.seq), self._digits, "right") + " ", "dim"),
            Piece(fit(clock(item.at, self.now, when), when) + " ", "dim"),
            Piece(fit(self.who(item.actor), who) + " ", "dim" if item.actor == "daemon" else "text"),
            Piece(sign + " ", ink),
            *self.words(item, text, width - self._digits - when - who - 7),
        ]
        return self.strip(drawn, width, over)

    def words(self, item: EventRow, ink: str, room: int) -> list[Piece]:
        """The sentence in so many cells, with nodes by their names and what it is about in a colour of its own."""
        text = fit(named(plain(item.words), self.names), room)
        subject = next((name for name in (item.job, item.image, item.run) if name and name in text), None)
        if subject is None:
            return [Piece(text, ink)]
        before, _, behind = text.partition(subject)
        return [Piece(before, ink), Piece(subject, "key"), Piece(behind, ink)]

    def who(self, actor: str) -> str:
        return who(actor, self.me, self.names)

    def arrived(self, changed: set[int], *, total_changed: bool) -> None:
        last = self.pages.get(self.pages.total - 1) or self.pages.get(self.in_view()[1]) or self.pages.get(0)
        digits = max(self._digits, len(str(last.seq)) if last is not None else 0)
        if digits != self._digits:
            self._digits, total_changed = digits, True
        super().arrived(changed, total_changed=total_changed)


def columns(width: int) -> tuple[int, int]:
    """Cells of when and who."""
    return (12, 9) if width >= 90 else (8, 6)


def clock(at: float, now: float, room: int) -> str:
    """`14:05:12` today, `20 Nov 14:05` else; where there is little room `20 Nov`. The local zone."""
    then = datetime.fromtimestamp(at)
    if then.date() == datetime.fromtimestamp(now).date():
        return f"{then:%H:%M:%S}"
    return f"{then:%d %b %H:%M}" if room >= 12 else f"{then:%d %b}"


def who(actor: str, me: str, names: Mapping[str, str]) -> str:
    """`you`, `daemon`, a node's name, `gallery` of `api:gallery`."""
    sort, _, name = actor.partition(":")
    if actor == me:
        return "you"
    if sort == "node":
        return plain(names.get(name, name))
    return plain(name if sort == "api" else actor)


def named(text: str, names: Mapping[str, str]) -> str:
    """With nodes called as people call them."""
    for node, name in names.items():
        if name and node in text:
            text = text.replace(node, name)
    return text
