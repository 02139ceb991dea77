"""What a new text of the library begins as, what its copy is, and what a run becomes with it. Pure but for `effect`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import NamedTuple

from schema.errors import Refused
from schema.plans import Scalar
from tui.link.ask import Asker, PlanLine
from tui.link.shelf import Item, Noun
from tui.screens.draft import Draft, request

Config = Mapping[str, Mapping[str, Scalar]]


class Beginning(NamedTuple):
    help: str
    text: str
    """NAME stands for its name."""


BEGINNINGS: dict[Noun, Beginning] = {
    "packs": Beginning(
        "Prompts in plain text: an empty line between two; a line `neg: ...` says what its picture shall not show.", ""
    ),
    "wildcards": Beginning("A value on each line. A slash makes a folder: sky/high.", ""),
    "styles": Beginning(
        "Words around a prompt, on one line; a line `neg: ...` for what it is against.", "{prompt}, \nneg: \n"
    ),
    "profiles": Beginning(
        "Who and where a story is about.",
        'name: "NAME"\ncharacter: ""\nsetting: ""\nstyle: ""\nnegative: ""\nwildcards: {}\nloras: []\n',
    ),
    "presets": Beginning("Settings by stage.", '{\n  "txt2img": {"steps": 30, "cfg": 6.0}\n}\n'),
    "pipelines": Beginning(
        "Stages in their order.",
        '{\n  "name": "NAME",\n  "stages": [\n    {"type": "txt2img", "width": 768, "height": 512, "steps": 30},\n'
        '    {"type": "upscale", "factor": 2}\n  ]\n}\n',
    ),
    "templates": Beginning(
        "A frame of words for a prompt.", 'name: "NAME"\nprompt: "portrait of {prompt}, soft window light"\nset: {}\n'
    ),
    "overlays": Beginning("What may vary besides words.", 'name: "NAME"\ngrades: [warm tones, cool tones]\nmost: 1\n'),
    "workflows": Beginning("A ComfyUI workflow, saved there with Export (API).", "{}\n"),
}

EFFECTIVE: tuple[Noun, ...] = ("presets", "pipelines", "profiles", "styles", "templates")
"""Of these a plan tells what a run becomes with one."""

TRIAL = "a picture"
"""The prompt that is planned with and without it."""


def copied(noun: Noun, item: Item, to: str) -> tuple[str, str]:
    """Name and text of a copy that is called `to`."""
    if noun == "styles":  # its name stands in the text
        told = {one.name: one.value for one in item.says}
        words = next((told[name] for name in ("around the prompt", "added") if name in told), "")
        negative = told.get("negative", "")
        return to, f"{words}\nneg: {negative}\n" if negative else f"{words}\n"
    if noun == "wildcards" and of_many(item):
        return f"{to}.yaml", item.text  # alone it is told as a list
    return f"{to}{PurePath(item.path).suffix}", item.text


def of_many(item: Item) -> bool:
    """A wildcard that stands in a file with others: its own would be called as it is."""
    return PurePath(item.path).stem.casefold() != item.name.rpartition("/")[2].casefold()


def used(draft: Draft, noun: Noun, names: tuple[str, ...]) -> Draft:
    """The draft with it, or with the first of several where a run takes one."""
    name, varied = names[0], draft.varied
    match noun:
        case "packs":
            return replace(draft, pack=name, packs=names[1:])
        case "presets":
            return replace(draft, preset=name)
        case "pipelines":
            return replace(draft, pipeline=name, own=None)
        case "profiles":
            return replace(draft, varied=replace(varied, profile=name))
        case "styles":
            return replace(draft, varied=replace(varied, style=tuple(dict.fromkeys((*varied.style, *names)))))
        case "templates":
            return replace(draft, varied=replace(varied, template=name))
        case "overlays":
            return replace(draft, varied=replace(varied, overlay=name))
        case "wildcards":
            return replace(draft, prompt=joined(draft.prompt, *(f"__{one}__" for one in names)))
        case "workflows":
            own = f"{'txt2img' if draft.picture is None else 'img2img'}.workflow"
            others = tuple(one for one in draft.set if not one.startswith((f"{own}=", f"{own}.")))
            return replace(draft, set=(*others, f"{own}={name}"))


def joined(*parts: str) -> str:
    return ", ".join(part.strip() for part in parts if part.strip())


class Effect(NamedTuple):
    """What a new run becomes with it, compared with the draft that is there."""

    settings: tuple[tuple[str, str, str], ...]
    """`stage.field`, what it is now, what it would be; a stage that comes or goes is told as a whole."""
    prompt: str = ""
    negative: str = ""
    """What becomes of the prompt `TRIAL`; empty: nothing."""


async def effect(asker: Asker, draft: Draft, noun: Noun, name: str) -> Effect:
    """Of a plan without it and one with it. Raises Refused or NoDaemon."""
    ground = replace(draft, prompt=TRIAL, negative="", pack="", packs=(), count="1", seed="1", picture=None)
    try:
        now = await _first(asker, ground)
    except Refused:  # of the draft, not of what is looked at
        ground = Draft(prompt=TRIAL, seed="1")
        now = await _first(asker, ground)
    then = await _first(asker, used(ground, noun, (name,)))
    settings = tuple(_changed(now.config, then.config))
    prompt = then.prompt if then.prompt != now.prompt else ""
    return Effect(settings, prompt, then.negative if then.negative != now.negative else "")


async def _first(asker: Asker, draft: Draft) -> PlanLine:
    lines, _ = await asker.plan(request(draft), 1)
    return lines[0] if lines else PlanLine()


def _changed(now: Config, then: Config) -> Iterator[tuple[str, str, str]]:
    for stage in dict.fromkeys((*now, *then)):
        if stage not in then:
            yield stage, "a stage", "left out"
        elif stage not in now:
            yield stage, "none", "a stage of its own"
        else:
            was, will = now[stage], then[stage]
            for name in dict.fromkeys((*was, *will)):
                if name not in ("id", "prompt", "negative") and was.get(name) != will.get(name):
                    yield f"{stage}.{name}", _written(was.get(name)), _written(will.get(name))


def _written(value: Scalar) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)
