"""Reads `config.toml` from the disk, with the environment above it, into settings; every fault names where it is."""

from collections.abc import Mapping
from pathlib import Path

from daemon.library.files import read_text
from schema.configured import MOST_BYTES, Loaded, loaded
from schema.errors import Refused
from schema.settings import Settings


def load_settings(path: Path, env: Mapping[str, str]) -> Settings:
    """Raises Refused with `config.toml:LINE` or the variable's name. No file: defaults."""
    return load(path, env).settings


def load(path: Path, env: Mapping[str, str]) -> Loaded:
    return loaded(path, _text(path), env)


def _text(path: Path) -> str:
    try:
        return read_text(path, MOST_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as fault:
        raise Refused(
            f"cannot be read: {fault.strerror}.", where=str(path), remedy="Check the file's permissions."
        ) from None
