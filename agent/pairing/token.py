"""The token that an agent was started with, in `HOME/keys/token` until it is paired."""

from pathlib import Path

from agent.pairing.durable import read_private, remove
from agent.pairing.keys import FOLDER
from schema.errors import Refused
from schema.tokens import Token, mark_of, read_token

__all__ = ["Token", "forget_token", "kept_token", "mark_of", "read_token"]

NAME = "token"


def kept_token(home: Path) -> Token | None:
    """Raises OSError, Refused."""
    path = home / FOLDER / NAME
    kept = read_private(path)
    if kept is None:
        return None
    try:
        return read_token(kept.decode("ascii", "replace"))
    except Refused as refused:
        raise Refused(refused.sentence, where=str(path), remedy=f"Remove {path}, or join with a new token.") from None


def forget_token(home: Path) -> None:
    """Raises OSError."""
    if (home / FOLDER).is_dir():
        remove(home / FOLDER / NAME)
