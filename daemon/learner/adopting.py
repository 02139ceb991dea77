"""What plans would take over: from insights and reports to settings, weights and defaults of one pack."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from schema.commands import AdoptAdvice
from schema.errors import Refused
from schema.insights import Insights, PackInsight, clearly_better
from schema.lessons import Adopted, Lessons, Suggestion
from schema.plans import Scalar
from schema.records import Settings
from schema.requests_learning import AdoptRequest, SuggestionChange, SuggestionShown

SURE = 0.99
"""Chance from which on the cautious preset is applied; below, it promises more than it holds (docs/learning.md 7)."""

KEPT, KEPT_SURE = 0.5, 0.95
"""Chance that a setting does anything, from which on a preset and a cautious one keep it where it should stand."""

RANDOMIZER = ("matrix", "variants", "order")
NAMES = ("lora:", "pick:", "randomizer.")
"""Knobs that are no settings of stages."""


class Fed(NamedTuple):
    """What verdicts say of how the variants of a pack are made."""

    weights: Mapping[str, dict[str, float]]
    randomizer: Settings


def advised(
    asked: AdoptRequest,
    lessons: Lessons,
    insights: Insights | None,
    fed: Fed | None,
    fits: Callable[[str, Scalar], bool],
) -> AdoptAdvice:
    """`insights` and `fed` are needed for `take` only. Raises Refused where nothing is sure enough.

    `fits`: whether a stage has this setting. Backends report some that nobody can set: a preset goes without them.
    """
    if sum((asked.now is not None, asked.suggestion is not None, bool(asked.take))) != 1:
        raise Refused("one of now, suggestion and take is to be said.", where="adopt")
    if asked.suggestion is not None:
        return _suggested(asked, lessons)
    if not asked.pack:
        raise Refused("this field is missing.", where="pack", remedy="Name a pack that has insights.")
    was = lessons.adopted.get(asked.pack, Adopted())
    if asked.now is not None:
        return AdoptAdvice(pack=asked.pack, now=asked.now, why="said so")
    now, why, confidence = was, list[str](), list[float]()
    for word in asked.take:
        match word:
            case "nothing":
                now = Adopted()
                why.append("let go")
            case "preset" | "cautious":
                pack = pack_of(insights, asked.pack)
                wanted, chance = better(pack, cautious=word == "cautious")
                now = taken_over(now, wanted, fits)
                why.append("preset" if word == "preset" else "cautious preset")
                confidence += [] if chance is None else [chance]
            case "weights":
                now = replace(now, weights=weights_of(asked.pack, fed))
                why.append("weights")
            case "randomizer":
                now = replace(now, randomizer={**now.randomizer, **randomizer_of(asked.pack, fed)})
                why.append("randomizer")
    return AdoptAdvice(
        pack=asked.pack, now=now, why=", ".join(dict.fromkeys(why)), confidence=min(confidence, default=None)
    )


def pack_of(insights: Insights | None, pack: str) -> PackInsight:
    """Of real pictures where a preset of these is offered, else of the pool with most ratings."""
    found = [one for one in insights.packs if one.pack == pack] if insights is not None else []
    if not found:
        raise Refused(
            f"no picture of {pack} was rated yet.", where="pack", remedy="Rate some: `stablenew learn inbox`."
        )
    return max(found, key=lambda one: (bool(one.preset and one.preset.offered), one.ratings, one.backend == ""))


def better(pack: PackInsight, *, cautious: bool) -> tuple[Settings, float | None]:
    """What the preset sets, and how sure it is that its changes together are for the better.

    That is what it changes, and those settings that are surely worth something and already stand where they should: the
    picture that it is compared with may be of an explore run and near the best one, and not what the pack says. So what
    a claim made "clearly" speaks for is set also where the preset as a whole is not sure to beat that picture.
    """
    preset = pack.preset
    sure = {knob.param for knob in pack.knobs if knob.matters >= (KEPT_SURE if cautious else KEPT)}
    changed = {one.param for one in preset.changes} if preset else set()
    kept = {name: preset.params[name] for name in sure - changed if name in preset.params} if preset else {}
    clear = clearly_better(pack)
    if preset is None or not (preset.changes or kept or clear):
        raise Refused(f"there is nothing to change in {pack.pack}: {pack.text}", where="pack")
    if clear and not cautious and not preset.offered:
        return {**kept, **clear}, min(claim.confidence for claim in pack.claims if claim.param in clear)
    if not preset.changes:
        return kept, None
    if not cautious:
        if not preset.offered:
            raise Refused(
                f"the preset of {pack.pack} is better with {preset.p_better_than_current:.0%} only; "
                "95 % is the least that is applied.",
                where="pack",
                remedy=f"Rate more, or try it: `stablenew learn explore {pack.pack} --images 20`.",
            )
        return {**kept, **{one.param: one.now for one in preset.changes}}, preset.p_better_than_current
    if not preset.cautious or preset.p_cautious < SURE:
        raise Refused(
            f"no single setting of {pack.pack} is sure enough: a cautious preset needs {SURE:.0%}.",
            where="pack",
            remedy="Rate more; `stablenew learn recommend` tells how sure the whole preset is.",
        )
    chosen = {one.param: one.now for one in preset.changes if preset.cautious.get(one.param) == one.now}
    return {**kept, **chosen}, preset.p_cautious


def taken_over(was: Adopted, wanted: Settings, fits: Callable[[str, Scalar], bool]) -> Adopted:
    """Settings of stages and LoRAs' weights become settings; what else would change is words of the prompt."""
    settings, randomizer = dict(was.settings), dict(was.randomizer)
    left: list[str] = []
    for name, value in wanted.items():
        if name.startswith("randomizer."):
            randomizer[name.removeprefix("randomizer.")] = value
        elif settable(name) and fits(name, value):
            settings[name] = value
        else:
            left.append(name)
    if len(left) == len(wanted):
        raise Refused(
            f"what would change is no setting of a stage: {', '.join(sorted(left))}.",
            where="pack",
            remedy="Write it into the pack or the request.",
        )
    return replace(was, settings=settings, randomizer=randomizer)


def settable(knob: str) -> bool:
    """`txt2img.steps`, not `style` or `pick:weather`."""
    return knob.startswith("lora:") or ("." in knob and not knob.startswith(NAMES))


def weights_of(pack: str, fed: "Fed | None") -> dict[str, dict[str, float]]:
    """Of all values of the pack's wildcards and slots; of a place that stands there twice as of its first."""
    found: dict[str, dict[str, float]] = {}
    for name, values in sorted((fed.weights if fed else {}).items()):
        if any(value != 1.0 for value in values.values()):
            found.setdefault(name.partition("#")[0], values)
    if not found:
        raise Refused(
            f"nothing is known yet of the values of {pack}'s wildcards.",
            where="weights",
            remedy="Rate pictures of several of their values; `stablenew learn report` shows what is known.",
        )
    return found


def randomizer_of(pack: str, fed: "Fed | None") -> Settings:
    """The settings of the randomizer that are proven to rate higher."""
    found = {name: value for name, value in (fed.randomizer if fed else {}).items() if name in RANDOMIZER}
    if not found:
        raise Refused(
            f"no setting of the randomizer is known to do better for {pack}.",
            where="randomizer",
            remedy="`stablenew learn report` shows what is known.",
        )
    return found


# Suggestions of others ----------------------------------------------------------------------------


def _suggested(asked: AdoptRequest, lessons: Lessons) -> AdoptAdvice:
    one = lessons.suggestions.get(asked.suggestion or "")
    if one is None:
        raise Refused(
            f"there is no suggestion '{(asked.suggestion or '')[:60]}'.", remedy="See `stablenew learn list`."
        )
    was = lessons.adopted.get(one.pack, Adopted())
    now = replace(was, settings={**was.settings, **one.settings})
    return AdoptAdvice(pack=one.pack, now=now, why=f"suggestion {one.id}" + (f" of {one.source}" if one.source else ""))


def against(one: Suggestion, current: Settings) -> SuggestionShown:
    """What it would change, against what the pack was made with last; unknown there: empty."""
    changes = (
        SuggestionChange(param=key, was=_word(current.get(key)), now=_word(value))
        for key, value in sorted(one.settings.items())
        if key not in current or current[key] != value
    )
    return SuggestionShown(suggestion=one, changes=tuple(changes))


def _word(value: Scalar) -> str:
    return "" if value is None else str(value)
