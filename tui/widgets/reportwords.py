"""The report as lines: what does well, what underperforms, the unproven apart, and how past claims fared. Pure."""

from collections.abc import Iterator, Sequence

from schema.insights import PackInsight, Report, ReportLine, TrackRecord
from schema.spoken import named
from tui.widgets.ink import Line, Piece, fit, plain
from tui.widgets.lessonwords import block, heading, in_a_sentence

NO_STYLE = "(no style)"

KINDS = {
    "style": "Styles", "lora": "LoRAs", "model": "Models", "randomizer": "Settings of the randomizer",
    "wildcard": "Values of wildcards", "knob": "Settings",
}  # fmt: skip
SIGNS = {
    "does well": ("▲", "good"), "underperforms": ("▼", "bad"), "no difference": ("=", "dim"),
    "unproven": ("·", "faint"),
}  # fmt: skip


def report(
    found: Report, track: TrackRecord | None, styles: Sequence[PackInsight], width: int, *, numbers: bool
) -> Iterator[Line]:
    """`styles`: what works with each."""
    if track is not None:
        yield heading("What was claimed so far")
        yield from block(track.text, width)
        if numbers:
            words = (
                f"clearly: {track.clearly_standing} of {track.clearly} stand · tends to: {track.tends_standing} of "
                f"{track.tends} stand · taken back: {track.withdrawn} · with a hundred later ratings: "
                f"{track.judged_standing} of {track.judged} stand"
            )
            yield from block(words, width, "dim")
    for kind, title in KINDS.items():
        lines = [line for line in found.lines if line.kind == kind]
        if lines:
            yield []
            yield heading(title)
            yield from rows(lines, width, numbers=numbers)
    known = [one for one in styles if one.claims and one.pack != NO_STYLE]
    if known:
        yield []
        yield heading("What works with each style")
        for style in known:
            yield from block(f"{plain(style.pack)}: {in_a_sentence(style)}", width, sign="●", mark="key")
    if not found.lines:
        yield []
        yield from block("Nothing stands out yet: that takes more ratings.", width, "dim")
    if found.unproven:
        yield []
        yield heading("Not enough evidence yet")
        told = [f"{name_of(line)} ({line.n})" for line in found.unproven]
        yield from block(", ".join(told), width, "faint")


def rows(lines: Sequence[ReportLine], width: int, *, numbers: bool) -> Iterator[Line]:
    name = min(max(len(name_of(line)) for line in lines), max(16, width - 44))
    told = [figures(line, numbers=numbers) for line in lines]
    wide = max(map(len, told))
    for line, words in zip(lines, told, strict=True):
        sign, ink = SIGNS[line.verdict]
        said = [
            Piece(f"  {sign} ", ink),
            Piece(fit(name_of(line), name), "text"),
            Piece(f"  {fit(line.verdict, 14)}", ink),
        ]
        packs = fit(", ".join(map(plain, line.packs[:3])), width - 24 - name - wide).rstrip()
        yield [*said, Piece(f"{words:{wide}}", "dim"), Piece(f"  {packs}" if len(packs) > 1 else "", "faint")]
        if line.factor is not None and (numbers or abs(line.factor - 1) >= 0.1):
            yield [Piece(f"      where its weight is taken over it is drawn {line.factor:.2f} times as often", "faint")]


def figures(line: ReportLine, *, numbers: bool) -> str:
    if not numbers:
        return about(line.stars)
    stars, low, high = (f"{round(value, 1) + 0.0:+.1f}" for value in (line.stars, line.low, line.high))
    return f"{stars}★  {line.n:>3,} ratings  within {low} and {high}"


def name_of(line: ReportLine) -> str:
    value = plain(line.value)
    if line.kind == "knob":  # others have names of their own
        return f"{plain(named(line.name))} {value}".rstrip()
    return f"{plain(line.name)}: {value}" if value and value != line.name else plain(line.name)


def about(stars: float) -> str:
    """How much, in words."""
    size = abs(stars)
    much = "much" if size >= 0.75 else "half a star" if size >= 0.35 else "a little" if size >= 0.1 else "hardly"
    way = "better" if stars > 0 else "worse"
    return f"{much} {way}" if much != "hardly" else "about the same"
