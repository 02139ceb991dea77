"""InvokeAI: its metadata, its graphs, and the records and command lines of its first years."""

import re
import shlex
from collections.abc import Mapping

from daemon.artifacts.foreign.document import Document, mapping, number, whole
from daemon.artifacts.foreign.draft import Draft

Texts = Mapping[str, str]

SCHEDULERS = {"kdpm_2": "dpm_2", "kdpm_2_a": "dpm_2_ancestral", "dpmpp_3m": "dpmpp_3m_sde"}
LEGACY_FLAGS = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg", "A": "sampler", "f": "strength"}


def read(texts: Texts) -> Draft | None:
    said = mapping(texts.get("invokeai_metadata"))
    if said is not None:
        return of(said)
    for key in ("sd-metadata", "Sd-metadata"):
        legacy = mapping(texts.get(key))
        if legacy is not None:
            return legacy_of(legacy)
    line = texts.get("dream") or texts.get("Dream")
    if line is not None:
        return of_line(line)
    graph = mapping(texts.get("invokeai_graph"))
    return of_graph(graph) if graph is not None else None


def of(said: Document) -> Draft:
    draft = Draft("invokeai", said.text("app_version") or "")
    draft.prompt = said.text("positive_prompt") or ""
    draft.negative = said.text("negative_prompt") or ""
    _styled(draft, said)
    draft.seed = said.whole("seed")
    draft.put("txt2img.steps", said.whole("steps"))
    mode = said.text("generation_mode") or ""
    flux = mode.startswith("flux")
    draft.put("txt2img.cfg", said.number("cfg_scale"))
    draft.put("txt2img.guidance", said.number("guidance") if flux or "guidance" in said else None)
    _sampled(draft, said.text("scheduler"))
    draft.size(said.whole("width"), said.whole("height"))
    draft.model(_named(said, "model"))
    draft.put("txt2img.vae", _named(said, "vae"))
    skipped = said.whole("clip_skip")
    draft.put("txt2img.clip_skip", skipped + 1 if skipped else None)
    draft.put("txt2img.tiling", True if said.flag("seamless_x") and said.flag("seamless_y") else None)
    for lora in said.docs("loras"):
        draft.lora(_named(lora, "model", "lora"), lora.number("weight"))
    refiner = _named(said, "refiner_model")
    if refiner:
        draft.put("txt2img.refiner.model", refiner)
        draft.put("txt2img.refiner.switch_at", said.number("refiner_start"))
    if said.flag("hrf_enabled"):
        draft.put("txt2img.hires.denoise", said.number("hrf_strength"))
        draft.put("txt2img.hires.upscaler", said.text("hrf_method"))
        draft.put("txt2img.hires.scale", 2.0)
    if "img2img" in mode or "inpaint" in mode or "outpaint" in mode or said.text("init_image"):
        draft.put("img2img.denoise", said.number("strength"))
        draft.warn("It was painted over another picture, which the file does not hold; it would be made from nothing.")
    if re.search(r"[\w)]\+{1,4}(\s|,|$)|\)\d+(\.\d+)?|\)\.(swap|and|blend)\(", draft.prompt + draft.negative):
        draft.warn("InvokeAI's emphasis (word+, (words)1.2) is not A1111's; the prompt stands as it was written.")
    if any(said.list(key) for key in ("controlnets", "ipAdapters", "t2iAdapters")):
        draft.warn("ControlNet or adapters steered it; the pictures that steered it are not in the file.")
    draft.keep_rest(said)
    return draft


def _sampled(draft: Draft, scheduler: str | None) -> None:
    """Its ids name sampler and schedule in one: `dpmpp_2m_k` is DPM++ 2M on Karras."""
    name = (scheduler or "").removesuffix("_k")
    draft.sample(SCHEDULERS.get(name, name), "karras" if scheduler and scheduler.endswith("_k") else None)


def _styled(draft: Draft, said: Document) -> None:
    for field, mark in (("positive_style_prompt", "prompt"), ("negative_style_prompt", "negative")):
        style = said.text(field)
        base = draft.prompt if mark == "prompt" else draft.negative
        if style and style != base:
            joined = f"{base}, {style}" if base else style
            if mark == "prompt":
                draft.prompt = joined
            else:
                draft.negative = joined
            draft.warn("SDXL's second prompt stands behind the first here.")


def _named(said: Document, *keys: str) -> str | None:
    """A model is a name, or an object with `name`, `model_name` or `key`."""
    model = said.doc(*keys)
    if model is not None:
        return model.text("name", "model_name", "key")
    return said.text(*keys)


def legacy_of(record: Document) -> Draft:
    """`sd-metadata`: `image.prompt` is a text or a list of weighted ones; what is in brackets is unwanted."""
    said = record.doc("image") or record
    draft = Draft("invokeai", record.text("app_version") or "")
    prompt = said.raw("prompt")
    if isinstance(prompt, list):
        parts = [text for one in prompt if isinstance(one, dict) and (text := Document(one).text("prompt"))]
        prompt = ", ".join(parts)
    _unwanted(draft, prompt if isinstance(prompt, str) else "")
    draft.seed = said.whole("seed")
    draft.put("txt2img.steps", said.whole("steps"))
    draft.put("txt2img.cfg", said.number("cfg_scale"))
    _sampled(draft, said.text("sampler"))
    draft.size(said.whole("width"), said.whole("height"))
    draft.model(record.text("model_weights"))
    if (said.text("type") or "") == "img2img":
        draft.put("img2img.denoise", said.number("strength"))
        draft.warn("It was painted over another picture, which the file does not hold; it would be made from nothing.")
    draft.keep_rest(said, record if record is not said else None)
    return draft


def of_line(line: str) -> Draft:
    """`"text" -s 50 -S 42 -W512 -H512 -C7.5 -A k_lms`."""
    draft = Draft("invokeai")
    try:
        parts = shlex.split(line)
    except ValueError:
        parts = line.split()
    said: dict[str, str] = {}
    prompt: list[str] = []
    waiting = ""
    for part in parts:
        flag = re.fullmatch(r"-([A-Za-z])(.*)", part, re.S)
        if waiting:
            said[waiting], waiting = part, ""
        elif flag and flag[1] in LEGACY_FLAGS:
            if flag[2]:
                said[LEGACY_FLAGS[flag[1]]] = flag[2]
            else:
                waiting = LEGACY_FLAGS[flag[1]]
        elif part.startswith("-") and len(part) > 1 and prompt:
            draft.keep("dream", part)
        else:
            prompt.append(part)
    _unwanted(draft, " ".join(prompt))
    draft.seed = whole(said.get("seed"))
    draft.put("txt2img.steps", whole(said.get("steps")))
    draft.put("txt2img.cfg", number(said.get("cfg")))
    _sampled(draft, said.get("sampler"))
    draft.size(whole(said.get("width")), whole(said.get("height")))
    draft.put("img2img.denoise", number(said.get("strength")))
    return draft


def _unwanted(draft: Draft, prompt: str) -> None:
    """In its first years what stood in square brackets was the negative prompt."""
    unwanted = re.findall(r"\[([^\[\]]*)\]", prompt)
    draft.negative = ", ".join(part.strip() for part in unwanted if part.strip())
    draft.prompt = re.sub(r"\s*\[[^\[\]]*\]", "", prompt).strip()


def of_graph(graph: Document) -> Draft:
    """Only a graph: its metadata node holds the same keys; without one, what prompt and noise nodes say."""
    nodes = graph.doc("nodes") or Document({})
    found = [node for key in nodes.keys() if (node := nodes.doc(key)) is not None]  # noqa: SIM118 - no mapping
    for node in found:
        if node.text("type") == "core_metadata":
            draft = of(node)
            if not draft.empty:
                return draft
    draft = Draft("invokeai")
    for node in found:
        kind = node.text("type") or ""
        if "compel_prompt" in kind or kind in ("flux_text_encoder", "sd3_text_encoder"):
            text = node.text("prompt") or ""
            if "negative" in (node.text("id") or "").lower():
                draft.negative = draft.negative or text
            else:
                draft.prompt = draft.prompt or text
        elif kind == "noise":
            draft.seed = node.whole("seed")
            draft.size(node.whole("width"), node.whole("height"))
        elif "denoise" in kind:
            draft.put("txt2img.steps", node.whole("steps"))
            draft.put("txt2img.cfg", node.number("cfg_scale"))
            _sampled(draft, node.text("scheduler"))
        elif "model_loader" in kind:
            draft.model(_named(node, "model"))
    return draft
