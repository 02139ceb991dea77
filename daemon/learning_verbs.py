"""`python -P -m daemon learn-insights FILE [--pack P] [--json]`: what a file of records says. Needs no daemon.

Acceptance and scripts call it often: nothing is imported here that is not used for it.
"""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemon.algebra import load
from daemon.learning.reading import read_records
from daemon.learning.telling import in_words, plain
from schema.errors import Exit, Refused, why
from schema.insights import Claim, PackInsight, PresetAdvice
from schema.records import Record

if TYPE_CHECKING:
    from daemon.learning.rows import Row, Versus

USAGE = "usage: learn-insights FILE [--pack PACK] [--json]"

_STEERING = {
    code: f"\\u{code:04x}"
    for code in (0x7F, *range(0x80, 0xA0), 0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
                 *range(0x2066, 0x2070), 0xFEFF)
}  # fmt: skip
"""Letters that could drive a terminal; JSON escapes those of ASCII itself."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `--json` prints."""

    claims: tuple[Claim, ...]
    presets: tuple[PresetAdvice, ...]
    """One per pack."""
    packs: tuple[PackInsight, ...] = ()
    """The whole of it: knobs with their levels, what is unproven, advice."""


def main(words: list[str]) -> int:
    """The exit code. One JSON document, or words; complaints on stderr."""
    gc.disable()  # many small objects in no circles, and the process ends soon: a third of the time
    try:
        return _main(words)
    finally:
        gc.enable()


def _main(words: list[str]) -> int:
    file, pack, as_json = _read(words[1:])
    if file is None:
        sys.stderr.write(f"{USAGE}\n")
        return Exit.REFUSED
    try:
        told = tell(read_file(file), pack, file)
    except Refused as refused:
        sys.stderr.write(plain(refused.told()) + "\n")
        return Exit.REFUSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    if as_json:
        return _print(document(told))
    return _print(in_words(told.packs))


def read_file(name: str) -> tuple[Record, ...]:
    """`-`: from standard input. Raises Refused."""
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as fault:
        raise Refused(
            f"it cannot be read: {why(fault)}", where=name, remedy="Name a file of records, one JSON object per line."
        ) from None
    return read_records(text, "standard input" if name == "-" else name)


def tell(records: Sequence[Record], pack: str | None, name: str) -> Told:
    """Of one pack or of all. Raises Refused for a pack that the file does not know."""
    packs = {record.pack for record in records}
    if pack is not None and records and pack not in packs:
        raise _unknown(pack, packs, name)
    load()
    from daemon.learning.insights import insights
    from daemon.learning.rows import rows_of

    rows, duels = rows_of(records)
    made = insights(rows, duels, packs=None if pack is None else {pack})
    presets = {preset.pack: preset for preset in _presets(made.packs, rows, duels)}
    for bare in (packs if pack is None else packs & {pack}) - presets.keys():
        presets[bare] = _bare(bare, records)
    return Told(
        claims=tuple(claim for one in made.packs for claim in one.claims),
        presets=tuple(preset for _, preset in sorted(presets.items())),
        packs=made.packs,
    )


def _bare(pack: str, records: Sequence[Record]) -> PresetAdvice:
    """None of its records counts: duels against pictures that nobody knows, runs of several configs rated as one."""
    from daemon.learning.presets import as_it_is, natural

    last = max((one for one in records if one.pack == pack), key=lambda one: (one.made or one.at, natural(one.id)))
    return as_it_is(pack, last.params)


def _presets(
    packs: Sequence[PackInsight], rows: "Sequence[Row]", duels: "Sequence[Versus]"
) -> tuple[PresetAdvice, ...]:
    """One per pack: where it has sketches and real pictures, that of the kind that was made last."""
    from daemon.learning.rows import pack_of

    latest: dict[tuple[str, str], float] = {}
    for row in (*rows, *(each for duel in duels for each in (duel.better, duel.worse))):
        place = pack_of(row.pool)
        when = row.made or row.at
        latest[place] = max(latest.get(place, when), when)
    chosen: dict[str, PackInsight] = {}
    for one in packs:
        other = chosen.get(one.pack)
        if other is None or latest[one.pack, one.backend] > latest[one.pack, other.backend]:
            chosen[one.pack] = one
    return tuple(one.preset for one in chosen.values() if one.preset is not None)


def _unknown(pack: str, packs: set[str], name: str) -> Refused:
    from difflib import get_close_matches

    near = get_close_matches(pack, sorted(packs), 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(map(repr, sorted(packs)[:5]))}."
    return Refused(f"no record is of a pack {pack!r}", where=name, remedy=hint)


def document(told: Told) -> str:
    """One line of JSON."""
    return msgspec.json.encode(told).decode().translate(_STEERING)


def _print(text: str) -> int:
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper here
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.DONE


def _read(words: Sequence[str]) -> tuple[str | None, str | None, bool]:
    """File, pack, whether as JSON; no file: the words make no sense."""
    left = list(words)
    as_json = "--json" in left
    left = [word for word in left if word != "--json"]
    pack = None
    if "--pack" in left[:-1]:
        at = left.index("--pack")
        pack = left[at + 1]
        del left[at : at + 2]
    return (left[0] if len(left) == 1 else None), pack, as_json
