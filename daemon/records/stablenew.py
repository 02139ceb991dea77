"""Verdicts that StableNew kept, in each of its shapes, as records of ours. Pure.

- `learning_records.jsonl`: a run with `base_config`, `variant_configs`, `primary_*` and, in `metadata`, the rating
- `items.json` of a discovered comparison: pictures with their settings and `rating`
- `stablenew_review`: what lies beside a picture (`IMAGE.review.json`), the same fields as a record's `metadata`

Fields get the names they have here (`sampler_name` is `sampler`). What was not rated, or is a program's own guess at a
rating, is passed over.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from typing import NamedTuple

from daemon.prompting.presets import fit
from daemon.prompting.written import Json
from schema.names import plain
from schema.pages import iso
from schema.pipeline import PipelineConfig
from schema.plans import Scalar
from schema.records import LOOSE, Record, Settings

Nested = Mapping[str, Json]

MARKS = frozenset(
    {"base_config", "variant_configs", "primary_sampler", "stablenew_review", "artifact_path", "record_kind"}
)
"""What StableNew wrote has at least one of these."""

KINDS = ("txt2img", "img2img", "detail", "upscale", "face_restore")
STAGES = {"adetailer": "detail", "inpaint": "img2img", "reprocess": "img2img", "review": "txt2img", "": "txt2img"}
"""Its names of stages, and where it has none of ours."""

VARIABLES = {
    "cfg scale": "cfg_scale", "denoise strength": "denoising_strength", "clip skip": "clip_skip",
    "upscale factor": "upscale_factor",
}  # fmt: skip
"""Names of what an experiment varies, to those of settings."""

PRIMARY = ("model", "sampler", "scheduler", "steps", "cfg_scale")
PLAIN = (*PRIMARY, "sampler_name", "vae", "clip_skip", "denoising_strength", "width", "height", "upscale_factor")
THUMBS = {"up": 4, "down": 2, "thumbs_up": 4, "thumbs_down": 2, "good": 4, "bad": 2}


class Read(NamedTuple):
    record: Record | None
    why: str = ""
    """Why there is none."""


def is_stablenews(value: object) -> bool:
    return isinstance(value, dict) and bool(MARKS & value.keys())


def read(value: Nested) -> Read:
    """One record, item or review. Raises ValueError, with a sentence, for what contradicts itself."""
    inner = value.get("stablenew_review")
    if isinstance(inner, dict):
        value = inner
    said = _object(value.get("metadata")) or value
    if said.get("user_rating_source") == "soft_decision_score":
        return Read(None, "StableNew's own guess, not a rating")
    stars = _stars(value, said)
    if stars is None:
        return Read(None, "not rated")
    params = dict(_params(value, said))
    if not params:
        return Read(None, "says nothing of its settings")
    return Read(_record(value, said, stars, params))


def _record(value: Nested, said: Nested, stars: int, params: Settings) -> Record:
    path = _text(said, "image_path") or _text(value, "artifact_path", "image_id")
    own = _text(value, "run_id", "review_record_id", "item_id") or _text(said, "run_id")
    name = f"stablenew-{_digest(path.replace(chr(92), '/') or own or repr(sorted(value.items(), key=str)))}"
    return Record(
        id=name,
        at=_time(said, value),
        session="",
        pack=_pack(value, said),
        prompt=_prompt(value, said),
        seed=_seed(value, name),
        run=_run(said, own),
        params=params,
        stars=stars,
        tags=_tags(said),
        backend="webui",
    )


# Verdicts ----------------------------------------------------------------------------------------


def _stars(value: Nested, said: Nested) -> int | None:
    """The rating as a whole, before StableNew blended parts of it in."""
    for where in (said, value):
        for key in ("user_rating_raw", "user_rating", "final_rating", "rating", "stars"):
            found = where.get(key)
            if isinstance(found, str) and found.casefold() in THUMBS:
                return THUMBS[found.casefold()]
            number = _number(found)
            if number is None or number == 0:
                continue
            if not 0.5 <= number <= 5.5:
                raise ValueError(f"{key} is {found}: ratings go from 1 to 5")
            return min(5, max(1, int(number + 0.5)))
    return None


def _tags(said: Nested) -> tuple[str, ...]:
    found: list[str] = []
    for key in ("tags", "reason_tags", "selection_reason_tags"):
        listed = said.get(key)
        found += [each.strip()[:60] for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(each.replace("_", " ") for each in found if each))


# Settings ----------------------------------------------------------------------------------------


def _params(value: Nested, said: Nested) -> Iterator[tuple[str, Scalar]]:
    """By stage: of the config, then of the variant that the picture is of; what was varied is said last."""
    stage = _stage(value, said)
    sections: dict[str, dict[str, Json]] = {}
    for config in _configs(value):
        for key, inner in config.items():
            if isinstance(inner, dict):
                sections.setdefault(key, {}).update(inner)
            elif key in PLAIN or key.casefold() in VARIABLES:
                sections.setdefault(stage, {})[_named(key)] = inner
    for name in PRIMARY:
        found = value.get(f"primary_{name}")
        if found not in (None, "", 0, 0.0):
            sections.setdefault("txt2img" if stage == "upscale" else stage, {}).setdefault(name, found)
    sections.setdefault(stage, {}).update(_varied(said))
    kept = {name: section for name, section in sections.items() if _enabled(name, section)}
    for one in fit({name: dict(section) for name, section in kept.items()}, _pipeline(), "stablenew").settings:
        if one.field not in ("enabled", "prompt", "negative") and "seed" not in one.field and one.value is not None:
            yield f"{one.stage}.{one.field}", one.value
    yield from _loras(sections)


def _configs(value: Nested) -> list[Nested]:
    variants = value.get("variant_configs")
    first = variants[0] if isinstance(variants, list) and variants else None
    found = [_object(value.get("base_config")), _object(first), _object(value.get("config"))]
    if "base_config" not in value:
        found.append({key: value[key] for key in PLAIN if key in value})
        found.append(_object(value.get("extra_fields")))
    return [config for config in found if config]


def _varied(said: Nested) -> dict[str, Json]:
    name, now = said.get("variable_under_test"), said.get("variant_value")
    if not isinstance(name, str) or not isinstance(now, str | int | float):
        return {}
    return {_named(name): now} if _named(name) in PLAIN else {}


def _named(name: str) -> str:
    return VARIABLES.get(name.casefold(), name if name in PLAIN else name.casefold())


def _stage(value: Nested, said: Nested) -> str:
    base = _object(value.get("base_config"))
    name = (_text(said, "stage") or _text(base, "stage") or _text(value, "stage")).casefold()
    name = STAGES.get(name, name)
    return name if name in KINDS else "txt2img"


def _enabled(name: str, section: Nested) -> bool:
    return name != "adetailer" or bool(section.get("adetailer_enabled", section.get("enabled", True)))


def _loras(sections: Mapping[str, Nested]) -> Iterator[tuple[str, Scalar]]:
    for section in sections.values():
        listed = section.get("loras")
        for one in listed if isinstance(listed, list) else ():
            pair = _object(one)
            name, weight = _text(pair, "name"), _number(pair.get("weight", pair.get("strength", 1.0)))
            if isinstance(one, list) and len(one) == 2 and isinstance(one[0], str):
                name, weight = one[0], _number(one[1])
            if name and weight is not None:
                yield f"lora:{plain(name).rpartition('/')[2]}", weight


@lru_cache(maxsize=1)
def _pipeline() -> PipelineConfig:
    return PipelineConfig.model_validate({"stages": [{"type": kind, "id": kind} for kind in KINDS]})


# Where and when ----------------------------------------------------------------------------------


def _time(said: Nested, value: Nested) -> str:
    """Without a zone it was written in UTC. Raises ValueError where there is none."""
    for text in (value.get("rated_at"), value.get("timestamp"), value.get("review_timestamp"), said.get("timestamp")):
        if isinstance(text, str) and text:
            moment = datetime.fromisoformat(text)
            return iso((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    raise ValueError("it does not say when it was rated")


def _pack(value: Nested, said: Nested) -> str:
    for where in (said, _object(said.get("prompt_source")), _object(value.get("base_config")), value):
        found = _text(where, "prompt_pack_id", "prompt_pack_name", "prompt_pack", "pack_name", "pack")
        if found:
            return found.replace("\\", "/").rpartition("/")[2].removesuffix(".txt").removesuffix(".json")[:200]
    return LOOSE


def _prompt(value: Nested, said: Nested) -> str:
    base = _object(value.get("base_config"))
    for where in (said, value, base, _object(base.get("txt2img"))):
        found = _text(where, "prompt_after", "positive_prompt", "prompt")
        if found:
            return found
    return ""


def _seed(value: Nested, name: str) -> int:
    """Where nobody knows it, each picture has a number of its own: no two share their luck."""
    base = _object(value.get("base_config"))
    for where in (value, base, _object(base.get("txt2img"))):
        found = where.get("seed")
        if isinstance(found, int) and found >= 0:
            return found
    return -int(_digest(name)[:12], 16) - 2


def _run(said: Nested, own: str) -> str:
    context = _object(said.get("learning_context"))
    name = _text(context, "experiment_id") or _text(said, "experiment_name", "curation_workflow_id") or own
    return f"stablenew-{_digest(name)}" if name else ""


def _object(value: Json) -> Nested:
    return value if isinstance(value, dict) else {}


def _text(where: Nested, *keys: str) -> str:
    return next((found for key in keys if isinstance(found := where.get(key), str) and found), "")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
