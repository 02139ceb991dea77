"""What a stage's field is for, in the words that its model has for it: they stand in the sources, nowhere else."""

import ast
from functools import cache
from importlib import import_module
from pathlib import Path

from tui.screens.fields import PARTS, Field

Told = dict[str, str]
"""Field to its docstring."""

OTHERS = {"controls": "Control", "hires": "Hires", "refiner": "Switch", "workflow": "Workflow"}


def purpose(kind: str, one: Field) -> str:
    """A sentence or two, as one line; empty where nobody wrote any."""
    kinds, classes = _sources()
    if one.part in PARTS or one.part == "controls":
        return classes.get(OTHERS[one.part], {}).get(one.name.rpartition(".")[2], "")
    return classes.get(kinds.get(kind, ""), {}).get(one.name, "") or classes.get(OTHERS.get(one.name, ""), {}).get(
        "", ""
    )


def about(kind: str) -> str:
    """What the stage does."""
    kinds, classes = _sources()
    return classes.get(kinds.get(kind, ""), {}).get("", "")


@cache
def _sources() -> tuple[dict[str, str], dict[str, Told]]:
    """Kind to its class; class to its words, those of what it is made of included."""
    kinds: dict[str, str] = {}
    classes: dict[str, Told] = {}
    for module in ("schema.parts", "schema.stages"):
        path = import_module(module).__file__
        body = ast.parse(Path(path).read_text("utf-8")).body if path else []
        for node in (node for node in body if isinstance(node, ast.ClassDef)):
            told: Told = {}
            for parent in node.bases:
                told |= classes.get(parent.id, {}) if isinstance(parent, ast.Name) else {}
            classes[node.name] = {**told, "": "", **_words(node)}
            if (kind := _kind(node)) is not None:
                kinds[kind] = node.name
    return kinds, classes


def _words(node: ast.ClassDef) -> Told:
    told = {"": _flat(ast.get_docstring(node) or "")}
    for item, behind in zip(node.body, node.body[1:], strict=False):
        match item, behind:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = _flat(text)
    return told


def _kind(node: ast.ClassDef) -> str | None:
    for item in node.body:
        match item:
            case ast.AnnAssign(target=ast.Name(id="type"), value=ast.Constant(value=str(kind))):
                return kind
    return None


def _flat(text: str) -> str:
    return " ".join(text.replace("`", "").split())
