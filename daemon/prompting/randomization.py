"""The `randomization` block of StableNew's presets: rules of search and replace, wildcards and a matrix of its own.

Each part has a mode. Here one mode holds for all places of a prompt: that of the matrix, else of the wildcards, else
of the rules; where another part is to be drawn all the same, its places get a sampler's mark. See docs/prompts.md.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from daemon.prompting.texts import cleaned, nearest, told
from daemon.prompting.written import Json
from schema.errors import Refused
from schema.plans import Matrix

MODES: Mapping[str, Matrix] = {
    "fanout": "all", "grid": "all", "all": "all",
    "rotate": "rotate",
    "sequential": "sequential", "round_robin": "sequential",
    "random": "random", "per_prompt": "random",
}  # fmt: skip
"""StableNew's words for how combinations are made, and ours; what it does not know is `sequential` there."""

MARKS: Mapping[Matrix, str] = {"random": "~", "sequential": "@", "rotate": "@", "all": "!"}

BaseMode = Literal["replace", "append", "prepend"]

_TOKEN = re.compile(r"^_*(.+?)_*$")


class Block(NamedTuple):
    """What a block says, as far as it is switched on."""

    seed: int | None = None
    """Its draws come from this seed, not from the run's."""
    most: int | None = None
    """Variants of one prompt."""
    search: tuple[tuple[str, tuple[str, ...]], ...] = ()
    wildcards: dict[str, tuple[str, ...]] = {}
    """Name without underscores to its values; they go before the library's."""
    slots: dict[str, tuple[str, ...]] = {}
    mode: Matrix | None = None
    drawn: str = ""
    """The sampler's mark of its wildcards, where they are not combined as the matrix is."""
    rules: str = ""
    """The same of its rules."""
    base: str = ""
    base_mode: BaseMode = "replace"

    def around(self, text: str) -> str:
        """The prompt with the block's own words, which are only for prompts, not for negatives."""
        if not self.base:
            return text
        match self.base_mode:
            case "append":
                return ", ".join(filter(None, [text, self.base]))
            case "prepend":
                return ", ".join(filter(None, [self.base, text]))
            case _:
                return self.base


def read_block(written: Json, where: str) -> Block | None:
    """None where there is none or it is switched off. Raises Refused that names the part."""
    if not isinstance(written, dict) or not written.get("enabled"):
        return None
    rules, rules_mode = _part(written, "prompt_sr", where)
    wild, wild_mode = _part(written, "wildcards", where)
    matrix, matrix_mode = _part(written, "matrix", where)
    mode = matrix_mode or wild_mode or rules_mode
    raw_base, raw_slots = _raw_matrix(matrix, where)
    base = cleaned(str(matrix.get("base_prompt") or raw_base)).strip()
    limits = [one for one in (_whole(matrix.get("limit")), _whole(written.get("max_variants"))) if one]
    return Block(
        seed=_seed(written.get("seed")),
        most=min(limits, default=None),
        search=_rules(rules, where),
        wildcards=_tokens(wild, where),
        slots=_slots(matrix, where) or raw_slots,
        mode=mode,
        drawn=_mark(wild_mode, mode),
        rules=_mark(rules_mode, mode),
        base=base,
        base_mode=_base_mode(matrix.get("prompt_mode"), where),
    )


def mode_of(word: str) -> Matrix:
    """As StableNew reads it: a word that it does not know is `sequential`."""
    return MODES.get(word.strip().lower(), "sequential")


def _part(written: dict[str, Json], name: str, where: str) -> tuple[dict[str, Json], Matrix | None]:
    """A part and its mode; empty and None where it is switched off."""
    part = written.get(name)
    if part is None:
        return {}, None
    if not isinstance(part, dict):
        raise Refused(f"'{name}' is no object.", where=f"{where} randomization", remedy="Write it in braces: {...}.")
    return (part, mode_of(str(part.get("mode", "fanout")))) if part.get("enabled") else ({}, None)


def _mark(mode: Matrix | None, overall: Matrix | None) -> str:
    return MARKS[mode] if mode is not None and mode != overall else ""


def _rules(part: dict[str, Json], where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for number, rule in enumerate(_list(part.get("rules"), where, "prompt_sr.rules"), 1):
        if not isinstance(rule, dict) or not isinstance(rule.get("search"), str):
            raise Refused(f"rule {number} has no 'search'.", where=where, remedy='Write {"search": "a", ...}.')
        values = _values(rule.get("replacements"))
        if rule["search"] and values:
            found.append((str(rule["search"]), values))
    for line, key, values in _raw(part, "=>", where) if not found else ():
        if not key or not values:
            raise Refused(f"'{told(line, 60)}' is no rule.", where=where, remedy="Write search => one | another.")
        found.append((key, values))
    return tuple(found)


def _tokens(part: dict[str, Json], where: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for number, token in enumerate(_list(part.get("tokens"), where, "wildcards.tokens"), 1):
        if not isinstance(token, dict) or not isinstance(token.get("token"), str):
            raise Refused(f"wildcard {number} has no 'token'.", where=where, remedy='Write {"token": "__sky__", ...}.')
        found[_bare(str(token["token"]))] = _values(token.get("values"))
    if not found:
        found = {_bare(key): values for _, key, values in _raw(part, ":", where)}
    return {name: values for name, values in found.items() if name and values}


def _slots(part: dict[str, Json], where: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for number, slot in enumerate(_list(part.get("slots"), where, "matrix.slots"), 1):
        if not isinstance(slot, dict) or not isinstance(slot.get("name"), str):
            raise Refused(f"matrix slot {number} has no 'name'.", where=where, remedy='Write {"name": "sky", ...}.')
        if values := _values(slot.get("values")):
            found[str(slot["name"]).strip()] = values
    return found


def _raw_matrix(part: dict[str, Json], where: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """`# Base: a boat in [[sky]]`, then `sky: rain | fog`."""
    base = ""
    for line in str(part.get("raw_text") or "").splitlines():
        head, colon, rest = line.strip().removeprefix("#").partition(":")
        if line.strip().startswith("#") and colon and head.strip().lower() == "base":
            base = rest.strip()
    return base, {key.strip("[] "): values for _, key, values in _raw(part, ":", where) if key and values}


def _raw(part: dict[str, Json], between: str, where: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Lines of `raw_text` as they stand, what is before the sign, and the values behind it; comments left out."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for line in str(part.get("raw_text") or "").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, sign, values = text.partition(between)
        if not sign:
            raise Refused(f"'{told(text, 60)}' has no '{between}'.", where=where, remedy=f"Write name {between} a | b.")
        found.append((text, key.strip(), tuple(one for part_ in values.split("|") if (one := cleaned(part_).strip()))))
    return found


def _list(value: Json, where: str, name: str) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"'{name}' is no list.", where=f"{where} randomization", remedy="Write it in brackets: [...].")
    return value


def _values(value: Json) -> tuple[str, ...]:
    """Numbers and switches as text; blanks are left out."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(cleaned(str(one)).strip() for one in items if str(one).strip() and not isinstance(one, dict | list))


def _bare(token: str) -> str:
    found = _TOKEN.match(token.strip())
    return found[1] if found else ""


def _base_mode(value: Json, where: str) -> BaseMode:
    match str(value or "replace").strip().lower():
        case "replace" | "append" | "prepend" as mode:
            return mode
        case other:
            remedy = nearest(other, ("replace", "append", "prepend"))
            raise Refused(f"there is no prompt_mode '{told(other, 40)}'.", where=f"{where} matrix", remedy=remedy)


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _seed(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
