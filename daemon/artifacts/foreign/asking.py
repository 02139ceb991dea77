"""What the daemon asks its reading child, and what that answers: a JSON line each."""

import msgspec

from schema.foreign import Understood


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    name: str
    """As the person called it."""
    beside: str = ""
    """The text that lay beside it."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`found` or a refusal."""

    found: Understood | None = None
    sentence: str = ""
    where: str = ""
    remedy: str = ""
