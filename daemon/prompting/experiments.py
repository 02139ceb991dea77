"""Experiments as plans: a learning run varies one thing and holds all else, an explore run mixes several.

A learning run is a grid of one axis: each of its levels with the same words and the same seeds. In an explore run
each picture brings its own settings (a mix); those of one group share prompt and seed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from daemon.prompting.fields import Setting, settle
from daemon.prompting.grids import Axis, Cell, Change, Grid
from daemon.prompting.spaces import Dealt, Spaces, Worded
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.packs import Part
from schema.pipeline import PipelineConfig
from schema.plans import LearningPlan, Scalar
from schema.requests import Mix, RunRequest
from schema.spoken import begun, named, written
from schema.stages import Txt2Img

MOST_SEEDS = 3
MOST_MIXES = 5_000

SEEDS = "--seeds"
"""What `count` is called where a learning run is asked for."""


def as_experiment(request: RunRequest) -> RunRequest:
    """With what an experiment leaves unsaid: of each prompt's words one variant, or as many as there are groups of
    mixes at most. Raises Refused for what is no experiment."""
    match request.experiment:
        case None if request.mixes:
            raise Refused(
                "mixes are those of an explore run.", where="mixes", remedy='Give experiment="explore" with them.'
            )
        case None:
            return request
        case "learning":
            _check_learning(request)
        case "explore":
            _check_explore(request)
    if request.learning == "off":
        raise Refused(
            "nothing is learned of it then.", where="--learning", remedy="Make an ordinary run of it, or leave it out."
        )
    for flag, number in (("--limit", request.limit), ("--max-images", request.max_images)):
        if number is not None:
            raise Refused(
                "an experiment is made whole: what is cut off leaves its levels uneven.",
                where=flag,
                remedy="Give fewer levels, seeds or prompts.",
            )
    groups = len({mix.group for mix in request.mixes})
    return msgspec.structs.replace(request, variants=request.variants or max(1, groups))


def _check_learning(request: RunRequest) -> None:
    if request.mixes:
        raise Refused("a learning run has no mixes.", where="mixes", remedy="Leave them out, or make an explore run.")
    if len(request.vary) != 1:
        raise Refused(
            f"a learning run varies one thing, and {len(request.vary)} are named.",
            where="--vary",
            remedy="Give one --vary, or explore: `stablenew learn explore` varies several at once.",
        )
    if not 1 <= request.count <= MOST_SEEDS:
        raise Refused(
            f"a learning run has 1 to {MOST_SEEDS} seeds, not {request.count}.",
            where=SEEDS,
            remedy="More prompts teach more than more seeds: --prompts.",
        )


def _check_explore(request: RunRequest) -> None:
    if not request.mixes:
        raise Refused(
            "an explore run has no pictures to make.", where="mixes", remedy="Give mixes, or max_images and none."
        )
    if len(request.mixes) > MOST_MIXES:
        raise Refused(
            f"{len(request.mixes)} pictures are too many for one explore run.",
            where="--images",
            remedy=f"Ask for at most {MOST_MIXES}.",
        )
    if request.vary or request.count != 1:
        raise Refused(
            "the mixes of an explore run say what varies, and how often.",
            where="--vary" if request.vary else "--count",
            remedy="Leave it out.",
        )


def check_axis(grid: Grid, request: RunRequest) -> None:
    """Raises Refused for a learning run that would vary what it has to hold, or nothing."""
    if request.experiment != "learning":
        return
    (axis,) = grid.axes
    if axis.name in ("seed", "words"):
        raise Refused(
            f"{'words' if axis.name == 'words' else 'seeds'} are what all levels of a learning run share.",
            where="--vary",
            remedy="Vary a field of a stage, a LoRA's strength or a style.",
        )
    if all(change == axis.changes[0] for change in axis.changes):
        raise Refused(
            f"{told(axis.name, 60)} has one level, and nothing to compare it with.",
            where="--vary",
            remedy="Give two levels at least.",
        )


def check_open(axis: Axis) -> None:
    """Raises Refused for what an explore run cannot mix."""
    if axis.name in ("seed", "words", "lora"):
        raise Refused(
            f"'{axis.name}' is nothing that an explore run can mix.",
            where="--vary",
            remedy="Name fields of stages, `lora:NAME` with strengths, or `style`.",
        )


def levels_of(axis: Axis) -> tuple[Scalar, ...]:
    """As records tell them: `30`, not `"30"`; a LoRA that is left out as None."""
    found = (_level(axis.name, text, change) for text, change in zip(axis.levels, axis.changes, strict=True))
    return tuple({(type(level), level): level for level in found}.values())


def _level(name: str, text: str, change: Change) -> Scalar:
    if name in change.values:
        return change.values[name]
    if name.startswith("lora:"):
        return change.loras[0].weight if change.loras else None
    return text


def learning_plan(request: RunRequest, grid: Grid, cells: Sequence[Cell]) -> LearningPlan | None:
    """What the run wants to find out."""
    if request.experiment == "learning":
        (axis,) = grid.axes
        best = "better" if len(axis.levels) == 2 else "best"
        question = f"{begun(told(named(axis.name), 60))}: is {_listed(axis.levels)} {best}?"
        return LearningPlan(
            kind="learning", variables={axis.name: levels_of(axis)}, seeds=request.count, question=question
        )
    if request.experiment is None:
        return None
    variables: dict[str, dict[object, Scalar]] = {}
    for mix in request.mixes:
        for name, value in mix.set.items():
            variables.setdefault(name, {})[type(value), value] = value
    varied = {name: tuple(sorted(levels.values(), key=_order)) for name, levels in sorted(variables.items())}
    names = [named(name) for name, levels in varied.items() if len(levels) > 1]
    return LearningPlan(
        kind="explore",
        variables=varied,
        seeds=len({mix.group for mix in request.mixes}),
        question=f"Which {_listed(names, 'and')} go best together?",
    )


def _listed(words: Sequence[str], joint: str = "or") -> str:
    some = [told(word, 40) for word in words[:12]] + ([f"{len(words) - 12} more"] if len(words) > 12 else [])
    return f"{', '.join(some[:-1])} {joint} {some[-1]}" if len(some) > 1 else "".join(some) or "settings"


def _order(value: Scalar) -> tuple[int, float, str]:
    """Numbers, then words, then nothing."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return (2, 0.0, "") if value is None else (1, 0.0, value)


# Mixes ------------------------------------------------------------------------------------------


def read_mixes(mixes: Sequence[Mix], pipeline: PipelineConfig, fixed: frozenset[str]) -> tuple[Cell, ...]:
    """Raises Refused for a knob that the pipeline has not, or that `--set` holds."""
    known: dict[tuple[str, object, Scalar], Change] = {}
    cells: list[Cell] = []
    for mix in mixes:
        changes: list[Change] = []
        for name, value in sorted(mix.set.items()):
            key = (name, type(value), value)
            change = known.get(key)
            if change is None:
                change = known[key] = _change(name, value, pipeline)
                held = next((one for one in change.values if one in fixed), None)
                if held is not None:
                    raise Refused(f"{held} is held by --set.", where="mixes", remedy="Leave one of the two out.")
            changes.append(change)
        cells.append(Cell({name: written(value) for name, value in sorted(mix.set.items())}, tuple(changes), "explore"))
    return tuple(cells)


def _change(name: str, value: Scalar, pipeline: PipelineConfig) -> Change:
    kind, colon, whose = name.partition(":")
    if kind == "lora" and colon and whose and not any(sign in whose for sign in "<>:"):
        return Change(loras=(Part(name=whose, weight=_strength(name, value)),))
    if name == "style":
        return Change(styles=(str(value),) if value else ())
    stage, dot, field = name.partition(".")
    if not dot or colon:
        raise Refused(
            f"'{told(name, 60)}' is nothing that an explore run can set.",
            where="mixes",
            remedy="Name a stage's field (txt2img.cfg), a LoRA (lora:film) or `style`.",
        )
    return Change(values=settle(pipeline, [Setting(stage, field, value, f"mixes {told(name, 60)}")]))


def _strength(name: str, value: Scalar) -> float:
    """0: the LoRA is left out."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{told(name, 60)} is no number.", where="mixes", remedy="Give its strength, for example 0.6.")
    return float(value)


def batch_of(pipeline: PipelineConfig) -> int:
    """Pictures that a job makes at once, each with a seed of its own."""
    return next((stage.batch for stage in pipeline.running() if isinstance(stage, Txt2Img)), 1)


def deal_mixes(
    mixes: Sequence[Mix], cells: Sequence[Cell], worded: Sequence[Worded], spaces: Spaces, seed: int, batch: int
) -> Iterator[tuple[Worded, Dealt, int]]:
    """Each mix with its words and its seed: groups go over the prompts in order, round by round over their variants."""
    groups = {group: at for at, group in enumerate(dict.fromkeys(mix.group for mix in mixes))}
    rounds = -(-len(groups) // len(worded))
    words = [spaces.some(one, rounds) for one in worded]
    numbers: Counter[int] = Counter()
    for mix, cell in zip(mixes, cells, strict=True):
        at = groups[mix.group]
        turn, place = divmod(at, len(worded))
        numbers[place] += 1
        yield worded[place], Dealt(numbers[place], words[place][turn], cell, draw=turn + 1), seed + at * batch
