"""What the terminal UI costs beside a bare Textual app of the same size, near and over a line of 150 ms.

    python tests/bench/bench_tui.py [--rounds N] [--jobs N] [--json]

The real program in a pty of 120x36 on the fake daemon of the screen tests, in turn with what it is measured against:
the least that Textual can show (start, memory, silence), Textual's own table of as many rows (a key) and eight of its
progress bars (a screen at work). The line is simulated: keys and letters come 75 ms later each way.

Goals: first paint at most 1.6 times the bare one's; a key half a kilobyte and no later than the table's; an idle screen
silent; eight running jobs under 1 kB/s, and the same over SSH; far away a key costs the line and nothing more.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec
from measure import Goal, Line, finish, ratio
from screens import MINIMAL, START, Far, Screen, environment, fake_daemon

if TYPE_CHECKING:
    from screen_daemon import FakeDaemon

ONE_WAY = 0.075
RUNNING = 8
BEAT = 0.25
"""Seconds between two frames of a feed over SSH; every job makes a step in each second one."""
SILENCE = 8.0
"""Seconds that the rates are counted over."""
DOWN = "\x1b[B"
FUNCTION_KEYS = ("\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[15~", "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[20~")
"""F2 to F9: the eight areas."""

TABLE = """
from textual.app import App
from textual.widgets import DataTable
class Table(App):
    def compose(self):
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("id", "state", "job", "stages", "node", "progress")
        table.add_rows((f"kn00gt7a.{n}", "queued", f"knights-07-v{n}", "t2i.det.up", "any", "2:10") for n in range(%d))
        self.call_after_refresh(self.call_after_refresh, self.notify, "ready")
Table().run()
"""
BARS = """
from textual.app import App
from textual.widgets import ProgressBar
class Bars(App):
    def compose(self):
        for _ in range(8):
            yield ProgressBar(total=30)
    def on_mount(self):
        self.at = 0
        self.set_interval(0.25, self.step)
    def step(self):
        self.at += 1
        for number, bar in enumerate(self.query(ProgressBar)):
            if (number + self.at) % 2 == 0:
                bar.update(progress=(self.at // 2 + number) % 30)
Bars().run()
"""

Figures = dict[str, float]


def python(program: str) -> list[str]:
    return [sys.executable, "-P", "-c", program]


async def queue(fake: ModuleType, jobs: int, home: Path) -> "FakeDaemon":
    """A daemon with so many jobs, eight of them running."""
    daemon: FakeDaemon = fake.FakeDaemon(home / "api.sock")
    rows = [fake.make_row(n) for n in range(jobs)]
    for n in range(RUNNING):
        rows[n] = msgspec.structs.replace(rows[0], id=rows[n].id, name=rows[n].name)
    daemon.rows = rows
    await daemon.begin()
    return daemon


async def ours(daemon: "FakeDaemon", env: dict[str, str]) -> Figures:
    screen = Screen(python(START), env)
    found = {"start": await screen.until(b"Queue"), "filled": await screen.until(f"{len(daemon.rows):,}".encode())}
    await screen.until(b"before variation")
    await screen.calm(1.5)
    found["idle"] = await silent(screen, SILENCE / 2)
    found["memory"] = screen.memory()
    screen.keys("G")
    await screen.calm(1.0)
    found |= await keyed(screen, "k")
    screen.keys("gg")
    await screen.calm(1.0)
    found["at work"] = await at_work(daemon, screen)
    found["idle elsewhere"] = await elsewhere(screen)
    screen.end()
    far = Far(python(START), env, ONE_WAY)
    found["far start"] = await far.until(b"Queue")
    await far.until(b"before variation")
    await far.calm(1.5)
    found |= {f"far {name}": value for name, value in (await keyed(far, "j")).items()}
    far.end()
    return found


async def silent(screen: Screen, seconds: float) -> float:
    """Bytes a second while nothing happens. The less of two times: in one the clock may go on by a minute."""
    return min(await screen.rate(seconds), await screen.rate(seconds))


async def elsewhere(screen: Screen) -> float:
    """The same in the area that says most."""
    loudest = 0.0
    for key in FUNCTION_KEYS:  # they arrive in a text field too
        await screen.answered(key, calm=2.0)
        loudest = max(loudest, await silent(screen, 1.5))
    return loudest


async def keyed(screen: Screen, key: str) -> Figures:
    """Medians of one key, and of twenty typed at once."""
    seen, bytes_ = [], []
    for _ in range(7):
        ms, many = await screen.answered(key)
        seen.append(ms)
        bytes_.append(many)
        await screen.calm(0.5)
    _, burst = await screen.answered(key * 20)
    await screen.calm(0.5)
    return {"key": statistics.median(seen), "key bytes": statistics.median(bytes_), "twenty keys": burst}


async def at_work(daemon: "FakeDaemon", screen: Screen) -> float:
    """Bytes a second while eight jobs make two steps a second each, told as a feed over SSH tells it."""
    from schema.scenes import Step

    async def steps() -> None:
        for beat in range(int(SILENCE / BEAT) + 8):
            tokens = [100 + n for n in range(RUNNING) if (n + beat) % 2 == 0]
            at = [((beat // 2 + token) % 30) + 1 for token in tokens]
            progress = tuple((t, step, 30, (30 - step) / 2) for t, step in zip(tokens, at, strict=True))
            await daemon.tell(Step(progress=progress))
            await asyncio.sleep(BEAT)

    telling = asyncio.create_task(steps())
    found = await screen.rate(SILENCE)
    await telling
    return found


async def bare(jobs: int, env: dict[str, str]) -> Figures:
    """What Textual itself takes for the same."""
    least = Screen(python(MINIMAL), env)
    found = {"start": await least.until(b"131 jobs")}
    await least.calm(1.0)
    found |= {"idle": await silent(least, 2.0), "memory": least.memory()}
    least.end()
    found["idle elsewhere"] = found["idle"]
    table = Screen(python(TABLE % jobs), env)
    await table.until(b"ready")
    await table.calm(6.0)  # the word `ready` goes away again
    found |= await keyed(table, DOWN)
    table.end()
    bars = Screen(python(BARS), env)
    await bars.until(b"%")
    await bars.calm(0.2)
    found["at work"] = await bars.rate(SILENCE)
    bars.end()
    far = Far(python(MINIMAL), env, ONE_WAY)
    found["far start"] = await far.until(b"131 jobs")
    far.end()
    return found


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--jobs", type=int, default=50_000)
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    fake = fake_daemon()
    mine: list[Figures] = []
    theirs: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        daemon = await queue(fake, options.jobs, home)
        env = environment(home, daemon.socket)
        for _ in range(options.rounds):
            theirs.append(await bare(options.jobs, env))
            mine.append(await ours(daemon, env))
        await daemon.end()
    finish(lines(mine, theirs, options.jobs), sys.argv)


def lines(mine: list[Figures], theirs: list[Figures], jobs: int) -> list[Line]:
    least, table = "the least Textual app", f"its table, {jobs:,} rows"
    line = ONE_WAY * 2000

    def compared(what: str, name: str, unit: str, peer: str, goal: Goal | None, other: str = "") -> Line:
        values, against = [one[name] for one in mine], [one[other or name] for one in theirs]
        beside = ratio(values, against) if all(against) else None
        return _line(what, unit, values, peer, against, beside, goal)

    def far(what: str, name: str, near: str) -> Line:
        """Against the line and the same key near by."""
        values, against = [one[name] for one in mine], [one[near] + line for one in mine]
        peer = "the line and the key near by"
        return _line(what, "ms", values, peer, against, ratio(values, against), Goal("ratio", most=1.2))

    return [
        compared("first paint", "start", "s", least, Goal("ratio", most=1.6)),
        compared(f"first paint with its rows, {jobs:,} jobs", "filled", "s", least, Goal("ratio", most=2.5), "start"),
        compared("memory", "memory", "MiB", least, Goal("ratio", most=2.0)),
        compared("idle", "idle", "B/s", least, Goal("value", most=0)),
        compared("idle, in the loudest area", "idle elsewhere", "B/s", least, Goal("value", most=0)),
        compared(f"a key among {jobs:,} jobs", "key", "ms", table, Goal("ratio", most=1.0)),
        compared("the same, what it sends", "key bytes", "B", table, Goal("value", most=500)),
        compared("twenty keys at once", "twenty keys", "B", table, Goal("ratio", most=0.2)),
        compared("eight jobs at work", "at work", "B/s", "eight of its progress bars", Goal("value", most=1000)),
        compared("first paint over 150 ms", "far start", "s", least, Goal("ratio", most=1.6)),
        far("a key over 150 ms", "far key", "key"),
    ]


def _line(
    what: str, unit: str, values: list[float], peer: str, against: list[float], beside: float | None, goal: Goal | None
) -> Line:
    value, other = statistics.median(values), statistics.median(against)
    return Line(what=what, value=value, unit=unit, peer=peer, against=other, ratio=beside, goal=goal)


if __name__ == "__main__":
    asyncio.run(main())
