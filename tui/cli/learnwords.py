"""Insights as lines for a person: words first, numbers where they were asked for. Takes the daemon's JSON."""

from collections.abc import Iterator, Mapping, Sequence

from schema.spoken import named
from tui.cli import output
from tui.link.doc import Doc

LOOSE = "(prompts)"
"""The name of what is known of prompts that came from no pack."""

BAR = 21
"""Columns of an interval drawn in text; odd, so that the middle is nought."""

REACH = 1.5
"""Stars at its ends."""

NOTHING_PROVEN = "Nothing is proven yet: that takes more ratings. `stablenew learn inbox` shows what waits for one."

KINDS = {"knob": "", "lora": "LoRA"}
"""Kinds of a report's lines that are said otherwise; a setting says itself what it is."""


def of_packs(packs: Sequence[Doc], *, why: bool, numbers: bool) -> str:
    if not packs:
        return (
            "There are no verdicts yet, so there is nothing to say. `stablenew learn inbox` shows what waits for one."
        )
    return "\n\n".join("\n".join(output.clean_lines(line) for line in _of_pack(pack, why, numbers)) for pack in packs)


def called(pack: Doc) -> str:
    name = "prompts without a pack" if pack.text("pack") == LOOSE else pack.text("pack")
    return f"{name} (sketches)" if pack.text("backend") else name


def _of_pack(pack: Doc, why: bool, numbers: bool) -> Iterator[str]:
    duels = f", {output.plural(pack.whole('duels'), 'duel')}" if pack.whole("duels") else ""
    mean = f", {pack.real('mean') or 0:.2f} stars on average" if numbers else ""
    yield f"{called(pack)}: {output.plural(pack.whole('ratings'), 'rating')}{duels}{mean}"
    yield f"  {pack.text('text')}"
    for gone in pack.docs("withdrawn"):
        yield f"  ✗ {gone.text('text')}"
    for claim in pack.docs("claims"):
        yield f"  • {claim.text('text')}"
        if why or numbers:
            yield f"      {evidence(claim.doc('evidence'))}"
        if numbers:
            yield f"      {share(claim.real('confidence'))} sure; called {claim.text('key')}"
    if "preset" in pack:
        yield f"  Preset: {pack.doc('preset').text('text')}"
    for one in pack.docs("advice"):
        learned = "" if one.flag("learned") else " (a hint, not learned)"
        yield f"  {one.text('tag')}, {output.plural(one.whole('n'), 'picture')}: {one.text('text')}{learned}"
    unproven = pack.texts("unproven")
    if unproven and pack.flag("enough"):
        yield f"  Not enough evidence yet on {listed(list(map(named, unproven)))}."
    if numbers:
        yield from _knobs(pack)


def evidence(of: Doc) -> str:
    """`24 against 31 ratings, 12 pairs on the same seed; +0.61 stars, from 0.22 to 0.99`."""
    counts = f"{of.whole('better_n')} against {output.plural(of.whole('worse_n'), 'rating')}"
    same = of.whole("same_seed")
    pairs = f", {output.plural(same, 'pair')} on the same seed" if same else ", none on the same seed"
    stars = f"{of.real('stars') or 0:+.2f} stars, from {of.real('low') or 0:.2f} to {of.real('high') or 0:.2f}"
    only = [f"{named(name)} {word(of.doc('only'), name)}" for name in of.doc("only").fields]
    seen = f"; only seen with {', '.join(only)}" if only else ""
    run = f"; from the learning run {of.text('experiment')}, at its config" if of.text("experiment") else ""
    return f"{counts}{pairs}; {stars}{seen}{run}"


def _knobs(pack: Doc) -> Iterator[str]:
    for knob in pack.docs("knobs"):
        yield f"  {named(knob.text('param'))}: matters with {share(knob.real('matters'))}"
        levels = knob.docs("levels")
        middle = sum(level.real("mean") or 0.0 for level in levels) / max(1, len(levels))
        width = max((len(level.text("label")) for level in levels), default=0)
        for level in levels:
            label = level.text("label").rjust(width)
            mean, low, high = (level.real(name) or 0.0 for name in ("mean", "low", "high"))
            bar = interval(low - middle, mean - middle, high - middle)
            best = share(level.real("best"))
            yield f"    {label} {bar} {mean:.2f} stars ({low:.2f} to {high:.2f}), n={level.whole('n')}, best {best}"


def interval(low: float, mean: float, high: float) -> str:
    """`      ├──●──┤          ` around nought, from -REACH to REACH stars."""
    first, at, last = (_column(value) for value in (low, mean, high))
    cells = ["─" if first <= column <= last else " " for column in range(BAR)]
    if not first <= BAR // 2 <= last:
        cells[BAR // 2] = "·"
    cells[first], cells[last], cells[at] = "├", "┤", "●"
    return "".join(cells)


def _column(stars: float) -> int:
    return min(BAR - 1, max(0, round((stars / REACH + 1.0) * (BAR - 1) / 2)))


def preset(of: Doc, *, numbers: bool) -> str:
    """What a recommended preset changes, in the order in which it matters."""
    rows = [
        (named(change.text("param")), word(change, "was"), word(change, "now"), f"{change.real('stars') or 0:+.2f}",
         share(change.real("better")))
        for change in of.docs("changes")
    ]  # fmt: skip
    lines = [of.text("text")]
    if rows:
        heads = ("SETTING", "LAST TIME", "BETTER", "STARS", "SURE")[: 5 if numbers else 3]
        lines.append(output.table(heads, [row[: len(heads)] for row in rows], right="STARS SURE"))
    if numbers:
        chance, stars = share(of.real("p_better_than_current")), of.real("stars") or 0.0
        lines.append(f"All of it together: {chance} better than last time, {stars:+.2f} stars expected.")
        if of.doc("cautious").fields:
            lines.append(f"Only what is sure by itself (--cautious): {share(of.real('p_cautious'))}.")
    return "\n".join(lines)


def taken_over(of: Doc, adopted: Mapping[str, object]) -> bool:
    """Whether plans take over all that a preset changes and that can be set at all."""
    changes = [change.fields for change in of.docs("changes") if change.text("param") in adopted]
    return bool(changes) and all(adopted[str(change["param"])] == change.get("now") for change in changes)


def report(answer: Doc, *, numbers: bool) -> str:
    proven = answer.docs("lines")
    lines = [_ranked(proven, numbers) if proven else NOTHING_PROVEN]
    unproven = answer.docs("unproven")
    if unproven:
        names = [f"{_kind(one)} {_named(one)}".strip() for one in unproven]
        lines.append(f"Not enough evidence yet: {listed(names, 12)}.")
        if numbers:
            lines.append(_ranked(unproven, numbers))
    return "\n".join(lines)


def _ranked(lines: Sequence[Doc], numbers: bool) -> str:
    heads: tuple[str, ...] = ("KIND", "NAME", "VERDICT", "STARS", "N")
    if numbers:
        heads = (*heads, "FROM", "TO", "WEIGHT", "PACKS")
    rows = [
        (
            _kind(one) or "setting", _named(one), one.text("verdict"),
            f"{one.real('stars') or 0:+.2f}", str(one.whole("n")),
            f"{one.real('low') or 0:+.2f}", f"{one.real('high') or 0:+.2f}",
            f"x{one.real('factor'):.2f}" if one.real("factor") is not None else "", ", ".join(one.texts("packs")),
        )[: len(heads)]
        for one in lines
    ]  # fmt: skip
    return output.table(heads, rows, right="STARS N FROM TO WEIGHT")


def _kind(line: Doc) -> str:
    return KINDS.get(line.text("kind"), line.text("kind"))


def _named(line: Doc) -> str:
    name, value = line.text("name"), line.text("value")
    if line.text("kind") == "knob":  # others have names of their own
        return f"{named(name)} {value}".rstrip()
    return f"{name}: {value}" if value else name


def difference(new: Doc, old: Doc, number: int) -> str:
    """What another algorithm makes of the same verdicts."""
    here = {claim.text("key"): claim for pack in new.docs("packs") for claim in pack.docs("claims")}
    there = {claim.text("key"): claim for pack in old.docs("packs") for claim in pack.docs("claims")}
    lines = [f"Algorithm {number} against {new.whole('algorithm')}, of the same verdicts up to {new.whole('seq')}:"]
    lines += [f"  only {number}: {there[key].text('text')}" for key in there if key not in here]
    lines += [f"  not {number}: {here[key].text('text')}" for key in here if key not in there]
    for key in here:
        before, now = there[key].real("confidence") if key in there else None, here[key].real("confidence")
        if before is not None and before != now:
            lines.append(f"  both, {share(before)} instead of {share(now)}: {here[key].text('text')}")
    return "\n".join(output.clean_lines(line) for line in lines) if len(lines) > 1 else f"{lines[0]} no difference."


def word(of: Doc, name: str) -> str:
    value = of.fields.get(name)
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def share(value: float | None) -> str:
    """`97 %`; never 100 for what is not certain."""
    chance = value or 0.0
    return f"{min(99.9, chance * 100):.1f} %" if chance >= 0.985 else f"{chance * 100:.0f} %"
