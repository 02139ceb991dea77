"""Simulated people: they submit, change their minds, lose their connections, and ask again with the same key."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import msgspec

from daemon.ledger import Ledger, LedgerStopped, Origin
from schema import commands as c
from schema.errors import Refused
from schema.plans import FilmSpec, JobSpec, RunSpec, StageStep
from schema.scenes import Answer

from .agent import MODELS

if TYPE_CHECKING:
    from .world import World

ENLARGE = StageStep(id="enlarge", kind="upscale", megapixels=4.0, needs=("upscalers:4x-sharp",))
STEPS = {
    model: (StageStep(id="paint", kind="txt2img", model=model, steps=20, megapixels=1.0), ENLARGE) for model in MODELS
}
WORDS = (
    (StageStep(id="enrich", kind="llmEnhance"), StageStep(id="hand", kind="dispatch")),
    (StageStep(id="enrich", kind="llmEnhance"), StageStep(id="hand", kind="dispatch", review=True)),
)
ILLS = ("", "-poison", "-dark", "-big", "-huge")


@dataclass
class Person:
    world: "World"
    name: str
    rng: Random
    keyed: bool = True
    """A person who does not use keys submits twice what was answered too late."""
    acknowledged: list[Answer] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)
    """Names of the runs whose submission was acknowledged."""
    wishes: int = 0

    async def live(self) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 160.0))
            if self.rng.random() < 0.55:
                await self._submit()
            else:
                await self._change()

    async def _submit(self) -> None:
        self.wishes += 1
        name = f"{self.name}-{self.wishes}"
        dice = Random(name)  # apart, so that all else befalls them as before
        words = dice.choice(WORDS) if dice.random() < 0.15 else ()
        ill = self.rng.choices(ILLS, (84, 5, 4, 5, 2))[0]
        jobs = tuple(
            JobSpec(
                name=f"{name}-{number}{ill if number == 0 else ''}",
                prompt="planned",
                needs=("loras:haze",) if self.rng.random() < 0.2 and not words else (),
                pack=self.rng.choice((None, "knights", "castles")),
            )
            for number in range(self.rng.randint(1, 4))
        )
        lane = "interactive" if self.rng.random() < 0.3 else "batch"
        film = FilmSpec() if self.rng.random() < 0.3 else None
        spec = RunSpec(
            name=name,
            base="b" * 64,
            plan_hash="p",
            seed=1,
            jobs=len(jobs),
            stages=(*words, *STEPS[self.rng.choice(MODELS)]),
            lane=lane,
            film=film,
            whole=self.rng.random() < 0.15,
        )
        tries = iter(range(1_000))
        # The edge draws a new run id for each try: only the key says that it is the same wish.
        answer = await self.insist(lambda: c.SubmitRun(run=f"{name}t{next(tries)}", spec=spec, jobs=jobs), of=spec)
        if answer is not None:
            self.submitted.append(name)

    async def _change(self) -> None:
        ledger = self.world.ledger
        if ledger is None:
            return
        try:
            command = await self._some_change(ledger)
        except LedgerStopped:
            return
        if command is not None:
            self.wishes += 1
            await self.insist(lambda: command, of=command)

    async def _some_change(self, ledger: Ledger) -> c.Command | None:
        live = await ledger.ask(lambda state: list(state.jobs))
        await self.world.past.catch_up(self.world.log)
        known = list(self.world.past.jobs)
        some = tuple(self.rng.sample(live, min(len(live), self.rng.randint(1, 3))))
        match self.rng.randrange(15):
            case 0:
                return c.CancelJobs(jobs=some) if some else None
            case 1:
                return c.HoldJobs(jobs=some) if some else None
            case 2 | 3:
                return c.ReleaseJobs(jobs=tuple(live))
            case 4:
                return c.MoveJobs(jobs=some, to=self.rng.choice(["top", "bottom"])) if some else None
            case 5:
                return c.SetPriority(jobs=some, priority=self.rng.randint(-2, 2)) if some else None
            case 6 | 7:
                return await self._undo(ledger)
            case 8:
                chosen = tuple(self.rng.sample(known, min(len(known), 3)))
                past = self.world.past
                return c.RetryJobs(jobs=chosen, ended=past.ended(chosen), runs=past.runs(chosen)) if chosen else None
            case 9 | 10 | 11:
                return await self._some_node(ledger)
            case 12:
                return c.SetQueueMode(mode=self.rng.choice(["share", "warm", "free"]))
            case _:
                return c.PauseQueue() if self.rng.random() < 0.25 else c.ResumeQueue()

    async def _some_node(self, ledger: Ledger) -> c.Command | None:
        nodes = await ledger.ask(lambda state: [(one.id, one.lost, one.link) for one in state.nodes.values()])
        if not nodes:
            return None
        node, lost, link = self.rng.choice(nodes)
        match self.rng.randrange(7):
            case 0:
                return c.DrainNode(node=node)
            case 1 | 2 | 3:
                return c.ResumeNode(node=node)
            case 4 if lost:
                return c.ForgetNode(node=node)
            case 5 if link == "lan":
                self.world.unpaired(node, self.rng.uniform(30.0, 3600.0))
                return c.UnpairNode(node=node)
            case _:
                return c.PinLane(node=node if self.rng.random() < 0.3 else None)

    async def _undo(self, ledger: Ledger) -> c.Command | None:
        redo = self.rng.random() < 0.4
        done = await (ledger.redo_top() if redo else ledger.undo_top())
        if done is None:
            return None
        events = await self.world.log.events_of(done)
        jobs = [name for one in events if (name := getattr(one.event, "job", None))]
        past = self.world.past
        await past.catch_up(self.world.log)
        kind = c.Redo if redo else c.Undo
        return kind(done=done, events=events, ended=past.ended(jobs), runs=past.runs(jobs))

    async def let_go(self, forget: bool) -> None:
        """Whatever keeps work from being done, in the end also what waits for nodes that do not come back."""
        ledger = self.world.ledger
        if ledger is None:
            return
        waiting = await ledger.ask(lambda state: tuple(state.jobs))
        nodes = await ledger.ask(lambda state: [one.id for one in state.nodes.values() if one.drained or one.barred])
        lost = await ledger.ask(lambda state: [one.id for one in state.nodes.values() if one.lost]) if forget else []
        wishes = (
            *(c.ForgetNode(node=node) for node in lost),
            c.ResumeQueue(),
            c.PinLane(node=None),
            c.ReleaseJobs(jobs=waiting),
        )
        for wish in (*wishes, *(c.ResumeNode(node=node) for node in nodes)):
            self.wishes += 1
            await self.insist(lambda wish=wish: wish, of=wish)

    async def insist(self, make, of) -> Answer | None:
        """Asks until there is an answer; None: it was refused."""
        key = f"{self.name}-key-{self.wishes}"
        digest = hashlib.sha256(msgspec.json.encode(of)).digest()
        while True:
            ledger = self.world.ledger
            if ledger is None:
                await asyncio.sleep(1.0)
                continue
            self.world.commands += 1
            origin = Origin(f"uid:{self.name}", f"command{self.world.commands}", key, digest)
            if not self.keyed:
                origin = origin._replace(key=None, digest=None)
            try:
                answer = await self._ask(ledger, make(), origin)
            except Refused:
                return None
            except (LedgerStopped, TimeoutError):
                await asyncio.sleep(self.rng.uniform(0.5, 2.0))
                continue
            self.acknowledged.append(answer)
            return answer

    async def _ask(self, ledger: Ledger, command: c.Command, origin: Origin) -> Answer:
        """Now and then the line is cut: the wish may have been granted all the same."""
        patience = self.rng.uniform(0.0, 0.03) if self.rng.random() < 0.1 else 5.0
        async with asyncio.timeout(patience):
            return await ledger.command(command, origin)
