"""Under the top line, if there is something that must not be missed: a moment of the past, or a daemon in trouble."""

from datetime import datetime

from schema.scenes import Standing
from schema.then import Moment
from tui.keys import pressed
from tui.widgets.ink import Drawn, Line, Piece, fit, measure, plain, wrap

MOST = 3
"""Lines of trouble; all of it is one key away."""

STILL = (" · nothing can be changed here", " · nothing can be changed", " · the past")


class Banner(Drawn):
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []

    def tell(self, lines: list[Line]) -> None:
        if lines != self._lines:
            self._lines = lines
            self.styles.height = len(lines)
            self.display = bool(lines)
            self.refresh()

    def line(self, y: int) -> Line:
        return self._lines[y] if y < len(self._lines) else ()


def of_past(moment: Moment, words: str, mark: Moment | None, width: int) -> list[Line]:
    """Where one is, and what happened there last."""
    wide = width >= 100
    when = f"{'as of ' if moment.at is not None else ''}{told(moment, wide=wide)}"
    head = f" ◷ {when} · event {moment.seq:,} of {moment.newest:,}"
    line = [Piece(head, "mark")]
    right = f"mark: event {mark.seq:,} " if mark is not None and wide else ""
    room = width - measure(line)
    still = next((words for words in STILL if len(words) <= room), "")
    line.append(Piece(still, "warn"))
    gap = width - measure(line) - len(right)
    if right and gap > 0:
        line += [Piece(" " * gap), Piece(right, "dim")]
    what = plain(words) if words else "nothing had happened yet"
    return [line, [Piece(fit(f"   {what}", width), "text")]]


def of_standing(standing: Standing, width: int) -> list[Line]:
    """Trouble in a few lines, or the first concern; nothing where all is well."""
    if standing.state == "read-only":
        moment = standing.moment
        upto = f" All is shown as of event {moment.seq:,}." if moment is not None and moment.seq else ""
        words = f"read-only: {standing.trouble}{upto}"
        return _boxed(words, "bad", width, MOST)
    if standing.concerns:
        more = f" (and {len(standing.concerns) - 1} more)" if len(standing.concerns) > 1 else ""
        return _boxed(f"{standing.concerns[0]}{more}", "warn", width, 1)
    return []


def of_absence(words: str, width: int) -> list[Line]:
    """Why there is no daemon, as long as there is none and it is known."""
    hint = "   g , opens Settings" if "config.toml" in words else ""
    lines = wrap(words, width - 4 - len(hint), 4) if words else []
    found: list[Line] = [[Piece(" ! " if not n else "   ", "bad"), Piece(line, "bad")] for n, line in enumerate(lines)]
    return [*found[:-1], [*found[-1], Piece(hint, "key")]] if found else []


def _boxed(words: str, ink: str, width: int, most: int) -> list[Line]:
    hint = f"   {pressed('app.standing')} tells all"
    lines = wrap(words, width - 4, 100)
    if len(lines) > most:
        lines = [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), width - 4 - len(hint)).rstrip()]
        cut = True
    else:
        cut = len(lines[-1]) + len(hint) <= width - 4
    found: list[Line] = [[Piece(" ! " if not n else "   ", ink), Piece(line, ink)] for n, line in enumerate(lines)]
    if cut:
        found[-1] = [*found[-1], Piece(hint, "dim")]
    return found


def told(moment: Moment, *, wide: bool) -> str:
    """`Fri 20 Nov 2026 22:04:05`, in the local zone."""
    if moment.at is None:
        return "before the first event"
    at = datetime.fromtimestamp(moment.at).astimezone()
    return f"{at:%a %d %b %Y %H:%M:%S}" if wide else f"{at:%d %b %H:%M:%S}"
