"""What a person wishes in the Learn area: rate, take over, let go, try next, stop. `z` takes each of them back."""

from collections.abc import Awaitable, Callable
from functools import partial

from schema.experiments import Proposal
from schema.insights import PackInsight, clearly_better
from schema.plans import Learning
from schema.records import Settings
from schema.requests import Selection
from schema.requests_learning import Advice, LearningModeRequest
from tui.background import begin
from tui.keys import pressed
from tui.link import learn
from tui.link.ask import Told
from tui.screens.learnasking import LearnAsking
from tui.widgets.ink import plain
from tui.widgets.lessonwords import knob_name, settings, size_of, surely, words_matter

MODES: tuple[tuple[Learning, str], ...] = (
    ("passive", "passive: whatever you rate is learned from"),
    ("active", "active: the same, and pictures of new runs come first where you rate what waits"),
    ("off", "off: ratings are kept, and nothing is learned from them"),
)
ADVICE: tuple[tuple[Advice, str], ...] = (
    ("preset", "all that is recommended"),
    ("cautious", "only what is sure by itself"),
    ("weights", "values of wildcards that are liked, drawn more often"),
    ("randomizer", "settings of the randomizer that are liked"),
    ("nothing", "nothing any more: as the pack itself says"),
)


class LearnWishes(LearnAsking):
    def present(self) -> bool:
        """Whether it is about now; says so where it is not."""
        if self.as_of:
            remedy = f"{pressed('learn.past')} and an empty line come back to now"
            self.home.say(f"this is how it stood as of {plain(self.as_of)}; {remedy}")
        return not self.as_of

    def wish(self, ask: Callable[[], Awaitable[Told]], told: str) -> None:
        begin(self, partial(self._wish, ask, told), group="commands")

    async def _wish(self, ask: Callable[[], Awaitable[Told]], told: str) -> None:
        if await self.answer(ask) is not None:
            self.home.say(told)
            self.look_again(everything=True)

    # Verdicts ---------------------------------------------------------------------------------------

    async def action_rate(self) -> None:
        """What waits of the experiment under the cursor, else all that waits; those that were asked for come first."""
        from tui.screens.inbox import InboxScreen

        if self.tab == "experiments" and (row := self.experiment()) is not None and row.made > row.rated:
            await self.app.push_screen(InboxScreen(self.home, run=row.run))
        else:
            await self.app.push_screen(InboxScreen(self.home))

    async def action_duel(self) -> None:
        from tui.screens.duel import DuelScreen

        pack = self.under_cursor() if self.tab == "insights" else None
        await self.app.push_screen(DuelScreen(self.home, pack=pack.pack if pack is not None else None))

    def where(self) -> str:
        return "; there is none yet" if self.tab == "experiments" else ": ] goes to them"

    async def action_compare(self) -> None:
        from tui.screens.comparison import ComparisonScreen

        row = self.experiment() if self.tab == "experiments" else None
        if row is None:
            self.home.say(f"c compares the pictures of an experiment{self.where()}")
            return
        await self.app.push_screen(ComparisonScreen(self.home, row.run))

    # Advice -----------------------------------------------------------------------------------------

    def pack_for_advice(self) -> PackInsight | None:
        pack = self.under_cursor() if self.tab == "insights" else None
        if pack is None:
            here = self.tab == "insights"
            self.home.say(
                "nothing is known of any pack yet" if here else "it is a pack that advice is for: [ goes there"
            )
        return pack if self.present() else None

    async def action_apply(self) -> None:
        """At once where it is sure enough; where it is not, it says what is missing."""
        pack = self.pack_for_advice()
        if pack is None:
            return
        advice = pack.preset
        if self.may(pack, "preset"):
            self.take_over(pack, "preset", settings(recommended(pack)))
        elif advice is None or not advice.changes:
            more = "; A draws the words that do better more often" if words_matter(pack) else ""
            self.home.say(f"no setting is known to be better than it is{more}")
        else:
            sure = surely(advice.p_better_than_current)
            self.home.say(
                f"not sure enough yet: it is better in {sure} cases, and 95 are needed. f queues what would tell"
            )

    async def action_more(self) -> None:
        from tui.screens.ask import Choose

        pack = self.pack_for_advice()
        if pack is None:
            return
        choices = [(name, self.in_words(pack, name, words)) for name, words in ADVICE if self.may(pack, name)]

        def chosen(name: str | None) -> None:
            for advice, words in ADVICE:
                if advice == name and pack is not None:
                    self.take_over(pack, advice, words)

        title = f"New runs of {plain(pack.pack)} take over"
        await self.app.push_screen(Choose(title, choices, choices[0][0], wide=True), chosen)

    def may(self, pack: PackInsight, name: Advice) -> bool:
        """Whether there is anything of it. What there is of weights and of the randomizer the daemon knows."""
        advice = pack.preset
        match name:
            case "preset":
                return bool(recommended(pack))
            case "cautious":
                return advice is not None and bool(advice.cautious)
            case "nothing":
                return self.status is not None and pack.pack in self.status.adopted
        return True

    def in_words(self, pack: PackInsight, name: Advice, words: str) -> str:
        advice = pack.preset
        if advice is not None and name == "preset":
            return f"{words}: {settings(recommended(pack))}"
        return f"{words}: {settings(advice.cautious)}" if advice is not None and name == "cautious" else words

    def take_over(self, pack: PackInsight, advice: Advice, words: str) -> None:
        told = "new runs are made as the pack says" if advice == "nothing" else f"new runs take over: {words}"
        self.wish(
            partial(learn.adopt, self.home.asker, pack.pack, advice), f"{told}. {pressed('app.undo')} takes it back"
        )

    async def action_suggested(self) -> None:
        """Proposals of somebody else: one is taken over or dropped, or asked for; nothing happens by itself."""
        from tui.screens.ask import Choose

        pack = self.pack_for_advice()
        if pack is None:
            return
        found = self.suggestions_of(pack.pack)
        if not found:
            await self.ask_model(pack.pack)
            return
        choices = [
            choice for one in found for words in [one.suggestion.why or one.suggestion.id]
            for choice in ((f"+{one.suggestion.id}", f"take over: {plain(words)}"),
                           (f"-{one.suggestion.id}", f"drop: {plain(words)}"))
        ]  # fmt: skip
        choices.append(("?", "ask a language model ..."))

        async def chosen(name: str | None) -> None:
            if name == "?":
                await self.ask_model(pack.pack)
            elif name is not None:
                do = learn.adopt_suggestion if name[0] == "+" else learn.drop_suggestion
                told = "new runs take it over" if name[0] == "+" else "dropped"
                self.wish(partial(do, self.home.asker, name[1:]), f"{told}. {pressed('app.undo')} takes it back")

        await self.app.push_screen(Choose("Proposed by others", choices, choices[0][0], wide=True), chosen)

    def claim_key(self) -> str:
        """Of the claim of the knob that is plotted."""
        return ""

    def action_unsay(self) -> None:
        key = self.claim_key()
        if not key:
            self.home.say("nothing is claimed of this setting; < and > go to another")
        elif self.present():
            self.wish(
                partial(learn.dismiss, self.home.asker, key), f"not told again. {pressed('app.undo')} takes it back"
            )

    # Experiments ------------------------------------------------------------------------------------

    async def action_queue(self) -> None:
        from tui.screens.ask import Choose

        found = list(self.proposed())
        if not self.present():
            return
        if len(found) < 2:
            self.queue_this(found[0] if found else None)
            return
        choices = [(str(number), in_a_line(one)) for number, one in enumerate(found)]

        def chosen(number: str | None) -> None:
            if number is not None:
                self.queue_this(found[int(number)])

        await self.app.push_screen(Choose("Queue which", choices, "0", wide=True), chosen)

    def queue_this(self, proposal: Proposal | None) -> None:
        if proposal is None:
            self.home.say(f"nothing is proposed; {pressed('learn.new')} begins an experiment of your own")
        else:
            begin(self, partial(self._queue, proposal), group="queue")

    async def _queue(self, proposal: Proposal) -> None:
        from tui.screens.experiment import proposed

        wish = await self.asked(partial(proposed, self.home.asker, proposal))
        if wish is None:
            self.home.say(self.fault or "The daemon does not answer; nothing was queued.", bad=True)
            return
        answer = await self.home.answered("/v1/runs", wish)
        if answer is not None:
            self.home.say(f"{answer.run}: {answer.jobs:,} {'job' if answer.jobs == 1 else 'jobs'} queued")
            self.look_again(everything=True)

    async def action_new(self) -> None:
        from tui.screens.experiment import NewExperiment

        pack = self.under_cursor() if self.tab == "insights" else None
        knobs = [knob.param for knob in pack.knobs] if pack is not None else []
        row = self.experiment() if self.tab == "experiments" else None
        packs = row.packs if row is not None else (pack.pack,) if pack is not None else ()
        screen = NewExperiment(pack=packs[0] if packs else "", knobs=knobs)

        def left(queued: bool | None) -> None:
            if queued:
                self.look_again(everything=True)

        await self.app.push_screen(screen, left)

    def action_stop(self) -> None:
        row = self.experiment() if self.tab == "experiments" else None
        if row is None:
            self.home.say(f"{pressed('learn.stop')} stops an experiment{self.where()}")
        elif row.state not in ("waiting", "running"):
            self.home.say("all of it is made already")
        else:
            self.home.command("/v1/jobs/cancel", Selection(select=(row.run,)), "stopped; what is made stays")

    # Mode -------------------------------------------------------------------------------------------

    async def action_mode(self) -> None:
        from tui.screens.ask import Choose

        def chosen(name: str | None) -> None:
            for mode, words in MODES:
                if mode == name:
                    self.home.command("/v1/learn/mode", LearningModeRequest(mode=mode), words)

        now = self.status.mode if self.status is not None else "passive"
        await self.app.push_screen(Choose("Learning", MODES, now, wide=True), chosen)

    # Away with it -----------------------------------------------------------------------------------

    async def action_export(self) -> None:
        from tui.screens.bundle import SaveBundle

        await self.app.push_screen(SaveBundle())


def in_a_line(proposal: Proposal) -> str:
    return f"{plain(proposal.pack)}, {size_of(proposal)}: {', '.join(map(knob_name, proposal.variables))}"


def recommended(pack: PackInsight) -> Settings:
    """What its preset would have new runs take over; empty: nothing is sure enough."""
    if pack.preset is not None and pack.preset.offered and pack.preset.changes:
        return {one.param: one.now for one in pack.preset.changes}
    return clearly_better(pack)
