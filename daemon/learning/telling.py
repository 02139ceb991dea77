"""Insights as a person reads them in a terminal: words first, numbers where they help."""

from collections.abc import Iterable, Sequence

from daemon.learning import wording
from schema.insights import PackInsight
from schema.records import LOOSE

NAMED = 8
"""Names in a row before the rest are counted."""


def in_words(packs: Sequence[PackInsight]) -> str:
    if not packs:
        return "There are no verdicts that count yet, so there is nothing to say."
    return "\n\n".join("\n".join(map(plain, _of_pack(pack))) for pack in packs)


def _of_pack(pack: PackInsight) -> Iterable[str]:
    name = "prompts without a pack" if pack.pack == LOOSE else pack.pack
    fought = f", {_counted(pack.duels, 'duel')}" if pack.duels else ""
    yield f"{name}{' (sketches)' if pack.backend else ''}: {_counted(pack.ratings, 'rating')}{fought}"
    yield f"  {pack.text}"
    for gone in pack.withdrawn:
        yield f"  ✗ {gone.text}"
    for claim in pack.claims:
        yield f"  • {claim.text}"
    if pack.preset is not None:
        yield f"  Preset: {pack.preset.text}"
    for line in pack.advice:
        yield f"  {line.tag} ({_counted(line.n, 'picture')}): {line.text}"
    if pack.unproven and pack.enough:
        yield f"  Not enough evidence yet on {_several([wording.named(param) for param in pack.unproven])}."


def _several(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return wording.listed(names, "and")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def plain(line: str) -> str:
    """Names and values are anybody's words: nothing in them steers a terminal, or begins another line."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
