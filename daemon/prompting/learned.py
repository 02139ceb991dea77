"""What a plan takes over from what verdicts taught: settings, weights of values, and how its variants are made.

Above a pack's own settings and those of the last run (`--last`); below a preset, a prompt's overrides, `--set`,
`--vary` and whatever the request says of itself. It is an overlay: nobody's file is changed, and each value says where
it came from.
"""

from collections.abc import Iterable, Mapping
from typing import get_args

import msgspec

from daemon.prompting.fields import Flat, Setting, decided, settle
from daemon.prompting.looks.compare import plain_name
from daemon.prompting.recipe import Recipe
from daemon.prompting.sources import Source
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.lessons import Adopted, Lessons
from schema.packs import Part
from schema.plans import Matrix, PromptOrder, Scalar
from schema.records import LOOSE
from schema.requests import RunRequest

NOTHING = Adopted()
LORA = "lora:"

LEAST, MOST = 0.1, 10.0
"""Bounds of a factor: a value is made rarer or likelier, never left out."""


def whose(source: Source) -> str:
    """The name under which a source's pictures are rated."""
    return source.pack.name if source.pack else LOOSE


def adopted_by(lessons: Lessons, source: Source) -> Adopted:
    return lessons.adopted.get(whose(source), NOTHING)


def learned_values(recipe: Recipe, adopted: Adopted, pack: str) -> tuple[Flat, tuple[str, ...]]:
    """As far as they fit the pipeline, and what is told about the rest: a plan is never refused for them."""
    if not adopted.settings:
        return {}, ()
    there = {stage.id for stage in recipe.open.stages}
    above = recipe.preset | recipe.fixed
    values: Flat = {}
    unused: list[str] = []
    for key, value in sorted(adopted.settings.items()):
        stage, _, field = key.partition(".")
        if key.startswith(LORA):
            continue
        if stage not in there or not field:
            unused.append(key)
            continue
        try:
            found = settle(recipe.open, [Setting(stage, field, value, origin_of(pack))])
        except Refused as refused:
            unused.append(f"{key} ({refused.sentence.rstrip('.')})")
            continue
        values |= {name: each for name, each in found.items() if not decided(name, above)}
    shown = ", ".join(told(name, 80) for name in unused[:8])
    return values, (f"learned for {told(pack)}: not used here: {shown}.",) if unused else ()


def learned_loras(adopted: Adopted) -> tuple[Part, ...]:
    """With the weights that were learned; 0 leaves one without a say."""
    return tuple(
        Part(name=key.removeprefix(LORA), weight=float(value))
        for key, value in sorted(adopted.settings.items())
        if key.startswith(LORA) and isinstance(value, int | float)
    )


def origin_of(pack: str) -> str:
    return f"learned for {told(pack)}"


def factor(adopted: Adopted, place: str, value: str) -> float:
    """Of a value's weight, where values are drawn. `place`: a wildcard or slot, however it is written."""
    if not adopted.weights:
        return 1.0
    wanted = plain_name(place)
    for name, values in adopted.weights.items():
        if plain_name(name) == wanted:
            return min(max(values.get(value.strip(), 1.0), LEAST), MOST)
    return 1.0


def with_randomizer(
    request: RunRequest, sources: Iterable[Source], lessons: Lessons
) -> tuple[RunRequest, tuple[str, ...]]:
    """The request with the defaults of its packs where it says nothing. Packs that disagree change nothing."""
    names = [whose(source) for source in sources]
    each = [lessons.adopted.get(name, NOTHING).randomizer for name in names]
    if not any(each) or request.experiment is not None:
        return request, ()
    if any(one != each[0] for one in each):
        return request, ("learned defaults of the randomizer differ from pack to pack and are left aside.",)
    found: dict[str, Scalar] = {}
    for name, now in _silent(request).items():
        value = each[0].get(name)
        if value is not None and value != now and _fits(name, value):
            found[name] = value
    if not found:
        return request, ()
    said = ", ".join(f"{name} {value}" for name, value in found.items())
    changed: RunRequest = msgspec.structs.replace(request, **found)
    return changed, (f"{said}: {origin_of(names[0])}.",)


def _silent(request: RunRequest) -> Mapping[str, Scalar]:
    """What the request leaves to others, with what it would be."""
    found: dict[str, Scalar] = {"matrix": None} if request.matrix is None else {}
    if request.variants is None and request.limit is None and request.max_images is None:
        found["variants"] = None
    if request.order == "sequential":
        found["order"] = "sequential"
    return found


def _fits(name: str, value: Scalar) -> bool:
    if name == "variants":
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value in (get_args(Matrix) if name == "matrix" else get_args(PromptOrder))
