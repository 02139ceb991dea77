"""Sentences: what is known of a pack, in words that a person uses. Plain values in, plain words out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from schema.insights import Evidence
from schema.plans import Scalar
from schema.records import LOOSE
from schema.spoken import named as named
from schema.spoken import parts

CLEARLY, TENDS = 0.95, 0.90
"""From which confidence on the two words are used; they mean what they say."""
NAMED = 3
"""Other settings that a sentence names."""


def claimed(pack: str, param: str, better: Sequence[Scalar], worse: Sequence[Scalar], ordered: bool,
            confidence: float, evidence: Evidence) -> str:  # fmt: skip
    """`For this pack, 30 to 35 steps tends to score higher than 15 to 20 (24 against 31 ratings, ...)`."""
    several = parts(param)[0] == "steps" and label(better, ordered) != "1"  # `tends to` is what readers look for
    verb = f"clearly score{'' if several else 's'}" if confidence >= CLEARLY else "tends to score"
    words = f"{beginning(pack)} {chosen(param, better, ordered)} {verb} higher than {against(param, worse, ordered)}"
    doubt = "" if confidence >= TENDS else f"; told before, and only {percent(confidence)} sure by now"
    return f"{words} ({_evidence(evidence)}){_bounds(evidence)}{doubt}"


def beginning(pack: str) -> str:
    return "For prompts without a pack," if pack == LOOSE else "For this pack,"


def _evidence(evidence: Evidence) -> str:
    same = f", {evidence.same_seed} on the same seed" if evidence.same_seed else ", none on the same seed"
    return f"{evidence.better_n} against {evidence.worse_n} ratings{same}; {about(evidence.stars)}"


def about(stars: float) -> str:
    """`about 0.6 stars`."""
    size = abs(stars)
    return f"about {size:.1f} star{'' if f'{size:.1f}' == '1.0' else 's'}" if size >= 0.05 else "hardly any stars"


def _bounds(evidence: Evidence) -> str:
    """Where a claim holds, if not everywhere."""
    if evidence.experiment:
        return f"; from run {evidence.experiment}, in which nothing else varied: it holds for the settings of that run"
    if not evidence.only:
        return ""
    seen = [setting(param, value) for param, value in evidence.only.items()]
    if len(seen) > NAMED:
        seen = [*seen[:NAMED], f"{len(seen) - NAMED} more settings as they mostly were"]
    return f"; only seen with {listed(seen, 'and')}"


# Settings and their values -----------------------------------------------------------------------


def chosen(param: str, values: Sequence[Scalar], ordered: bool) -> str:
    """`30 to 35 steps`, `CFG 5 to 7`, `sampler Euler a or DDIM`, `denoising 0.3 in detail`, `LoRA glow at 0.6`."""
    kind, _, name = param.partition(":")
    said = label(values, ordered)
    if kind == "lora" and name:
        return f"LoRA {name} left out" if _none(values) else f"LoRA {name} at {said}"
    if kind == "pick" and name:
        return said if name.startswith("{") else f"{said} for {name}"  # of a choice both sides stand in the claim
    field, place = parts(param)
    if field == "steps":
        return f"{said} step{'' if said == '1' else 's'}{place}"
    if all(isinstance(value, bool) for value in values):
        return f"{field.removesuffix(' on').removesuffix(' enabled')} {said}{place}"
    return f"no {field}{place}" if _none(values) and not ordered else f"{field} {said}{place}"


def against(param: str, values: Sequence[Scalar], ordered: bool) -> str:
    """The other side of a comparison, where the knob was named already."""
    if param.startswith("lora:"):
        return "left out" if _none(values) else f"at {label(values, ordered)}"
    return "none" if _none(values) and not ordered else label(values, ordered)


def setting(param: str, value: Scalar) -> str:
    """One value of a knob: `sampler Euler a`."""
    return chosen(param, (value,), isinstance(value, int | float) and not isinstance(value, bool))


def label(values: Sequence[Scalar], ordered: bool) -> str:
    """`30 to 35` of numbers in a row, `Euler a or DDIM` of names."""
    if ordered and len(values) > 1 and all(isinstance(value, int | float) for value in values):
        numbers = sorted(value for value in values if isinstance(value, int | float))
        return f"{_number(numbers[0])} to {_number(numbers[-1])}"
    return listed([word(value) for value in values])


def listed(words: Sequence[str], joint: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else "".join(words)


def word(value: Scalar) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "on" if value else "off"
        case str():
            return value
        case _:
            return _number(value)


def _none(values: Sequence[Scalar]) -> bool:
    return all(value is None or value == "" or (value == 0 and not isinstance(value, bool)) for value in values)


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value) if abs(value) < 10**15 else f"{Decimal(value):.6g}"  # some are too large for a float
    return f"{value:.6g}"


# Presets, what is missing, and what is taken back ------------------------------------------------


def changed(param: str, was: Scalar, now: Scalar) -> str:
    """`steps from 20 to 32`, `sampler from DDIM to Euler a`."""
    return f"{named(param)} from {word(was)} to {word(now)}"


def taken_back(told: str, at: float, later: int, confidence: float, against: str = "") -> str:
    """`I told you on 12 May: "...". 20 later ratings do not support it.` `against`: where it is the other way round."""
    day = f" on {_day(at)}" if at > 0 else ""
    claim = told.split(" (")[0]
    if against:
        return (
            f"I told you{day}: “{claim}”. That does not hold for all of it: with {against} it is the other way round."
        )
    grounds = (
        f"{later} later rating{'' if later == 1 else 's'} {'does' if later == 1 else 'do'} not support it"
        if later > 0
        else "what is known today does not support it"
    )
    return f"I told you{day}: “{claim}”. That no longer holds: {grounds} ({percent(confidence)} sure by now)."


def _day(at: float) -> str:
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.day} {day:%B}" if day.year else ""


def percent(chance: float) -> str:
    """Never 100 %: nothing is certain. Cut, not rounded, so that a word keeps its promise."""
    return f"{min(99, int(chance * 100 + 1e-9))} %"
