"""Who this agent is: its id is kept; its instance is new in every process, its boot at every start of the machine."""

import os
import secrets
import socket
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from schema.ids import ALPHABET, ID_LENGTH, NodeId


class Identity(NamedTuple):
    node: NodeId
    name: str
    """For people."""
    instance: str
    version: str
    boot: str = ""
    host: str = ""


def identified(node: NodeId, name: str, version: str) -> Identity:
    return Identity(node, name, secrets.token_hex(8), version, boot_id(), socket.gethostname())


BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """With the instance it tells a restart from a copied disk. Where the system has none: since when it runs."""
    with suppress(OSError):
        return BOOT.read_text("ascii").strip()
    return f"{uuid.getnode():012x}-{round((time.time() - time.monotonic()) / 60)}"


def kept_node_id(home: Path) -> NodeId:
    """Of a daemon's own child: drawn once and kept in `HOME/node`. All others have theirs from their key."""
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
