"""Dynamic prompts' words, and this program's, which are the same with `[[slots]]`."""

import re

from daemon.prompting.variation import parts as p
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
    name_of,
)
from daemon.prompting.variation.dialects.webui import special, words_of
from daemon.prompting.variation.heads import MANY, SEPARATOR
from daemon.prompting.variation.rows import DOTS
from daemon.prompting.variation.syntax import escaped, read_parts

_REMARK = re.compile(r"/\*(.*?)\*/|\s*(?:#|//)([^\n]*)", re.DOTALL)


def read(text: str) -> Tree:
    """Raises Broken."""
    return _tree(read_parts(text), text)


def write(tree: Tree, losses: Losses, *, slots: bool, escape: bool) -> str:
    """`slots`: whether `[[weather]]` means something there; `escape`: words may hold what would be places here."""
    named = dict.fromkeys(node.name for node in every(tree) if isinstance(node, Slot)) if not slots else {}
    for name in named:
        losses.tell(f"[[{name}]]", f"needs a wildcard '{name}', and is a place of its own in the negative prompt")
    front = "".join(f"${{{name_of(name)}=!__{name}__}}" for name in named)
    writer = _Writer(losses, slots, escape)
    deep = [one for node in tree if not isinstance(node, Set) for one in every((node,)) if isinstance(one, Set)]
    for one in deep:
        losses.tell(one.name, "is set wherever it is used, not only where its choice is taken")
    return front + "".join(writer.set(one) for one in deep) + writer.whole(tree, within=False)


def _tree(parts: p.Parts, text: str) -> Tree:
    return tuple(node for part in parts for node in _nodes(part, text))


def _nodes(part: p.Part, text: str) -> Tree:
    match part:
        case p.Words():
            found = None if part.text else _REMARK.fullmatch(text[part.start : part.end])
            return (Remark((found[1] or found[2] or "").strip()),) if found else words_of(part.text)
        case p.Choice():
            options = tuple((option.weight, _tree(option.parts, text)) for option in part.options)
            return (Some(options, part.lower, part.upper, part.separator, part.mark),)
        case p.Wildcard():
            given = tuple((name, _tree(value, text)) for name, value in part.given)
            return (From(_tree(part.name, text), part.mark, given),)
        case p.Slot():
            return (Slot(part.name),)
        case p.Assign():
            return (Set(part.name, _tree(part.value, text), part.at_once, part.keep),)
        case p.Use():
            return (Get(part.name, None if part.otherwise is None else _tree(part.otherwise, text)),)
        case p.Wrap():
            around, within = _tree(part.around, text), _tree(part.inner, text)
            for at, node in enumerate(around):
                dots = DOTS.search(node.text) if isinstance(node, Text) else None
                if dots and isinstance(node, Text):
                    before, after = Text(node.text[: dots.start()]), Text(node.text[dots.end() :])
                    return (*around[:at], before, *within, after, *around[at + 1 :])
            return (*around, *within)
        case _:
            return ()


class _Writer:
    def __init__(self, losses: Losses, slots: bool, escape: bool) -> None:
        self._losses, self._slots, self._escape = losses, slots, escape

    def whole(self, tree: Tree, *, within: bool = True) -> str:
        return "".join(self._written(node, within) for node in tree)

    def set(self, node: Set) -> str:
        sign = f"{'?' if node.keep else ''}={'!' if node.at_once else ''}"
        return f"${{{name_of(node.name)}{sign}{self.whole(node.value)}}}"

    def _written(self, node: Node, within: bool) -> str:
        match node:
            case Text(text):
                return escaped(text, inner=within) if self._escape else text
            case Some():
                return self._some(node)
            case From(name, mark, given):
                words = ", ".join(f"{key}={self.whole(value)}" for key, value in given)
                return f"__{mark}{self.whole(name)}{f'({words})' if words else ''}__"
            case Slot(name):
                return f"[[{name}]]" if self._slots else f"${{{name_of(name)}}}"
            case Set():
                return "" if within else self.set(node)
            case Get(name, otherwise):
                return f"${{{name_of(name)}{'' if otherwise is None else f':{self.whole(otherwise)}'}}}"
            case Turns() | Change() | Lora():
                return special(node, self.whole)
            case Remark(text):
                return f"/* {text.replace('*/', '* /')} */"
            case Strange(text):
                self._losses.tell(text, "has no equal and is left out")
                return ""

    def _some(self, node: Some) -> str:
        bounds = ""
        if (node.lower, node.upper) != (1, 1):
            upper = "" if node.upper >= MANY else str(node.upper)
            bounds = f"{node.lower}$$" if node.lower == node.upper else f"{node.lower}-{upper}$$"
            bounds += "" if node.separator == SEPARATOR else f"{node.separator}$$"
        heavy = len({weight for weight, _ in node.options}) > 1
        options = [f"{weight:g}::{self.whole(tree)}" if heavy else self.whole(tree) for weight, tree in node.options]
        return f"{{{node.mark}{bounds}{'|'.join(options)}}}"
