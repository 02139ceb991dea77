"""The bundle for a language model, out of what the views and the statistics say."""

import os
from pathlib import Path

from daemon.records.bundle import Limits, Material, make_bundle
from schema.errors import Refused

SALT_BYTES = 32
PER_RECORD = 100
"""Bytes of a zip that the smallest record takes: so many more than fit are not read."""


def limits(redact: str, max_mb: float) -> Limits:
    """`max_mb` 0: as many as usual. Raises Refused for what cannot be redacted."""
    if redact not in ("", "prompts"):
        raise Refused(
            f"'{redact[:40]}' cannot be redacted.", where="redact", remedy="`--redact prompts` takes out all words."
        )
    return Limits(redact=bool(redact), megabytes=max_mb or Limits().megabytes)


def most_records(bounds: Limits) -> int:
    """Newest ones that may fit."""
    return int(bounds.megabytes * 1_000_000 / PER_RECORD)


def packed(material: Material, salt: Path | None, bounds: Limits) -> bytes:
    """A zip. Slow; raises Refused where not even what explains it fits."""
    return make_bundle(material, _salt(salt), bounds)


def _salt(path: Path | None) -> bytes:
    """Kept, so that the same word is the same id in all bundles of a home; without a place, of this bundle alone."""
    if path is None:
        return os.urandom(SALT_BYTES)
    try:
        kept = path.read_bytes()
    except FileNotFoundError:
        kept = b""
    if len(kept) == SALT_BYTES:
        return kept
    made = os.urandom(SALT_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(made)
    return made
