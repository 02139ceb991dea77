"""What daemon and agents of this machine wrote of themselves: their trouble, without anybody looking for files."""

from datetime import UTC, datetime

from schema.ids import JobId
from schema.logpages import ProgramLine
from schema.pages import Page
from tui.keys import Key
from tui.live import Change, Live
from tui.logwords import LEVELS, line_offers
from tui.screens.tailing import TailScreen
from tui.widgets.eventcard import line_card
from tui.widgets.ink import Piece
from tui.widgets.linelist import LineList


class LinesScreen(TailScreen[ProgramLine]):
    route = "/v1/lines"
    tab = 1

    def __init__(self) -> None:
        super().__init__()
        self.table = LineList()
        self.filter_line.input.offering = line_offers

    @property
    def listing(self) -> LineList:
        return self.table

    def shape(self) -> type[Page[ProgramLine]]:
        return Page[ProgramLine]

    def hinted(self) -> tuple[Key, ...]:
        """Without what is asked of events alone: a line changed nothing, and nothing led to it."""
        return tuple(key for key in super().hinted() if key.id not in ("logs.what", "logs.wish", "logs.cause"))

    def noun(self, many: int) -> str:
        return " line" if many == 1 else " lines"

    def told(self, live: Live, change: Change) -> None:
        self.table.now = self.home.clock()
        super().told(live, change)

    def concerns(self, change: Change) -> bool:
        """No event tells that a program wrote a line."""
        return change.everything

    def tick(self) -> None:
        """Of a long log only the end is told: its first rows fall away as others come."""
        if self.home.live.linked and not self.home.past:
            self._whole = True
            self.reread()

    def look(self) -> None:
        line = self.listing.item()
        if line is None:
            self.card.fill((), (), keep_place=False)
            return
        title = (Piece(line.program, "title"), Piece(f"  {line.level}", "dim"))
        self.card.fill(line_card(line, self.card.room[0]), title, keep_place=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.settle()

    def moment_here(self) -> str:
        line = self.listing.item()
        return datetime.fromtimestamp(line.at, UTC).isoformat() if line is not None else ""

    # Verbs ------------------------------------------------------------------------------------------

    async def action_kind(self) -> None:
        from tui.screens.ask import Choose

        now = next((word.removeprefix("level:") for word in self.filter.split() if word.startswith("level:")), "")

        def chosen(level: str | None) -> None:
            if level is not None:
                self.add_to_filter(f"level:{level}" if level else "", "level")

        await self.app.push_screen(Choose("Only", (("", "everything"), *LEVELS[:2]), now), chosen)

    async def action_subject(self) -> None:
        line = self.listing.item()
        job = line.about.get("job", "") if line is not None else ""
        if job:
            await self.home.show_job(JobId(job))
        else:
            self.home.say("this line is about no job")

    def log_filter(self) -> str:
        line = self.listing.item()
        about = line.about if line is not None else {}
        return next((f"{key}:{about[key]}" for key in ("job", "run", "node") if about.get(key)), "")

    def action_what(self) -> None:
        self.home.say("a program wrote this line: it is no event, and changed nothing")

    def action_wish(self) -> None:
        self.action_what()

    def action_cause(self) -> None:
        self.action_what()

    def action_copy(self, what: str) -> None:
        line = self.listing.item()
        if line is not None:
            self.home.copy(line.says if what == "id" else "\n".join(filter(None, (line.says, line.trace))), "line")

    def action_outside(self) -> None:
        line = self.listing.item()
        if line is not None:
            from pathlib import Path

            self.home.open_outside(Path(line.folder))
