"""Reads a prompt pack in any of its dialects, without changing a word of it.

Blocks of text or lines with tags (`.txt`), `positive TAB negative` (`.tsv`), three forms of JSON (`.json`), sections
(`.prompts`). Of several files with the same stem the first of `PRIORITY` is the pack; choosing is the library's work.
"""

import hashlib

import msgspec

from daemon.prompting.dialects import lines, packjson, sections, tsv, txt
from daemon.prompting.texts import MAX_PROMPT, MAX_TEXT, cleaned, file_stem, suffix, told
from daemon.prompting.written import read_json
from schema.errors import Refused
from schema.ids import Sha256
from schema.packs import Pack, PackPrompt

PRIORITY = (".json", ".txt", ".tsv", ".prompts")

_SECTIONS = ('"txt2img"', '"img2img"', '"upscale"')
"""Of which settings without a pack have one."""

MAX_NAME = 200
"""Bytes of a pack's name: it becomes part of file names."""


def read_pack(file: str, text: str) -> Pack:
    """`file` is the name as the person knows it. Raises Refused with `file:line` and a remedy."""
    check_name(file)
    if len(text) > MAX_TEXT or len(text.encode(errors="replace")) > MAX_TEXT:
        raise Refused(
            f"is larger than {MAX_TEXT // 1_000_000} MB.",
            where=told(file),
            remedy="Split it into several packs.",
        )
    body = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    shown = told(file)
    match suffix(file):
        case ".tsv":
            pack = tsv.read(shown, body)
        case ".prompts":
            pack = sections.read(shown, body)
        case ".json":
            pack = packjson.read(shown, body)
        case ending if ending != ".txt" and body.lstrip().startswith(('{"', "{\n")):
            pack = packjson.read(shown, body)
        case _:
            pack = lines.read(shown, body) if lines.is_one(body) else txt.read(shown, body)
    digest = Sha256(hashlib.sha256(text.encode(errors="replace")).hexdigest())
    return msgspec.structs.replace(_checked(pack), name=file_stem(file), sha256=digest)


def read_list(file: str, text: str) -> dict[str, tuple[str, ...]] | None:
    """A list file, `{"evening": ["harbour.txt", ...]}`: name of the list to its packs. None when it is none."""
    body = text.removeprefix("\ufeff")
    if suffix(file) != ".json" or not body.lstrip().startswith("{"):
        return None
    value = read_json(file, body)
    if not isinstance(value, dict) or not value or {"slots", "pack_data"} & value.keys():
        return None
    lists: dict[str, tuple[str, ...]] = {}
    for name, members in value.items():
        if not isinstance(members, list):
            return None
        lists[name] = tuple(member for member in members if isinstance(member, str))
        if len(lists[name]) != len(members):
            return None
    return lists


def only_settings(file: str, text: str) -> str | None:
    """JSON text of `preset_data`, if the file is a JSON pack that brings settings and no prompt; else None.

    StableNew keeps the settings of a text pack so, in a `.json` beside it; of old it was nothing but these settings.
    """
    body = text.removeprefix("\ufeff")
    if suffix(file) != ".json" or not any(name in body for name in ('"preset_data"', *_SECTIONS)):
        return None
    whole = read_json(file, body)
    if not isinstance(whole, dict):
        return None
    if not {"preset_data", "pack_data", "slots"} & whole.keys():
        settings = any(isinstance(whole.get(name.strip('"')), dict) for name in _SECTIONS)
        return msgspec.json.encode(whole).decode() if settings else None
    if not isinstance(whole.get("preset_data"), dict):
        return None
    inner = whole.get("pack_data", whole)
    slots = inner.get("slots") if isinstance(inner, dict) else None
    if isinstance(slots, list) and any(isinstance(slot, dict) and slot.get("text") for slot in slots):
        return None
    return msgspec.json.encode(whole["preset_data"]).decode()


def check_name(file: str) -> None:
    name = file_stem(file)
    if len(name.encode(errors="replace")) > MAX_NAME:
        raise Refused(
            f"the name is longer than {MAX_NAME} bytes.",
            where=told(file, 60),
            remedy="Rename the file to something short.",
        )
    if name != cleaned(name) or not name.strip():
        raise Refused("the name is empty or holds control characters.", where=told(file, 60), remedy="Rename the file.")


def _checked(pack: Pack) -> Pack:
    """Refuses what cannot be run, and takes out characters that no terminal or file should get."""
    warnings = list(pack.warnings)
    prompts: list[PackPrompt] = []
    dirty: list[str] = []
    for prompt in pack.prompts:
        if max(len(prompt.text), len(prompt.negative)) > MAX_PROMPT:
            raise Refused(
                f"a prompt is longer than {MAX_PROMPT} characters.",
                where=pack.where(prompt),
                remedy="Shorten it, or check for a missing blank line between prompts.",
            )
        text, negative = cleaned(prompt.text), cleaned(prompt.negative)
        if (text, negative) != (prompt.text, prompt.negative):
            dirty.append(pack.where(prompt))
            prompt = msgspec.structs.replace(prompt, text=text.strip(), negative=negative.strip())
        if prompt.text:
            prompts.append(msgspec.structs.replace(prompt, number=len(prompts) + 1))
    if dirty:
        warnings.append(f"{dirty[0]}: control characters were left out{_more(len(dirty))}.")
    if not prompts:
        raise Refused(
            "holds no prompt.", where=told(pack.file), remedy="Write at least one prompt, or leave the pack out."
        )
    return msgspec.structs.replace(pack, prompts=tuple(prompts), warnings=tuple(warnings))


def _more(count: int) -> str:
    return f" (and in {count - 1} more)" if count > 1 else ""
