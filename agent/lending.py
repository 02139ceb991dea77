"""When models that lie idle in a device's memory are given back: after a while, or as soon as another program wants it.

What a server tells of its device counts everybody's memory: while no stage of ours runs, growth is somebody else's.
"""

from collections.abc import Mapping

from agent.backends import Memory

WANTED_GB = 0.5
"""By how much the used memory must grow while we rest."""

SCARCE = 0.25
"""Part of the device's memory; while more than this is left, the other program has room enough."""


class Lending:
    """Looked at now and then, while the device rests."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._least: dict[str, float] = {}
        """Least memory used since the device rests, by kind of backend, in GB."""

    def worked(self) -> None:
        self._least.clear()

    def due(self, rested_s: float, memories: Mapping[str, Memory]) -> str:
        """Why models should be unloaded now; empty: they may stay."""
        crowded = [kind for kind, memory in memories.items() if self._is_crowded(kind, memory)]
        if crowded:
            return f"another program wants the memory that {crowded[0]} uses"
        return f"idle for {rested_s:.0f} seconds" if 0 < self._after_s <= rested_s else ""

    def _is_crowded(self, kind: str, memory: Memory) -> bool:
        least = self._least[kind] = min(self._least.get(kind, memory.used_gb), memory.used_gb)
        left = memory.total_gb - memory.used_gb
        return memory.total_gb > 0 and memory.used_gb - least >= WANTED_GB and left < SCARCE * memory.total_gb
