"""What the device does, looked at every second while a stage runs, and while somebody listens; else never.

A vital, and what an attempt's measures say of the device.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from agent.backends import Memory
from agent.device import Device, Reading
from schema.orders import Load

LOOK_SECONDS = 1.0

MEMINFO = Path("/proc/meminfo")


class Span:
    """One attempt's time on the device."""

    def __init__(self) -> None:
        self._percents: list[float] = []
        self.peak_gb = 0.0
        """0: not measured."""

    @property
    def percent(self) -> float:
        """Mean; 0: not measured."""
        return round(sum(self._percents) / len(self._percents), 1) if self._percents else 0.0

    def add(self, reading: Reading) -> None:
        self.peak_gb = max(self.peak_gb, reading.used_gb)
        if reading.percent is not None:
            self._percents.append(reading.percent)


class Meter:
    """Without a device it reads nothing and costs nothing."""

    def __init__(self, device: Device | None, listened: Callable[[], bool]) -> None:
        self._device = device
        self._listened = listened
        self._spans: set[Span] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="meter")
        self.now = device.read() if device else Reading()
        """As it last was."""

    @contextmanager
    def span(self) -> Iterator[Span]:
        span = Span()
        self._spans.add(span)
        try:
            yield span
        finally:
            self._spans.discard(span)

    def load(self, busy: bool, memories: Sequence[Memory], free_bytes: int) -> Load:
        """The agent's vitals: `memories` as the backends tell them, which count where no device is read."""
        now = self.now
        return Load(
            busy=busy,
            vram_used_gb=now.used_gb or round(sum(memory.used_gb for memory in memories), 3),
            vram_gb=now.total_gb or max((memory.total_gb for memory in memories), default=0.0),
            gpu_percent=now.percent,
            celsius=now.celsius,
            watts=now.watts,
            ram_used_gb=ram_used_gb(),
            resident=tuple(dict.fromkeys(model for memory in memories for model in memory.resident)),
            spool_free_bytes=free_bytes,
        )

    async def run(self) -> None:
        """For ever, in a thread of its own: a driver that hangs delays nobody."""
        if self._device is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            if self._spans or self._listened():
                self.now = await loop.run_in_executor(self._thread, self._device.read)
                for span in self._spans:
                    span.add(self.now)
            await asyncio.sleep(LOOK_SECONDS)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def ram_used_gb(meminfo: Path = MEMINFO) -> float:
    """Of the whole machine, without what the system would give back; 0 where it does not tell."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text("ascii").splitlines() if ":" in line)
        total, free = (int(rows[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError, IndexError):
        return 0.0
    return round((total - free) * 1024 / 1e9, 1)
