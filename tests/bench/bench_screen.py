"""What the screen costs: bytes sent to the terminal, time of the processor, time until something is seen.

    python tests/bench/bench_screen.py [--rounds N] [--json]

The real program in a pty of 120x36 with 24-bit colour, on the fake daemon of the screen tests with 100 and with
100,000 jobs. Goals: a small update at most 4 times the 20 bytes a terminal needs for it and flat in the number of
jobs; 20 updates a second at most 4 % of a core; a page scroll at most 7 KB; first paint with 100,000 jobs at most
1.6 times that of a minimal Textual app; half cells at least 5 times as fast as textual-image's.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from measure import Goal, Line, finish
from screens import MINIMAL, START, Screen, environment, fake_daemon

FEW, MANY = 100, 100_000
ANSI_FLOOR = 20
"""Bytes: move the cursor and write six letters."""


async def on_jobs(fake: ModuleType, jobs: int, home: Path) -> dict[str, float]:
    """All figures of one screen over so many jobs."""
    daemon = fake.FakeDaemon(home / f"{jobs}.sock")
    daemon.rows = [fake.make_row(n) for n in range(jobs)]
    await daemon.begin()
    env = environment(home, daemon.socket)
    screen = Screen([sys.executable, "-P", "-c", START], env)
    figures = {"first paint s": await screen.until(f"{jobs:,}".encode())}
    await screen.until(b"before variation")
    await screen.calm(1.0)
    screen.keys("jjjjj")
    await screen.calm(1.0)

    sizes = []
    for step in range(5, 12):
        await daemon.progress(100, step)
        sizes.append(await screen.calm(0.3))
    figures["bytes of a progress step"] = statistics.median(sizes)

    figures["cpu % at 20 updates/s"] = await load(daemon, screen, 20)
    figures["cpu % idle"] = await load(daemon, screen, 0)

    screen.keys("\x04")
    figures["bytes of a half page"] = await screen.calm(0.04)
    await screen.calm(1.0)
    screen.keys("\x04\x04")
    figures["bytes of two half pages"] = await screen.calm(0.04)
    await screen.calm(1.0)
    screen.keys("j")
    figures["bytes of one j, without details"] = await screen.calm(0.05)
    screen.end()
    await daemon.end()
    return figures


async def load(daemon: object, screen: Screen, rate: int) -> float:
    """Per cent of a core over three seconds of updates; the feed tells one job's progress each time."""
    before, began = screen.cpu(), time.perf_counter()
    step = 0
    while time.perf_counter() - began < 3.0:
        if rate:
            await daemon.progress(100 + step % 2, step % 29 + 1)  # type: ignore[attr-defined]
        step += 1
        screen.read()
        await asyncio.sleep(1 / rate if rate else 0.1)
    return 100 * (screen.cpu() - before) / (time.perf_counter() - began)


async def minimal(home: Path) -> float:
    screen = Screen([sys.executable, "-P", "-c", MINIMAL], environment(home, home / "none.sock"))
    seen = await screen.until(b"131 jobs")
    screen.end()
    return seen


def pictures(fake: ModuleType) -> dict[str, float]:
    """Milliseconds of a 40x20 picture, decoded beforehand the same way for both."""
    import io

    from PIL import Image
    from rich.console import Console
    from textual_image.renderable.halfcell import Image as Halfcell

    from tui.widgets.halfcell import cells_of

    blob = fake.picture(7, 256)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=120)

    def ours(number: int) -> None:
        for strip in cells_of(fake.picture(number, 256) if number else blob, 40, 20, true=True).strips:
            strip.render(console)

    def theirs(number: int) -> None:
        image = Image.open(io.BytesIO(fake.picture(number, 256) if number else blob)).convert("RGB")
        console.print(Halfcell(image, width=40, height=20))

    def timed(draw: object) -> float:
        spent = []
        for _ in range(30):
            began = time.perf_counter()
            draw(0)  # type: ignore[operator]
            spent.append(time.perf_counter() - began)
        return 1000 * statistics.median(spent)

    return {"half cells ms": timed(ours), "textual-image ms": timed(theirs)}


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    fake = fake_daemon()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for _ in range(options.rounds):
            found.setdefault("minimal app, first paint s", []).append(await minimal(home))
            for jobs in (FEW, MANY):
                for name, value in (await on_jobs(fake, jobs, home)).items():
                    found.setdefault(f"{jobs:,} jobs, {name}", []).append(value)
    medians = {name: statistics.median(values) for name, values in found.items()} | pictures(fake)
    finish(lines(medians), sys.argv)


def lines(medians: dict[str, float]) -> list[Line]:
    """Those with a limit or peer first, then the figures as they are."""
    paint, minimal_paint = medians[f"{MANY:,} jobs, first paint s"], medians["minimal app, first paint s"]
    few, step = (medians[f"{jobs:,} jobs, bytes of a progress step"] for jobs in (FEW, MANY))
    ours, theirs = medians["half cells ms"], medians["textual-image ms"]
    return [
        Line(what=f"first paint, {MANY:,} jobs", value=paint, unit="s", peer="a minimal Textual app",
             against=minimal_paint, ratio=paint / minimal_paint, goal=Goal("ratio", most=1.6)),
        Line(what=f"a progress step, {MANY:,} jobs", value=step, unit="B", peer="cursor and six letters",
             against=ANSI_FLOOR, ratio=step / ANSI_FLOOR, goal=Goal("ratio", most=4)),
        Line(what=f"the same, {MANY:,} jobs against {FEW}", value=step, unit="B", peer=f"{FEW} jobs", against=few,
             ratio=step / few, goal=Goal("ratio", most=1.1)),
        Line(what="half cells, 40 x 20", value=ours, unit="ms", peer="textual-image", against=theirs,
             ratio=ours / theirs, goal=Goal("ratio", most=0.2)),
        *(figure(name, value) for name, value in medians.items() if " jobs, " in name and "first paint" not in name),
    ]  # fmt: skip


def figure(name: str, value: float) -> Line:
    goal = Goal("value", most=4) if "20 updates" in name else Goal("value", most=7_000) if "half page" in name else None
    what = name.replace("cpu % ", "CPU ").replace("bytes of ", "")
    return Line(what=what, value=value, unit="%" if "cpu %" in name else "B", goal=goal)


if __name__ == "__main__":
    asyncio.run(main())
