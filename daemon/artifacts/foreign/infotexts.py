"""A1111, Forge, SD.Next, old StableNew and ours: the `parameters` text, and what stands beside it."""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from daemon.artifacts import parameters
from daemon.artifacts.foreign.document import Document, mapping
from daemon.artifacts.foreign.document import number as number_of
from daemon.artifacts.foreign.document import whole as whole_of
from daemon.artifacts.foreign.draft import KINDS, Draft, stem
from schema.foreign import Program
from schema.plans import Scalar

Texts = Mapping[str, str]

MOST_FIELDS = 2000

UNPACKED = 4 << 20
"""Bytes that a packed record may have."""


class Reading(NamedTuple):
    key: str
    field: str
    kind: str = "text"
    """`text`, `whole`, `number` or `flag`."""


PLAIN = (
    Reading("Steps", "txt2img.steps", "whole"),
    Reading("CFG scale", "txt2img.cfg", "number"),
    Reading("Distilled CFG Scale", "txt2img.guidance", "number"),
    Reading("Clip skip", "txt2img.clip_skip", "whole"),
    Reading("Tiling", "txt2img.tiling", "flag"),
    Reading("Hypernet", "txt2img.hypernetwork"),
    Reading("Variation seed", "txt2img.variation_seed", "whole"),
    Reading("Variation seed strength", "txt2img.variation", "number"),
    Reading("Hires upscale", "txt2img.hires.scale", "number"),
    Reading("Hires steps", "txt2img.hires.steps", "whole"),
    Reading("Hires upscaler", "txt2img.hires.upscaler"),
    Reading("Refiner switch at", "txt2img.refiner.switch_at", "number"),
    Reading("Postprocess upscale by", "upscale.factor", "number"),
    Reading("Postprocess upscaler", "upscale.upscaler"),
)
DETAIL = (
    Reading("ADetailer model", "detector"),
    Reading("ADetailer prompt", "prompt"),
    Reading("ADetailer negative prompt", "negative"),
    Reading("ADetailer confidence", "confidence", "number"),
    Reading("ADetailer mask only top k", "max_regions", "whole"),
    Reading("ADetailer mask only top k largest", "max_regions", "whole"),
    Reading("ADetailer inpaint only masked", "only_masked", "flag"),
    Reading("ADetailer mask min ratio", "min_area", "number"),
    Reading("ADetailer mask max ratio", "max_area", "number"),
    Reading("ADetailer x offset", "shift_x", "whole"),
    Reading("ADetailer y offset", "shift_y", "whole"),
    Reading("ADetailer dilate erode", "dilate", "whole"),
    Reading("ADetailer mask blur", "mask_blur", "whole"),
    Reading("ADetailer denoising strength", "denoise", "number"),
    Reading("ADetailer inpaint padding", "padding", "whole"),
    Reading("ADetailer inpaint width", "width", "whole"),
    Reading("ADetailer inpaint height", "height", "whole"),
    Reading("ADetailer steps", "steps", "whole"),
    Reading("ADetailer CFG scale", "cfg", "number"),
    Reading("ADetailer checkpoint", "model"),
    Reading("ADetailer VAE", "vae"),
    Reading("ADetailer CLIP skip", "clip_skip", "whole"),
    Reading("ADetailer noise multiplier", "noise", "number"),
    Reading("ADetailer restore face", "restore_face", "flag"),
)
ORDINALS = ("", " 2nd", " 3rd")
SILENT = frozenset(
    {"Seed", "Size", "Size-1", "Size-2", "Sampler", "Schedule type", "Scheduler", "Model", "Base Model", "Version"}
)
"""Read apart, and not told again among the rest."""

RESTORERS = {"codeformer": "codeformer", "gfpgan": "gfpgan"}
NO_VAE = ("automatic", "built in", "none")
"""The checkpoint's own."""


def read(texts: Texts) -> Draft | None:
    text = texts.get("parameters")
    return None if text is None else from_text(text)


def from_text(text: str) -> Draft:
    """Never fails: a text without parameters is a prompt."""
    found = parameters.read(text)
    if len(found.fields) > MOST_FIELDS:
        found = replace(found, fields=found.fields[:MOST_FIELDS])
    draft = Draft(*_writer(found))
    used: set[str] = set()

    def value(key: str) -> str | None:
        used.add(key)
        said = found.get(key)
        return None if said in ("None", "none", "", "Undefined") else said

    draft.prompt, draft.negative, draft.seed = found.prompt, found.negative, found.seed
    draft.sample(found.sampler, found.scheduler)
    draft.size(*(found.size or (whole_of(value("Size-1")), whole_of(value("Size-2")))))
    draft.model(found.get("Model", "Base Model"))
    if found.get("Seed") and found.seed is None:
        draft.keep("Seed", (found.get("Seed") or "")[:100])
    if found.get("Size") and not found.size:
        draft.keep("Size", (found.get("Size") or "")[:100])
    vae = value("VAE")
    if vae and vae.lower() not in NO_VAE:
        draft.put("txt2img.vae", vae)
    for reading in PLAIN:
        if reading.key != "Clip skip" or found.get("Sampler") != "Undefined":  # Civitai adds it where no model has one
            _put(draft, reading.field, reading, value(reading.key))
    _second_model(draft, value("Refiner"))
    _restored(draft, value("Face restoration"))
    _painted(draft, value("Denoising strength"), found)
    _details(draft, found, used)
    sized = re.fullmatch(r"(\d{1,5})x(\d{1,5})", value("Postprocess upscale to") or "")
    if sized:
        draft.put("upscale.width", int(sized[1]), "Postprocess upscale to")
        draft.put("upscale.height", int(sized[2]), "Postprocess upscale to")
    draft.keep_all(pair for pair in found.fields if pair[0] not in SILENT | used)
    _warn(draft, found)
    return draft


def _writer(found: parameters.Infotext) -> tuple[Program, str]:
    version = found.get("Version") or ""
    if version.startswith("stablenew"):
        return "stablenew", version.removeprefix("stablenew").strip()
    if re.match(r"f\d|neo", version):
        return "forge", version
    if version.startswith("Fooocus"):
        return "fooocus", version
    if found.get("App") or found.get("Backend"):
        return "sdnext", version or found.get("App") or ""
    return ("stablenew-legacy" if "StableNew" in version else "a1111"), version


def _put(draft: Draft, field: str, reading: Reading, value: str | None) -> None:
    if value is None:
        return
    typed: Scalar = value
    if reading.kind == "whole":
        typed = whole_of(value)
    elif reading.kind == "number":
        typed = number_of(value)
    elif reading.kind == "flag":
        typed = value.lower() in ("true", reading.key.lower())
    if typed is None:
        draft.keep(reading.key, value)
    else:
        draft.put(field, typed, reading.key)


def _second_model(draft: Draft, refiner: str | None) -> None:
    if refiner:
        draft.put("txt2img.refiner.model", stem(re.sub(r"\s*\[[0-9a-f]{6,64}\]$", "", refiner)), "Refiner")
    else:
        draft.fields.pop("txt2img.refiner.switch_at", None)


def _restored(draft: Draft, restorer: str | None) -> None:
    if restorer:
        draft.put("face_restore.restorer", RESTORERS.get(restorer.lower(), restorer), "Face restoration")


def _painted(draft: Draft, strength: str | None, found: parameters.Infotext) -> None:
    """The strength is the second pass's where there is one; else a picture was painted over."""
    if strength is None:
        return
    if any(key.startswith("Hires") for key, _ in found.fields):
        draft.put("txt2img.hires.denoise", number_of(strength), "Denoising strength")
        _resized(draft, found)
        return
    draft.put("img2img.denoise", number_of(strength), "Denoising strength")
    draft.warn("It was painted over another picture, which the file does not hold; it would be made from nothing.")


def _resized(draft: Draft, found: parameters.Infotext) -> None:
    """A second pass whose size was said instead of its scale."""
    sized = re.fullmatch(r"(\d{1,5})x(\d{1,5})", found.get("Hires resize") or "")
    if sized is None or found.size is None or "txt2img.hires.scale" in draft.fields:
        return
    wide, high = (int(to) / of if of else 0.0 for to, of in zip(sized.groups(), found.size, strict=True))
    scale = wide or high  # one side may be 0: as the other one wants it
    draft.put("txt2img.hires.scale", round(scale, 4) if scale else None, "Hires resize")
    if wide and high and abs(wide - high) > 0.02:
        draft.warn(f"Its second pass made {sized[0]}, another shape than the first's; here it keeps the shape.")


def _details(draft: Draft, found: parameters.Infotext, used: set[str]) -> None:
    for number, ordinal in enumerate(ORDINALS, 1):
        if found.get(f"ADetailer model{ordinal}") is None:
            continue
        stage = "detail" if number == 1 else f"detail{number}"
        for reading in DETAIL:
            used.add(reading.key + ordinal)
            _put(draft, f"{stage}.{reading.field}", reading, found.get(reading.key + ordinal))
        sampler, scheduler = found.get(f"ADetailer sampler{ordinal}"), found.get(f"ADetailer scheduler{ordinal}")
        used |= {f"ADetailer sampler{ordinal}", f"ADetailer scheduler{ordinal}"}
        draft.sample(None if sampler == "Use same sampler" else sampler, scheduler, stage)
        if found.get(f"ADetailer method to decide top k masks{ordinal}") == "Confidence":
            draft.put(f"{stage}.rank_by", "confidence")


def _warn(draft: Draft, found: parameters.Infotext) -> None:
    if any(key.startswith("ControlNet") for key, _ in found.fields):
        draft.warn("ControlNet steered it; the picture that steered it is not in the file.")
    if found.get("Civitai resources"):
        draft.warn("Civitai names models and LoRAs by their titles; they stand among the rest.")
    if draft.prompt == "" and not found.fields:
        draft.warn("The text holds neither a prompt nor parameters.")


# StableNew --------------------------------------------------------------------------------------


def read_own(texts: Texts) -> Draft | None:
    """Ours: the record beside the text says every stage with every setting."""
    capsule = mapping(texts.get("stablenew"))
    if capsule is None:
        return None
    draft = from_text(texts["parameters"]) if "parameters" in texts else Draft("stablenew")
    draft.program = "stablenew"
    draft.version = capsule.text("version") or draft.version
    if "prompt" in capsule:
        draft.prompt, draft.negative = capsule.text("prompt") or "", capsule.text("negative") or ""
    seed = capsule.whole("seed")
    draft.seed = draft.seed if seed is None else seed
    stages = capsule.doc("effective") or Document({})
    for stage in stages.keys():  # noqa: SIM118 - no mapping
        for field in (settings := stages.doc(stage) or Document({})).keys():  # noqa: SIM118 - no mapping
            if settings.raw(field) is not None:
                draft.fields.pop(f"{stage}.{field}", None)
        stage_of(draft, stage, settings)
    return draft


def stage_of(draft: Draft, stage: str, settings: Document | None) -> None:
    """The settings of one stage of a record of ours."""
    for field in settings.keys() if settings is not None else ():
        value = settings.raw(field) if settings is not None else None
        if not isinstance(value, str | int | float | bool) or not is_field(stage, field):
            continue
        if field != "vae" or str(value).lower() not in NO_VAE:
            draft.put(f"{stage}.{field}", value)


def is_field(stage: str, field: str) -> bool:
    """Records tell more than a stage can be told: hashes, times."""

    inner, _, name = field.rpartition(".")
    kind = KINDS.get(f"{stage}.{inner}" if inner else stage) or KINDS.get(stage.rstrip("0123456789"))
    return kind is not None and name in kind.model_fields and name not in ("id", "type", "enabled")


def read_legacy(texts: Texts) -> Draft | None:
    """StableNew before this: namespaced texts, or `SNMETA:` in a JPEG's comment."""
    payload = _payload(texts)
    if payload is None and not any(key.startswith(("stablenew:", REVIEW)) for key in texts):
        return None
    comment = texts.get("parameters", "")
    draft = from_text(comment) if comment and not comment.startswith("SNMETA:") else Draft("stablenew-legacy")
    draft.program = "stablenew-legacy"
    if payload is not None:
        if payload.has("stablenew:payload"):
            payload = mapping(payload.text("stablenew:payload")) or payload.doc("stablenew:payload") or payload
        legacy(draft, payload)
    elif draft.empty:
        draft.warn("The record in it is damaged or was left out; only its keys are told.")
        draft.keep_all((key, text) for key, text in texts.items() if key.startswith("stablenew:"))
    if REVIEW in texts:
        draft.keep(REVIEW, texts[REVIEW])
    return draft


REVIEW = "stablenew_review"
"""What was said of a picture when it was looked through."""


def legacy(draft: Draft, payload: Document) -> None:
    """A payload, an `image.json` or a `run_metadata.json`; settings lie at its root or in `config`."""
    seeds = payload.doc("seeds") or Document({})
    manifest = payload.doc("stage_manifest") or payload
    config = manifest.doc("config") or payload.doc("config") or manifest
    settings = config.doc("txt2img") or config
    for source in (manifest, payload, config, settings):
        draft.prompt = draft.prompt or source.text("final_prompt", "prompt", "positive_prompt") or ""
        draft.negative = draft.negative or source.text("final_negative_prompt", "negative_prompt", "negative") or ""
    seed = seeds.whole("actual_seed", "final_seed", "requested_seed")
    for source in (manifest, settings):
        if seed is None or seed < 0:
            seed = source.whole("actual_seed", "seed")
    draft.seed = draft.seed if draft.seed is not None else seed
    draft.put("txt2img.steps", settings.whole("steps"))
    draft.put("txt2img.cfg", settings.number("cfg_scale", "cfg"))
    draft.sample(settings.text("sampler_name", "sampler"), settings.text("scheduler"))
    draft.size(settings.whole("width"), settings.whole("height"))
    draft.model(settings.text("model", "model_name", "sd_model_checkpoint") or manifest.text("model"))
    draft.put("txt2img.vae", settings.text("vae", "vae_name"))
    draft.put("txt2img.clip_skip", settings.whole("clip_skip"))
    draft.keep_rest(*dict.fromkeys((settings, manifest, payload)))


def _payload(texts: Texts) -> Document | None:
    for key in ("parameters", "Comment", "ImageDescription"):
        if texts.get(key, "").startswith("SNMETA:"):
            return mapping(_unpacked(texts[key].removeprefix("SNMETA:"), gzipped=False))
    if "stablenew:payload_gz_b64" in texts:
        return mapping(_unpacked(texts["stablenew:payload_gz_b64"], gzipped=True))
    return mapping(texts.get("stablenew:payload"))


def _unpacked(text: str, *, gzipped: bool) -> str | None:
    try:
        raw = base64.b64decode(text.strip(), validate=False)
        if gzipped or raw[:2] == b"\x1f\x8b":
            raw = zlib.decompressobj(31).decompress(raw, UNPACKED)
        return raw.decode("utf-8")
    except (binascii.Error, zlib.error, UnicodeDecodeError, ValueError):
        return None
