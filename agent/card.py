"""What this agent says of itself. Its id is kept on disk, its instance is new in every process."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from agent.backends import Backend
from schema.ids import ALPHABET, ID_LENGTH, NodeId
from schema.orders import Card


def kept_node_id(home: Path) -> NodeId:
    """Drawn once and kept in `HOME/node`: a node stays itself when its name or address changes."""
    path = home / "node"
    try:
        return NodeId(path.read_text("ascii").strip())
    except FileNotFoundError:
        drawn = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
        path.write_text(drawn + "\n", "ascii")
        return NodeId(drawn)


def drawn_instance() -> str:
    return secrets.token_hex(8)


def make_card(node: NodeId, name: str, instance: str, version: str, backends: Sequence[Backend]) -> Card:
    """As it is now: the backends' lists are read afresh."""
    return Card(
        node=node,
        name=name,
        instance=instance,
        version=version,
        backends=tuple(backend.card() for backend in backends),
        gpus=tuple(gpu for backend in backends for gpu in backend.gpus()),
        vram_gb=max((backend.memory().total_gb for backend in backends), default=0.0),
        ram_gb=_ram_gb(),
    )


def _ram_gb() -> float:
    """0 where the system does not tell."""
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return 0.0
