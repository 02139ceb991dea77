"""A new experiment: a learning run over one variable, or an explore run over several. What it comes to is told before
it is queued."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, OptionList, Select, Static

from schema.errors import NoDaemon, Refused
from schema.experiments import Proposal
from schema.plans import Scalar
from schema.requests import Mix, RunRequest
from schema.requests_learning import Mixes, MixesRequest
from schema.sizes import size
from tui.athome import AtHome
from tui.background import begin, is_open, leave
from tui.keys import bound, face, pressed
from tui.link.ask import Asker, PlanLine
from tui.link.shelf import names_of
from tui.screens.draft import written
from tui.screens.levels import levels, list_of, one_more
from tui.screens.numbers import whole
from tui.screens.runplan import ends
from tui.widgets.field import Field
from tui.widgets.ink import plain, unflagged

PATIENCE = 120.0
"""Seconds: an explore run is dealt from all that was rated."""

WAIT = 0.35
"""Seconds after the last change before the plan is asked for."""

KINDS = (
    ("one variable, all else fixed: a learning run", "learning"),
    ("several at once, to find the best: an explore run", "explore"),
)
USUAL = ("txt2img.steps", "txt2img.cfg", "txt2img.sampler", "txt2img.scheduler", "txt2img.model", "txt2img.clip_skip",
         "detail.denoise", "upscale.factor", "lora")  # fmt: skip
"""Variables that most people want to know about, suggested while one types."""

NUMBERS, NAMES = "15, 20, 30 or 15, 20, .., 35 or 15..35/5", "names that the nodes have, one after the other"
"""Of levels that are not written yet."""


class Which(Select[str]):
    """Enter, twice, takes the first of them: above it stands a line that names none."""

    def action_show_overlay(self) -> None:
        super().action_show_overlay()
        listed = self.query_one(OptionList)
        if self.is_blank() and listed.option_count > 1:
            listed.highlighted = 1


class NewExperiment(AtHome, ModalScreen[bool]):
    """Its answer: whether one was queued."""

    BINDINGS = bound("dialog.take", "experiment.name", "dialog.back")

    def __init__(self, *, pack: str, knobs: Sequence[str] = ()) -> None:
        super().__init__()
        self._pack = pack
        self._knobs = tuple(dict.fromkeys((*(name for name in knobs if "." in name), *USUAL)))
        self.plan: PlanLine | None = None
        self._planning = 0
        self._lack = "choose a pack"
        """What is missing while there is no pack."""
        self._sending = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog form experiment", can_focus=False) as dialog:
            dialog.border_title = "New experiment"
            dialog.border_subtitle = (
                f"{face('experiment.name')} names  {face('dialog.take')} queue  {face('dialog.back')} back"
            )
            with Horizontal(classes="row first"):
                yield Static("kind", classes="field")
                yield Select[str](KINDS, id="kind", compact=True, allow_blank=False)
            with Horizontal(classes="row"):
                yield Static("pack", classes="field")
                yield Which([], id="pack", compact=True, prompt="which")
                yield Static("prompts", classes="field")
                yield Field("", id="prompts", compact=True, placeholder="1", restrict=r"[0-9]*", max_length=4)
            with Horizontal(classes="row one"):
                yield Static("variable", classes="field")
                yield Field("", id="variable", compact=True, placeholder="which, like txt2img.steps",
                            suggester=SuggestFromList(self._knobs, case_sensitive=False))  # fmt: skip
            with Horizontal(classes="row one"):
                yield Static("levels", classes="field")
                yield Field("", id="levels", compact=True, placeholder=NUMBERS)
            with Horizontal(classes="row one"):
                yield Static("seeds", classes="field")
                yield Field("2", id="seeds", compact=True, restrict=r"[1-3]?", max_length=1)
                yield Static("1 to 3, the same for every level", classes="quiet beside")
            with Horizontal(classes="row several"):
                yield Static("pictures", classes="field")
                yield Field("40", id="images", compact=True, restrict=r"[0-9]*", max_length=4)
                yield Static("whatever is undecided varies, each level equally often", classes="quiet beside")
            with Horizontal(classes="row"):
                yield Static("window", classes="field")
                yield Field("", id="window", compact=True, placeholder="any time; 22:00-07:00", max_length=40)
            yield Static("", id="plan", classes="quiet")

    def on_mount(self) -> None:
        self.show_kind()
        self.set_focus(self.query_one("#variable"))
        begin(self, self._fill, group="lists")

    async def _fill(self) -> None:
        try:
            names = await names_of(self.home.asker, "packs")
        except (NoDaemon, Refused):
            return
        if is_open(self):
            select = self.query_one("#pack", Select)
            select.set_options([(Content(plain(name)), name) for name in names])
            if self._pack in names or len(names) == 1:
                select.value = self._pack if self._pack in names else names[0]
            elif not names:
                remedy = f"{pressed('shelf.new')} in Library writes one"
                self._lack = f"an experiment takes a pack's prompts, and there is no pack yet: {remedy}"
                self.tell(self._lack, bad=True)

    @property
    def kind(self) -> str:
        return str(self.query_one("#kind", Select).value)

    def show_kind(self) -> None:
        for row in self.query(".one"):
            row.display = self.kind == "learning"
        for row in self.query(".several"):
            row.display = self.kind == "explore"
        self.query_one("#prompts", Input).placeholder = "1" if self.kind == "learning" else "all"
        self.query_one("#levels", Input).placeholder = (
            f"{face('experiment.name')}: {NAMES}" if list_of(self.typed("variable")) else NUMBERS
        )

    async def action_name(self) -> None:
        """One level more, by name."""
        from tui.screens.chooser import Chooser

        variable = self.typed("variable")
        if self.kind == "explore" or not (names := list_of(variable)):
            self.tell(
                f"{pressed('experiment.name')} is for variables that are names: txt2img.sampler, txt2img.model, lora"
            )
            return

        def chosen(name: str | None) -> None:
            if name:
                field = self.query_one("#levels", Input)
                field.value = one_more(field.value, name, variable)
                field.cursor_position = len(field.value)
                self.set_focus(field)

        await self.app.push_screen(Chooser(f"{plain(variable)} · one level more", (names,), empty=False), chosen)

    # The plan ---------------------------------------------------------------------------------------

    def typed(self, id: str) -> str:
        return self.query_one(f"#{id}", Input).value.strip()

    async def read(self) -> RunRequest | None:
        """As it stands; None while something is missing. Raises Refused or NoDaemon."""
        pack = self.query_one("#pack", Select).value
        if not isinstance(pack, str):
            return None
        window, prompts = self.typed("window") or None, whole(self.typed("prompts"), "prompts")
        if self.kind == "explore":
            images = whole(self.typed("images"), "pictures") or 0
            wish = await exploring(self.home.asker, pack, images, prompts) if images else None
        else:
            variable, several = self.typed("variable"), levels(self.typed("levels"))
            seeds = whole(self.typed("seeds"), "seeds") or 1
            many = prompts or 1
            wish = learning(pack, variable, several, seeds, many) if variable and len(several) > 1 else None
        return msgspec.structs.replace(wish, window=window) if wish is not None else None

    @on(Select.Changed)
    @on(Input.Changed)
    def preview(self) -> None:
        if not self.is_mounted:
            return
        self.show_kind()
        self.plan = None
        self._planning += 1
        begin(self, partial(self._preview, self._planning), group="plan", exclusive=True)

    async def _preview(self, number: int) -> None:
        await asyncio.sleep(WAIT)
        if not is_open(self):
            return
        try:
            wish = await self.read()
            if wish is None:
                self.tell(self.missing())
                return
            first, last = await self.home.asker.plan(wish, keep=1)
        except Refused as e:
            self.tell(unflagged(e.told()), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer; the plan comes when it does", bad=True)
        else:
            if number == self._planning and is_open(self):
                self.plan = last
                self.tell(told(first, last))
                with suppress(Refused, NoDaemon):  # the plan stands, whatever can be said of its time
                    coming = await self.home.asker.foretell(wish)
                    if number == self._planning and is_open(self):
                        self.tell(told(first, last, f"{ends(coming, self.home.clock())} · disk ~{size(coming.bytes)}"))

    def missing(self) -> str:
        if not isinstance(self.query_one("#pack", Select).value, str):
            return self._lack
        if self.kind == "explore":
            return "say how many pictures"
        return "name the variable, like txt2img.cfg" if not self.typed("variable") else "write two levels or more"

    def tell(self, words: str, *, bad: bool = False) -> None:
        line = self.query_one("#plan", Static)
        line.set_class(bad, "wrong")
        line.update(Content(words))

    # Leaving ----------------------------------------------------------------------------------------

    def action_take(self) -> None:
        if not self._sending:
            self._sending = True
            begin(self, self._queue, group="queue")

    async def _queue(self) -> None:
        """The plan that was seen is the plan that is queued."""
        try:
            wish = await self.read()
            if wish is None:
                self.tell(self.missing(), bad=True)
                return
            if self.plan is not None and self.plan.plan_hash:
                wish = msgspec.structs.replace(wish, seed=self.plan.seed, plan_hash=self.plan.plan_hash)
            answer = await self.home.asker.command("/v1/runs", wish)
        except Refused as e:
            self.tell(unflagged(e.told()), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer; nothing was queued, nothing is lost", bad=True)
        else:
            self.home.say(f"{answer.run or 'run'}: {answer.jobs:,} {'job' if answer.jobs == 1 else 'jobs'} queued")
            leave(self, True)
        finally:
            self._sending = False

    def action_leave(self) -> None:
        leave(self, False)


def told(first: Sequence[PlanLine], last: PlanLine, coming: str = "") -> str:
    """`coming`: by when, and what room it takes."""
    jobs = last.jobs or 0
    lines = [f"{jobs:,} {'picture' if jobs == 1 else 'pictures'}{f' · {coming}' if coming else ''} · seed {last.seed}"]
    lines += [plain(job.prompt)[:200] for job in first]
    return "\n".join([*lines, *(f"! {plain(unflagged(warning))}" for warning in last.warnings[:3])])


def learning(pack: str, variable: str, several: Sequence[str], seeds: int, prompts: int = 1) -> RunRequest:
    """One variable, with so many prompts of the pack; its pictures are rated first."""
    return RunRequest(packs=(pack,), vary=(f"{variable}={','.join(several)}",), count=seeds, max_prompts=prompts,
                      experiment="learning", learning="active")  # fmt: skip


async def proposed(asker: Asker, proposal: Proposal) -> RunRequest:
    """The run that a proposal means. Raises Refused or NoDaemon."""
    if proposal.kind == "explore":
        return await exploring(asker, proposal.pack, proposal.images)
    (variable, several), *_ = proposal.variables.items()
    return learning(proposal.pack, variable, [level(value) for value in several], proposal.seeds)


def level(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else written(value)


async def exploring(asker: Asker, pack: str, images: int, prompts: int | None = None) -> RunRequest:
    """Every undecided knob varied at once, as the daemon deals them. Raises Refused or NoDaemon."""
    run = RunRequest(packs=(pack,), max_prompts=prompts)
    dealt = await asker.long("/v1/learn/mixes", MixesRequest(run=run, images=images), Mixes, PATIENCE)
    mixes = tuple(Mix(set=one.params, group=one.seed_group) for one in dealt.images)
    return msgspec.structs.replace(run, experiment="explore", mixes=mixes, learning="active")
