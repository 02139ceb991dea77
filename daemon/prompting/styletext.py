"""Changes one style in a file of many, and leaves every other character as it is; writes styles told in words."""

import json
import re

from daemon.prompting.csvtext import quoted, records
from daemon.prompting.marked.nodes import Node
from daemon.prompting.marked.reading import read
from daemon.prompting.styles import MAX_STYLES, Style
from daemon.prompting.texts import suffix, told
from schema.errors import Refused

HEADER = "name,prompt,negative_prompt\n"


def as_file(name: str, text: str) -> str:
    """A file of styles as it is; words alone become the style `name`, their `neg:` lines what it is against."""
    head = text.removeprefix("\ufeff").lstrip()
    first = head.partition("\n")[0].lower().replace(" ", "").replace('"', "")
    tree = head[:1] in ("{", "[") and not head.startswith("{prompt}")
    if tree or re.match(r"name,\w|\w+,name\b", first):
        return text
    lines = [line.strip() for line in head.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    prompt = " ".join(line for line in lines if not line.startswith("neg:"))
    negative = ", ".join(line[4:].strip() for line in lines if line.startswith("neg:"))
    return written((Style(name, prompt, negative),))


def written(styles: tuple[Style, ...]) -> str:
    rows = (",".join(map(quoted, (style.name, style.prompt, style.negative))) for style in styles)
    return HEADER + "".join(f"{row}\n" for row in rows)


def without(file: str, text: str, name: str) -> str:
    """Raises Refused where only a person can take it out."""
    if suffix(file) == ".csv":
        for row in reversed(list(records(file, text.removeprefix("\ufeff")))):
            if _named(row.fields, _column(file, text)) == name.casefold():
                skip = len(text) - len(text.removeprefix("\ufeff"))
                text = text[: row.start + skip] + text[row.end + skip :]
        return text
    items = _items(file, text)
    for at in reversed(range(len(items))):
        if _name_of(items[at]) == name.casefold():
            begin = items[at - 1].end if at else items[at].start
            end = items[at].end if at or len(items) == 1 else items[at + 1].start
            text = text[:begin] + text[end:]
            items = _items(file, text)
    return text


def renamed(file: str, text: str, name: str, to: str) -> str:
    if suffix(file) == ".csv":
        skip = len(text) - len(text.removeprefix("\ufeff"))
        column = _column(file, text)
        for row in reversed(list(records(file, text.removeprefix("\ufeff")))):
            if _named(row.fields, column) == name.casefold():
                fields = [to if at == column else field for at, field in enumerate(row.fields)]
                whole = text[row.start + skip : row.end + skip]
                end = whole[len(whole.rstrip("\r\n")) :]
                text = text[: row.start + skip] + ",".join(map(quoted, fields)) + end + text[row.end + skip :]
        return text
    for item in reversed(_items(file, text)):
        if _name_of(item) == name.casefold() and isinstance(item.value, dict):
            node = item.value["name"]
            text = text[: node.start] + json.dumps(to, ensure_ascii=False) + text[node.end :]
    return text


def replaced(file: str, text: str, name: str, style: Style) -> str:
    """The file with this style in the place of the one called `name`."""
    said = {"name": style.name, "prompt": style.prompt, "negative_prompt": style.negative}
    if suffix(file) != ".csv":
        for item in reversed(_items(file, text)):
            if _name_of(item) == name.casefold():
                text = text[: item.start] + json.dumps(said, ensure_ascii=False) + text[item.end :]
        return text
    skip = len(text) - len(text.removeprefix("\ufeff"))
    rows = list(records(file, text[skip:]))
    names = {"positive_prompt": "prompt", "text": "prompt", "negative": "negative_prompt"}
    columns = [names.get(field.strip().lower(), field.strip().lower()) for field in rows[0].fields]
    for row in reversed(rows[1:]):
        if _named(row.fields, columns.index("name")) == name.casefold():
            whole = text[row.start + skip : row.end + skip]
            end = whole[len(whole.rstrip("\r\n")) :]
            line = ",".join(quoted(said.get(column, "")) for column in columns) + end
            text = text[: row.start + skip] + line + text[row.end + skip :]
    return text


def _items(file: str, text: str) -> list[Node]:
    """The styles of a JSON list."""
    top = read(file, text, MAX_STYLES) if suffix(file) == ".json" else Node(None, 1, 1)
    if not isinstance(top.value, list) or text.startswith("\ufeff"):
        raise Refused("a style of this file cannot be changed alone.", where=told(file), remedy="Edit the file itself.")
    return top.value


def _name_of(node: Node) -> str:
    name = node.value.get("name") if isinstance(node.value, dict) else None
    return name.value.strip().casefold() if name is not None and isinstance(name.value, str) else ""


def _column(file: str, text: str) -> int:
    head = next(records(file, text.removeprefix("\ufeff")), None)
    columns = [field.strip().lower() for field in head.fields] if head else []
    return columns.index("name") if "name" in columns else 0


def _named(fields: tuple[str, ...], column: int) -> str:
    return fields[column].strip().casefold() if column < len(fields) else ""
