"""A person's own workflow with its places filled in: `%prompt%` within values, or nodes titled `stablenew:prompt`.

Works on the API format; the editor's format is converted first. What may run is `allowed`'s to say.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.comfyui import allowed
from agent.backends.comfyui.convert import to_api
from agent.backends.comfyui.desk import Desk
from agent.backends.comfyui.loading import model_name
from agent.backends.comfyui.names import method
from agent.backends.comfyui.prompt import read
from schema.stages import Img2Img, Txt2Img

Place = str | int | float

INPUTS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("text", "prompt", "string", "value"), "negative": ("text", "prompt", "string", "value"),
    "seed": ("seed", "noise_seed", "value"), "steps": ("steps", "value"), "cfg": ("cfg", "guidance", "value"),
    "sampler": ("sampler_name",), "scheduler": ("scheduler",), "width": ("width", "value"),
    "height": ("height", "value"), "denoise": ("denoise", "value"),
    "model": ("ckpt_name", "unet_name", "model_name"), "image": ("image",), "mask": ("image",),
}  # fmt: skip
"""Every place, and the inputs of a node titled after it that it fills: the first that the node has."""

_PLACE = re.compile(r"%([a-z]+)%")
_TITLE = re.compile(r"stablenew:\s*([a-z]+(?:\s*,\s*[a-z]+)*)", re.IGNORECASE)
SAVERS = ("SaveImage", "PreviewImage")


class Filling(NamedTuple):
    """What goes into the places."""

    desk: Desk
    prefix: str
    """Of the files the workflow saves."""
    image: str | None
    mask: str | None
    """Names by which LoadImage finds them."""
    size: tuple[int, int] | None = None
    """Of the picture the stage works on."""


class _Node(NamedTuple):
    kind: str
    inputs: dict[str, object]
    title: str


def fill(config: Txt2Img | Img2Img, filling: Filling) -> tuple[dict[str, object], tuple[str, ...]]:
    """The graph, and the nodes whose pictures are the stage's. Raises BackendTrouble for what cannot or may not run.

    Notes in `reported` which places the workflow has: what it has not, it decides itself.
    """
    assert config.workflow is not None
    desk = filling.desk
    nodes = _read(config.workflow.graph, config.workflow.name, desk)
    _check(nodes, desk)
    value_of = _places(config, filling)
    filled: set[str] = set()
    for node in nodes.values():
        _fill_values(node, value_of, filled)
        _fill_titled(node, value_of, filled)
    _check(nodes, desk)  # what was filled in may lead somewhere too
    outputs = next((found for kind in SAVERS if (found := _of_kind(nodes, kind))), ())
    if not outputs:
        raise BackendTrouble("bad-request", "the workflow saves no picture; end it with a SaveImage node")
    for number in outputs:
        if nodes[number].kind == "SaveImage":
            nodes[number].inputs["filename_prefix"] = f"{filling.prefix}-{number.replace(':', '_')}"
    _note(desk, nodes, filled, config)
    graph: dict[str, object] = {
        number: {"class_type": node.kind, "inputs": node.inputs, "_meta": {"title": node.title or node.kind}}
        for number, node in nodes.items()
    }
    return graph, outputs


def _read(text: str, name: str, desk: Desk) -> dict[str, _Node]:
    if not text:
        raise BackendTrouble("bad-request", f"workflow '{name}' is empty; export it from ComfyUI with Export (API)")
    try:
        written = json.loads(text)  # reads NaN and Infinity too, which ComfyUI writes
    except ValueError as fault:
        raise BackendTrouble("bad-request", f"workflow '{name}' is no JSON: {fault}") from None
    except RecursionError:
        raise BackendTrouble("bad-request", f"workflow '{name}' is nested too deeply to be one") from None
    if isinstance(written, dict) and isinstance(written.get("prompt"), dict):
        written = written["prompt"]  # as a request or a history has it
    if isinstance(written, dict) and isinstance(written.get("nodes"), list):
        written = to_api(written, desk.lists)
    if not isinstance(written, dict) or not written:
        raise BackendTrouble("bad-request", f"workflow '{name}' has no nodes; export it from ComfyUI with Export (API)")
    return {number: _node(number, node) for number, node in written.items()}


def _node(number: str, node: object) -> _Node:
    kind = node.get("class_type") if isinstance(node, dict) else None
    inputs = node.get("inputs") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(kind, str) or not isinstance(inputs, dict):
        raise BackendTrouble(
            "bad-request", f"node {number} of the workflow has no class_type and inputs; export it with Export (API)"
        )
    for name, value in inputs.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BackendTrouble("bad-request", f"node {number} of the workflow: {name} is no number")
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else ""
    return _Node(kind, dict(inputs), title if isinstance(title, str) else "")


def _places(config: Txt2Img | Img2Img, filling: Filling) -> Callable[[str], Place]:
    """Each is found out only when it is there: a workflow with a model of its own needs none of ours."""
    desk = filling.desk

    def value(place: str) -> Place:
        match place:
            case "prompt" | "negative":
                return _words(desk, desk.prompt if place == "prompt" else desk.negative)
            case "seed":
                return desk.seed
            case "steps" | "cfg":
                return config.steps if place == "steps" else config.cfg
            case "sampler" | "scheduler":
                how = method(config.sampler, config.scheduler, desk.lists)
                desk.used |= {"sampler": how.sampler_label, "scheduler": how.scheduler_label}
                return how.sampler if place == "sampler" else how.scheduler
            case "width" | "height":
                side = config.width if place == "width" else config.height
                if side is None and filling.size is not None:
                    side = desk.used[place] = filling.size[place == "height"]
                if side is None:
                    raise BackendTrouble("bad-request", f"the workflow has a place for {place}; give the stage one")
                return side
            case "denoise":
                return config.denoise if isinstance(config, Img2Img) else 1.0
            case "model":
                desk.used["model"] = name = model_name(desk, config.model)
                return name
            case "image" | "mask":
                picture = filling.image if place == "image" else filling.mask
                if picture is None:
                    raise BackendTrouble(
                        "bad-request", f"the workflow has a place for a {'picture' if place == 'image' else place} "
                        "and the stage has none"
                    )  # fmt: skip
                return picture
            case _:
                raise BackendTrouble(
                    "bad-request", f"the workflow has a place '{place}'; there are {', '.join(sorted(INPUTS))}"
                )

    return value


def _words(desk: Desk, text: str) -> str:
    lists = desk.lists
    said = read(text, loras=lists.names("loras"), embeddings=lists.embeddings,
                hypernetworks=lists.names("hypernetworks"))  # fmt: skip
    if said.loras or said.hypernetworks:
        raise BackendTrouble(
            "bad-request", "a workflow of your own loads its LoRAs itself; take <lora:...> out of the prompt"
        )
    return " ".join(said.chunks)


def _fill_values(node: _Node, value_of: Callable[[str], Place], filled: set[str]) -> None:
    for name, written in node.inputs.items():
        if not isinstance(written, str):
            continue
        places = [place for place in _PLACE.findall(written) if place in INPUTS]
        if not places:
            continue
        filled.update(places)
        if written.strip() == f"%{places[0]}%":
            node.inputs[name] = value_of(places[0])  # a number stays a number
        else:
            node.inputs[name] = _PLACE.sub(lambda m: str(value_of(m[1])) if m[1] in INPUTS else m[0], written)


def _fill_titled(node: _Node, value_of: Callable[[str], Place], filled: set[str]) -> None:
    told = _TITLE.search(node.title)
    if told is None:
        return
    for place in (part.strip().lower() for part in told[1].split(",")):
        value = value_of(place)
        name = next((name for name in INPUTS[place] if name in node.inputs), None)
        if name is None:
            raise BackendTrouble(
                "bad-request", f"node {node.kind} is titled '{node.title}' and has no input for {place}; "
                f"put %{place}% where it belongs"
            )  # fmt: skip
        node.inputs[name] = value
        filled.add(place)


def _check(nodes: Mapping[str, _Node], desk: Desk) -> None:
    allowed.check({number: (node.kind, node.inputs) for number, node in nodes.items()}, desk.lists)


def _of_kind(nodes: Mapping[str, _Node], kind: str) -> tuple[str, ...]:
    return tuple(number for number, node in nodes.items() if node.kind == kind)


def _note(desk: Desk, nodes: Mapping[str, _Node], filled: set[str], config: Txt2Img | Img2Img) -> None:
    desk.reported["places"] = ", ".join(sorted(filled))
    for number, node in nodes.items():
        steps = node.inputs.get("steps")
        if "KSampler" in node.kind and isinstance(steps, int):
            desk.steps[number] = steps
    own = {"sampler", "scheduler", "model", "width", "height", "steps", "cfg", "denoise"} - filled
    for name in own & set(type(config).model_fields):
        desk.used[name] = None  # the workflow's own, which nobody was told
