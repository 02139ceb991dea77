"""What a pack has taught, as lines: words first, and with `numbers` the figures behind each sentence. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence

from schema.experiments import LearningRunResult, LearningRunRow, Proposal
from schema.insights import Claim, Knob, PackInsight, PresetAdvice, Withdrawn, clearly_better
from schema.lessons import Adopted
from schema.plans import Scalar
from schema.records import Settings
from schema.requests_learning import SuggestionShown
from schema.spoken import named
from tui.keys import pressed
from tui.widgets.ink import Line, Piece, plain, wrap

MOST = 40
"""Lines of one sentence: nothing that is told is cut."""


def told(value: Scalar) -> str:
    """A level as a person reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else plain(str(value)) or "none"


def surely(chance: float) -> str:
    """`97 in 100`; never a hundred."""
    return f"{min(99, max(1, round(chance * 100)))} in 100"


def block(text: str, width: int, ink: str = "text", *, sign: str = "", mark: str = "dim") -> Iterator[Line]:
    """A sentence, its further lines below its first word."""
    indent = len(sign) + 2 if sign else 1
    for number, line in enumerate(wrap(text, max(8, width - indent - 1), MOST)):
        yield [Piece(f" {sign} " if sign and not number else " " * indent, mark), Piece(line, ink)]


def heading(words: str, keys: str = "") -> Line:
    return [Piece(f" {words}", "title"), Piece(f"  {keys}", "key")]


def withdrawn(lost: Sequence[Withdrawn], width: int) -> list[Line]:
    """Said first and in full: what was told and no longer holds."""
    return [line for one in lost for line in block(one.text, width, "warn", sign="!", mark="warn")]


EVIDENCE = re.compile(r"\s*\(\d[^()]* against .*$|\s*\([^()]*\)\.?$")
OPENING = re.compile(r"^For this (pack|style), ")


def surest(pack: PackInsight) -> Claim:
    return max(pack.claims, key=lambda claim: (claim.confidence, claim.key))


def in_a_sentence(pack: PackInsight) -> str:
    """The surest thing that was learned; where there is none, what is missing."""
    if not pack.claims:
        return pack.text
    words = OPENING.sub("", EVIDENCE.sub("", surest(pack).text))
    more = f" And {len(pack.claims) - 1} more." if len(pack.claims) > 1 else ""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}.{more}"


NOTHING_YET = (
    "Rate pictures by day; in the morning it says what to change.",
    "Keys {one} to {five} rate a picture in the gallery; {rate} shows those that wait here, one after the other, "
    "blind.",
    "From about 30 ratings of a pack on it is told what scores higher, how sure that is, and what to change.",
    "{new} begins an experiment: one variable with the same seeds, or several at once, overnight for instance.",
)


def nothing_yet(width: int) -> Iterator[Line]:
    """Where nothing is rated: how it goes."""
    keys = {"one": "gallery.rate1", "five": "gallery.rate5", "rate": "learn.rate", "new": "learn.new"}
    faces = {name: pressed(id) for name, id in keys.items()}
    for number, words in enumerate(one.format_map(faces) for one in NOTHING_YET):
        yield from block(words, width, "text" if number else "strong", sign=str(number) if number else "", mark="key")
        yield []


def no_plot(width: int) -> Iterator[Line]:
    """Where there is nothing to draw."""
    yield from block("What a setting is worth stands here once pictures with two values of it are rated.", width, "dim")


def insight(pack: PackInsight, width: int, *, numbers: bool, knob: str = "") -> Iterator[Line]:
    """The sentence of the pack and its claims, the surest first. `knob`: the one plotted."""
    yield from block(pack.text, width, "strong" if pack.enough else "dim")
    if pack.claims:
        yield []
    for one in sorted(pack.claims, key=lambda claim: (-claim.confidence, claim.key)):
        yield from claim(one, width, numbers=numbers, here=one.param == knob)


def remarks(pack: PackInsight, width: int, *, numbers: bool) -> Iterator[Line]:
    """What to do about its tags, and of what nothing can be said yet."""
    for hint in pack.advice:
        yield []
        why = f"{hint.n} pictures · {'your own ratings' if hint.learned else 'a usual hint'}"
        sure = f", sure to {surely(hint.confidence)}" if hint.learned else ""
        yield [Piece(f" {plain(hint.tag)}", "mark"), Piece(f"  {why}{sure}" if numbers else "", "dim")]
        yield from block(hint.text, width, sign=" ")
    if pack.unproven:
        yield []
        yield heading("Not enough evidence yet")
        yield from block(", ".join(map(knob_name, pack.unproven)), width, "dim")


def claim(one: Claim, width: int, *, numbers: bool, here: bool) -> Iterator[Line]:
    sure = one.strength == "clearly"
    yield from block(one.text, width, "strong" if here else "text", sign="●" if sure else "○",
                     mark="good" if sure else "key")  # fmt: skip
    found = one.evidence
    if numbers:
        only = settings(found.only)
        words = [
            f"sure to {surely(one.confidence)}", f"{found.better_n} against {found.worse_n} ratings",
            f"{found.same_seed} pairs of the same seed",
            f"{found.stars:+.1f} stars, surely within {found.low:+.1f} and {found.high:+.1f}",
            f"that it matters at all: {surely(found.matters)}",
            *([f"only seen with {only}"] if only else []),
            *([f"of learning run {found.experiment}: at its settings"] if found.experiment else []),
        ]  # fmt: skip
        yield from block(" · ".join(words), width, "dim", sign=" ")


PLACE = "pick:"
"""Before the key of a place to vary, among the knobs."""

LIKELIEST = 3
"""Changes that are named although they are not sure enough to be recommended."""


def clear(pack: PackInsight, width: int) -> Iterator[Line]:
    """What is sure in itself, where the preset as a whole is not."""
    found = clearly_better(pack)
    if found and pack.preset is not None and not pack.preset.offered:
        yield from block(f"Clearly better in itself: {settings(found)}. {pressed('learn.apply')} takes it over", width)


def preset(advice: PresetAdvice, width: int, *, numbers: bool, adopted: Adopted | None) -> Iterator[Line]:
    """What would be changed, that which brings most first."""
    if not advice.changes:
        yield from block("No setting: none is known to be better.", width, "dim")
        return
    sure, many = advice.offered, len(advice.changes)
    almost = "Almost surely" if advice.p_better_than_current >= 0.99 else "Very likely"
    words = f"{almost} better than last time:" if sure else "Not sure enough yet to be recommended; likeliest:"
    yield from block(words, width, "text" if sure else "dim")
    for one in advice.changes[: None if sure or numbers else LIKELIEST]:
        taken = adopted is not None and adopted.settings.get(one.param, one.was) == one.now
        yield [
            Piece(" ✓ " if taken else "   ", "mark"),
            Piece(f"{knob_name(one.param)} ", "text" if sure else "dim"),
            Piece(f"{told(one.was)} → ", "dim"),
            Piece(told(one.now), "good" if sure else "dim"),
        ]
        if numbers:
            yield [Piece(f"     {one.stars:+.1f} stars, better: {surely(one.better)}", "dim")]
    if not numbers:
        if not sure and many > LIKELIEST:
            yield from block(f"and {many - LIKELIEST} more", width, "dim", sign=" ")
        return
    yield from block(advice.text, width, "dim", sign=" ")
    words = f"together {advice.stars:+.1f} stars; better than last time: {surely(advice.p_better_than_current)}"
    yield from block(words, width, "dim", sign=" ")
    if advice.cautious and advice.cautious != advice.params:
        words = f"only what is sure by itself, {settings(advice.cautious)}: {surely(advice.p_cautious)}"
        yield from block(words, width, "dim", sign=" ")


def words_matter(pack: PackInsight) -> bool:
    """Whether some words of a place to vary are known to do better than others."""
    return any(one.param.startswith(PLACE) for one in pack.claims)


def knob_name(param: str) -> str:
    return plain(named(param))


def settings(values: Settings) -> str:
    return ", ".join(f"{knob_name(name)} {told(value)}" for name, value in values.items())


def adoption(adopted: Adopted, width: int) -> Iterator[Line]:
    """What plans of the pack take over now."""
    parts = [settings(one) for one in (adopted.settings, adopted.randomizer) if one]
    parts += [f"weights of {plain(name)}" for name in adopted.weights]
    yield from block(", ".join(parts), width, "mark")


def proposals(found: Iterable[Proposal], width: int, *, numbers: bool, packs: bool = False) -> Iterator[Line]:
    """`packs`: they are of several, and each tells which."""
    for one in found:
        yield from block(f"{plain(one.pack)}: {one.why}" if packs else one.why, width, sign="?", mark="key")
        yield from block(size_of(one), width, "dim", sign=" ")
        if numbers:
            for name, values in one.variables.items():
                yield from block(f"{knob_name(name)}: {', '.join(map(told, values))}", width, "dim", sign=" ")
            yield from block(one.command, width, "faint", sign=" ")


def size_of(one: Proposal) -> str:
    kind = "learning run" if one.kind == "learning" else "explore run"
    return f"{kind} · {one.images} pictures{f', about {lasting(one.seconds)}' if one.seconds else ''}"


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `1 h 10 min`: roughly."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min".replace(" 0 min", "")


def suggestions(found: Iterable[SuggestionShown], width: int) -> Iterator[Line]:
    """Each with what it would make otherwise than now."""
    for one in found:
        source = f"{plain(one.suggestion.source)}: " if one.suggestion.source else ""
        yield from block(f"{source}{one.suggestion.why or one.suggestion.id}", width, sign="◇", mark="mark")
        for change in one.changes:
            was = plain(change.was) or "as it is"
            yield [Piece(f"   {knob_name(change.param)} ", "text"), Piece(f"{was} → ", "dim"),
                   Piece(plain(change.now), "mark")]  # fmt: skip
        if not one.changes:
            yield [Piece("   new runs are made like that already", "dim")]


def result(row: LearningRunRow, found: LearningRunResult | None, width: int, *, numbers: bool) -> Iterator[Line]:
    """An experiment: its question, how far it is, what came of it, what it holds for."""
    if row.plan.question:
        yield from block(row.plan.question, width, "strong")
    yield from block(stand(row), width, "dim")
    if found is None:
        return
    words = found.text.removeprefix(row.plan.question).strip() if row.rated else ""
    said = [one for one in found.claims if numbers or one.text.rstrip(".") not in words]
    if words or said:
        yield []
    if words and not (numbers and found.claims):
        yield from block(words, width)
    for one in said:
        yield from claim(one, width, numbers=numbers, here=False)
    fixed = {name: value for name, value in found.fixed.items() if numbers or name.rpartition(".")[2] in TELLING}
    if fixed:
        yield []
        yield heading("Holds for" if row.plan.kind == "learning" else "The same in all")
        yield from block(settings(fixed), width, "dim")


TELLING = ("model", "sampler", "scheduler", "steps", "cfg", "width", "height", "style", "denoise")
"""Settings that say most of what an experiment holds for."""


def stand(row: LearningRunRow) -> str:
    kind = "an explore run of several settings" if row.plan.kind == "explore" else "a learning run of one setting"
    many = sum(map(len, row.plan.variables.values()))
    seeds = f"{row.plan.seeds} {'seed' if row.plan.seeds == 1 else 'seeds'}"
    waits = row.made - row.rated
    end = f"; r rates the {waits} that wait" if row.state == "to rate" and waits > 0 else ""
    return f"{kind} · {many} values, {seeds} · {row.made} of {row.images} made, {row.rated} rated{end}"


def surely_matters(knob: Knob) -> str:
    """Whether it does anything, in words."""
    steps = ((0.95, "matters"), (0.75, "probably matters"), (0.4, "may matter"))
    return next((words for least, words in steps if knob.matters >= least), "hardly matters, if at all")


def knobs(pack: PackInsight) -> list[Knob]:
    """Those that a claim is about first, then those that surely matter; none with one level only."""
    claimed = {one.param: number for number, one in enumerate(sorted(pack.claims, key=lambda c: -c.confidence))}
    several = [one for one in pack.knobs if len(one.levels) > 1]
    return sorted(several, key=lambda one: (claimed.get(one.param, len(claimed)), -one.matters, one.param))
