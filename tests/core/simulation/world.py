"""A whole simulated evening from one seed: a daemon that crashes, a fleet, a bad network, and people in a hurry."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from checker.whole import check_connection

from daemon.core.apply import apply
from daemon.core.look import outline
from daemon.core.rules import Rules
from daemon.core.state import Attention, State, canonical, revive, state_hash
from daemon.core.vitals import Vitals
from daemon.fleet.heart import Timers
from daemon.ledger import Ledger, LedgerStopped
from daemon.log.store import LogInLoop
from schema import events as e
from schema.nodes import Link
from schema.observations import DaemonBegan, FilmBroke, FilmMade
from schema.plans import Picture
from schema.scenes import QueueScene, Scene

from .agent import Agent
from .checks import Reader
from .fates import Fates
from .keeper import Keeper, Trust
from .loop import run as run_loop
from .past import Past
from .people import Person

HOUR = 3600.0
HEALED_WITHIN = 4 * HOUR

FIRST: tuple[tuple[Link, tuple[str, ...], float], ...] = (
    ("loopback", ("sketch", "webui"), 8.0),
    ("local", ("webui", "comfyui"), 12.0),
    ("lan", ("comfyui",), 8.0),
    ("lan", ("webui", "comfyui"), 24.0),
)
"""In every fleet; up to four more are drawn."""

TIMERS = Timers()

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
    timers: Timers = TIMERS
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
        self.trust = Trust()
        self.agents = [Agent(f"id{n}", f"node{n}", *one, Random(self.rng.random())) for n, one in self._fleet()]
        self._by_id = {agent.id: [agent] for agent in self.agents}
        self.people = [Person(self, f"p{n}", Random(self.rng.random()), self.keyed) for n in range(3)]
        self.fates = Fates(self, self.trust, Random(self.rng.random()))
        self.chaos = True
        self._keepers: dict[str, Keeper] = {}
        self._told: list[e.Envelope] = []
        self._looks = 0
        self._saved, self._saved_at = canonical(State()), 0
        self._daemon: asyncio.Task[None] | None = None
        self._crash_now = asyncio.Event()

    def _fleet(self):
        more = [
            ("lan", self.rng.choice([("comfyui",), ("webui",), ("webui", "comfyui")]), self.rng.choice([6.0, 12.0]))
            for _ in range(self.rng.randint(0, 4))
        ]
        return enumerate((*FIRST, *more))

    def clock(self) -> float:
        return 1_790_000_000.0 + asyncio.get_running_loop().time() + self.skew

    # What fates and people do to it --------------------------------------------------------------

    def crash_now(self) -> None:
        self._crash_now.set()

    def agents_of(self, node: str) -> list[Agent]:
        """That have this id: more than one where a disk was copied."""
        return self._by_id[node]

    def sighted(self, node: str) -> None:
        """Discovery sees who answers under that id."""
        if (keeper := self._keepers.get(node)) is not None:
            keeper.sight()

    def child_ended(self) -> None:
        """The embedded agent is a child of the daemon, which sees at once that it has ended."""
        if (keeper := self._keepers.get(self.agents[0].id)) is not None and not keeper.dead:
            keeper.group.create_task(keeper.gone("the agent ended"))

    def unpaired(self, node: str, seconds: float) -> None:
        """Nobody pairs it again for so long."""
        self.trust.refused.add(node)
        asyncio.get_running_loop().call_later(seconds, self.trust.refused.discard, node)

    # The daemon and its crashes ----------------------------------------------------------------

    def _commit_delay(self) -> float:
        """Now and then the power fails while a commit is under way."""
        delay = self.rng.uniform(0.001, 0.02)
        if self.chaos and self.rng.random() < 0.002:
            asyncio.get_running_loop().call_later(delay / 2, self._crash_now.set)
        return delay

    async def _daemons(self) -> None:
        """One daemon after another, each on the log that the last one left."""
        while True:
            self._crash_now.clear()
            self._daemon = asyncio.create_task(self._one_daemon())
            crashed = asyncio.create_task(self._crash_now.wait())
            await asyncio.wait({self._daemon, crashed}, return_when=asyncio.FIRST_COMPLETED)
            for keeper in self._keepers.values():
                keeper.dead = True
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
        state, vitals = await self._restored(), Vitals()
        ledger = Ledger(
            state,
            self.log,
            clock=self.clock,
            vitals=vitals,
            rules=Rules(),
            on_broken=self._broken,
            outlined=self._outlined,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._writing(ledger))
            group.create_task(self._hearing(ledger, group))
            await asyncio.sleep(0)
            await ledger.observe(DaemonBegan(version="sim", sqlite="0", host="sim"))
            self.agents[0].restart()
            for node, agents in self._by_id.items():
                rng = Random(self.rng.random())
                keeper = Keeper(ledger, agents, vitals, self.timers, self.trust, group, rng)
                self._keepers[node] = keeper
                group.create_task(keeper.live())
            self.ledger = ledger

    async def _writing(self, ledger: Ledger) -> None:
        await ledger.run()
        await asyncio.Event().wait()  # its process lingers until it is ended

    def _outlined(self, state: State, vitals: Vitals, now: float) -> Scene:
        """Nobody watches: what a client would be shown is looked at now and then only."""
        self._looks += 1
        return outline(state, vitals, now) if self._looks % 50 == 0 else Scene(head=state.seq, queue=QueueScene())

    def _broken(self, error: BaseException) -> None:
        """The disk failed: the process ends itself."""
        if not isinstance(error.__cause__, OSError):
            self.found.append(f"the daemon ended by itself: {error!r}")
        self._crash_now.set()

    async def _hearing(self, ledger: Ledger, group: asyncio.TaskGroup) -> None:
        """Brings what was committed to who acts on it; a film that is under way dies with the daemon."""
        async with ledger.follow() as batches:
            async for batch in batches:
                for envelope in batch.envelopes:
                    if isinstance(envelope.event, e.FilmStarted):
                        group.create_task(self._film(ledger, envelope.event.run, envelope.seq))
                for keeper in self._keepers.values():
                    if not keeper.dead:
                        keeper.hear(batch)

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
        """From a snapshot taken somewhere since the last start, and the tail, as a restart does."""
        envelopes = await self._read_on()
        state = revive(self._saved)
        cut = self.rng.randint(self._saved_at, len(envelopes))
        for envelope in envelopes[self._saved_at : cut]:
            apply(state, envelope)
        self._saved, self._saved_at = canonical(state), cut
        state = revive(self._saved)
        for envelope in envelopes[cut:]:
            apply(state, envelope)
        return state

    async def _read_on(self) -> list[e.Envelope]:
        """The whole log; what was read of it once is not read again."""
        self._told += await self.log.read(len(self._told), 10_000_000)
        return self._told

    # The evening -------------------------------------------------------------------------------

    async def evening(self, hours: float) -> Report:
        daemons = asyncio.create_task(self._daemons())
        busy = [asyncio.create_task(person.live()) for person in self.people]
        busy.append(asyncio.create_task(self.fates.run()))
        await asyncio.sleep(hours * HOUR)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await asyncio.sleep(0)
        await self._heal(daemons)
        return await self._judged()

    async def _heal(self, daemons: asyncio.Task[None]) -> None:
        """No more misfortune, but one machine is gone for good. Whoever paused or held something lets it go: then all
        work must end.
        """
        self.chaos = False
        self.trust.refused.clear()
        for agent in self.agents:
            agent.thaw()
            agent.wire.heal()
            if not agent.up:
                agent.restart()
            agent.odds.unproved = agent.odds.slow = 0.0
            agent.pace = 1.0
            agent.broken.clear()
            agent.serve(set())
        dead = self.agents[-1]
        dead.crash()
        end = asyncio.get_running_loop().time() + HEALED_WITHIN
        person = self.people[0]
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(20.0)
            if daemons.done():
                daemons.result()
            if self.ledger is None:
                continue
            await person.let_go(forget=asyncio.get_running_loop().time() > end - HEALED_WITHIN / 2)
            waiting = await self.ledger.ask(_waiting)
            if not waiting and await self.ledger.ask(lambda state: all(run.over for run in state.runs.values())):
                return
        waiting = await self.ledger.ask(_waiting) if self.ledger else ()
        why = await self.ledger.explain(waiting[0]) if self.ledger and waiting else ()
        self.found.append(f"not all work ended within {HEALED_WITHIN / HOUR:.0f} hours: {waiting[:3]} {why}")

    async def _judged(self) -> Report:
        assert self.ledger is not None
        seq, live = await self.ledger.state_hash()
        log = tuple((await self._read_on())[:seq])
        reader = Reader(found=self.found).read(log)
        replayed = State()
        for envelope in log:
            apply(replayed, envelope)
        if state_hash(replayed) != live:
            self.found.append("the live state is not that of the log")
        for person in self.people:
            for answer in person.acknowledged:
                if answer.seq and (answer.seq > len(log) or log[answer.seq - 1].command != answer.command):
                    self.found.append(f"{answer.command} was acknowledged at seq {answer.seq} and is not there")
            for name in person.submitted:
                if reader.names.get(name, 0) != 1:
                    self.found.append(f"run {name} was acknowledged and is there {reader.names.get(name, 0)} times")
        self.found += reader.left_undone()
        self.found += map(str, check_connection(self.log._db))
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
