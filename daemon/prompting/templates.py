"""A genre's template: a frame of words for a prompt, with the settings that suit it. JSON, YAML, or text.

{name: portrait, genre: people, prompt: "portrait of {prompt}, {setting}, soft window light", set: {txt2img.cfg: 6}}
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.shape import Table, open_table
from daemon.prompting.texts import MAX_PROMPT, cleaned, file_stem, suffix, told
from schema.errors import Refused

_HOLE = re.compile(r"(?<![$%\\])\{([A-Za-z][A-Za-z0-9_]{0,39})\}")
"""`{prompt}`: a name alone in braces. `{dawn|dusk}` and `${time}` are places to vary and stay."""

_SUBJECTS = ("prompt", "subject", "scene")
"""Where the prompt goes: the first of these that the template has."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}\.[A-Za-z0-9_.]{1,60}")


class Template(NamedTuple):
    name: str
    prompt: str
    negative: str = ""
    genre: str = ""
    set: Mapping[str, str] = {}
    """`stage.field` to value, as behind `--set`."""
    about: str = ""
    source: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def holes(self) -> tuple[str, ...]:
        """Names of what may be put in, each once: `prompt`, `character`, `setting`..."""
        return tuple(dict.fromkeys(_HOLE.findall(f"{self.prompt} {self.negative}")))


def fill(template: Template, words: Mapping[str, str]) -> str:
    """The prompt with `words` (`prompt`, `character`...) in their places; what nobody gives leaves no trace.

    A prompt that has no place is put behind.
    """
    given = {name: text.strip() for name, text in words.items() if text.strip()}
    holes = _HOLE.findall(template.prompt)
    subject = next((name for name in _SUBJECTS if name in holes and (name == "prompt" or name not in given)), None)
    prompt = given.pop("prompt", "")
    if prompt and subject is None:
        return ", ".join(part for part in (_filled(template.prompt, given), prompt) if part)
    return _filled(template.prompt, {**given, subject or "prompt": prompt})


def fill_negative(template: Template, words: Mapping[str, str]) -> str:
    """The template's negative with `words` in it, before what `negative` gives, unless it has a place."""
    given = {name: text.strip() for name, text in words.items() if text.strip()}
    own = given.get("negative", "") if "negative" not in _HOLE.findall(template.negative) else ""
    return ", ".join(part for part in (_filled(template.negative, given), own) if part)


def read_template(file: str, text: str) -> Template:
    """Raises Refused with `file:line:column`. A `.txt` is the frame itself; its `neg:` lines are the negative."""
    if suffix(file) == ".txt":
        return _of_text(file, text)
    warnings: list[str] = []
    table = open_table(file, text, "a prompt with {prompt} in it", warnings)
    inner = table.take("template") if isinstance(_peek(table, "template"), dict) else None
    table = Table(file, inner, "'template'", warnings) if inner is not None else table
    prompt = table.words("prompt", "template", "text", "positive", "positive_prompt", most=MAX_PROMPT)
    template = Template(
        name=table.words("name", "title", "label", most=200) or file_stem(file),
        prompt=prompt,
        negative=table.words("negative", "negative_prompt", most=MAX_PROMPT),
        genre=table.words("genre", "category", most=100),
        set=_set(file, table.table("set", "settings", "fields")),
        about=table.words("about", "description", "note"),
        source=told(file),
    )
    table.take("version")
    table.tell_rest()
    if not template.prompt:
        raise Refused("has no prompt.", where=told(file), remedy='Write prompt: "wide view of {prompt}".')
    return template._replace(warnings=tuple(warnings))


def read_templates(file: str, text: str) -> tuple[Template, ...]:
    """A file of several, by id: `{"templates": {"wide": {"label": ..., "template": ...}}}`, as StableNew keeps them."""
    warnings: list[str] = []
    top = open_table(file, text, "templates", warnings).table("templates")
    found: list[Template] = []
    for name, node in top.rest() if top else ():
        table = Table(file, node, f"'{told(name, 40)}'", warnings)
        prompt = table.words("template", "prompt", "text", most=MAX_PROMPT)
        genre, about = table.words("category", "genre"), table.words("description", "label")
        if prompt:
            found.append(Template(name, prompt, table.words("negative"), genre, {}, about, f"{told(file)}:{node.line}"))
    return tuple(found)


def _of_text(file: str, text: str) -> Template:
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    kept = [cleaned(line) for line in lines if line and not line.startswith("#")]
    prompt = " ".join(line for line in kept if not line.startswith("neg:"))
    negative = ", ".join(line[4:].strip() for line in kept if line.startswith("neg:"))
    if not prompt or len(prompt) > MAX_PROMPT:
        raise Refused("has no prompt.", where=told(file), remedy="Write the frame, with {prompt} in it.")
    return Template(file_stem(file), prompt, negative, source=told(file))


def _set(file: str, table: Table | None) -> dict[str, str]:
    """`txt2img.cfg: 6`, or a table of stages with their fields."""
    found: dict[str, str] = {}
    for key, node in table.rest() if table else ():
        inner = (
            {f"{key}.{name}": one for name, one in node.value.items()} if isinstance(node.value, dict) else {key: node}
        )
        for name, one in inner.items():
            if not _KEY.fullmatch(name):
                raise Refused(
                    f"'{told(name, 40)}' is no stage.field.", where=place(file, one), remedy="Write txt2img.cfg: 6."
                )
            found[name] = _value(file, one)
    return found


def _value(file: str, node: Node) -> str:
    match node.value:
        case bool():
            return "true" if node.value else "false"
        case None:
            return "null"
        case str() | int() | float():
            return str(node.value)
        case _:
            raise Refused("a value must stand here.", where=place(file, node), remedy="Write a number or a text.")


def _peek(table: Table, name: str) -> object:
    value = table.node.value
    node = value.get(name) if isinstance(value, dict) else None
    return node.value if node else None


_LINKS = r"(?:\b(?:of|in|at|by|with|on|from|near|to|and|the|an?)[ ]+)*"
"""Words that only lead to what is not there."""


def _filled(frame: str, words: Mapping[str, str]) -> str:
    """Empty places are taken out, with the words that lead to them and the comma behind."""
    filled = _HOLE.sub(lambda hole: words.get(hole[1]) or "\0", frame)
    if "\0" not in filled:
        return filled.strip()
    tidy = re.sub(_LINKS + r"\0(?:[ ]*\0)*", "\0", filled)
    tidy = re.sub(r"(?:(?<=^)|(?<=,)|(?<=\n))[ ]*\0[ ]*(?:,|$)|,[ ]*\0[ ]*$", "", tidy)
    return re.sub(r"[ ]{2,}", " ", re.sub(r"[ ]*\0", "", tidy)).strip(" ,")
