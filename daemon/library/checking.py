"""The verb `pack-check PATH...`: reads every file of the library among them, and says with its place what is wrong."""

import json
import sys
from collections.abc import Iterator, Mapping
from os.path import normpath
from pathlib import Path
from typing import NamedTuple

from daemon.library.checks import check_text
from daemon.library.files import read_text
from daemon.library.folders import leads_out
from daemon.library.guessing import kind_of
from daemon.library.kinds import ENDINGS, Kind
from daemon.prompting import tokens
from daemon.prompting.cycles import cycles
from daemon.prompting.effective import apply_values
from daemon.prompting.fields import Flat, Setting, settle
from daemon.prompting.packs import only_settings, read_list, read_pack
from daemon.prompting.presets import fit, read_preset
from daemon.prompting.randomization import read_block
from daemon.prompting.styles import read_styles
from daemon.prompting.texts import cleaned, suffix, told
from daemon.prompting.variation.naming import Lines
from daemon.prompting.variation.tables import Tables, Value, WordTables
from daemon.prompting.variation.variants import Space
from daemon.prompting.wildcards import MAX_WILDCARDS, read_wildcards
from schema.errors import Exit, Refused, why
from schema.packs import Pack
from schema.pipeline import STANDARD

_COUNTED = frozenset(ending for endings in ENDINGS.values() for ending in endings)


class Checked(NamedTuple):
    path: Path
    kind: Kind | None = None
    pack: Pack | None = None
    members: Mapping[str, tuple[str, ...]] | None = None
    """Of a file of lists of packs."""
    warnings: tuple[str, ...] = ()
    error: str = ""
    held: int = 0
    """Wildcards or styles in it."""
    words: Mapping[str, tuple[Value, ...]] = {}


def run(words: list[str], as_json: bool) -> int:
    """2 when one of the files is broken. Raises Refused where there is nothing to check."""
    if not words:
        raise Refused("which packs?", where="pack check", remedy="Name files or folders.")
    results = [_check(path, Path(word)) for word in words for path in _paths(Path(word))]
    results = _with_cycles(results)
    for result in results:
        if result.error:
            print(cleaned(result.error), file=sys.stderr)
    if as_json:
        ok = not any(result.error for result in results)
        print(json.dumps({"ok": ok, "packs": [_as_json(result) for result in results]}))
    else:
        for result in results:
            _print(result)
    return Exit.REFUSED if any(result.error for result in results) else Exit.DONE


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if _counts(one.relative_to(path)) and one.is_file())
        if not found:
            remedy = "Packs end in .txt, .tsv, .json or .prompts."
            raise Refused("holds no packs.", where=told(str(path), 200), remedy=remedy)
        return found
    return [path]


def _counts(path: Path) -> bool:
    return path.suffix.lower() in _COUNTED and not any(part.startswith(".") for part in path.parts)


def _check(path: Path, root: Path) -> Checked:
    kind: Kind | None = None
    if path != root and path.is_symlink() and (trouble := leads_out(path, root)):
        return Checked(path, error=trouble)
    try:
        text = read_text(path, MAX_WILDCARDS)
        kind = kind_of(Path(normpath(path.absolute())), text) or (
            "pack" if suffix(path.name) in ENDINGS["pack"] else "wildcard"
        )
        if kind == "pack":
            return _check_pack(path, text)
        if kind == "wildcard":
            warnings: list[str] = []
            words = read_wildcards(str(path), text, warnings)
            _check_values(words)
            return Checked(path, kind, warnings=tuple(warnings), held=len(words), words=words)
        held = len(read_styles(str(path), text)) if kind == "style" else 0
        return Checked(path, kind, warnings=check_text(kind, str(path), text), held=held)
    except OSError as fault:
        return Checked(path, kind, error=f"{told(str(path), 200)}: cannot be read: {why(fault)}. Check the path.")
    except Refused as refused:
        return Checked(path, kind, error=refused.told())


def _check_pack(path: Path, text: str) -> Checked:
    members = read_list(str(path), text)
    if members is not None:
        return Checked(path, "pack", members=members)
    if only_settings(str(path), text) is not None and any(path.with_suffix(one).is_file() for one in (".txt", ".tsv")):
        return Checked(path, "pack", warnings=(f"{told(str(path), 200)}: settings of the pack beside it.",))
    pack = read_pack(str(path), text)
    _check_grammar(pack)
    _check_settings(pack)
    return Checked(path, "pack", pack, warnings=pack.warnings)


def _check_grammar(pack: Pack) -> None:
    """Choices and the like as a plan reads them. Raises Refused at the first place that no plan could read."""
    slots = {slot.name: slot.values for slot in pack.matrix.slots}
    for prompt in pack.prompts:
        if any(sign in prompt.text or sign in prompt.negative for sign in ("{", "}", "__", "$")):
            where = pack.where(prompt)
            Space(
                prompt.text,
                prompt.negative,
                tables=WordTables({}),
                slots=slots,
                where=Lines.of(where, prompt.lines),
                negative_where=Lines.of(where, prompt.negative_lines),
            )


def _check_settings(pack: Pack) -> None:
    """Settings and randomization as a plan of the standard pipeline reads them. Raises Refused at the first fault."""
    base: Flat = {}
    if pack.preset:
        preset = read_preset(f"{pack.file} preset_data", pack.preset)
        read_block(preset.get("randomization"), f"pack {pack.file}")
        base = settle(STANDARD, list(fit(preset, STANDARD, f"pack {pack.file}").settings))
        apply_values(STANDARD, base, f"pack {pack.file}")
    stages = {stage.id for stage in STANDARD.stages}
    for prompt in pack.prompts:
        where = f"pack {pack.where(prompt)}"
        cut = [(*key.partition(".")[::2], value) for key, value in prompt.overrides.items()]
        own = settle(STANDARD, [Setting(stage, name, value, where) for stage, name, value in cut if stage in stages])
        if own:
            apply_values(STANDARD, {**base, **own}, where)


def _check_values(words: Mapping[str, tuple[Value, ...]]) -> None:
    """Places to vary within values, without what they stand for. Raises Refused at the first that is broken."""
    for values in words.values():
        for value in values:
            if any(sign in value.text for sign in "{}$"):
                Space(value.text, tables=WordTables({}), slots={}, where=value.source.removeprefix("wildcard "))


def _with_cycles(results: list[Checked]) -> list[Checked]:
    """Wildcards that stand for themselves: a plan refuses them, so the check does too."""
    by_name: dict[str, tuple[Value, ...]] = {}
    files: dict[str, Path] = {}
    for result in results:
        for name, values in result.words.items():
            short = _below(name)
            by_name.setdefault(short, values)
            files.setdefault(short, result.path)
    tables: Tables = WordTables(by_name)
    broken: dict[Path, str] = {}
    for way in cycles(tables, by_name):
        steps = " -> ".join(f"__{name}__ ({value.source.removeprefix('wildcard ')})" for name, value in way)
        sentence = f"{way[0][1].source.removeprefix('wildcard ')}: stands for itself: {steps}. Take one of them out."
        for name, _ in way[:1]:
            broken.setdefault(files.get(name, Path(name)), sentence)
    return [result._replace(error=result.error or broken.get(result.path, "")) for result in results]


def _below(name: str) -> str:
    """The wildcard's name, of its file's whole path: what stands below the folder `wildcards`."""
    parts = name.split("/")
    at = [number for number, part in enumerate(parts) if part.casefold() == "wildcards"]
    return "/".join(parts[at[-1] + 1 :]) if at else parts[-1]


def _as_json(result: Checked) -> dict[str, object]:
    pack = result.pack
    return {
        "path": str(result.path.absolute()),
        "kind": result.kind,
        "ok": not result.error,
        "error": cleaned(result.error) or None,
        "name": pack.name if pack else None,
        "dialect": pack.dialect if pack else "list" if result.members is not None else None,
        "prompts": len(pack.prompts) if pack else 0,
        "held": result.held,
        "slots": _slots(pack) if pack else [],
        "warnings": list(result.warnings),
        "lists": {name: list(members) for name, members in (result.members or {}).items()},
    }


def _slots(pack: Pack) -> list[str]:
    found = [name for prompt in pack.prompts for name in tokens.slots(f"{prompt.text}\n{prompt.negative}")]
    return list(dict.fromkeys([*found, *(slot.name for slot in pack.matrix.slots)]))


def _print(result: Checked) -> None:
    if not result.error:
        print(f"{told(str(result.path), 200)}: {'; '.join(_said(result))}")
        for warning in result.warnings:
            print(f"  {told(warning, 300)}")


def _said(result: Checked) -> Iterator[str]:
    if result.pack:
        count = len(result.pack.prompts)
        yield f"{count} prompt{'s' if count != 1 else ''}, {result.pack.dialect}"
    elif result.members is not None:
        names = ", ".join(f"{told(name, 60)} ({len(members)})" for name, members in result.members.items())
        yield f"lists of packs: {names}"
    elif result.held:
        yield f"{result.held} {result.kind}{'s' if result.held != 1 else ''}"
    else:
        yield f"{result.kind}, in order" if not result.warnings else f"{result.kind}"
