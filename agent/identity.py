"""Who this agent is: its id is kept on disk, its instance is new in every process."""

import os
import secrets
from pathlib import Path
from typing import NamedTuple

from schema.ids import ALPHABET, ID_LENGTH, NodeId


class Identity(NamedTuple):
    node: NodeId
    name: str
    """For people."""
    instance: str
    version: str


def identified(home: Path, name: str, version: str) -> Identity:
    """Raises OSError."""
    return Identity(kept_node_id(home), name, secrets.token_hex(8), version)


def kept_node_id(home: Path) -> NodeId:
    """Drawn once and kept in `HOME/node`: a node stays itself when its name or address changes."""
    path = home / "node"
    try:
        return NodeId(path.read_text("ascii").strip())
    except FileNotFoundError:
        drawn = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
        path.write_text(drawn + "\n", "ascii")
        return NodeId(drawn)


def ram_gb() -> float:
    """0 where the system does not tell."""
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return 0.0
