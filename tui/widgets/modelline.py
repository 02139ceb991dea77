"""A model as a line of the list, and whole as lines of its card. Pure."""

from collections.abc import Iterator
from datetime import datetime

from schema.models import Lack, ModelRecord, ModelRow
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap

LACKING: dict[Lack, str] = {
    "triggers": "no trigger words", "base": "what it is made for", "preview": "no preview",
    "description": "no description",
}  # fmt: skip

SHORT = {
    "models": "model", "loras": "lora", "embeddings": "embed", "vaes": "vae", "upscalers": "upscale",
    "hypernetworks": "hyper", "controls": "control", "encoders": "encoder", "detectors": "detect",
    "restorers": "restore",
}  # fmt: skip


BASED = ("models", "loras", "embeddings", "vaes", "controls", "hypernetworks")
"""Kinds that are made for one base; of the others none is missed."""


def heading(width: int) -> list[Piece]:
    name, wide = name_width(width), width >= 70
    told = (
        "  * "
        + fit("name", name)
        + " kind    base   stars "
        + (fit("what calls it up", 16) + " lacks" if wide else " lacks")
    )
    return [Piece(fit(told, width), "dim")]


def name_width(width: int) -> int:
    return max(12, width - 4 - 23 - (24 if width >= 70 else 0))


def pieces(item: ModelRow, width: int, *, cursor: bool, marked: bool) -> list[Piece]:
    name, wide = name_width(width), width >= 70
    sign = "●" if marked else " "
    stars = Piece(fit("★" * item.stars, 5), "star") if item.stars else Piece("     ", "faint")
    base = plain(item.base) or ("?" if item.list in BASED else "")
    kind = f" {fit(SHORT.get(item.list, item.list), 7)} {fit(base, 6)} "
    line = [
        Piece(">" if cursor else " ", "strong"), Piece(sign, "mark"), Piece("* " if item.favourite else "  ", "star"),
        Piece(fit_middle(plain(item.name), name), "strong" if cursor else "text" if item.path else "dim"),
        Piece(kind, "dim"), stars,
    ]  # fmt: skip
    if wide:
        rest = ", ".join((*item.tags, *item.triggers))
        line.append(Piece(" " + fit(plain(rest), 15), "mark" if item.tags else "dim"))
    trouble = "!" if item.trouble else str(len(item.missing)) if item.missing else ""
    return [*line, Piece(f"{trouble:>6}" if wide else f" {trouble}", "bad" if item.trouble else "warn")]


def title(item: ModelRow) -> list[Piece]:
    return [Piece(plain(item.title or item.name), "title"), Piece(f"  {SHORT.get(item.list, item.list)}", "dim")]


def card(item: ModelRow, record: ModelRecord | None, width: int) -> list[Line]:
    """All that is known of it; `record` is read a moment later."""
    inside = max(12, width - 2)
    lines: list[Line] = [stars(item), tags(item)]
    if item.trouble:
        lines += [[Piece(" trouble", "bad")], *block(item.trouble, inside, "bad")]
    if item.missing:
        told = ", ".join(LACKING[one] for one in item.missing)
        lines += [[Piece(" missing", "warn")], *block(told, inside, "warn")]
    if item.triggers:
        lines += [[Piece(" called up by", "title")], *block(", ".join(item.triggers), inside, "text")]
    lines += [[], *facts(item, inside)]
    if item.about:
        lines += [[], [Piece(" said of it", "title")], *block(", ".join(item.about), inside, "dim")]
    return lines if record is None else [*lines, *more(record, inside)]


def stars(item: ModelRow) -> list[Piece]:
    line = [Piece(" " + "★" * item.stars, "star"), Piece("☆" * (5 - item.stars), "faint")]
    line += [Piece("  favourite", "star")] if item.favourite else []
    if item.rating is not None:
        line.append(Piece(f"  pictures {item.rating:.1f}", "dim"))
    return [*line, Piece(f"  {item.uses:,} used" if item.uses else "", "dim")]


def tags(item: ModelRow) -> list[Piece]:
    return [
        Piece(" tags  ", "dim"),
        *([Piece(f"{plain(tag)}  ", "mark") for tag in item.tags] or [Piece("none", "faint")]),
    ]


def facts(item: ModelRow, width: int) -> Iterator[Line]:
    size = f"{item.bytes / 1e9:.2f} GB" if item.bytes >= 10**9 else f"{item.bytes / 1e6:.1f} MB"
    size = size if item.bytes >= 10**5 else f"{item.bytes / 1e3:.1f} kB"
    pairs = [
        ("for", item.base or "nobody knows"),
        ("weight", f"{item.weight:g}" if item.weight is not None else ""),
        ("on", ", ".join(item.nodes) or ("here only" if item.path else "")),
        ("size", size if item.bytes else ""),
        ("since", f"{datetime.fromtimestamp(item.added):%Y-%m-%d %H:%M}" if item.added else ""),
        ("file", item.path),
    ]
    for name, text in pairs:
        if text:
            yield [Piece(f" {fit(name, 6)} ", "dim"), Piece(fit_middle(plain(text), width - 7).rstrip())]


def more(record: ModelRecord, width: int) -> Iterator[Line]:
    told = {"by": record.author, "page": record.address, "also": ", ".join(record.same), "not": record.negative}
    for name, text in told.items():
        if text:
            yield [Piece(f" {fit(name, 6)} ", "dim"), Piece(fit_middle(plain(text), width - 7).rstrip())]
    for name, text in (("description", record.description), ("notes", record.notes)):
        if text:
            yield []
            yield [Piece(f" {name}", "title")]
            yield from block(text, width, "text", 12)
    if record.trained:
        yield []
        yield [Piece(" trained on", "title")]
        yield from block(", ".join(f"{word} {times}" for word, times in record.trained[:24]), width, "dim")
    if record.sources:
        yield []
        yield [Piece(" read from", "title")]
        for source in record.sources:
            yield [
                Piece(f"   {fit(plain(source.kind), 10)} ", "dim"),
                Piece(fit_middle(plain(source.file), width - 14).rstrip()),
            ]
            if source.trouble:
                yield from block(source.trouble, width, "warn")
    for name, text in record.hashes.items():
        yield [Piece(f" {fit(name, 7)}", "dim"), Piece(fit_middle(plain(text), width - 8).rstrip(), "faint")]


def block(text: str, width: int, ink: str, limit: int = 6) -> Iterator[Line]:
    for line in wrap(text, width - 3, limit):
        yield [Piece(f"   {line}", ink)]
