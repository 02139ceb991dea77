"""JSON prompt files, told apart by their shape: a graph, an API's request, a record of a picture, a list of them."""

from daemon.artifacts.foreign import apps, comfy, graphs, infotexts, invoke
from daemon.artifacts.foreign.document import Document, document, mapping, parsed, read
from daemon.artifacts.foreign.draft import Draft
from schema.errors import Refused


def check(text: str, name: str) -> None:
    """Raises Refused for a text that is no JSON, or whose shape nobody knows."""
    value = read(text, name)
    if of_value(value) is None:
        keys = ", ".join(document_keys(value)) or "none"
        raise Refused(
            f"this JSON is no prompt file that is known here; its keys are {keys}.",
            where=name,
            remedy="Name a picture's record, a workflow or a request.",
        )


def document_keys(value: object) -> tuple[str, ...]:
    one = _first(value)
    return () if one is None else tuple(key[:40] for key in one.keys()[:8])


def of_text(text: str) -> Draft | None:
    try:
        return of_value(parsed(text.lstrip("\ufeff")))
    except ValueError:
        return None


def of_value(value: object, deep: int = 0) -> Draft | None:
    record = _first(value)
    if record is None or deep > 4:
        return None
    draft = _known(record) or _request(record)
    if draft is not None:
        return draft
    jobs = record.docs("jobs", "items")
    if jobs and (draft := of_value(_plain(jobs[0]), deep + 1)) is not None:
        if len(jobs) > 1:
            draft.warn(f"The file tells of {len(jobs)}; this is the first.")
        return draft
    for key in ("image", "metadata", "meta", "data", "params", "request", "Comment", "spec", "job", "foreign", "run"):
        inner = record.doc(key)
        if inner is not None and (draft := of_value(_plain(inner), deep + 1)) is not None:
            return draft
    return None


def _plain(record: Document) -> object:
    return {key: record.raw(key) for key in record.keys()}  # noqa: SIM118 - no mapping


def _first(value: object) -> Document | None:
    """The object itself, or the first of a list."""
    if isinstance(value, list):
        value = next((one for one in value if isinstance(one, dict)), None)
    return document(value)


def _known(record: Document) -> Draft | None:
    """Shapes that name their program."""
    if "sui_image_params" in record:
        return apps.swarm_of(record)
    if graphs.is_api(record) or graphs.is_editor(record):
        return comfy.of_record(record)
    named = record.any("positive_prompt", "generation_mode") and record.any("scheduler", "app_version", "cfg_scale")
    if named and not record.any("sampler_name", "stage", "stage_manifest"):
        return invoke.of(record)
    if record.has("model_weights") or record.has("image", "model_id"):
        return invoke.legacy_of(record)
    if record.has("nodes", "edges"):
        return invoke.of_graph(record)
    if record.any("use_stable_diffusion_model", "num_inference_steps", "Stable Diffusion model"):
        return apps.easy_of(_inner(record, "reqBody"))
    if record.has("reqBody"):
        return apps.easy_of(_inner(record, "reqBody"))
    if record.any("Base Model", "base_model", "base_model_name") and record.any("prompt", "Prompt"):
        return apps.fooocus_of(record)
    if record.has("uc") and record.has("c"):
        return apps.draw_things_of(record)
    if record.has("uc") or record.has("v4_prompt"):
        return apps.novel_of(record)
    if record.any("stage_manifest", "run_metadata") or (
        (record.has("stage", "config") and record.any("final_prompt", "prompt"))
        or (record.has("run_id", "config") and record.fresh().doc("config") is not None)
    ):
        draft = Draft("stablenew-legacy")
        infotexts.legacy(draft, record)
        return draft
    if record.has("positivePrompt"):
        return apps.matrix({"parameters-json": _json(record)})
    looked = record.fresh()
    for key in ("prompt", "workflow"):
        inner = looked.doc(key) or mapping(looked.text(key))
        if inner is not None and (graphs.is_api(inner) or graphs.is_editor(inner)):
            return comfy.of_record(record)
    return None


def _inner(record: Document, key: str) -> Document:
    return record.doc(key) or record


def _json(record: Document) -> str:
    from daemon.artifacts.foreign.document import shown

    return shown(_plain(record))


def _request(record: Document) -> Draft | None:
    """A request to A1111's API, a line of our own plan or record, or anything with a prompt and settings."""
    if isinstance(record.fresh().raw("prompt", "positive", "positive_prompt", "Prompt"), str):
        draft = Draft(
            "stablenew" if record.any("effective", "plan_hash", "prompt_number", "origins", "fields") else "a1111"
        )
        _plain_request(draft, record)
        return draft
    infotext = record.text("parameters", "infotext")
    return infotexts.from_text(infotext) if infotext else None


def _plain_request(draft: Draft, record: Document) -> None:
    draft.prompt = record.text("prompt", "positive", "positive_prompt", "Prompt") or ""
    draft.negative = record.text("negative_prompt", "negative", "negativePrompt", "Negative prompt") or ""
    draft.seed = record.whole("seed", "Seed")
    override = record.doc("override_settings") or Document({})
    draft.put("txt2img.steps", record.whole("steps", "Steps"))
    draft.put("txt2img.cfg", record.number("cfg_scale", "cfg", "guidance_scale", "CFG scale"))
    draft.put("txt2img.guidance", record.number("distilled_cfg_scale"))
    draft.sample(
        record.text("sampler_name", "sampler", "sampler_index", "Sampler"), record.text("scheduler", "Schedule type")
    )
    draft.size(record.whole("width", "Width"), record.whole("height", "Height"))
    draft.model(override.text("sd_model_checkpoint") or record.text("model", "model_name", "sd_model_checkpoint"))
    draft.put("txt2img.vae", override.text("sd_vae") or record.text("vae"))
    draft.put("txt2img.clip_skip", override.whole("CLIP_stop_at_last_layers") or record.whole("clip_skip"))
    draft.put("txt2img.tiling", record.flag("tiling"))
    if record.flag("enable_hr"):
        draft.put("txt2img.hires.scale", record.number("hr_scale"))
        draft.put("txt2img.hires.upscaler", record.text("hr_upscaler"))
        draft.put("txt2img.hires.steps", record.whole("hr_second_pass_steps"))
        draft.put("txt2img.hires.denoise", record.number("denoising_strength"))
    elif record.list("init_images"):
        draft.put("img2img.denoise", record.number("denoising_strength"))
        draft.warn("It was painted over another picture, which is not in the file; here it begins anew.")
    refiner = record.text("refiner_checkpoint")
    draft.put("txt2img.refiner.model", refiner)
    draft.put("txt2img.refiner.switch_at", record.number("refiner_switch_at") if refiner else None)
    _details(draft, record)
    _own(draft, record)
    draft.keep_rest(record)


DETAILS = (
    ("detector", "ad_model"), ("prompt", "ad_prompt"), ("negative", "ad_negative_prompt"),
    ("confidence", "ad_confidence"), ("max_regions", "ad_mask_k_largest"), ("dilate", "ad_dilate_erode"),
    ("mask_blur", "ad_mask_blur"), ("denoise", "ad_denoising_strength"), ("padding", "ad_inpaint_only_masked_padding"),
    ("min_area", "ad_mask_min_ratio"), ("max_area", "ad_mask_max_ratio"), ("shift_x", "ad_x_offset"),
    ("shift_y", "ad_y_offset"), ("only_masked", "ad_inpaint_only_masked"), ("restore_face", "ad_restore_face"),
)  # fmt: skip
SEPARATE = (("steps", "ad_use_steps", "ad_steps"), ("cfg", "ad_use_cfg_scale", "ad_cfg_scale"))


def _details(draft: Draft, record: Document) -> None:
    """`alwayson_scripts.ADetailer.args`: two switches, then an object each."""
    scripts = record.doc("alwayson_scripts") or Document({})
    found = (scripts.doc("ADetailer") or Document({})).docs("args")
    wanted = [one for one in found if (one.text("ad_model") or "None") != "None"]
    for number, one in enumerate(wanted[:3], 1):
        stage = "detail" if number == 1 else f"detail{number}"
        for field, key in DETAILS:
            value = one.raw(key)
            draft.put(f"{stage}.{field}", value if isinstance(value, str | int | float) else None)
        for field, switch, key in SEPARATE:
            value = one.raw(key) if one.flag(switch) else None
            draft.put(f"{stage}.{field}", value if isinstance(value, int | float) else None)
    if (scripts.doc("controlnet") or scripts.doc("ControlNet")) is not None:
        draft.warn("ControlNet steered it; the pictures that steered it are not taken over.")


def _own(draft: Draft, record: Document) -> None:
    """A record of ours: settings per stage in `effective` or `config`, a list of stages, or fields `stage.field`."""
    for key in ("effective", "config"):
        stages = record.doc(key) or Document({})
        for stage in stages.keys():  # noqa: SIM118 - no mapping
            infotexts.stage_of(draft, stage, stages.doc(stage))
    for one in record.docs("stages"):
        infotexts.stage_of(draft, one.text("id") or "", one.doc("effective"))
    for key in ("fields", "overlay"):
        fields = record.doc(key) or Document({})
        for name in fields.keys():  # noqa: SIM118 - no mapping
            stage, _, field = name.partition(".")
            infotexts.stage_of(draft, stage, Document({field: fields.raw(name)}))
