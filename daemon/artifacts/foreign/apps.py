"""SwarmUI, Fooocus, RuinedFooocus, StabilityMatrix, EasyDiffusion, NovelAI, DrawThings: each its own record."""

import re
from collections.abc import Mapping

from daemon.artifacts.foreign.document import Document, mapping, number, whole, words
from daemon.artifacts.foreign.draft import Draft
from daemon.artifacts.foreign.infotexts import from_text

Texts = Mapping[str, str]

SIZED = re.compile(r"\(?\s*(\d{1,6})\s*[x×,*]\s*(\d{1,6})\s*\)?")


# SwarmUI ----------------------------------------------------------------------------------------


def swarm(texts: Texts) -> Draft | None:
    whole_text = mapping(texts.get("parameters"))
    return swarm_of(whole_text) if whole_text is not None and "sui_image_params" in whole_text else None


def swarm_of(record: Document) -> Draft:
    said = record.doc("sui_image_params") or Document({})
    draft = Draft("swarmui", said.text("swarm_version") or "")
    draft.prompt, draft.negative = said.text("prompt") or "", said.text("negativeprompt", "negative_prompt") or ""
    draft.seed = said.whole("seed")
    draft.put("txt2img.steps", said.whole("steps"))
    draft.put("txt2img.cfg", said.number("cfgscale", "cfg_scale"))
    draft.put("txt2img.guidance", said.number("fluxguidancescale"))
    draft.sample(said.text("sampler"), said.text("scheduler"))
    draft.size(said.whole("width"), said.whole("height"))
    draft.model(said.text("model"))
    draft.put("txt2img.vae", said.text("vae"))
    skipped = said.whole("clipstopatlayer")
    draft.put("txt2img.clip_skip", abs(skipped) if skipped else None)
    draft.put("txt2img.variation_seed", said.whole("variationseed"))
    draft.put("txt2img.variation", said.number("variationseedstrength"))
    weights = _listed(said.raw("loraweights"))
    for at, lora in enumerate(_listed(said.raw("loras"))):
        draft.lora(lora, number(weights[at]) if at < len(weights) else 1.0)
    if said.any("refinermodel", "refinerupscale"):
        draft.put("txt2img.refiner.model", said.text("refinermodel"))
        control = said.number("refinercontrolpercentage")
        if "txt2img.refiner.model" in draft.fields and control is not None:
            draft.put("txt2img.refiner.switch_at", round(1.0 - control, 4))
        scale = said.number("refinerupscale")
        draft.put("txt2img.hires.scale", scale if scale and scale > 1 else None)
    if said.any("initimage", "initimagecreativity"):
        draft.put("img2img.denoise", said.number("initimagecreativity"))
        draft.warn("It was painted over another picture, which the file does not hold; it would be made from nothing.")
    if re.search(r"<(?!lora:)\w+[:\[>]", draft.prompt + draft.negative):
        draft.warn("SwarmUI's own words in <...> are not understood here; the prompt stands as it was written.")
    draft.keep_rest(said, record)
    return draft


def _listed(value: object) -> tuple[str, ...]:
    """A list, or a text with commas."""
    if isinstance(value, list):
        return tuple(words(one) or "" for one in value)
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else ()


# Fooocus ----------------------------------------------------------------------------------------


def fooocus(texts: Texts) -> Draft | None:
    said = mapping(texts.get("parameters")) or mapping(texts.get("Comment"))
    if said is None or not (said.any("Prompt", "prompt") or "fooocus_scheme" in texts):
        return None
    return fooocus_of(said)


PERFORMANCE = {"Quality": 60, "Speed": 30, "Extreme Speed": 8, "Lightning": 4, "Hyper-SD": 4}
"""Steps of each."""


def fooocus_of(said: Document) -> Draft:
    """Fooocus with its own scheme or its log's labels, and RuinedFooocus."""
    ruined = "Ruined" in (said.text("software") or "")
    draft = Draft("ruinedfooocus" if ruined else "fooocus", said.text("version", "Version") or "")
    draft.prompt = said.text("prompt", "Prompt") or ""
    draft.negative = said.text("negative_prompt", "Negative Prompt", "Negative") or ""
    draft.seed = said.whole("seed", "Seed")
    performance = PERFORMANCE.get(said.text("performance", "Performance") or "")
    draft.put("txt2img.steps", said.whole("steps", "Steps") or performance)
    draft.put("txt2img.cfg", said.number("guidance_scale", "Guidance Scale", "cfg", "CFG"))
    draft.sample(said.text("sampler", "Sampler", "sampler_name"), said.text("scheduler", "Scheduler"))
    draft.size(said.whole("width"), said.whole("height"))
    sized = SIZED.search(said.text("resolution", "Resolution") or "")
    if sized:
        draft.size(int(sized[1]), int(sized[2]))
    draft.model(said.text("base_model", "Base Model", "base_model_name"))
    refiner = said.text("refiner_model", "Refiner Model")
    if refiner and refiner != "None":
        draft.put("txt2img.refiner.model", refiner)
        draft.put("txt2img.refiner.switch_at", said.number("refiner_switch", "Refiner Switch"))
    vae = said.text("vae", "VAE")
    draft.put("txt2img.vae", None if vae in (None, "Default (model)") else vae)
    skip = said.whole("clip_skip", "CLIP Skip")
    draft.put("txt2img.clip_skip", skip if skip and skip > 0 else None)
    _fooocus_loras(draft, said)
    if said.any("styles", "Styles", "Fooocus V2 Expansion", "prompt_expansion"):
        draft.warn("Fooocus put styles or an expansion around the prompt; the prompt stands here without them.")
    draft.keep_rest(said)
    return draft


def _fooocus_loras(draft: Draft, said: Document) -> None:
    """`[name, weight, hash]`, `["hash", "name: weight"]`, objects, or keys of their own with `name : weight`."""
    for lora in said.docs("loras", "LoRAs"):
        draft.lora(lora.text("name", "model"), lora.number("weight"))
    for one in said.list("loras", "LoRAs"):
        parts = [text for part in one if (text := words(part)) is not None] if isinstance(one, list) else []
        if len(parts) >= 2 and number(parts[1]) is not None:
            draft.lora(parts[0], number(parts[1]))
        elif len(parts) >= 2:
            _weighted(draft, parts[1])
        elif isinstance(one, str):
            _weighted(draft, one)
    for key in said.keys():  # noqa: SIM118 - no mapping
        if re.fullmatch(r"lora_combined_\d+|LoRA \d+", key):
            _weighted(draft, said.text(key) or "")


def _weighted(draft: Draft, text: str) -> None:
    name, colon, weight = text.rpartition(":")
    draft.lora((name if colon else text).strip(), number(weight) if colon else 1.0)


# StabilityMatrix --------------------------------------------------------------------------------


def matrix(texts: Texts) -> Draft | None:
    said = mapping(texts.get("parameters-json"))
    if said is None and "smproj" not in texts:
        return None
    draft = from_text(texts["parameters"]) if texts.get("parameters") else Draft("stabilitymatrix")
    draft.program = "stabilitymatrix"
    if said is not None:
        draft.prompt = said.text("positivePrompt", "PositivePrompt") or draft.prompt
        draft.negative = said.text("negativePrompt", "NegativePrompt") or draft.negative
        seed = said.whole("seed", "Seed")
        draft.seed = draft.seed if seed is None else seed
        draft.put("txt2img.steps", said.whole("steps", "Steps"))
        draft.put("txt2img.cfg", said.number("cfgScale", "CfgScale"))
        draft.sample(said.text("sampler", "Sampler"), said.text("scheduler", "Scheduler"))
        draft.size(said.whole("width", "Width"), said.whole("height", "Height"))
        draft.model(said.text("modelName", "ModelName"))
        draft.keep_rest(said)
    if "smproj" in texts:
        draft.keep("smproj", texts["smproj"])
    return draft


# EasyDiffusion ----------------------------------------------------------------------------------

EASY = {
    "Prompt": "prompt", "Negative Prompt": "negative_prompt", "Seed": "seed", "Steps": "num_inference_steps",
    "Guidance Scale": "guidance_scale", "Sampler": "sampler_name", "Width": "width", "Height": "height",
    "Stable Diffusion model": "use_stable_diffusion_model", "Stable Diffusion Model": "use_stable_diffusion_model",
    "VAE model": "use_vae_model", "Clip Skip": "clip_skip", "LoRA model": "use_lora_model",
    "LoRA Strength": "lora_alpha", "Prompt Strength": "prompt_strength", "Seamless Tiling": "tiling",
    "Use Face Correction": "use_face_correction", "Use Upscaling": "use_upscale", "Upscale By": "upscale_amount",
    "Hypernetwork model": "use_hypernetwork_model",
}  # fmt: skip
"""Labels of its text files, and the keys of its records."""


def easy(texts: Texts) -> Draft | None:
    """A key each in a PNG; JSON in a comment elsewhere; labelled lines in a text file."""
    for text in (texts.get("parameters"), texts.get("Comment")):
        said = mapping(text)
        if said is not None and said.any("use_stable_diffusion_model", "Stable Diffusion model", "num_inference_steps"):
            return easy_of(said)
    if "use_stable_diffusion_model" in texts or "Stable Diffusion model" in texts:
        return easy_of(Document(dict(texts)))
    lines = texts.get("parameters", "")
    if lines.startswith("Prompt: ") and re.search(r"^Stable Diffusion [mM]odel: ", lines, re.M):
        return easy_of(Document(dict(_lines(lines))))
    return None


def easy_of(said: Document) -> Draft:
    labelled = {EASY.get(key, key): said.raw(key) for key in said.keys()}  # noqa: SIM118 - no mapping
    said = Document({key: None if value == "None" else value for key, value in labelled.items()})
    draft = Draft("easydiffusion")
    draft.prompt, draft.negative = said.text("prompt") or "", said.text("negative_prompt") or ""
    draft.seed = said.whole("seed")
    draft.put("txt2img.steps", said.whole("num_inference_steps"))
    draft.put("txt2img.cfg", said.number("guidance_scale"))
    draft.sample(said.text("sampler_name"), said.text("scheduler_name"))
    draft.size(said.whole("width"), said.whole("height"))
    draft.model(said.text("use_stable_diffusion_model"))
    draft.put("txt2img.vae", said.text("use_vae_model"))
    draft.put("txt2img.hypernetwork", said.text("use_hypernetwork_model"))
    skip = said.raw("clip_skip")
    draft.put("txt2img.clip_skip", 2 if skip in (True, "True", "true") else whole(skip))
    _easy_loras(draft, said)
    corrected = said.text("use_face_correction")
    draft.put("face_restore.restorer", "gfpgan" if corrected and "gfpgan" in corrected.lower() else corrected)
    draft.put("upscale.upscaler", said.text("use_upscale"))
    if "upscale.upscaler" in draft.fields:
        draft.put("upscale.factor", said.number("upscale_amount"))
    draft.keep_rest(said)
    return draft


def _easy_loras(draft: Draft, said: Document) -> None:
    names, weights = said.raw("use_lora_model"), said.raw("lora_alpha")
    every = names if isinstance(names, list) else [names]
    alphas = weights if isinstance(weights, list) else [weights]
    for at, name in enumerate(every):
        draft.lora(words(name), number(alphas[at]) if at < len(alphas) else 1.0)


def _lines(text: str) -> list[tuple[str, object]]:
    pairs = (line.partition(": ") for line in text.splitlines())
    return [(key.strip(), value.strip()) for key, colon, value in pairs if colon]


# NovelAI ----------------------------------------------------------------------------------------

NOISE = {"native": "Normal", "karras": "Karras", "exponential": "Exponential", "polyexponential": "Polyexponential"}


def novel(texts: Texts) -> Draft | None:
    said = mapping(texts.get("Comment")) or mapping(texts.get("parameters"))
    if said is None or not (texts.get("Software") == "NovelAI" or said.has("uc", "sampler")):
        return None
    draft = novel_of(said, texts.get("Source", ""))
    draft.prompt = draft.prompt or texts.get("Description", "")
    return draft


def novel_of(said: Document, source: str = "") -> Draft:
    draft = Draft("novelai", source)
    newer, unwanted = said.doc("v4_prompt"), said.doc("v4_negative_prompt")
    draft.prompt = said.text("prompt") or _caption(newer) or ""
    draft.negative = said.text("uc") or _caption(unwanted) or ""
    draft.seed = said.whole("seed")
    draft.put("txt2img.steps", said.whole("steps"))
    draft.put("txt2img.cfg", said.number("scale"))
    draft.sample(said.text("sampler"), NOISE.get(said.text("noise_schedule") or ""))
    draft.size(said.whole("width"), said.whole("height"))
    if source:
        draft.keep("Source", source)
    characters = _characters(newer)
    if characters:
        draft.prompt = ", ".join((draft.prompt, *characters))
        draft.warn("Its characters' own prompts stand behind the common one here.")
    if re.search(r"\{[^{}]*\}|-?\d(\.\d+)?::", draft.prompt + draft.negative):
        draft.warn("NovelAI's emphasis ({...}, 1.2::...::) is not A1111's; the prompt stands as it was written.")
    if said.any("strength") and said.any("noise"):
        draft.put("img2img.denoise", said.number("strength"))
    draft.keep_rest(said)
    return draft


def _caption(newer: Document | None) -> str | None:
    caption = newer.doc("caption") if newer is not None else None
    return caption.text("base_caption") if caption is not None else None


def _characters(newer: Document | None) -> list[str]:
    caption = newer.doc("caption") if newer is not None else None
    found = caption.docs("char_captions") if caption is not None else ()
    return [text for one in found if (text := one.text("char_caption"))]


# DrawThings -------------------------------------------------------------------------------------


def draw_things(texts: Texts) -> Draft | None:
    said = mapping(texts.get("xmp:UserComment")) or mapping(texts.get("parameters"))
    return draw_things_of(said) if said is not None and said.has("c") and said.any("uc", "sampler") else None


def draw_things_of(said: Document) -> Draft:
    draft = Draft("drawthings")
    newer = said.doc("v2") or Document({})
    draft.prompt, draft.negative = said.text("c") or "", said.text("uc") or ""
    draft.seed = said.whole("seed")
    draft.put("txt2img.steps", said.whole("steps"))
    draft.put("txt2img.cfg", said.number("scale") or newer.number("guidanceScale"))
    draft.sample(said.text("sampler"), None)
    sized = SIZED.fullmatch((said.text("size") or "").strip())
    draft.size(*((int(sized[1]), int(sized[2])) if sized else (newer.whole("width"), newer.whole("height"))))
    draft.model(said.text("model") or newer.text("model"))
    draft.put("txt2img.clip_skip", newer.whole("clipSkip"))
    for lora in (*newer.docs("loras"), *said.docs("lora", "loras")):
        draft.lora(lora.text("file", "model", "name"), lora.number("weight"))
    strength = said.number("strength")
    if strength is not None and strength < 1.0:
        draft.put("img2img.denoise", strength)
        draft.warn("It was painted over another picture, which the file does not hold; it would be made from nothing.")
    draft.keep_rest(said)
    return draft
