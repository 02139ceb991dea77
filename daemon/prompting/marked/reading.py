"""Reads a file of JSON or YAML; plain values only, and never more than can be held."""

from daemon.prompting.marked.jsontext import JsonText
from daemon.prompting.marked.nodes import Node
from daemon.prompting.marked.yamltext import YamlText
from daemon.prompting.texts import suffix, told
from schema.errors import Refused


def read(file: str, text: str, most: int) -> Node:
    """By the name's ending; without one, text that begins like JSON is JSON. `most` is in bytes.

    Raises Refused with `file:line:column`.
    """
    body = text.removeprefix("\ufeff")
    if len(body) > most or len(body.encode(errors="replace")) > most:
        raise Refused(
            f"is larger than {most // 1000} kB.",
            where=told(file),
            remedy="Split it, or check that it is the right file.",
        )
    ending = suffix(file)
    if ending == ".json" or (ending not in (".yaml", ".yml") and body.lstrip()[:1] in ("{", "[")):
        return JsonText(file, body).read()
    return YamlText(file).read(body)
