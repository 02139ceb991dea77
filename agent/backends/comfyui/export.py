"""`python -P -m agent export-comfyui`: a job as one workflow that runs in ComfyUI and gives the same picture.

stdin   {"stages": [{"id", "config": {...}}], "prompt", "negative", "seed", "format": "api" | "ui", "embeddings": []}
stdout  the workflow. stderr: a sentence for every stage that is left out, because ComfyUI itself has no node for it.

Built with the builders that draw the stages of a run. Between two stages the picture is brought to eight bits a
channel, as it is when a run saves it: so the pixels are the same.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import msgspec
from pydantic import ValidationError

from agent.answers import decoded
from agent.backends import BackendTrouble
from agent.backends.comfyui.core import core_lists
from agent.backends.comfyui.desk import Canvas, Desk
from agent.backends.comfyui.editor import ui_of
from agent.backends.comfyui.graph import Graph
from agent.backends.comfyui.lists import LATENT_UPSCALERS, PIXEL_UPSCALERS, Lists
from agent.backends.comfyui.loading import BUILT_IN
from agent.backends.comfyui.prompt import named_in
from agent.backends.comfyui.stages import drawn, saved
from agent.pictures.finish import FINISH_KINDS
from schema.errors import Exit, Refused
from schema.names import FILES
from schema.plans import PICTURELESS, PROMPTING
from schema.stages import ORDER_STAGE, Detail, ImageStage, Img2Img, Refiner, Txt2Img, Upscale, WordStage

PREFIX = "stablenew"
Stages = list[tuple[str, ImageStage | WordStage]]


class _Written(msgspec.Struct):
    id: str
    config: dict[str, object]


class Wish(msgspec.Struct):
    stages: list[_Written]
    prompt: str | None = ""
    negative: str | None = ""
    seed: int | None = 0
    format: str = "api"
    embeddings: tuple[str, ...] = ()
    """Names that stand in the prompt as bare words."""


def main(
    words: Sequence[str] = (), stdin: TextIO | None = None, stdout: TextIO | None = None, stderr: TextIO | None = None
) -> int:
    told = stderr or sys.stderr
    try:
        if words:
            raise Refused(f"export-comfyui knows no '{words[0]}'", remedy="Everything comes as JSON on stdin.")
        wish = _read((stdin or sys.stdin).read())
        graph, left = workflow(wish)
    except Refused as refused:
        print(refused.told(), file=told)
        return Exit.REFUSED
    for sentence in left:
        print(sentence, file=told)
    json.dump(ui_of(graph) if wish.format == "ui" else graph.api(), stdout or sys.stdout, indent=2, allow_nan=False)
    print(file=stdout or sys.stdout)
    return Exit.DONE


def workflow(wish: Wish) -> tuple[Graph, tuple[str, ...]]:
    """The graph, and a sentence for every stage that is not in it. Raises Refused when no picture is left."""
    stages, left = _stages(wish)
    lists = _lists(stages, wish)
    graph = Graph()
    seed = wish.seed or 0
    first = stages[0][1] if stages else None
    for number in range(first.batch if isinstance(first, Txt2Img) else 1):
        sentences: list[str] = []
        canvas = _chain(graph, lists, stages, wish, seed + number, sentences)
        if canvas is None:
            raise Refused("nothing of it can be written as a ComfyUI workflow", remedy=" ".join((*left, *sentences)))
        left = left if number else (*left, *sentences)
        end = Desk(graph, lists, _bring)
        graph.stage("")
        saved(end, canvas, PREFIX if not number else f"{PREFIX}-{number + 1}")
    return graph, left


def _chain(graph: Graph, lists: Lists, stages: Stages, wish: Wish, seed: int, left: list[str]) -> Canvas | None:
    canvas: Canvas | None = None
    model: str | None = None
    for name, config in stages:
        graph.stage(name)
        desk = Desk(graph, lists, _bring, prompt=wish.prompt or "", negative=wish.negative or "", seed=seed,
                    default_model=model)  # fmt: skip
        source = _eight_bits(desk, canvas) if canvas else None
        try:
            _check(config)
            canvas = drawn(desk, config, source)
        except BackendTrouble as trouble:
            if canvas is None:
                raise Refused(f"stage {name} cannot be written: {trouble.sentence}") from None
            left.append(f"{name} is left out: {trouble.sentence}.")
            continue
        used = desk.used.get("model")
        model = used if isinstance(used, str) else model
    return canvas


def _eight_bits(desk: Desk, canvas: Canvas) -> Canvas:
    """Lanczos works on eight bits; at scale 1 that is all it does. It leaves the channels in another order of memory
    than a loaded picture has, which the last digits of a convolution depend on; repeating once puts them back.
    """
    link = desk.add("ImageScaleBy", "as it would be saved", image=canvas.image, upscale_method="lanczos", scale_by=1.0)
    link = desk.add("RepeatImageBatch", "as it would be loaded", image=link, amount=1)
    return Canvas(link, canvas.size)


def _check(config: ImageStage | WordStage) -> None:
    """What the builders would do, and a workflow alone cannot: pictures that lie here, and not there."""
    if isinstance(config, Txt2Img | Img2Img):
        if config.workflow is not None:
            raise BackendTrouble("bad-request", "it runs a workflow of its own; open that one in ComfyUI")
        if any(control.image for control in config.controls):
            raise BackendTrouble("bad-request", "its ControlNet sees a picture that ComfyUI does not have")
    if isinstance(config, Img2Img) and (config.image or config.masked):
        what = "mask" if config.masked else "picture"
        raise BackendTrouble("bad-request", f"it needs a {what} that ComfyUI does not have")


def _bring(content: bytes, word: str) -> str:
    raise BackendTrouble("bad-request", f"it needs a {word} that ComfyUI does not have")


# Reading the wish -----------------------------------------------------------------------------


def _read(text: str) -> Wish:
    try:
        return decoded(text, Wish)
    except msgspec.MsgspecError as fault:
        raise Refused(f"the wish is not what export-comfyui reads: {fault}", where="stdin") from None


def _stages(wish: Wish) -> tuple[Stages, tuple[str, ...]]:
    found: Stages = []
    left: list[str] = []
    for written in wish.stages:
        fields = _nested(written.config) | {"id": written.id}
        if fields.get("type") in PROMPTING:
            left.append(f"{written.id} is left out: it makes no picture.")
            continue
        try:
            config = ORDER_STAGE.validate_python(fields)
        except ValidationError as fault:
            first = fault.errors()[0]
            where = ".".join(map(str, first["loc"][1:]))
            raise Refused(f"{where}: {first['msg']}", where=f"stage {written.id}") from None
        if not config.enabled:
            continue
        if config.type in FINISH_KINDS:
            left.append(f"{written.id} is left out: stablenew does {config.type} itself, after ComfyUI.")
        elif config.type in PICTURELESS:
            left.append(f"{written.id} is left out: it makes no picture.")
        else:
            found.append((written.id, config))
    if not found:
        raise Refused("there is no stage that makes a picture in ComfyUI", remedy=" ".join(left))
    return found, tuple(left)


def _nested(fields: Mapping[str, object]) -> dict[str, object]:
    """`hires.scale` as a part of `hires`; what is recorded as built in is not asked for."""
    found: dict[str, object] = {}
    for name, value in fields.items():
        head, dot, rest = name.partition(".")
        if dot:
            part = found.get(head)
            found[head] = {**(part if isinstance(part, dict) else {}), rest: value}
        elif not (name == "vae" and value == BUILT_IN) and not (name in found and value is None):
            found[name] = value
    return found


def _lists(stages: Stages, wish: Wish) -> Lists:
    """Every name of the job as a file that ComfyUI has, with the usual ending where none is written."""
    models: list[str] = []
    bare: list[str] = []
    vaes: list[str] = []
    encoders: list[str] = []
    upscalers: list[str] = []
    controls: list[str] = []
    hypers: list[str] = []
    for _, config in stages:
        if isinstance(config, Txt2Img | Img2Img | Refiner | Detail):
            models_of = bare if config.encoders and config.vae and config.model else models
            models_of += [config.model] if config.model else []
            vaes += [config.vae] if config.vae else []
            encoders += config.encoders
        if isinstance(config, Txt2Img):
            models += [config.refiner.model] if config.refiner else []
            upscalers += [config.hires.upscaler] if config.hires else []
            hypers += [config.hypernetwork] if config.hypernetwork else []
        if isinstance(config, Txt2Img | Img2Img):
            controls += [control.model for control in config.controls]
        if isinstance(config, Upscale):
            upscalers += [name for name in (config.upscaler, config.upscaler2) if name]
            models += [config.model] if config.model else []
    told = f"{wish.prompt} {wish.negative}"
    own = [name for name in upscalers if name not in PIXEL_UPSCALERS and name not in LATENT_UPSCALERS]
    known = {
        ("CheckpointLoaderSimple", "ckpt_name"): _files(models),
        ("UNETLoader", "unet_name"): _files(bare),
        ("VAELoader", "vae_name"): _files(vaes),
        ("CLIPLoader", "clip_name"): _files(encoders),
        ("LoraLoader", "lora_name"): _files(named_in(told, "lora", "lyco")),
        ("HypernetworkLoader", "hypernetwork_name"): _files([*hypers, *named_in(told, "hypernet")], ".pt"),
        ("ControlNetLoader", "control_net_name"): _files(controls),
        ("UpscaleModelLoader", "model_name"): _files(own, ".pth"),
    }
    embeddings = dict.fromkeys((*wish.embeddings, *named_in(told, "embedding")))
    return core_lists(known, tuple(embeddings))


def _files(names: Sequence[str], ending: str = ".safetensors") -> tuple[str, ...]:
    return tuple(dict.fromkeys(name if name.lower().endswith(FILES) else name + ending for name in names))
