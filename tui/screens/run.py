"""The Run area: what is made, how often and where; what that comes to as one writes; and what is being made of it."""

from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import TextArea

from schema.requests import Selection
from schema.scenes import RunScene
from tui.background import begin
from tui.keys import KEYS, Key, bindings, face, first_shown, of, pressed
from tui.live import Change, Live
from tui.runkeys import LETTERS, TYPING
from tui.screens.draft import Draft
from tui.screens.lanes import choose_mode, pause_or_resume
from tui.screens.numbers import many
from tui.screens.runhead import WORKS, Around, folded, head_fields, what_for, work_of
from tui.screens.runplan import at_work, over, plan_line, plan_lines, problems
from tui.screens.runwatch import RunWatch
from tui.widgets.commandbar import BarWord, CommandBar
from tui.widgets.headline import HeadLine
from tui.widgets.ink import Line, Piece, fit, plain
from tui.widgets.jobrow import bar
from tui.widgets.livepicture import LivePicture
from tui.widgets.panel import Panel
from tui.widgets.promptarea import PromptArea

if TYPE_CHECKING:
    from tui.widgets.preview import SharpClass

PANES = ("stages", "words", "aside")

LOW = 30
"""Lines below which the head is folded."""

LONG_RUNNING = 60.0
"""Seconds after which a running job is not cancelled unasked."""


class RunScreen(RunWatch):
    area = "run"
    BINDINGS = bindings(of("run"))
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (100, "-wide"), (160, "-vast")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (15, "-short"), (30, "-tall"), (46, "-high")]

    def __init__(self, *, pause: float = 1.0, sharp: "SharpClass | None" = None) -> None:
        """`pause`: seconds between two unfinished pictures; `sharp`: as in `Preview`."""
        super().__init__()
        self.pane = "words"
        """Of `PANES`, the one with the focus; a narrow screen shows no other."""
        self.bar = CommandBar(id="run-bar")
        self.head = HeadLine()
        self.tabs = CommandBar(id="run-tabs")
        self.summary = CommandBar(id="run-summary")
        self.problems = Panel(id="run-problems")
        self.plan_pane = Panel(id="run-plan")
        self.work = Panel(id="run-work")
        self.picture = LivePicture(
            lambda job: self.home.asker.preview(job),
            true=lambda: self.home.console.color_system == "truecolor",
            pause=pause,
            sharp=sharp,
            made=self._made,
        )
        self._linked = False
        self._paused = False

    def body(self) -> ComposeResult:
        yield self.bar
        yield self.head
        yield self.tabs
        with Horizontal(classes="body", id="run-panes"):
            yield self.cards
            with Vertical(id="run-words"):
                with Vertical(id="prompt-box", classes="boxed"):
                    yield PromptArea("", id="prompt", ask=self.home.names_at)
                with Vertical(id="negative-box", classes="boxed") as box:
                    box.border_title = "Negative"
                    yield PromptArea("", id="negative", ask=self.home.names_at)
                yield self.problems
            with Vertical(id="run-aside"):
                yield self.samples
                yield self.variant
                yield self.plan_pane
                yield self.picture
                yield self.work
        yield self.summary

    def on_mount(self) -> None:
        self.look_into("words")
        self.show_head()
        self.begin_here()
        self.stage_soon(again=True)
        self.try_soon(0.0)

    def begin_here(self) -> None:
        """What was written elsewhere is shown; the focus is where one goes on."""
        self.load()
        if self.last is None or self.draft == Draft():
            self.look_back()
        if self.draft.picture == "":
            self.head.go(0)
            self.set_focus(self.head)
        else:
            self.set_focus(self.query_one("#prompt"))

    # What is told -----------------------------------------------------------------------------------

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        if self.home.draft is not None and self.home.draft is not self.draft:
            self.load()
        if change.library or (live.linked and not self._linked):
            self.home.catalogue.forget()
            self.home.favoured.forget()
            self.stage_soon(again=True)
            self.try_soon()
        self._linked = live.linked
        self.picture.use(self.home.sharp_live)
        self.show_head()
        self.show_work()
        self._catch_up(live.scene.queue.paused, self.ended)

    def _catch_up(self, paused: bool, ended: RunScene | None) -> None:
        """What is foretold says whether the queue is paused; the run that has just ended is the last one."""
        if paused != self._paused:
            self._paused = paused
            self.try_soon()
        if ended is None:
            self._last_ended = ""
        elif ended.run != self._last_ended:
            self._last_ended, self._outcome = ended.run, None
            self.look_back(begin_there=False)
            begin(self, partial(self._see_outcome, ended.run), group="outcome", exclusive=True)

    def on_screen_resume(self) -> None:
        if self.ready:
            self.try_soon(0.0)
            self.stage_soon()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_head)
        self.call_after_refresh(self.show_outcome)
        self.call_after_refresh(self.show_work)

    def show_head(self) -> None:
        live = self.home.live
        seed = self.last.seed if self.last is not None else None
        fields = head_fields(self.draft, Around(live.scene.nodes, live.linked, seed))
        low = 0 < self.size.height < LOW and not self.unfolded and work_of(self.draft) != "batch"
        self.head.show(folded(fields) if low else fields)
        like = f"  like {plain(self.draft.origin)}" if self.draft.origin else ""
        self.query_one("#prompt", PromptArea).placeholder = what_for(self.draft)
        self.query_one("#prompt-box").border_title = Content(f"Prompt{like}")
        self.show_bar()

    def begin_head(self) -> None:
        self.head.go(0)

    def show_bar(self) -> None:
        queue, here = self.home.live.scene.queue, work_of(self.draft)
        keys, keymap = {key.id: key for key in of("run")}, self.home.keymap_of_user

        def verb(id: str, word: str, ink: str = "text") -> BarWord:
            return BarWord(first_shown(keys[id], keymap), word, keys[id].action, ink)

        works = [BarWord("", f"[{word}]" if name == here else word, f"work('{name}')",
                         "active" if name == here else "dim") for name, word in WORKS]  # fmt: skip
        run, _ = self.run_shown()
        paused = verb("run.pause", "Resume", "warn") if queue.paused else verb("run.pause", "Pause")
        verbs = [verb("run.queue", "Run", "strong"), verb("run.stop", "Stop", "text" if run else "faint"), paused,
                 verb("run.mode", f"mode {queue.mode}")]  # fmt: skip
        self.bar.show([*works, BarWord("", "│", "", "faint"), *verbs], self.run_words(run))

    def run_words(self, run: RunScene | None) -> Line:
        if run is None:
            return over(self._outcome) if self._outcome is not None and self._outcome.id == self.followed else ()
        part = run.finished / max(1, run.jobs)
        return (
            Piece(f"{fit(plain(run.name), 24).rstrip()} ", "text"),
            *bar(part, 10),
            Piece(f" {run.finished}/{run.jobs}", "run"),
        )

    # What it comes to -------------------------------------------------------------------------------

    def show_outcome(self) -> None:
        plan, faults = self.plan(), self.faults()
        self.plan_pane.fill(plan_lines(plan, self.plan_pane.room[0]), (Piece("Plan", "title"),), keep_place=True)
        found = problems(plan, faults, self.odd_signs(), self.problems.room[0])
        self.problems.fill(found.lines, (Piece("Problems", "title"),), keep_place=True)
        self.problems.refoot(found.told)
        self.set_class(not found.lines, "-clean")
        line = [piece for piece in plan_line(plan, len(faults), len(self.odd_signs())) if piece.text]
        self.summary.show([BarWord("", piece.text.strip(), "", piece.ink) for piece in line])
        self.show_variants()
        self.look_into(self.pane)

    @property
    def shows_problems(self) -> bool:
        return self.size.width >= 100 or self.pane == "words"

    # What is being made -----------------------------------------------------------------------------

    def show_work(self) -> None:
        run, job = self.run_shown()
        lines = at_work(job, run, self.work.room[0] or self.size.width // 3, self.home.clock())
        self.work.display = bool(lines)
        if lines:
            self.work.fill(lines, (Piece(plain(run.name) if run else "at work", "title"),), keep_place=True)
        seen = not self.home.thumbs.off and (self.size.width >= 100 or self.pane == "aside")
        self.show_picture(run, job, seen=seen)
        self.set_class(job is not None or self.picture.display, "-busy")

    async def action_stop(self) -> None:
        from tui.screens.ask import Confirm

        run, job = self.run_shown()
        if run is None:
            self.home.say("nothing is under way that could be stopped")
            return
        stopped = Selection(select=(run.run,))

        def answered(yes: bool | None) -> None:
            if yes:
                self.home.command("/v1/jobs/cancel", stopped, "cancelled")

        if job is not None and job.since and self.home.clock() - job.since > LONG_RUNNING:
            question = f"Stop {plain(run.name)}? {plain(job.job)} has been running for over a minute."
            await self.app.push_screen(
                Confirm(question, f"{pressed('app.undo')} brings its jobs back; a running stage is lost."), answered
            )
        else:
            answered(True)

    def action_pause(self) -> None:
        pause_or_resume(self.home)

    async def action_mode(self) -> None:
        await choose_mode(self.home)

    # Panes ------------------------------------------------------------------------------------------

    def pane_widget(self, pane: str) -> Widget:
        if pane == "words":
            return self.query_one("#prompt")
        return self.cards if pane == "stages" else self.samples

    def look_into(self, pane: str) -> None:
        self.pane = pane
        for one in PANES:
            self.set_class(one == pane, f"-{one}")
        jobs = self.tried.jobs if self.tried is not None else 0
        names = {"stages": "Stages", "words": "Prompt", "aside": f"Variants {many(jobs)}" if jobs else "Variants"}
        told = [BarWord("", f"[{word}]" if one == pane else f" {word} ", f"pane_of('{one}')",
                        "active" if one == pane else "dim") for one, word in names.items()]  # fmt: skip
        panes = first_shown(KEYS["run.next"], self.home.keymap_of_user)
        help = (Piece(panes, "key"), Piece(" or ", "dim"), Piece(face("run.next_pane"), "key"),
                Piece(" another pane", "dim"))  # fmt: skip
        self.tabs.show(told, help)

    def action_pane(self, by: int) -> None:
        self.action_pane_of(PANES[(PANES.index(self.pane) + by) % len(PANES)])

    def action_pane_of(self, pane: str) -> None:
        self.look_into(pane)
        self.call_after_refresh(lambda: self.set_focus(self.pane_widget(pane)))
        self.call_after_refresh(self.show_outcome)  # it is as wide as it is only now
        self.call_after_refresh(self.show_work)

    def on_descendant_focus(self) -> None:
        """Follows the focus, and tells the keys that do something there."""
        ancestors = set(self.focused.ancestors_with_self) if self.focused is not None else set()
        inside = {"stages": self.cards, "words": self.query_one("#run-words"), "aside": self.query_one("#run-aside")}
        pane = next((one for one, widget in inside.items() if widget in ancestors), self.pane)
        if pane != self.pane:
            self.look_into(pane)
            self.call_after_refresh(self.show_outcome)
        self.foot.hint(self.home.hints(self.hinted()), self.home.keymap_of_user)

    def hinted(self) -> tuple[Key, ...]:
        """While one types, only keys that are no letters; else first those of the pane and the letters."""
        if isinstance(self.focused, TextArea):
            help = (key._replace(face="F1") for key in of("everywhere") if key.id == "app.help")
            return (*TYPING, *of("text"), *help)
        pane = tuple(key for key in super().hinted() if key.where not in ("run", "everywhere"))
        others = tuple(key for key in TYPING[1:] if key.id not in ("run.leave", "run.next_pane"))
        return (TYPING[0], *pane, *LETTERS, *others, *of("everywhere"))

    def action_write(self) -> None:
        self.action_pane_of("words")

    def action_head(self) -> None:
        self.set_focus(self.head)

    def action_leave(self) -> None:
        if isinstance(self.focused, TextArea):
            self.set_focus(self.head)

    def action_top(self) -> None:
        self.samples.go(0)

    def action_payload(self) -> None:
        self.variant.turn(self.samples.item(), self.tried)
        self.set_class(self.variant.payload, "-payload")
        if self.size.width < 100:
            self.action_pane_of("aside")

    def action_refresh(self) -> None:
        begin(self, self._refresh, group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.home.refresh_nodes()
        self.stage_soon(again=True)
