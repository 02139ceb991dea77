"""The verb `learn-read PATH...`: what files of records and of proposed presets hold, as one line of JSON.

A file that is named must be whole. Of a folder everything that holds verdicts is taken; what is broken there is named.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from daemon.prompting.texts import cleaned, told
from daemon.records.flat import verdicts
from daemon.records.incoming import read_incoming
from daemon.records.suggested import is_presets, read_presets
from schema.errors import Exit, Refused, why
from schema.lessons import Suggestion
from schema.records import Record

MOST = 100_000
"""Files that a folder is looked through."""

LARGEST = 256 * 1024 * 1024


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Of one file."""

    path: str
    source: str
    """The file's name; with its folder's where two have the same."""
    records: tuple[Record, ...] = ()
    presets: tuple[Suggestion, ...] = ()
    passed: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    files: tuple[Read, ...]
    broken: tuple[str, ...] = ()
    """Of folders: files that were left where they are, and why."""


def main(argv: list[str]) -> int:
    paths = [Path(word) for word in argv[1:] if word not in ("--json", "--")]
    try:
        found = read(paths)
    except Refused as refused:
        print(cleaned(refused.told()), file=sys.stderr)
        return Exit.REFUSED
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    return Exit.DONE


def read(paths: Sequence[Path]) -> Found:
    """Raises Refused for a named file that is broken, before anything of the others is told."""
    files: list[Read] = []
    broken: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(_one(path))
            continue
        for each in _below(path):
            try:
                found = _one(each)
            except Refused as refused:
                if _likely(each):
                    broken.append(refused.told())
                continue
            files += [found] if found.records else []
    return Found(files=tuple(_named_apart(files)), broken=tuple(broken))


def _one(path: Path) -> Read:
    where = told(str(path), 300)
    try:
        if not path.is_file():
            raise Refused("there is no such file.", where=where, remedy="Check the path.")
        if path.stat().st_size > LARGEST:
            raise Refused(f"is larger than {LARGEST // 1_048_576} MB.", where=where, remedy="Split it.")
        text = path.read_bytes()
    except OSError as fault:
        raise Refused(f"cannot be read: {why(fault)}.", where=where) from None
    if text.startswith(b"PK"):
        raise Refused("this is a zip.", where=where, remedy="Unpack it, and name its ratings.jsonl or presets.json.")
    if path.suffix.lower() == ".json" and is_presets(text):
        return Read(path=str(path.absolute()), source=path.name, presets=read_presets(where, text))
    found = read_incoming(where, text)
    kept = tuple(verdicts(found.records))
    return Read(path=str(path.absolute()), source=path.name, records=kept, passed=found.passed)


def _below(root: Path) -> Iterator[Path]:
    """Files that may hold verdicts. Links out of the folder are not followed."""
    seen = 0
    pending = [root]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            seen += 1
            if seen > MOST:
                raise Refused(
                    f"holds more than {MOST:,} files.", where=told(str(root), 300), remedy="Name one of them."
                )
            if path.name.startswith(".") or path.is_symlink():
                continue
            if path.is_dir():
                pending.append(path)
            elif path.suffix.lower() == ".jsonl" or path.name == "items.json" or path.name.endswith(".review.json"):
                yield path


def _likely(path: Path) -> bool:
    """By its name it should hold verdicts."""
    return "learning" in str(path).casefold() or path.name.endswith(".review.json") or "record" in path.name.casefold()


def _named_apart(files: Sequence[Read]) -> Iterator[Read]:
    names = [one.source for one in files]
    for one in files:
        twice = names.count(one.source) > 1
        source = f"{Path(one.path).parent.name}/{one.source}" if twice else one.source
        yield msgspec.structs.replace(one, source=source[:200])
