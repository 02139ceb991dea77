"""Changes one slot of a JSON pack by putting other text in the place of its values; the rest keeps its very letters."""

import json
import re

from daemon.prompting.editing.change import Change, joined
from daemon.prompting.marked.nodes import Node
from daemon.prompting.marked.reading import read
from daemon.prompting.texts import MAX_TEXT, told
from schema.errors import Refused
from schema.packs import Pack

_BEFORE = re.compile(r"[\[{,](\s*)$")

Splice = tuple[int, int, str]
"""From, to, and what stands there instead."""


def edited(file: str, text: str, pack: Pack, change: Change) -> str:
    slots = _slots(file, text)
    used = [slot for slot in slots if _says(slot)]
    if len(used) != len(pack.prompts):
        raise Refused("this kind of pack cannot be changed alone.", where=told(file), remedy="Edit the file itself.")
    if change.number > len(used):
        return _added(text, slots, change)
    slot = used[change.number - 1]
    if change.remove:
        return _removed(text, slots, slots.index(slot))
    text = _spliced(text, _changed(text, slot, change))
    if change.to is None or change.to == change.number:
        return text
    used = [slot for slot in _slots(file, text) if _says(slot)]
    order = list(used)
    order.insert(change.to - 1, order.pop(change.number - 1))
    return _spliced(
        text, [(old.start, old.end, text[new.start : new.end]) for old, new in zip(used, order, strict=True)]
    )


def _slots(file: str, text: str) -> list[Node]:
    top = read(file, text, MAX_TEXT).value
    inner = top.get("pack_data") if isinstance(top, dict) else None
    table = inner.value if inner is not None else top
    slots = table.get("slots") if isinstance(table, dict) else None
    if slots is None or not isinstance(slots.value, list) or any(_old(slot) for slot in slots.value):
        raise Refused("this kind of pack cannot be changed alone.", where=told(file), remedy="Edit the file itself.")
    return slots.value


def _old(slot: Node) -> bool:
    name = slot.value.get("name") if isinstance(slot.value, dict) else None
    return name is not None and str(name.value).lower() in ("positive prompt", "negative prompt")


def _says(slot: Node) -> bool:
    fields = slot.value if isinstance(slot.value, dict) else {}
    return any(
        (node := fields.get(name)) is not None and node.value for name in ("text", "positive_embeddings", "loras")
    )


def _changed(text: str, slot: Node, change: Change) -> list[Splice]:
    """One splice for each field; new fields stand behind the last."""
    wanted: dict[str, object] = {}
    if change.text is not None:
        wanted |= {"text": joined(change.text), "positive_embeddings": [], "loras": []}
        if inner := _without_parts(text, slot, joined(change.text), "text"):
            wanted = {"text": inner}
    if change.negative is not None:
        wanted |= {"negative": joined(change.negative), "negative_embeddings": []}
        if inner := _without_parts(text, slot, joined(change.negative), "negative"):
            wanted |= {"negative": inner}
            del wanted["negative_embeddings"]
    if change.weight is not None:
        wanted["weight"] = change.weight
    if change.backend is not None:
        wanted["backend"] = change.backend
    if change.overrides:
        wanted["overrides"] = _overrides(slot, change)
    fields = slot.value if isinstance(slot.value, dict) else {}
    found: list[Splice] = []
    fresh: list[str] = []
    for name, value in wanted.items():
        node, said = fields.get(name), json.dumps(value, ensure_ascii=False)
        if node is not None:
            found.append((node.start, node.end, said))
        elif value not in ("", [], {}):
            fresh.append(f'"{name}": {said}')
    if fresh:
        last = max((node.end for node in fields.values()), default=slot.start + 1)
        space = _space(text, slot.start + 1, fields)
        comma = "," if fields else ""
        found.append((last, last, comma + ",".join(space + one for one in fresh)))
    return found


def _without_parts(text: str, slot: Node, said: str, field: str) -> str:
    """What the field must say where the embeddings before it and the LoRAs behind it stay; empty: they cannot."""
    from daemon.prompting.dialects import packjson

    pack = packjson.read("slot.json", f'{{"slots": [{text[slot.start : slot.end]}]}}')
    if not pack.prompts:
        return ""
    prompt = pack.prompts[0]
    whole, own = (prompt.text, "text") if field == "text" else (prompt.negative, "negative")
    fields = slot.value if isinstance(slot.value, dict) else {}
    node = fields.get(own)
    inner = joined(node.value) if node is not None and isinstance(node.value, str) else ""
    if not inner or inner not in whole:
        return ""
    before, _, behind = whole.partition(inner)
    fits = said.startswith(before) and said.endswith(behind) and len(said) > len(before) + len(behind)
    return said[len(before) : len(said) - len(behind)] if fits else ""


def _overrides(slot: Node, change: Change) -> dict[str, object]:
    fields = slot.value if isinstance(slot.value, dict) else {}
    node = fields.get("overrides")
    flat: dict[str, object] = {}
    for key, item in (node.value if node is not None and isinstance(node.value, dict) else {}).items():
        inner = item.value if isinstance(item.value, dict) else {"": item}
        flat.update({f"{key}.{name}" if name else key: one.value for name, one in inner.items()})
    for key, value in change.overrides.items():
        flat.pop(key, None)
        if value is not None:
            flat[key] = value
    return flat


def _added(text: str, slots: list[Node], change: Change) -> str:
    fields: dict[str, object] = {"text": joined(change.text or "")}
    if change.negative:
        fields["negative"] = joined(change.negative)
    if change.weight is not None:
        fields["weight"] = change.weight
    if change.backend:
        fields["backend"] = change.backend
    if change.overrides:
        fields["overrides"] = {key: value for key, value in change.overrides.items() if value is not None}
    last = slots[-1]  # a pack has at least one
    begin = text[: last.start]
    found = _BEFORE.search(begin)
    space = found[1] if found else " "
    return text[: last.end] + "," + space + json.dumps(fields, ensure_ascii=False) + text[last.end :]


def _removed(text: str, slots: list[Node], at: int) -> str:
    if at:
        return text[: slots[at - 1].end] + text[slots[at].end :]
    return text[: slots[0].start] + text[slots[1].start :]


def _space(text: str, start: int, fields: dict[str, Node]) -> str:
    """The white space before the slot's first key."""
    found = re.compile(r"\s*").match(text, start)
    return (found[0] if found else "") or (" " if fields else "")


def _spliced(text: str, splices: list[Splice]) -> str:
    for start, end, said in sorted(splices, reverse=True):
        text = text[:start] + said + text[end:]
    return text
