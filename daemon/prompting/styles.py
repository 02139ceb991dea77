"""Styles: words around a prompt. `styles.csv` of SD WebUI, InvokeAI's CSV and JSON, Fooocus' JSON, SwarmUI's presets.

A style with `{prompt}` wraps; any other is put behind, after a comma.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daemon.prompting.csvtext import records
from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.marked.reading import read
from daemon.prompting.texts import MAX_PROMPT, cleaned, suffix, told
from schema.errors import Refused

MAX_STYLES = 2_000_000
"""Bytes of one file."""

PROMPT = "{prompt}"
_PROMPT_COLUMNS = ("prompt", "positive_prompt", "text")
_NEGATIVE_COLUMNS = ("negative_prompt", "negative", "negativeprompt")
_DIVIDER = re.compile(r"[-=_*~#]{2,}.*|.*[-=_*~#]{3,}")
"""`---- LIGHT ----`, a row that only parts others, where it has no words."""


class Style(NamedTuple):
    name: str
    prompt: str
    negative: str = ""
    source: str = ""
    """`styles.csv:4`."""


def read_styles(file: str, text: str, told_to: list[str] | None = None) -> tuple[Style, ...]:
    """In the order written; of two with one name the later counts, as in SD WebUI. Raises Refused with its place.

    `told_to` takes what was passed over.
    """
    warnings = [] if told_to is None else told_to
    body = text.removeprefix("\ufeff")
    if len(body) > MAX_STYLES or len(body.encode(errors="replace")) > MAX_STYLES:
        raise Refused(f"is larger than {MAX_STYLES // 1_000_000} MB.", where=told(file), remedy="Split it.")
    ending = suffix(file)
    if ending in (".json", ".yaml", ".yml") or (ending != ".csv" and body.lstrip()[:1] in ("{", "[")):
        found = _of_tree(file, read(file, body, MAX_STYLES), warnings)
    else:
        found = _of_csv(file, body, warnings)
    by_name: dict[str, Style] = {}
    for style in found:
        if style.name.casefold() in by_name:
            warnings.append(f"{style.source}: '{told(style.name, 60)}' stands twice; this one is used.")
        by_name[style.name.casefold()] = style
    if not by_name:
        warnings.append(f"{told(file)}: holds no style.")
    return tuple(by_name.values())


def around(style: Style, prompt: str) -> str:
    """The prompt with the style's words."""
    return _joined(style.prompt, prompt)


def against(style: Style, negative: str) -> str:
    """The negative prompt with the style's."""
    return _joined(style.negative, negative)


def _joined(words: str, prompt: str) -> str:
    if PROMPT in words:
        return words.replace(PROMPT, prompt)
    return ", ".join(part for part in (prompt.strip().rstrip(","), words.strip()) if part)


def _of_csv(file: str, body: str, warnings: list[str]) -> Iterable[Style]:
    rows = records(file, body)
    first = next(rows, None)
    if first is None:
        return
    columns = [name.strip().lower() for name in first.fields]
    named = _column(columns, ("name",))
    prompt, negative = _column(columns, _PROMPT_COLUMNS), _column(columns, _NEGATIVE_COLUMNS)
    if named is None or (prompt is None and negative is None):
        raise Refused(
            "the first row does not name the columns.",
            where=f"{told(file)}:{first.line}:1",
            remedy="Begin with name,prompt,negative_prompt.",
        )
    for row in rows:
        name, words, unwanted = (_cell(row.fields, at) for at in (named, prompt, negative))
        source = f"{told(file)}:{row.line}"
        if not name.startswith("#") and not (_DIVIDER.fullmatch(name) and not words and not unwanted):
            if len(row.fields) > len(columns):
                warnings.append(f"{source}: more cells than columns; quote a text that holds commas.")
            yield from _style(name, words, unwanted, source, warnings)


def _of_tree(file: str, tree: Node, warnings: list[str]) -> Iterable[Style]:
    """A list of styles, one style, or a map of titles to styles or presets."""
    top = tree.value
    if isinstance(top, dict) and isinstance(inner := _get(top, "styles"), list):
        top = inner
    if isinstance(top, list):
        for node in top:
            yield from _of_node(file, "", node, warnings)
    elif isinstance(top, dict) and any(name in top for name in ("name", "preset_data", *_PROMPT_COLUMNS)):
        yield from _of_node(file, "", Node(top, tree.line, tree.column), warnings)
    elif isinstance(top, dict):
        for title, node in top.items():
            yield from _of_node(file, title, node, warnings)
    else:
        raise Refused(
            "holds no styles.", where=told(file), remedy='Write [{"name": "ink", "prompt": "{prompt}, ink drawing"}].'
        )


def _of_node(file: str, title: str, node: Node, warnings: list[str]) -> Iterable[Style]:
    table = node.value
    if not isinstance(table, dict):
        warnings.append(f"{place(file, node)}: no style; it was left out.")
        return
    inside = next((one for key in ("preset_data", "param_map") if isinstance(one := _get(table, key), dict)), table)
    name = _text(file, table, ("name", "title", "display_name")) or title
    words = _text(file, inside, (*_PROMPT_COLUMNS, "trigger_phrase"))
    if lora := _text(file, table, ("lora_name",)):
        weight = _get(table, "weight")
        words = f"{words} <lora:{lora}:{weight if isinstance(weight, int | float) else 1:g}>".strip()
    unwanted = _text(file, inside, _NEGATIVE_COLUMNS)
    if "param_map" in table:  # SwarmUI's presets say `{value}` where the person's words go
        words, unwanted = (one.replace("{value}", PROMPT) for one in (words, unwanted))
    yield from _style(name, words, unwanted, f"{told(file)}:{node.line}", warnings)


def _style(name: str, words: str, unwanted: str, source: str, warnings: list[str]) -> Iterable[Style]:
    name, words, unwanted = (cleaned(text).replace("\r\n", "\n").strip() for text in (name, words, unwanted))
    if not name or not (words or unwanted):
        warnings.append(f"{source}: a style without {'words' if name else 'a name'} was left out.")
    elif max(len(words), len(unwanted)) > MAX_PROMPT or len(name) > 200:
        warnings.append(f"{source}: a style of more than {MAX_PROMPT} characters was left out.")
    else:
        yield Style(name, words, unwanted, source)


def _column(columns: list[str], names: Sequence[str]) -> int | None:
    return next((columns.index(name) for name in names if name in columns), None)


def _cell(fields: tuple[str, ...], at: int | None) -> str:
    return fields[at] if at is not None and at < len(fields) else ""


def _get(table: dict[str, Node], key: str) -> object:
    node = table.get(key)
    return node.value if node is not None else None


def _text(file: str, table: dict[str, Node], names: Sequence[str]) -> str:
    for name in names:
        node = table.get(name)
        if node is not None and node.value is not None:
            if not isinstance(node.value, str):
                raise Refused(f"'{name}' is no text.", where=place(file, node), remedy="Put it in quotes.")
            return node.value
    return ""
