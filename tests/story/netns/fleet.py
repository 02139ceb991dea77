"""A daemon and three agents on a network of their own, and the words in which their stories are told."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import books
from follow import Follow, Open
from lan import Lan
from programs import Agent, Daemon, until

HEARTBEAT, SUSPECT, LOST = 0.5, 1.5, 4.0

SETTINGS = {
    "STABLENEW_FLEET__HEARTBEAT": str(HEARTBEAT),
    "STABLENEW_FLEET__SUSPECT_AFTER": str(SUSPECT),
    "STABLENEW_FLEET__LOST_AFTER": str(LOST),
    "STABLENEW_DAEMON__BACKOFF": "0.5",
    "STABLENEW_AGENT__SKETCH": "false",  # the machine of the daemon makes no pictures itself
}


class Rig(NamedTuple):
    number: int
    step: float
    """Seconds of each step."""
    vram: float


RIGS = {"rig1": Rig(11, 0.012, 8.0), "rig2": Rig(12, 0.02, 12.0), "rig3": Rig(13, 0.03, 24.0)}

SMALL = ("--set", "txt2img.width=64", "--set", "txt2img.height=64", "--set", "txt2img.steps=12")

BACK_WITHIN = 15.0
"""Seconds from a fault's end, or from the verdict that a node is lost, until work is given out again."""


class Fleet:
    def __init__(self, folder: Path, homes: Path | None = None) -> None:
        """`homes`: those of a fleet that was paired before."""
        if homes is not None:
            shutil.copytree(homes, folder, symlinks=True, dirs_exist_ok=True)
        self.folder = folder
        self.lan = Lan()
        self.daemon = Daemon(self.lan.plug("hub", 1), folder / "hub", dict(SETTINGS))
        self.rigs = {
            name: Agent(self.lan.plug(name, rig.number), folder / name, name, rig.step, rig.vram)
            for name, rig in RIGS.items()
        }
        self.log = Follow(self.daemon.log)
        self.measured: list[tuple[str, float]] = []
        self.allowed: frozenset[str] = frozenset()
        """Ends of jobs, besides being finished or cancelled, that this story has caused on purpose."""
        self._must: list[str] = []
        self._may: list[str] = []
        self._ids: dict[str, str] = json.loads(file.read_text()) if (file := folder / "ids.json").exists() else {}
        self._healed = time.monotonic()
        self._begun = 0

    # Who is there ---------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """The daemon and those agents, all three by default, and waits until all are in the fleet."""
        for rig in self._named(names):
            rig.start()
        self.daemon.start()
        self.wait_ready(*names)

    def wait_ready(self, *names: str, seconds: float = 30) -> None:
        wanted = [rig.name for rig in self._named(names)]

        def found() -> bool:
            nodes = self.daemon.nodes()
            return all(name in nodes and nodes[name]["state"] in ("ready", "busy") for name in wanted)

        try:
            until(found, f"{wanted} are ready", seconds)
        except AssertionError as fault:
            raise AssertionError(f"{fault}; the nodes are {self.told()}") from None

    def pair(self, *names: str) -> None:
        """By the code that each shows."""
        for rig in self._named(names):
            self.seen(rig.name)
            answer = self.daemon.json("node", "pair", rig.name, rig.code())
            assert answer["ready"], answer
            self._ids[rig.name] = answer["node"]

    def seen(self, name: str, state: str = "new", seconds: float = 20) -> Any:
        """The stranger or node of that name, once it is shown in that state."""

        def found() -> Any:
            return next(
                (
                    node
                    for told, node in self.daemon.nodes().items()
                    if told.startswith(name) and node["state"] == state
                ),
                None,
            )

        try:
            return until(found, f"{name} is shown as {state}", seconds)
        except AssertionError as fault:
            raise AssertionError(f"{fault}; the nodes are {self.told()}") from None

    def id(self, name: str) -> str:
        if name not in self._ids:
            self._ids[name] = self.daemon.nodes()[name]["node"]
        return self._ids[name]

    def told(self) -> dict[str, str]:
        return {
            name: f"{node['state']} {node['address']} {node['trouble']}" for name, node in self.daemon.nodes().items()
        }

    def keep(self, folder: Path) -> None:
        """Its homes, for fleets that are to begin paired. Everything has ended by then."""
        (self.folder / "ids.json").write_text(json.dumps(self._ids))
        shutil.copytree(self.folder, folder, ignore=lambda _, names: [name for name in names if ".sock" in name])

    def _named(self, names: tuple[str, ...]) -> list[Agent]:
        return [self.rigs[name] for name in names or self.rigs]

    # Work -----------------------------------------------------------------------------------------

    def work(self, must: int = 8, may: int = 150) -> None:
        """So many jobs that have to be finished at the end, and others behind them so that nobody is idle meanwhile."""
        self._begun = self._begun or self.log.mark()
        self._must.append(self._submit(must))
        if may:
            self._may.append(self._submit(may))

    def _submit(self, jobs: int, *words: str) -> str:
        told = self.daemon.json("run", "--prompt", "boats", "--count", str(jobs), "--no-wait", *SMALL, *words)
        run: str = told["run"]
        return run

    def attempt_at(self, name: str, seconds: float = 20) -> Open:
        """What that node is at, as soon as it is at something."""
        return until(lambda: self.log.at(self.id(name)), f"{name} works", seconds)

    def finish(self) -> None:
        """Whoever still waits behind is sent home; the others must be finished. Ends everything, checks the books."""
        if not self.daemon.alive:
            self.daemon.start()
        for run in self._may:
            self.daemon.json("job", "cancel", run)
        until(lambda: self._all_ended(), f"all jobs have ended; {self.told()}", 60)
        verified = self.daemon.json("log", "verify")
        assert verified["ok"], verified
        self.daemon.stop()
        found = books.read(self.daemon.log, self.daemon.artifacts)
        assert not found.findings, "\n".join(found.findings)
        assert found.submitted == set(found.ended)
        must = {job: end for job, end in found.ended.items() if job.partition(".")[0] in self._must}
        assert set(must.values()) <= {"JobFinished"} | self.allowed, must

    def _all_ended(self) -> bool:
        counts = self.daemon.get("/v1/queue")["counts"]
        attention = 0 if "JobParked" in self.allowed else counts["attention"]
        return not (counts["queued"] or counts["running"] or attention)

    # What is measured -------------------------------------------------------------------------------

    def healed(self) -> None:
        """The fault is over, now."""
        self._healed = time.monotonic()
        self._mark = self.log.mark()

    @contextmanager
    def healing(self) -> Iterator[None]:
        """Around the step that ends the fault."""
        self._mark = self.log.mark()
        yield
        self._healed = time.monotonic()

    def back(self, *names: str, within: float = BACK_WITHIN) -> None:
        """Each of them is given work again; measured from the fault's end."""
        for name in names:
            seen = self.log.wait("StageAssigned", within, self._mark, node=self.id(name))
            self.note("fault's end -> work is given to the node again", max(0.0, seen.when - self._healed))

    def lost(self, name: str, after: int, seconds: float = LOST + 6) -> None:
        self.log.wait("NodeLost", seconds, after, node=self.id(name))

    def elsewhere(self, name: str, after: int, within: float = BACK_WITHIN) -> None:
        """What that node was at when it was given up is given to another; measured from the verdict."""
        gone = self.log.wait("StageLost", 5, after, node=self.id(name))
        lost, stage = gone.happening, (gone.happening["job"], gone.happening["stage"])

        def moved(one: books.Happening) -> bool:
            return one.type == "StageAssigned" and (one["job"], one["stage"]) == stage and one.seq > lost.seq

        seen = self.log.first(moved, f"{stage} goes on elsewhere", within, after)
        self.note("lost -> its stage is given out again", seen.when - gone.when)

    def note(self, what: str, seconds: float) -> None:
        self.measured.append((what, seconds))

    def goes_on(self, stages: int = 3, seconds: float = 20, but: tuple[str, ...] = ()) -> None:
        """So many further stages are finished, by others than those."""
        after, others = self.log.mark(), {self.id(name) for name in but}

        def enough() -> bool:
            self.log.look()
            fresh = (seen.happening for seen in self.log.seen[after:])
            return sum(one.type == "StageFinished" and one["node"] not in others for one in fresh) >= stages

        until(enough, f"{stages} more stages are done", seconds)

    def none(self, kind: str, **fields: object) -> None:
        """Nothing of that type since the work began."""
        found = [seen.happening for seen in self.log.seen[self._begun :] if seen.happening.type == kind]
        assert not [one for one in found if all(one[name] == value for name, value in fields.items())], found

    def never(self, wrong: Callable[[books.Happening], bool], after: int) -> None:
        """Nothing of that sort has happened since the mark."""
        self.log.look()
        assert not [found.happening for found in self.log.seen[after:] if wrong(found.happening)]

    def close(self) -> None:
        for program in (self.daemon, *self.rigs.values()):
            program.close()
        self.lan.close()
