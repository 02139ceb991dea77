"""What was learned: packs with their sentence, claims in words, the plot of a knob, what it would change; experiments
with what came of them; the report. What was told once and no longer holds stands on top."""

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from schema.experiments import LearningRunRow
from schema.insights import Knob, PackInsight
from schema.spoken import begun
from tui.background import begin
from tui.keys import Key, bindings, face, of, pressed
from tui.learnkeys import ELSEWHERE
from tui.messages import CursorMoved, ItemOpened
from tui.screens.learnwishes import LearnWishes
from tui.widgets import effects
from tui.widgets.ink import Line, Piece, plain
from tui.widgets.lessonlist import Experiments, PackLessons, counted, key_of, title_of
from tui.widgets.lessontabs import TABS, Lost, TabLine
from tui.widgets.lessonwords import (
    adoption,
    block,
    clear,
    heading,
    insight,
    knob_name,
    knobs,
    no_plot,
    nothing_yet,
    preset,
    proposals,
    remarks,
    result,
    suggestions,
    surely_matters,
    withdrawn,
    words_matter,
)
from tui.widgets.panel import Panel
from tui.widgets.reportwords import report

PLOTTED = 20
"""Lines of a terminal in which there is room for plots besides words."""

WIDE = 100
"""Columns from which on the list stands beside the words."""


class LearnScreen(LearnWishes):
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (WIDE, "-wide"), (160, "-vast")]
    BINDINGS = bindings(of("learn"))

    def __init__(self) -> None:
        super().__init__()
        self.tabs = TabLine()
        self.lost_lines = Lost()
        self.packs = PackLessons()
        self.experiments = Experiments()
        self.words = Panel(id="words")
        self.effects = Panel(id="effects")
        self.aside = Panel(id="aside")
        self.numbers = False
        self._knob: dict[str, int] = {}
        """Which knob is plotted, by what is looked at."""
        self._plots = False
        """The library that draws plots is loaded."""
        self._high: int | None = None
        """Lines of the plot; None: as the style sheet says."""

    def body(self) -> ComposeResult:
        yield self.tabs
        yield self.lost_lines
        with Horizontal(classes="body"):
            yield self.packs
            yield self.experiments
            with Vertical(id="taught"):
                yield self.words
                with Horizontal(id="below-words"):
                    yield self.effects
                    yield self.aside

    def on_mount(self) -> None:
        self.show_tab()
        begin(self, self._load_plots, group="plots")

    async def _load_plots(self) -> None:
        import asyncio

        await asyncio.to_thread(effects.load)
        self._plots = True
        self.draw_effects()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    @on(Panel.Resized)
    def _roomed(self) -> None:
        self.draw()

    # What is looked at ------------------------------------------------------------------------------

    @property
    def listing(self) -> PackLessons | Experiments:
        return self.experiments if self.tab == "experiments" else self.packs

    def under_cursor(self) -> PackInsight | None:
        return self.packs.item()

    def listed(self) -> list[PackInsight]:
        """Those whose sentence is in view."""
        first, last = self.packs.in_view()
        found = [self.packs.pages.get(index) for index in range(first, last + 1)] if self.packs.size.width else []
        return [pack for pack in found if pack is not None]

    def experiment(self) -> LearningRunRow | None:
        return self.experiments.item()

    @property
    def opened(self) -> bool:
        """Whether there is room for all its words; in a narrow terminal they begin below the list."""
        return self.size.width >= WIDE or self.has_class("-open")

    def looked_at(self) -> tuple[str, list[Knob]]:
        """A name for it, and its knobs."""
        if self.tab == "experiments":
            row = self.experiment()
            found = self.results.get(row.run) if row is not None else None
            return (row.run if row else ""), list(found.knobs) if found is not None else []
        pack = self.under_cursor()
        return (key_of(pack), knobs(pack)) if pack is not None else ("", [])

    def knob(self) -> Knob | None:
        name, several = self.looked_at()
        return several[self._knob.get(name, 0) % len(several)] if several else None

    def told_keys(self) -> tuple[Key, ...]:
        return tuple(key for key in super().told_keys() if key.id not in ELSEWHERE[self.tab])

    # Drawing ----------------------------------------------------------------------------------------

    def show_tab(self) -> None:
        self.packs.display = self.tab == "insights"
        self.experiments.display = self.tab == "experiments"
        self.set_class(self.tab == "report", "-report")
        self.set_focus(self.words if self.tab == "report" else self.listing)
        self.tell_keys()
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        if not self.is_mounted:
            return
        if self.insights is not None:
            self.packs.fill(self.insights.packs)
        if self.runs is not None:
            self.experiments.fill(self.runs)
        self.tabs.show(self.tab, self.status, as_of=self.as_of, fault=self.fault)
        self.draw_lost()
        self.draw_closely(keep_place=True)

    def draw_lost(self) -> None:
        self.lost_lines.tell(withdrawn(() if self.gone_by else tuple(self.lost.values()), self.size.width))

    def draw_closely(self, *, keep_place: bool) -> None:
        """All but the lists."""
        self.draw_words(keep_place=keep_place)
        self.draw_effects()
        self.aside.fill(self.aside_lines(self.aside.room[0]), (Piece("What to do", "title"),), keep_place=keep_place)
        if self.tab == "insights":
            self.saw(self.under_cursor() if self.opened else None, self.listed())

    def draw_words(self, *, keep_place: bool) -> None:
        width = self.words.room[0]
        lines: list[Line] = []
        title: Line = ()
        if self.tab == "report":
            title = (Piece("Report", "title"), Piece("  all that was rated", "dim"))
            if self.report is not None:
                lines = list(report(self.report, self.track, self.profiles, width, numbers=self.numbers))
        elif self.tab == "experiments":
            row = self.experiment()
            found = self.results.get(row.run) if row is not None else None
            if row is not None:
                title = (Piece(plain(row.name), "title"), Piece(f"  {row.run}", "dim"))
                lines = list(result(row, found, width, numbers=self.numbers))
        elif (pack := self.under_cursor()) is not None:
            title = (Piece(title_of(pack), "title"), Piece(f"  {counted(pack)}", "dim"))
            knob = self.knob()
            lines = list(insight(pack, width, numbers=self.numbers, knob=knob.param if knob else ""))
        elif self.insights is not None:
            lines = list(nothing_yet(width))
        if not self.aside.display and self.tab != "report":
            lines += [[], *self.aside_lines(width)]
        if self.tab == "insights" and (pack := self.under_cursor()) is not None:
            lines += remarks(pack, width, numbers=self.numbers)
        self.words.fill(lines, title, keep_place=keep_place)

    def aside_lines(self, width: int) -> list[Line]:
        """What would be changed, what others propose, what to try next; each with its key."""
        lines: list[Line] = []
        pack = self.under_cursor() if self.tab == "insights" else None
        if pack is not None:
            taken = self.status.adopted.get(pack.pack) if self.status is not None else None
            if pack.preset is not None:
                lines += [
                    heading(
                        "Would change", face("learn.apply") if self.may(pack, "preset") and not self.gone_by else ""
                    )
                ]
                lines += [*clear(pack, width), *preset(pack.preset, width, numbers=self.numbers, adopted=taken), []]
            if words_matter(pack) and (taken is None or not taken.weights):
                lines += [heading("Draw liked words more often", face("learn.more")), []]
            if taken is not None:
                lines += [heading("Taken over by new runs", face("learn.more")), *adoption(taken, width), []]
            if others := self.suggestions_of(pack.pack):
                lines += [heading("Proposed by others", face("learn.suggested")), *suggestions(others, width), []]
        found = () if self.gone_by else self.proposed()
        lines.append(heading("Next", face("learn.queue") if found else ""))
        if not found:
            lines += block(
                f"Nothing is proposed: rate more pictures first, or begin one: {pressed('learn.new')}.", width, "dim"
            )
        return [*lines, *proposals(found, width, numbers=self.numbers, packs=pack is None)]

    def draw_effects(self) -> None:
        name, several = self.looked_at()
        knob = self.knob()
        self.share_room(knob)
        width, height = self.effects.room
        if knob is None or not self._plots or width <= 0:
            self.effects.fill(list(no_plot(width)), (Piece("Plot", "title"),), keep_place=False)
            self.effects.refoot(())
            return
        pack = self.under_cursor() if self.tab == "insights" else None
        advice = pack.preset if pack is not None else None
        lines = effects.plot(
            knob, width, height,
            now=advice.current.get(knob.param) if advice else None, advised=advice.params if advice else None,
        )  # fmt: skip
        title = (Piece(begun(knob_name(knob.param)), "title"), Piece(f"  {surely_matters(knob)}", "dim"))
        self.effects.fill(lines, title, keep_place=False)
        at = self._knob.get(name, 0) % len(several) + 1
        self.effects.refoot((Piece(f"{at} of {len(several)} < >", "dim"),) if len(several) > 1 else ())

    def share_room(self, knob: Knob | None) -> None:
        """Where there is little of it, the plot has no more than it needs; the words have the rest."""
        needed = len(knob.levels) + 4 if knob is not None else 3
        high = min(needed, 11) if self.size.width < WIDE else None
        below, roomy = self.query_one("#below-words"), self.size.height >= PLOTTED
        self.set_class(roomy, "-both")
        shown = self.tab != "report" and roomy and self.opened and (knob is not None or self.size.width >= WIDE)
        if (high, shown) != (self._high, below.display):
            self._high, below.display = high, shown
            below.styles.height = high
            self.call_after_refresh(self.draw)

    # Moving -----------------------------------------------------------------------------------------

    @on(CursorMoved)
    def _moved(self) -> None:
        self.look_closely()

    @on(ItemOpened)
    def action_open(self) -> None:
        self.add_class("-open")
        self.set_focus(self.words)
        self.call_after_refresh(self.draw)

    def action_list(self) -> None:
        """Back to the list; from there, away with what was taken back."""
        if not self.step_back() and self.put_away():
            self.draw_lost()

    def step_back(self) -> bool:
        if self.focused is self.listing or self.tab == "report":
            return False
        self.remove_class("-open")
        self.set_focus(self.listing)
        self.call_after_refresh(self.draw)
        return True

    def panel(self) -> Panel | None:
        return self.focused if isinstance(self.focused, Panel) else None

    def action_move(self, down: int) -> None:
        if (panel := self.panel()) is not None:
            panel.scroll_by(down)
        else:
            self.listing.move(0, down)

    def action_half(self, pages: int) -> None:
        if (panel := self.panel()) is not None:
            panel.scroll_by(pages * panel.room[1] // 2)
        else:
            self.listing.half(pages)

    def action_top(self) -> None:
        if (panel := self.panel()) is not None:
            panel.scroll_by(-len(panel.lines))
        else:
            self.listing.go(0)

    def action_bottom(self) -> None:
        if (panel := self.panel()) is not None:
            panel.scroll_by(len(panel.lines))
        else:
            self.listing.go(self.listing.pages.total - 1)

    async def action_tab(self, by: int) -> None:
        names = [name for name, _ in TABS]
        self.tab = names[(names.index(self.tab) + by) % len(names)]
        self.remove_class("-open")
        self.show_tab()
        ask = {"report": self.read_report, "experiments": self.read_experiments}.get(self.tab, self.read_proposals)
        begin(self, ask, group="tab", exclusive=True)

    def action_knob(self, by: int) -> None:
        name, several = self.looked_at()
        if several:
            self._knob[name] = (self._knob.get(name, 0) + by) % len(several)
            self.draw_words(keep_place=True)
            self.draw_effects()

    def action_numbers(self) -> None:
        self.numbers = not self.numbers
        self.draw_closely(keep_place=True)

    async def action_copy(self) -> None:
        told = "\n".join("".join(piece.text for piece in line).rstrip() for line in self.words.lines)
        if told.strip():
            self.home.copy(told, "what is told")

    async def action_past(self) -> None:
        from tui.screens.ask import Type

        def typed(text: str | None) -> None:
            if text is not None and text.strip() != self.as_of:
                self.as_of = text.strip()
                begin(self, partial(self._go_back, self.as_of), group="tab", exclusive=True)

        help = "What was known then: a date (2026-05-01), an age (2d) or an event's number. Empty: now."
        await self.app.push_screen(Type("As of", help, self.as_of), typed)

    async def _go_back(self, wanted: str) -> None:
        await self.read_insights()
        if self.fault and self.as_of == wanted:
            self.home.say(self.fault, bad=True)
            self.as_of = ""
            await self.read_insights()
        self.draw()

    def claim_key(self) -> str:
        pack, knob = self.under_cursor() if self.tab == "insights" else None, self.knob()
        claims = pack.claims if pack is not None and knob is not None else ()
        return next((claim.key for claim in claims if knob is not None and claim.param == knob.param), "")
