"""A whole simulated evening from one seed: a daemon that crashes, agents, a bad network, and people in a hurry."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from daemon.core.apply import apply
from daemon.core.rules import Rules
from daemon.core.state import Attention, State, canonical, revive, state_hash
from daemon.core.vitals import Vitals
from daemon.ledger import Ledger, LedgerStopped
from daemon.log.store import LogInLoop
from schema import commands as c
from schema import events as e
from schema.observations import DaemonBegan, FilmBroke, FilmMade
from schema.plans import Picture

from .agent import Agent
from .checks import Reader
from .dispatch import Dispatcher
from .loop import run as run_loop
from .past import Past
from .people import Person

HOUR = 3600.0
HEALED_WITHIN = 4 * HOUR

FLEET: tuple[tuple[Literal["loopback", "local", "lan"], tuple[str, ...]], ...] = (
    ("loopback", ("sketch", "webui")),
    ("local", ("webui", "comfyui")),
    ("lan", ("comfyui",)),
    ("lan", ("webui",)),
)

MakeLog = Callable[..., LogInLoop]


class Report(NamedTuple):
    seed: int
    found: list[str]
    """Violations, in words."""
    events: int
    crashes: int
    hash: str
    log: tuple[e.Envelope, ...]


@dataclass
class World:
    seed: int
    make_log: MakeLog = LogInLoop
    keyed: bool = True
    log: LogInLoop = field(init=False)
    ledger: Ledger | None = None
    past: Past = field(default_factory=Past)
    commands: int = 0
    crashes: int = 0
    skew: float = 0.0
    """Of the wall clock, seconds."""
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.log = self.make_log(commit_delay=self._commit_delay)
        self.agents = [Agent(f"node{n}", *kind, Random(self.rng.random())) for n, kind in enumerate(FLEET)]
        self.people = [Person(self, f"p{n}", Random(self.rng.random()), self.keyed) for n in range(3)]
        self.state = State()
        self.chaos = True
        self._daemon: asyncio.Task[None] | None = None
        self._crash_now = asyncio.Event()

    def clock(self) -> float:
        return 1_790_000_000.0 + asyncio.get_running_loop().time() + self.skew

    # The daemon and its crashes ----------------------------------------------------------------

    def _commit_delay(self) -> float:
        """Now and then the power fails while a commit is under way."""
        delay = self.rng.uniform(0.001, 0.02)
        if self.chaos and self.rng.random() < 0.004:
            asyncio.get_running_loop().call_later(delay / 2, self._crash_now.set)
        return delay

    async def _daemons(self) -> None:
        """One daemon after another, each on the log that the last one left."""
        while True:
            self._crash_now.clear()
            self._daemon = asyncio.create_task(self._one_daemon())
            crashed = asyncio.create_task(self._crash_now.wait())
            await asyncio.wait({self._daemon, crashed}, return_when=asyncio.FIRST_COMPLETED)
            self._daemon.cancel()
            crashed.cancel()
            (end,) = await asyncio.gather(self._daemon, return_exceptions=True)
            _check_end(end)
            self.ledger = None
            self.crashes += 1
            self.log = self.log.crash()
            self.agents[0].crash()
            await asyncio.sleep(self.rng.uniform(0.5, 20.0))

    async def _one_daemon(self) -> None:
        self.state = await self._restored()
        vitals = Vitals()
        ledger = Ledger(self.state, self.log, clock=self.clock, vitals=vitals, rules=Rules(), on_broken=self._broken)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._writing(ledger))
            await asyncio.sleep(0)
            group.create_task(self._films(ledger))
            await asyncio.sleep(0)
            await ledger.observe(DaemonBegan(version="sim", sqlite="0", host="sim"))
            self.ledger = ledger
            self.agents[0].restart()
            for agent in self.agents:
                group.create_task(Dispatcher(ledger, agent, vitals).run())

    async def _writing(self, ledger: Ledger) -> None:
        await ledger.run()
        await asyncio.Event().wait()  # its process lingers until it is ended

    def _broken(self, error: BaseException) -> None:
        """The disk failed: the process ends itself."""
        if not isinstance(error.__cause__, OSError):
            self.found.append(f"the daemon ended by itself: {error!r}")
        self._crash_now.set()

    async def _films(self, ledger: Ledger) -> None:
        """Makes each film that is due; one under way dies with the daemon."""
        async with ledger.follow() as batches, asyncio.TaskGroup() as group:
            async for batch in batches:
                for envelope in batch.envelopes:
                    if isinstance(envelope.event, e.FilmStarted):
                        group.create_task(self._film(ledger, envelope.event.run, envelope.seq))

    async def _film(self, ledger: Ledger, run: str, token: int) -> None:
        await asyncio.sleep(self.rng.uniform(1.0, 30.0))
        if self.rng.random() < 0.2:
            await ledger.observe(FilmBroke(run=run, token=token, reason="so it was drawn"))
            return
        film = Picture(sha256=f"{token:064x}", pixels="", media="video/mp4", bytes=9, width=8, height=8)
        await ledger.observe(
            FilmMade(run=run, token=token, image=f"f{token}", film=film, frames=2, seconds=0.2, fps=8.0, codec="h264")
        )

    async def _restored(self) -> State:
        """From a snapshot taken somewhere in the middle and the tail, as a restart does."""
        envelopes = await self._whole_log()
        cut = self.rng.randint(0, len(envelopes))
        state = State()
        for envelope in envelopes[:cut]:
            apply(state, envelope)
        state = revive(canonical(state))
        for envelope in envelopes[cut:]:
            apply(state, envelope)
        return state

    async def _whole_log(self) -> tuple[e.Envelope, ...]:
        return await self.log.read(0, 10_000_000)

    # What befalls the others -------------------------------------------------------------------

    async def _misfortune(self) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 90.0))
            agent = self.rng.choice(self.agents)
            match self.rng.randrange(4):
                case 0 if agent.up:
                    asyncio.get_running_loop().create_task(self._agent_crash(agent))
                case 1 if self.rng.random() < 0.2:
                    self.log.fail_next(OSError(5, "Input/output error"))
                case 1 | 2:
                    asyncio.get_running_loop().create_task(self._cut_off(agent))
                case _:
                    self.skew += self.rng.choice([-3600.0, -1.0, 1.0, 600.0])

    async def _agent_crash(self, agent: Agent) -> None:
        agent.crash()
        await asyncio.sleep(self.rng.uniform(1.0, 120.0))
        if not agent.up:
            agent.restart()

    async def _cut_off(self, agent: Agent) -> None:
        """It works on; nobody reaches it."""
        agent.reachable = False
        await asyncio.sleep(self.rng.uniform(5.0, 400.0))
        agent.reachable = True

    # The evening -------------------------------------------------------------------------------

    async def evening(self, hours: float) -> Report:
        daemons = asyncio.create_task(self._daemons())
        busy = [asyncio.create_task(person.live()) for person in self.people]
        busy.append(asyncio.create_task(self._misfortune()))
        await asyncio.sleep(hours * HOUR)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await self._heal(daemons)
        return await self._judged()

    async def _heal(self, daemons: asyncio.Task[None]) -> None:
        """No more misfortune; whoever paused or held something lets it go. Then all work must end."""
        self.chaos = False
        for agent in self.agents:
            agent.reachable, agent.up, agent.odds.down = True, True, 0.0
            agent.down.clear()
        end = asyncio.get_running_loop().time() + HEALED_WITHIN
        person = self.people[0]
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(20.0)
            if daemons.done():
                daemons.result()
            if self.ledger is None:
                continue
            person.wishes += 1
            await person.insist(c.ResumeQueue, of=f"resume {person.wishes}")
            waiting = await self.ledger.ask(_waiting)
            person.wishes += 1
            await person.insist(lambda jobs=waiting: c.ReleaseJobs(jobs=jobs), of=f"release {person.wishes}")
            if not waiting and await self.ledger.ask(lambda state: all(run.over for run in state.runs.values())):
                return
        self.found.append(f"not all work ended within {HEALED_WITHIN / HOUR:.0f} hours")

    async def _judged(self) -> Report:
        assert self.ledger is not None
        seq, live = await self.ledger.state_hash()
        log = await self._whole_log()
        reader = Reader(found=self.found).read(log[:seq])
        replayed = State()
        for envelope in log[:seq]:
            apply(replayed, envelope)
        if state_hash(replayed) != live:
            self.found.append("the live state is not that of the log")
        at = {envelope.seq: envelope for envelope in log}
        for person in self.people:
            for answer in person.acknowledged:
                if answer.seq and (answer.seq not in at or at[answer.seq].command != answer.command):
                    self.found.append(f"{answer.command} was acknowledged at seq {answer.seq} and is not there")
            for name in person.submitted:
                if reader.names.get(name, 0) != 1:
                    self.found.append(f"run {name} was acknowledged and is there {reader.names.get(name, 0)} times")
        return Report(self.seed, self.found, seq, self.crashes, live, log)


def _check_end(end: BaseException | None) -> None:
    """A daemon may be killed, and its parts may hear that the ledger has stopped; anything else is a bug."""
    if isinstance(end, BaseExceptionGroup):
        _, end = end.split((LedgerStopped, asyncio.CancelledError))
    if end is not None and not isinstance(end, asyncio.CancelledError):
        raise end


def _waiting(state: State) -> tuple[str, ...]:
    return tuple(job.id for job in state.jobs.values() if not isinstance(job.phase, Attention))


def simulate(seed: int, hours: float, **parts) -> Report:
    """The same seed is the same evening, event for event."""

    async def main() -> Report:
        return await World(seed, **parts).evening(hours)

    return run_loop(main())
