"""What lies on the disk, what a rule would delete, and what a look at the files found: requests and answers."""

import msgspec

from schema.ids import ImageId, JobId, RunId, Sha256
from schema.plans import Plain
from schema.scenes import Answer


class _Asked(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class PruneRequest(_Asked, frozen=True, kw_only=True):
    """`POST /v1/disk/prune`: at least one of the first four; all of them must hold."""

    filter: str = ""
    older_than: str = ""
    """WHEN: an age (`30d`), an ISO time or a seq; by when a picture was made."""
    keep_best: int | None = None
    """Of each run so many stay: most stars first, then what looked best, then the newest."""
    stages: bool = False
    """Only pictures of stages before the last."""
    rated: bool = False
    """Those with stars or tagged `favourite`, too."""
    dry_run: bool = False
    """Nothing is deleted; the answer says what would be."""


class EmptyRequest(_Asked, frozen=True, kw_only=True):
    """`POST /v1/disk/empty`."""

    select: tuple[str, ...] = ()
    """Ids of pictures in the trash, or a FILTER; none: all."""
    older_than: str = ""
    """By when they came into the trash."""
    rated: bool = False
    dry_run: bool = False


class CheckRequest(_Asked, frozen=True, kw_only=True):
    """`POST /v1/disk/check`."""

    percent: float = 100.0
    """Of the files; less than 100: those that were checked longest ago."""


class Count(Plain, frozen=True, kw_only=True):
    """Pictures, and the bytes of their files."""

    pictures: int = 0
    bytes: int = 0


class RunCut(Plain, frozen=True, kw_only=True):
    """What of a run is deleted."""

    run: RunId
    name: str
    pictures: int
    bytes: int


class Cut(Plain, frozen=True, kw_only=True):
    """What a rule chooses, and what it leaves alone although it fits."""

    finals: int = 0
    stages: int = 0
    """Pictures of earlier stages."""
    files: int = 0
    bytes: int = 0
    """Of the files: what the disk gets back."""
    rated: int = 0
    """Left alone: rated."""
    unfinished: int = 0
    """Left alone: of jobs, or of a film, that are not done yet."""
    best: int = 0
    """Left alone: among the best of their run."""
    more: int = 0
    """As many more match: once more deletes them."""
    runs: tuple[RunCut, ...] = ()
    """The largest first, at most 1000."""
    images: tuple[ImageId, ...] = ()
    """At most 1000."""


class Deleted(Answer, frozen=True, kw_only=True):
    files: int = 0
    bytes: int = 0
    """Of the files: what the disk gets back."""
    cut: Cut | None = None
    """Null where the key was used before."""


class Disk(Plain, frozen=True, kw_only=True):
    """A file system that something of ours lies on."""

    path: str
    holds: tuple[str, ...]
    """Names of the folders that lie on it."""
    free: int
    total: int


class FolderUse(Plain, frozen=True, kw_only=True):
    """A folder of ours. A file that has several names is counted where it comes first."""

    name: str
    path: str
    files: int
    bytes: int


class DiskUse(Plain, frozen=True, kw_only=True):
    """`GET /v1/disk`. Pictures by what the log tells of them, folders by what lies in them."""

    finals: Count
    stages: Count
    """Of stages before the last: `disk prune --stages` deletes them."""
    films: Count
    trash: Count
    """Among the others."""
    rated: Count
    """Among the finals."""
    folders: tuple[FolderUse, ...]
    disks: tuple[Disk, ...]
    damaged: int = 0
    """Files that were found damaged."""
    checked: float | None = None
    """Unix seconds: when files were last read and checked by themselves; None: never."""


class RunUse(Plain, frozen=True, kw_only=True):
    """`GET /v1/disk/runs`: what the pictures of a run take."""

    run: RunId
    name: str
    created: float
    state: str
    finals: int
    finals_bytes: int
    stages: int
    stages_bytes: int
    film_bytes: int
    trash: int
    trash_bytes: int
    """Among the others."""
    rated: int
    bytes: int


class DamagedFile(Plain, frozen=True, kw_only=True):
    file: Sha256
    fault: str
    path: str
    """Where it lies, or should."""
    images: tuple[ImageId, ...] = ()
    """Pictures that have this file."""
    jobs: tuple[JobId, ...] = ()


class MendedFile(Plain, frozen=True, kw_only=True):
    file: Sha256
    source: str
    images: tuple[ImageId, ...] = ()


class Checked(Plain, frozen=True, kw_only=True):
    """What a look at the files found."""

    files: int = 0
    """Looked at."""
    bytes: int = 0
    of: int = 0
    """There are."""
    damaged: tuple[DamagedFile, ...] = ()
    """Of those looked at: damaged still."""
    mended: tuple[MendedFile, ...] = ()


class CheckLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the answer of `POST /v1/disk/check`."""

    progress: Checked | None = None
    done: Checked | None = None
    """In the last line."""
