"""The JSON dialects: unified `{pack_data, preset_data}`, the same fields at the root, and the old named slots.

A slot is a prompt. Its embeddings stand before its text and its LoRAs behind it, as in the text dialect.
Empty slots, which editors leave behind, are passed over. The pack is called as its file: the name inside goes stale.
"""

import math
import re

import msgspec

from daemon.prompting import tokens
from daemon.prompting.dialects.directives import read_probability, read_weight
from daemon.prompting.texts import file_stem, nearest, told
from daemon.prompting.written import Json, read_json
from schema.dialects import backend_called
from schema.errors import Refused
from schema.ids import Sha256
from schema.packs import MatrixSlot, Pack, PackMatrix, PackPrompt, Part

_POSITIVE, _NEGATIVE = "positive prompt", "negative prompt"
_SLOT_FIELDS = {
    "index", "text", "negative", "template_id", "template_variables", "positive_embeddings",
    "negative_embeddings", "loras", "name", "weight", "overrides", "backend",
}  # fmt: skip
_PACK_FIELDS = {
    "name", "slots", "matrix", "show_preview", "schema_version", "version", "preset_data", "description", "path",
}  # fmt: skip


def read(file: str, body: str) -> Pack:
    """Raises Refused that names the slot and the field."""
    whole = _object(read_json(file, body), file, "The file")
    inner = _object(whole["pack_data"], file, "'pack_data'") if "pack_data" in whole else whole
    if "slots" not in inner:
        raise Refused(
            "is no prompt pack: there are no 'slots'.",
            where=told(file),
            remedy='A pack is {"name": ..., "slots": [{"text": ...}]}; ' + nearest("slots", inner),
        )
    written = inner["slots"]
    if not isinstance(written, list):
        raise Refused("'slots' is no list.", where=told(file), remedy='Write [{"text": ...}, ...].')
    slots = [_object(slot, file, f"slot {number}") for number, slot in enumerate(written, 1)]
    old = any(str(slot.get("name", "")).lower() in (_POSITIVE, _NEGATIVE) for slot in slots)
    prompts = _old_prompts(file, slots) if old else _prompts(file, slots)
    preset = whole.get("preset_data", inner.get("preset_data"))
    return Pack(
        name=file_stem(file),
        file=file,
        dialect="json",
        sha256=Sha256(""),
        prompts=tuple(prompts),
        matrix=_matrix(file, inner.get("matrix")),
        preset=msgspec.json.encode(preset).decode() if isinstance(preset, dict) and preset else "",
        warnings=_unknown(file, inner, slots),
    )


def _prompts(file: str, slots: list[dict[str, Json]]) -> list[PackPrompt]:
    prompts: list[PackPrompt] = []
    for position, slot in enumerate(slots, 1):
        where = f"{told(file)} slot {position}"
        text, negative = _text(slot, "text", where), _text(slot, "negative", where)
        embeddings = _parts(slot.get("positive_embeddings"), where, "positive_embeddings")
        unwanted = _parts(slot.get("negative_embeddings"), where, "negative_embeddings")
        loras = _parts(slot.get("loras"), where, "loras")
        positive = " ".join((*map(_embedding, embeddings), *filter(None, [text]), *map(_lora, loras)))
        template = _text(slot, "template_id", where)
        if not positive:
            continue
        prompts.append(
            PackPrompt(
                number=len(prompts) + 1,
                text=positive,
                negative=" ".join((*map(_embedding, unwanted), *filter(None, [negative]))),
                weight=read_weight(slot["weight"], where) if "weight" in slot else 1.0,
                overrides=_overrides(slot.get("overrides"), where),
                backend=backend_called(_text(slot, "backend", where)) or None,
                embeddings=(*embeddings, *tokens.embeddings(text)),
                negative_embeddings=(*unwanted, *tokens.embeddings(negative)),
                loras=(*loras, *tokens.loras(text)),
                template=template,
                variables=_words(slot.get("template_variables")),
            )
        )
    return prompts


def _old_prompts(file: str, slots: list[dict[str, Json]]) -> list[PackPrompt]:
    """The `Negative Prompt` after each `Positive Prompt` belongs to it; before it, where a file begins with one."""
    pairs: list[tuple[str, str]] = []
    numbered = list(enumerate(slots, 1))
    turned = str(slots[0].get("name", "")).lower() == _NEGATIVE
    for position, slot in reversed(numbered) if turned else numbered:
        text = _text(slot, "text", f"{told(file)} slot {position}")
        if str(slot.get("name", "")).lower() != _NEGATIVE:
            pairs.append((text, ""))
        elif pairs:
            pairs[-1] = (pairs[-1][0], " ".join(filter(None, [pairs[-1][1], text])))
    if turned:
        pairs.reverse()
    return [
        tokens.prompt_of(number, 0, text, negative)
        for number, (text, negative) in enumerate(((text, negative) for text, negative in pairs if text), 1)
    ]


def _matrix(file: str, value: Json) -> PackMatrix:
    if value is None:
        return PackMatrix()
    matrix = _object(value, file, "'matrix'")
    limit, written = matrix.get("limit"), matrix.get("slots") or []
    if not isinstance(written, list):
        raise Refused("'matrix.slots' is no list.", where=told(file), remedy='Write [{"name": ..., "values": [...]}].')
    enabled = matrix.get("enabled", False) not in (None, False, 0, "", "false", "False", "0")
    slots: list[MatrixSlot] = []
    for number, item in enumerate(written, 1):
        slot = _object(item, file, f"matrix slot {number}")
        name, values = slot.get("name"), slot.get("values")
        if not isinstance(name, str) or not name.strip():
            if not (enabled and values):  # editors leave empty ones behind
                continue
            remedy = 'Write {"name": "sky", "values": [...]}.'
            raise Refused(f"matrix slot {number} has no 'name'.", where=told(file), remedy=remedy)
        if isinstance(values, str):  # as in the raw text of a randomization
            values = [part.strip() for part in values.split("|")]
        slots.append(
            MatrixSlot(
                name=name,
                values=tuple(_value(one) for one in values if one is not None) if isinstance(values, list) else (),
                probability=None
                if (given := slot.get("probability")) is None
                else read_probability(given, f"{told(file)} matrix slot {number}"),
            )
        )
    return PackMatrix(
        enabled=enabled,
        mode=str(matrix.get("mode", "fanout")),
        limit=_limit(limit),
        slots=tuple(slots),
    )


def _limit(written: Json) -> int | None:
    """Also one that is written as text; 0 and less are none."""
    if isinstance(written, str) and re.fullmatch(r"\d{1,9}", written.strip()):
        written = int(written)
    return written if isinstance(written, int) and not isinstance(written, bool) and written > 0 else None


def _value(one: Json) -> str:
    """Of a slot: text, or `{"text": "sun", "weight": 3}`, which is told as `3::sun`."""
    if not isinstance(one, dict):
        return str(one)
    text, weight = one.get("text", one.get("value", "")), one.get("weight", one.get("probability"))
    return f"{weight:g}::{text}" if isinstance(weight, int | float) and not isinstance(weight, bool) else str(text)


def _parts(value: Json, where: str, field: str) -> tuple[Part, ...]:
    """`"name"`, `["name", 0.8]` or `{"name", "weight"}`, in a list."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Refused(f"'{field}' is no list.", where=where, remedy='Write [["name", 0.8], ...].')
    return tuple(_part(item, where, field) for item in value)


def _part(item: Json, where: str, field: str) -> Part:
    name: Json = item
    weight: Json = 1.0
    if isinstance(item, dict):
        name, weight = item.get("name"), item.get("weight", item.get("strength", 1.0))
    elif isinstance(item, list):
        name = item[0] if item else None
        weight = item[1] if len(item) > 1 else 1.0
    if not isinstance(name, str) or not name.strip() or any(sign in name for sign in "<>\n"):
        raise Refused(f"an entry of '{field}' has no name.", where=where, remedy='Write "name" or ["name", 0.8].')
    if isinstance(weight, str):
        weight = _number(weight)
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not math.isfinite(weight):
        raise Refused(f"the weight of '{told(name, 40)}' in '{field}' is no number.", where=where, remedy="Write 0.8.")
    return Part(name=name.strip(), weight=float(weight))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _embedding(part: Part) -> str:
    return f"<embedding:{part.name}>" if part.weight == 1.0 else f"(<embedding:{part.name}>:{part.weight:g})"


def _lora(part: Part) -> str:
    return f"<lora:{part.name}:{part.weight:g}>"


def _text(slot: dict[str, Json], field: str, where: str) -> str:
    """Lines are joined by a space, as everywhere."""
    value = slot.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(f"'{field}' is no text.", where=where, remedy="Put it in quotes.")
    return " ".join(line for line in (part.strip() for part in value.split("\n")) if line)


def _overrides(value: Json, where: str) -> dict[str, str]:
    """`{"txt2img.model": ...}` or `{"txt2img": {"model": ...}}`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("'overrides' is no object.", where=where, remedy='Write {"txt2img.steps": 30}.')
    flat: dict[str, str] = {}
    for key, item in value.items():
        inner = item if isinstance(item, dict) else {"": item}
        for field, one in inner.items():
            text = one if isinstance(one, str) else msgspec.json.encode(one).decode()
            flat[f"{key}.{field}" if field else key] = text
    return flat


def _words(value: Json) -> dict[str, str]:
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _object(value: Json, file: str, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Refused(f"{what} is no JSON object.", where=told(file), remedy="Write it in braces: {...}.")
    return value


def _unknown(file: str, inner: dict[str, Json], slots: list[dict[str, Json]]) -> tuple[str, ...]:
    names = [told(name, 40) for name in inner if name not in _PACK_FIELDS and name != "pack_data"]
    names += dict.fromkeys(f"slots.{told(name, 40)}" for slot in slots for name in slot if name not in _SLOT_FIELDS)
    warnings = [f"{told(file)}: not understood and not used: {', '.join(names[:8])}."] if names else []
    return tuple(warnings)
