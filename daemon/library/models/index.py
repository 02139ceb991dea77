"""All model files below the folders of the settings, known by content: what came, changed, moved and went since.

Every method blocks and is called from one thread at a time; what `files` gives may be read from any.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from daemon.library.models.folders import WHOLE, Look, Seen, is_folder, shown
from daemon.library.models.reading import Known, read
from daemon.library.models.sidecars import READERS
from daemon.library.models.store import Store
from schema.errors import why
from schema.models import ModelKey, ModelScan

SIDECARS = tuple(dict.fromkeys(ending for reader in READERS for ending in reader.endings))
TOLD = 100
"""Troubles that are told of one look."""


class Index:
    def __init__(self, roots: Sequence[Path], store: Store, clock: Callable[[], float]) -> None:
        self.roots = _apart(roots)
        self._store = store
        self._clock = clock
        self._files: dict[str, Known] = {}
        self._folders: frozenset[str] = frozenset()
        """Those that the last whole look was into."""
        self._fresh = False
        """There was no index: what is there was there before anybody looked."""

    @property
    def files(self) -> Mapping[str, Known]:
        """By path, as they were when last looked at. A new mapping after each change; never changed in place."""
        return self._files

    def load(self) -> None:
        """What was known before this program ran; `scan` then finds what happened meanwhile."""
        kept = self._store.load()
        self._fresh = kept is None
        self._files = {path: known for path, known in (kept or {}).items() if self._ours(path)}

    def scan(self, stop: Callable[[], bool] = lambda: False, touched: Collection[str] | None = None) -> ModelScan:
        """Looks through all folders, or where only these paths changed through theirs. Untouched files stay closed."""
        began = perf_counter()
        folders = None if touched is None else self._only(touched)
        if folders is not None:
            return self._look_into(folders, began)
        look = Look(SIDECARS)
        found: dict[str, Known] = {}
        for root in self.roots:
            if not is_folder(root):
                look.troubles.append(f"{shown(str(root))}: there is no such folder")
            for seen in look.below(root):
                if stop():
                    return ModelScan()
                known = self._known(seen, look.troubles)
                if known is not None:
                    found.setdefault(known.path, known)
        self._folders = frozenset(look.folders)
        return self._took(found, look.troubles, began)

    def _look_into(self, folders: frozenset[str], began: float) -> ModelScan:
        """As many files as there are stay as they are known."""
        look = Look(SIDECARS)
        files = self._files.items()
        found = {path: known for path, known in files if known.folder or path.rpartition("/")[0] not in folders}
        for folder in folders:
            root = next(root for root in self.roots if folder == str(root) or folder.startswith(f"{root}/"))
            for seen in look.within(root, folder):
                known = self._known(seen, look.troubles)
                if known is not None:
                    found.setdefault(known.path, known)
        return self._took(found, look.troubles, began)

    def _only(self, touched: Collection[str]) -> frozenset[str] | None:
        """The folders in which these paths lie; None: that is not enough, as folders came, went or are models."""
        above = frozenset(path.rpartition("/")[0] for path in touched)
        if not above <= self._folders or not self._folders.isdisjoint(touched):
            return None
        if any(path.endswith(f"/{WHOLE}") or is_folder(path) for path in touched):
            return None
        return above

    def hashed(self) -> frozenset[str]:
        """SHA-256 of files that are here, as computed or as a sidecar claims."""
        here = {known.key for known in self._files.values()}
        computed = (sha256 for sha256, key in self._store.all_hashes().items() if key in here)
        return frozenset((*computed, *(known.said.sha256 for known in self._files.values() if known.said.sha256)))

    def hashes(self, key: ModelKey) -> dict[str, str]:
        return self._store.hashes(key)

    def keep_hashes(self, key: ModelKey, told: dict[str, str]) -> None:
        self._store.keep_hashes(key, told)

    def close(self) -> None:
        self._store.close()

    def _known(self, seen: Seen, troubles: list[str]) -> Known | None:
        was = self._files.get(seen.path)
        if was is not None and _untouched(was, seen):
            return was
        try:
            return read(seen, min(seen.born, self._clock()) if self._fresh else self._clock(), was)
        except OSError as fault:
            troubles.append(f"{shown(seen.path)}: {why(fault)}")
            return None

    def _took(self, found: dict[str, Known], troubles: list[str], began: float) -> ModelScan:
        was = self._files
        gone = [path for path in was if path not in found]
        came = [known for path, known in found.items() if path not in was]
        changed = [known for path, known in found.items() if path in was and was[path] is not known]
        left = {was[path].key: was[path] for path in gone}
        moved = [known for known in came if known.key in left]
        for known in moved:
            found[known.path] = _aged(known, left[known.key].added)
        self._files, self._fresh = found, False
        if came or changed or gone:
            self._store.save((found[known.path] for known in (*came, *changed)), gone)
        return ModelScan(
            folders=tuple(map(str, self.roots)),
            files=len(found),
            added=len(came) - len(moved),
            changed=len(changed),
            moved=len(moved),
            gone=len(gone) - len({known.key for known in moved}),
            seconds=round(perf_counter() - began, 3),
            troubles=tuple(troubles[:TOLD]),
        )

    def _ours(self, path: str) -> bool:
        return any(path.startswith(f"{root}{os.sep}") for root in self.roots)


def _untouched(was: Known, seen: Seen) -> bool:
    same = (was.stamp, was.beside, was.folder, was.name) == (seen.stamp, seen.beside, seen.folder, seen.name)
    return same and seen.list in ("", was.list)


def _aged(known: Known, added: float) -> Known:
    return msgspec.structs.replace(known, added=added)


def _apart(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Absolute, each once; one within another only as part of that."""
    found = sorted({Path(root).expanduser().absolute() for root in roots})
    return tuple(root for root in found if not any(other in root.parents for other in found))
