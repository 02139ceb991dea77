"""What a verdict costs who gives it: from the key to the next picture on the screen, and the bytes that takes.

    python tests/bench/bench_inbox.py [--keys N] [--json]

The real program in a pty of 120x36 with 24-bit colour, on the fake daemon of the screen tests. Beside it a bare round
trip over the same socket, in the same run. Goals: a daemon that takes half a second for each verdict delays nothing,
and a picture of the whole terminal takes at most 100 KB and a tenth of a second.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import msgspec
from aiohttp import ClientSession, UnixConnector
from measure import Goal, Line, finish
from screens import ROOT, START, Screen, environment, fake_daemon

SLOW = 0.5
"""Seconds that the slow daemon takes for a verdict."""

STILL = 0.08
"""Seconds without a byte after which all is drawn."""

PAUSE = 0.25
"""Between two keys: as fast as a person judges."""


async def drawn(screen: Screen) -> tuple[float, int]:
    """Presses a key; milliseconds until the last byte of what it changed, and the bytes."""
    screen.read()
    began = last = time.perf_counter()
    screen.keys("4")
    many = 0
    while time.perf_counter() - last < STILL or not many:
        if part := screen.read():
            many, last = many + part, time.perf_counter()
        await asyncio.sleep(0.001)
    return 1000 * (last - began), many


async def keys(fake: ModuleType, home: Path, name: str, count: int, slow: float) -> tuple[float, float, float]:
    """Medians: milliseconds from key to picture, bytes, milliseconds of a bare round trip."""
    daemon = fake.FakeDaemon(home / f"{name}.sock")
    daemon.images = [msgspec.structs.replace(image, stars=0) for image in daemon.images]
    real = daemon.command

    async def command(request: object) -> object:
        await asyncio.sleep(slow)
        return await real(request)

    daemon.command = command
    await daemon.begin()
    screen = Screen([sys.executable, "-P", "-c", START], environment(home, daemon.socket))
    await screen.until(b"before variation")
    screen.keys("gi")
    await screen.until(b"318 pictures")
    screen.keys("i")
    await screen.until(b"1 of 318")
    await screen.calm()
    spent, sizes, trips = [], [], []
    async with ClientSession(connector=UnixConnector(str(daemon.socket))) as session:
        for _ in range(count):
            took, size = await drawn(screen)
            spent.append(took)
            sizes.append(size)
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            async with session.get("http://daemon/v1/status") as response:
                await response.read()
            trips.append(1000 * (time.perf_counter() - began))
    async with asyncio.timeout(60):
        while len(daemon.commands) < count:
            screen.read()
            await asyncio.sleep(0.05)
    await screen.calm()
    screen.end()
    await daemon.end()
    return statistics.median(spent), statistics.median(sizes), statistics.median(trips)


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--keys", type=int, default=15)
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    sys.path.insert(0, str(ROOT))
    fake = fake_daemon()
    with tempfile.TemporaryDirectory() as folder:
        quick, size, trip = await keys(fake, Path(folder), "quick", options.keys, 0.0)
        slow, _, _ = await keys(fake, Path(folder), "slow", options.keys, SLOW)
    finish(
        [
            Line(what="from the key to the next picture", value=quick, unit="ms", peer="a bare round trip",
                 against=trip, ratio=quick / trip, goal=Goal("value", most=100)),
            Line(what=f"the same, a verdict takes {SLOW * 1000:.0f} ms", value=slow, unit="ms",
                 peer="a daemon that answers at once", against=quick, ratio=slow / quick, goal=Goal("ratio", most=1.3)),
            Line(what="a picture of the whole terminal", value=size, unit="B", goal=Goal("value", most=100_000)),
        ],
        sys.argv,
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
