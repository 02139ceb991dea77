"""Insights and reports without a person's words: the sentences are written anew from what they were made of."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from daemon.records.cloak import Cloak, without_folders
from schema.insights import (
    Change,
    Claim,
    Evidence,
    Insights,
    Knob,
    Level,
    PackInsight,
    PresetAdvice,
    Report,
    ReportLine,
    TagAdvice,
    Withdrawn,
)
from schema.plans import Plain, Scalar

_VERB = {"clearly": "is clearly rated", "tends to": "tends to be rated"}


P = TypeVar("P", bound=Plain)


def unplaced(found: P) -> P:
    """The same without folders, wherever they stand; words stay."""
    return msgspec.convert(_unplaced(msgspec.to_builtins(found)), type(found))


def _unplaced(value: object) -> object:
    match value:
        case str():
            return without_folders(value)
        case dict():
            return {without_folders(key): _unplaced(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_unplaced(inner) for inner in value]
        case _:
            return value


def insights(found: Insights, cloak: Cloak) -> Insights:
    return replace(found, packs=tuple(_pack(one, cloak) for one in found.packs))


def report(found: Report, cloak: Cloak) -> Report:
    return replace(
        found,
        lines=tuple(_line(one, cloak) for one in found.lines),
        unproven=tuple(_line(one, cloak) for one in found.unproven),
    )


def _pack(one: PackInsight, cloak: Cloak) -> PackInsight:
    name = cloak.word("pack", one.pack)
    return PackInsight(
        pack=name,
        backend=one.backend if one.backend in ("", "sketch") else cloak.word("backend", one.backend),
        ratings=one.ratings,
        duels=one.duels,
        enough=one.enough,
        text=f"{one.ratings} ratings and {one.duels} duels.",
        mean=one.mean,
        claims=tuple(_claim(claim, cloak) for claim in one.claims),
        withdrawn=tuple(_withdrawn(gone, cloak) for gone in one.withdrawn),
        knobs=tuple(_knob(knob, cloak) for knob in one.knobs),
        unproven=tuple(cloak.param(param) for param in one.unproven),
        preset=None if one.preset is None else _preset(one.preset, cloak),
        advice=tuple(_advice(each, cloak) for each in one.advice),
    )


def _claim(one: Claim, cloak: Cloak) -> Claim:
    param, better, worse = (
        cloak.param(one.param),
        cloak.values(one.better, one.param),
        cloak.values(one.worse, one.param),
    )
    return Claim(
        key=cloak.id("claim", one.key),
        pack=cloak.word("pack", one.pack),
        param=param,
        better=better,
        worse=worse,
        confidence=one.confidence,
        strength=one.strength,
        text=f"{param}: {_list(better)} {_VERB[one.strength]} better than {_list(worse)}.",
        evidence=_evidence(one.evidence, cloak),
    )


def _evidence(one: Evidence, cloak: Cloak) -> Evidence:
    return replace(one, only=cloak.settings(one.only), experiment=cloak.run(one.experiment))


def _withdrawn(one: Withdrawn, cloak: Cloak) -> Withdrawn:
    return Withdrawn(
        key=cloak.id("claim", one.key),
        pack=cloak.word("pack", one.pack),
        text="A claim that was shown no longer holds.",
        shown=one.shown,
        confidence=one.confidence,
    )


def _knob(one: Knob, cloak: Cloak) -> Knob:
    levels = tuple(_level(level, one.param, cloak) for level in one.levels)
    return Knob(param=cloak.param(one.param), ordered=one.ordered, matters=one.matters, levels=levels)


def _level(one: Level, param: str, cloak: Cloak) -> Level:
    values = cloak.values(one.values, param)
    return replace(one, values=values, label=_list(values))


def _preset(one: PresetAdvice, cloak: Cloak) -> PresetAdvice:
    return PresetAdvice(
        pack=cloak.word("pack", one.pack),
        params=cloak.settings(one.params),
        p_better_than_current=one.p_better_than_current,
        current=cloak.settings(one.current),
        changes=tuple(_change(change, cloak) for change in one.changes),
        stars=one.stars,
        offered=one.offered,
        cautious=cloak.settings(one.cautious),
        p_cautious=one.p_cautious,
        text=f"{len(one.changes)} changes, better with a chance of {one.p_better_than_current:.2f}.",
    )


def _change(one: Change, cloak: Cloak) -> Change:
    return Change(
        param=cloak.param(one.param),
        was=cloak.value(one.was, one.param),
        now=cloak.value(one.now, one.param),
        stars=one.stars,
        better=one.better,
    )


def _advice(one: TagAdvice, cloak: Cloak) -> TagAdvice:
    param = cloak.param(one.param) if one.param else ""
    return TagAdvice(
        pack=cloak.word("pack", one.pack),
        tag=cloak.tag(one.tag),
        n=one.n,
        text=f"{param} has to do with it." if param else "",
        learned=one.learned,
        param=param,
        better=cloak.values(one.better, one.param),
        confidence=one.confidence,
    )


def _line(one: ReportLine, cloak: Cloak) -> ReportLine:
    name = cloak.param(one.name) if ":" in one.name or "." in one.name else cloak.word(one.kind, one.name)
    secret = "pick:" if one.kind in ("wildcard", "style", "lora") else one.name
    number = _is_number(one.value) and one.kind not in ("wildcard", "style")  # there it stood in a prompt
    return ReportLine(
        kind=one.kind,
        name=cloak.id(one.kind, one.name) if one.kind in ("style", "lora", "wildcard", "model") else name,
        value=one.value if number else str(cloak.value(one.value, secret)),
        packs=tuple(cloak.word("pack", pack) for pack in one.packs),
        n=one.n,
        stars=one.stars,
        low=one.low,
        high=one.high,
        verdict=one.verdict,
        factor=one.factor,
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "").isdigit()


def _list(values: Sequence[Scalar]) -> str:
    return ", ".join("none" if value is None else str(value) for value in values)
