"""A1111's own words: `[a|b]`, `[a:b:0.5]`, `<lora:name:text encoder:model>`, and `__lists__` of its extensions."""

import re
from collections.abc import Callable

from daemon.prompting.variation.dialects.tree import (
    Change,
    From,
    Get,
    Lora,
    Losses,
    Node,
    Remark,
    Set,
    Slot,
    Some,
    Strange,
    Text,
    Tree,
    Turns,
    every,
    plain,
)

_WORDS = re.compile(
    r"(?P<escape>\\.)|<lora:(?P<lora>[^:<>]+):(?P<encoder>-?[\d.]+):(?P<model>-?[\d.]+)>"
    r"|\[(?P<turns>[^\[\]|:]*(?:\|[^\[\]|:]*)+)\]|\[(?P<before>[^\[\]|:]*):(?P<after>[^\[\]|:]*):(?P<when>[\d.]+)\]",
    re.DOTALL | re.IGNORECASE,
)
_LIST = re.compile(r"(?<!\\)__([^\W_](?:[^\W_]|_(?!_)|[/\\ .-])*)__")
_LESS = re.compile(r"(?<!\\)(\[{2,})([^\[\]|:()]+)(\]{2,})")


def read(text: str) -> Tree:
    """Brackets within brackets become a weight: `[[a]]` would be a slot elsewhere."""
    lessened = _LESS.sub(_weight, text)
    nodes: list[Node] = []
    at = 0
    for found in _LIST.finditer(lessened):
        nodes += [*words_of(lessened[at : found.start()]), From((Text(found[1]),))]
        at = found.end()
    return (*nodes, *words_of(lessened[at:]))


def words_of(text: str) -> Tree:
    """What A1111 reads in words: dynamic prompts leaves it alone too."""
    nodes: list[Node] = []
    at = 0
    for found in _WORDS.finditer(text):
        if found["escape"]:
            continue
        nodes += [Text(text[at : found.start()])] if found.start() > at else []
        if found["lora"]:
            nodes.append(Lora(found["lora"], found["model"], found["encoder"]))
        elif found["when"]:
            nodes.append(Change((Text(found["before"]),), (Text(found["after"]),), found["when"]))
        else:
            nodes.append(Turns(tuple((Text(each),) for each in found["turns"].split("|"))))
        at = found.end()
    return (*nodes, Text(text[at:])) if at < len(text) else tuple(nodes)


def write(tree: Tree, losses: Losses) -> str:
    """Nothing varies there but lists: of the rest the likeliest stays."""
    values = {node.name: node for node in every(tree) if isinstance(node, Set)}
    return "".join(_written(node, losses, values, 0) for node in tree)


def special(node: Turns | Change | Lora, write_all: Callable[[Tree], str]) -> str:
    """What is written so wherever A1111's words are understood."""
    match node:
        case Turns(options):
            return f"[{'|'.join(map(write_all, options))}]"
        case Change(before, after, when):
            return f"[{write_all(before)}:{write_all(after)}:{when}]"
        case Lora(name, weight, encoder):
            return f"<lora:{name}:{encoder}:{weight}>"


def _written(node: Node, losses: Losses, values: dict[str, Set], depth: int) -> str:
    def whole(tree: Tree) -> str:
        return "".join(_written(each, losses, values, depth + 1) for each in tree)

    match node:
        case Text(text):
            return re.sub(r"\\([{}|$%_#])", r"\1", text)
        case Some(options):
            kept = max(options, key=lambda option: option[0])[1]
            if len(options) > 1 or node.lower != 1 or node.upper != 1:
                losses.tell("|".join(whole(tree) for _, tree in options), f"cannot vary; '{whole(kept)}' stays")
            return whole(kept) if node.upper else ""
        case From(name, mark, given):
            if mark or given or plain(name) is None:
                losses.tell(whole(name), "keeps its name alone: no marks, parameters or names that vary")
            return f"__{whole(name)}__"
        case Slot(name):
            losses.tell(f"[[{name}]]", f"becomes a list '{name}' that is drawn anew for each mention")
            return f"__{name}__"
        case Set():
            return ""
        case Get():
            return _value(node, losses, values, depth)
        case Turns() | Change() | Lora():
            return special(node, whole)
        case Remark(text):
            losses.tell(text, "was a remark and is left out")
            return ""
        case Strange(text):
            losses.tell(text, "has no equal and is left out")
            return ""


def _value(node: Get, losses: Losses, values: dict[str, Set], depth: int) -> str:
    """Variables are put in place of their names."""
    found = values.get(node.name)
    value = found.value if found is not None and depth < 20 else node.otherwise
    if value is None:
        losses.tell(node.name, "is a variable without a value and is left out")
        return ""
    if found is not None and found.at_once and any(isinstance(each, From) for each in every(value)):
        losses.tell(node.name, "is drawn anew for each mention")
    return "".join(_written(each, losses, values, depth + 1) for each in value)


def _weight(found: re.Match[str]) -> str:
    depth = min(len(found[1]), len(found[3]))
    extra = len(found[1]) - depth, len(found[3]) - depth
    return f"{'[' * extra[0]}({found[2]}:{1.1**-depth:.3f}){']' * extra[1]}"
