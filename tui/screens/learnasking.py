"""A language model is asked in the Learn area: the question is a run, and its answer comes by itself when that ends."""

from functools import partial

from schema.errors import NoDaemon, Refused
from tui.background import begin
from tui.keys import pressed
from tui.link import learn
from tui.live import Change, Live
from tui.screens.lessons import Lessons
from tui.widgets.ink import plain

HELP = 'What do you want of its pictures? "warmer light, fewer artefacts". Nothing is applied by itself.'


class LearnAsking(Lessons):
    def __init__(self) -> None:
        super().__init__()
        self._asking: dict[str, str] = {}
        """Runs that ask, and about which pack."""

    async def ask_model(self, pack: str) -> None:
        from tui.screens.ask import Type

        def typed(wish: str | None) -> None:
            if wish is not None and wish.strip():
                begin(self, partial(self._ask, pack, wish.strip()), group="queue")

        await self.app.push_screen(Type(f"Ask a language model about {plain(pack)}", HELP), typed)

    async def _ask(self, pack: str, wish: str) -> None:
        try:
            question = await learn.question(self.home.asker, pack, wish)
        except Refused as fault:
            told = Refused(fault.sentence, remedy=fault.remedy).told()  # where goes without saying
            self.home.say(told, bad=True)
            return
        except NoDaemon:
            self.home.say("The daemon does not answer; nobody was asked.", bad=True)
            return
        answer = await self.home.answered("/v1/runs", question.run)
        if answer is not None and answer.run:
            self._asking[answer.run] = pack
            self.home.say(f"{answer.run}: a language model is asked; what it proposes is shown here")
            self._take_up(self.home.live)

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        self._take_up(live)

    def _take_up(self, live: Live) -> None:
        """The answers of runs that have ended."""
        if self.home.readonly:
            return
        open_ = {one.run for one in live.scene.runs}
        for run in [run for run in self._asking if live.linked and run not in open_]:
            begin(self, partial(self._answered, run, self._asking.pop(run)), group="commands")

    async def _answered(self, run: str, pack: str) -> None:
        try:
            found = (await learn.answered(self.home.asker, run, pack)).items
        except Refused as fault:
            self.home.say(fault.told(), bad=True)
            return
        except NoDaemon:
            self._asking[run] = pack  # once it is back
            return
        changes = sum(len(one.changes) for one in found)
        words = f"{changes} change{'' if changes == 1 else 's'}"
        remedy = f"{pressed('learn.suggested')} takes them over or drops them"
        self.home.say(f"a language model proposes {words} of {plain(pack)}; {remedy}")
        self.look_again(everything=True)
