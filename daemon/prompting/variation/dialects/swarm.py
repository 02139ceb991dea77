"""SwarmUI's words: `<random:a|b>`, `<wildcard:name>`, `<setvar[x,false]:..>` and the like.

https://github.com/mcmonkeyprojects/SwarmUI/blob/master/docs/Features/Prompt%20Syntax.md
"""

import re
from decimal import Decimal
from math import gcd

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
    plain,
)

_TAG = re.compile(r"<([a-z]+)(?:\[([^\[\]<>]*)\])?(?:(:)|>)", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,9}(?:\.(\d{1,4}))?)-(\d{1,9}(?:\.(\d{1,4}))?)")
_COUNT = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?(,)?")
_LORA = re.compile(r"([^:<>]+):(-?[\d.]+):(-?[\d.]+)")

MAX_VALUES = 200
"""Of a range of numbers."""

MAX_REPEATED = 50

MAX_DEPTH = 20


def read(text: str, losses: Losses, depth: int = 0) -> Tree:
    """Tags that nobody else has stay what they are."""
    nodes: list[Node] = []
    at = 0
    while (found := _TAG.search(text, at)) is not None:
        end = _end(text, found.start())
        if end < 0 or depth > MAX_DEPTH:
            break
        nodes += [Text(text[at : found.start()])] if found.start() > at else []
        body = text[found.end() : end - 1] if found[3] else ""
        nodes += _tag(found[1].lower(), found[2], body, text[found.start() : end], losses, depth)
        at = end
    return (*nodes, Text(text[at:])) if at < len(text) else tuple(nodes)


def _tag(kind: str, extra: str | None, body: str, whole: str, losses: Losses, depth: int) -> Tree:
    def tree(text: str) -> Tree:
        return read(text, losses, depth + 1)

    match kind:
        case "random":
            options = tuple((1.0, _number_or(each, losses) or tree(each)) for each in _pieces(body))
            return (_counted(options, extra, losses, whole),)
        case "wildcard" | "wc":
            name, excluded, _ = body.partition(",not=")
            if excluded:
                losses.tell(whole, "takes any value, also those it says not to take")
            of = From(tree(name.strip()))
            return (_counted(((1.0, (of,)),), extra, losses, whole),) if extra else (of,)
        case "setvar" | "setmacro":
            name, _, shown = (extra or "").partition(",")
            made = Set(name_of(name), tree(body), kind == "setvar")
            return (made,) if shown.strip().lower() == "false" else (made, Get(made.name))
        case "var" | "macro":
            return (Get(name_of(extra or body)),)
        case "repeat":
            return _repeated(tree(body.strip()), extra or "", whole, losses)
        case "alternate" | "alt":
            return (Turns(tuple(tree(each) for each in _pieces(body))),)
        case "fromto" if len(_pieces(body)) == 2:
            before, after = _pieces(body)
            return (Change(tree(before), tree(after), extra or "0.5"),)
        case "comment":
            return (Remark(body.strip()),)
        case "break":
            return (Text("BREAK"),)
        case "embed" | "embedding":
            return (Text(f"<embedding:{body}>"),)
        case "lora":
            found = _LORA.fullmatch(body)
            return (Lora(found[1], found[2], found[3]),) if found else (Text(whole),)
        case _:
            return (Strange(whole),)


def _end(text: str, start: int) -> int:
    """Behind the `>` that closes the tag; -1: none does."""
    depth = 0
    for found in re.compile(r"<(?=[a-zA-Z])|>").finditer(text, start):
        depth += 1 if found[0] == "<" else -1
        if not depth:
            return found.end()
    return -1


def _pieces(body: str) -> list[str]:
    """Parted by the most particular of `||`, `|` and `,` that stands in no tag."""
    for sign in ("||", "|", ","):
        found, depth, begin, at = [], 0, 0, 0
        while at < len(body):
            depth += (body[at] == "<") - (body[at] == ">")
            if not depth and body.startswith(sign, at):
                found.append(body[begin:at].strip())
                begin = at = at + len(sign)
            else:
                at += 1
        if found:
            return [*found, body[begin:].strip()]
    return [body.strip()]


def _number_or(text: str, losses: Losses) -> Tree:
    """`0.8-1.2` is one of its tenths; empty for anything else."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return ()
    places = max(len(found[2] or ""), len(found[4] or ""))
    low, high, step = Decimal(found[1]), Decimal(found[3]), Decimal(1).scaleb(-places)
    count = int((high - low) / step) + 1
    if not 1 < count <= MAX_VALUES:
        losses.tell(text, "is a range that is taken as words")
        return ()
    return (Some(tuple((1.0, (Text(f"{low + step * at:.{places}f}"),)) for at in range(count))),)


def _counted(options: tuple[tuple[float, Tree], ...], extra: str | None, losses: Losses, whole: str) -> Some:
    found = _COUNT.fullmatch((extra or "").replace(" ", ""))
    if found is None:
        if extra:
            losses.tell(whole, f"takes one: '{extra}' is no count")
        return Some(options)
    lower, upper = int(found[1]), int(found[2] or found[1])
    if upper > len(options) and not isinstance(options[0][1][:1], From) and len(options) > 1:
        losses.tell(whole, "takes each at most once")
    return Some(options, lower, max(lower, upper), ", " if found[3] else " ")


def _repeated(tree: Tree, extra: str, whole: str, losses: Losses) -> Tree:
    found = _COUNT.fullmatch(extra.replace(" ", ""))
    lower, upper = (int(found[1]), int(found[2] or found[1])) if found else (1, 1)
    if found is None or max(lower, upper) > MAX_REPEATED:
        losses.tell(whole, "is said once")
        return tree
    rows = [_row(tree, times) for times in range(lower, max(lower, upper) + 1)]
    return rows[0] if len(rows) == 1 else (Some(tuple((1.0, row) for row in rows)),)


def _row(tree: Tree, times: int) -> Tree:
    nodes: list[Node] = []
    for at in range(times):
        nodes += [*([Text(" ")] if at else []), *tree]
    return tuple(nodes)


def write(tree: Tree, losses: Losses) -> str:
    """Variables are set first: there they have no value before."""
    writer = _Writer(tree, losses)
    return writer.front() + writer.whole(tree)


class _Writer:
    def __init__(self, tree: Tree, losses: Losses) -> None:
        self._losses = losses
        self._sets = {node.name: node for node in every(tree) if isinstance(node, Set)}
        self._slots = dict.fromkeys(node.name for node in every(tree) if isinstance(node, Slot))

    def front(self) -> str:
        made = ""
        for name in self._slots:
            self._losses.tell(f"[[{name}]]", f"needs a wildcard '{name}', and is a place of its own in the negative")
            made += f"<setvar[{name_of(name)},false]:<wildcard:{name}>>"
        for node in self._sets.values():
            kind = "setvar" if node.at_once else "setmacro"
            made += f"<{kind}[{name_of(node.name)},false]:{self.whole(node.value)}>"
        return made

    def whole(self, tree: Tree) -> str:
        return "".join(map(self._written, tree))

    def _written(self, node: Node) -> str:
        match node:
            case Text(text):
                bare = re.sub(r"\\([{}|$%_#])|\\(?=\[\[)", r"\1", text)
                return re.sub(r"\bBREAK\b", "<break>", bare).replace("<embedding:", "<embed:")
            case Some():
                return self._some(node)
            case From(name, mark, given):
                if mark in ("@", "!") or given or any(sign in (plain(name) or "") for sign in "*?["):
                    self._losses.tell(self.whole(name), "is drawn from one list, without marks, parameters or globs")
                return f"<wildcard:{self.whole(name)}>"
            case Slot(name):
                return f"<var:{name_of(name)}>"
            case Set():
                return ""
            case Get(name, otherwise):
                return self._get(name, otherwise)
            case Turns(options):
                return f"<alternate:{'||'.join(map(self.whole, options))}>"
            case Change(before, after, when):
                return f"<fromto[{when}]:{self.whole(before)}||{self.whole(after)}>"
            case Lora(name, weight, encoder):
                return f"<lora:{name}:{weight}:{encoder}>"
            case Remark(text):
                return f"<comment:{text.replace('<', '(').replace('>', ')')}>"
            case Strange(text):
                return text

    def _get(self, name: str, otherwise: Tree | None) -> str:
        found = self._sets.get(name)
        if found is not None:
            return f"<{'var' if found.at_once else 'macro'}:{name_of(name)}>"
        if otherwise is None:
            self._losses.tell(name, "is a variable without a value")
            return f"<var:{name_of(name)}>"
        return self.whole(otherwise)

    def _some(self, node: Some) -> str:
        several = (node.lower, node.upper) != (1, 1)
        live = [(weight, self.whole(tree)) for weight, tree in node.options if weight > 0]
        count = self._count(node, len(live)) if several else ""
        only = node.options[0][1]
        if several and len(node.options) == 1 and len(only) == 1 and isinstance(only[0], From):
            return self.whole(only).replace("<wildcard:", f"<wildcard{count}:", 1)
        if node.mark in ("@", "!"):
            self._losses.tell("|".join(text for _, text in live), "is drawn at random, whatever its mark")
        options = self._weighed(live, several)
        for text in options:
            if _RANGE.fullmatch(text.strip()):
                self._losses.tell(text, "is a range of numbers there")
            elif text != text.strip():
                self._losses.tell(text, "loses the white space at its ends")
        if len(options) == 1 and not several:
            return options[0]
        if any("||" in _bare(text) for text in options):
            self._losses.tell("|".join(options), "holds '||', which parts options there")
        sign = "||" if any("|" in _bare(text) for text in options) or "" in options or len(options) == 1 else "|"
        return f"<random{count}:{sign.join(options)}{sign if len(options) == 1 else ''}>"

    def _count(self, node: Some, options: int) -> str:
        upper = min(node.upper, options) if len(node.options) > 1 else node.upper
        lower = min(node.lower, upper)
        if node.separator.strip() not in ("", ","):
            self._losses.tell(node.separator, "cannot join options; a comma does")
        if lower == 0:
            self._losses.tell(f"{node.lower}-{node.upper}$$", "takes one at least")
            lower = 1
        comma = "" if node.separator == " " else ","
        return f"[{lower}-{upper}{comma}]" if upper != lower else f"[{lower}{comma}]"

    def _weighed(self, live: list[tuple[float, str]], several: bool) -> list[str]:
        """Weights are said by saying an option several times."""
        if not live:
            return [""]
        if len({weight for weight, _ in live}) == 1:
            return [text for _, text in live]
        for scale in (1, 2, 4, 5, 10, 20, 100):
            many = [weight * scale for weight, _ in live]
            if all(abs(each - round(each)) < 1e-9 for each in many) and not several:
                shares = [round(each) for each in many]
                common = gcd(*shares)
                if sum(shares) // common <= MAX_REPEATED:
                    return [text for (_, text), share in zip(live, shares, strict=True) for _ in range(share // common)]
        self._losses.tell("|".join(text for _, text in live), "loses its weights")
        return [text for _, text in live]


def _bare(text: str) -> str:
    """Without what stands in tags."""
    found, depth = "", 0
    for sign in text:
        depth += sign == "<"
        found += "" if depth else sign
        depth -= sign == ">" and depth > 0
    return found
