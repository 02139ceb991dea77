"""What is kept and who may ask for it: pictures deleted for good, damaged files, access over TCP; events and wishes."""

from typing import Literal

import msgspec

from schema.happened import Happened
from schema.ids import CommandId, ImageId, Sha256
from schema.plans import Plain

Scope = Literal["read", "rate", "run", "all"]
"""What an access may do besides reading: nothing; give verdicts; that, and submit runs and change the queue; whatever
the socket may, but for granting access."""


class Access(Plain, frozen=True, kw_only=True):
    """Somebody who may ask over TCP. The secret itself is told once and kept nowhere."""

    name: str
    digest: str
    """SHA-256 of the secret, 64 hex digits."""
    scope: Scope
    granted: float = 0.0
    """Unix seconds; filled in by the fold."""
    expires: float | None = None
    """Unix seconds; None: never."""


class AccessGranted(Happened, frozen=True, kw_only=True):
    access: Access


class AccessRevoked(Happened, frozen=True, kw_only=True):
    """It holds no more from the next request on."""

    name: str


class PicturesDeleted(Happened, frozen=True, kw_only=True):
    """For good: their rows stay out of every list, and then their files go. Verdicts on them stay in the log."""

    images: tuple[ImageId, ...]
    files: tuple[Sha256, ...]
    """Those that no other picture has."""
    bytes: int
    """Of these files together."""
    reason: str
    """`trash`, or the rule that a person gave, as they wrote it."""


class FileDamaged(Happened, frozen=True, kw_only=True):
    """A file of the artifact store is not what its name says, or is gone."""

    file: Sha256
    fault: str


class FileMended(Happened, frozen=True, kw_only=True):
    """It is whole again."""

    file: Sha256
    source: str
    """Where the good copy was: `results`, `backup`, `put back by hand`."""


class GrantAccess(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    access: Access


class RevokeAccess(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    name: str


class Looked(msgspec.Struct, frozen=True):
    """What stood on top of undo and redo: each verdict and each restoring changes one of them."""

    undo: CommandId | None
    redo: CommandId | None


class DeletePictures(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Look-up: the pictures that a person chose, with the files nobody else has."""

    images: tuple[ImageId, ...]
    files: tuple[Sha256, ...]
    bytes: int
    reason: str
    looked: Looked | None = None
    """When that was; None: it holds whatever was wished since."""


class FileChecked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """News of one file that was looked at: damaged, or whole again after it had been."""

    file: Sha256
    fault: str = ""
    """Empty: it is whole again."""
    source: str = ""
