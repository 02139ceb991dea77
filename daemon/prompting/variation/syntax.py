"""Reads a text's places to vary, with the position of each; every fault is told with its position too.

Dynamic prompts' grammar, StableNew's `[[slots]]`, and what other programs write left alone: `(word:1.2)`, `[a|b]`,
`[a:b:0.5]`, `<lora:a_b:1>`, `\\(`, `{}`, `$5`, `50%`, `#fff`. Time grows with the length of the text alone.
"""

import re
from functools import lru_cache
from itertools import pairwise

from daemon.prompting.texts import told
from daemon.prompting.variation.heads import head_at, mark_of, weigh, weight_at
from daemon.prompting.variation.parts import (
    Assign,
    Broken,
    Choice,
    Found,
    Option,
    Part,
    Parts,
    Slot,
    Use,
    Wildcard,
    Words,
    Wrap,
)

MAX_BRACES = 20
"""Within one another."""

MAX_NAME = 200

MAX_GIVEN = 1000
"""Characters of a wildcard's parameters."""

_COMMENT = r"/\*.*?\*/|(?:(?<=\s)|\A)(?:\#|//)(?=\s|\Z)[^\n]*|^[ \t]*\#(?![0-9a-fA-F]{3,8}\b)[^\n]*"
_SIGN = re.compile(
    r"(?=[\\/#$%{}\[\]|_ \t])(?:"  # what any of them begins with: most characters are passed by at once
    rf"(?P<escape>\\.)|(?P<comment>{_COMMENT})|(?P<slot>\[\[[^\[\]\n]{{1,80}}\]\])|(?P<parting>\$\$)|(?P<open>[$%]?\{{)"
    r"|(?P<close>\})|(?P<left>\[)|(?P<right>\])|(?P<bar>\|)|(?P<wild>__))",
    re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"(?:[^\W_]|_(?!_)|[/\\.*?+&'!-]|\[[\w!^-]{1,40}\]| (?=[^\W_]|\*))+")
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z_-][\w-]{0,79})\s*(?:(\?)?=(!)?|(:)|(?=\}))")
_ACTIVE = re.compile(r"(\\.)|[{}]|\[(?=\[)|__(?=[^\s_])|\$(?=\$)|/(?=\*)|(?:(?<=\s)|\A)(?:#|//)", re.DOTALL)
_INNER = re.compile(rf"{_ACTIVE.pattern}|[|\\]|:(?=:)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([{}|#]|_(?=_))|.)", re.DOTALL)
_EMPTY = re.compile(r"\{\s*\}")
_WORTH = re.compile(r"[{}]|\[\[|__")
"""Without any of these a text is words alone."""


def varies(text: str) -> bool:
    """Whether there can be a place to vary: quick, and sometimes wrong with yes."""
    return _WORTH.search(text) is not None


@lru_cache(maxsize=8192)
def read_parts(text: str, searched: tuple[str, ...] = ()) -> Parts:
    """`searched`: words that rules of search and replace look for. Raises Broken."""
    if not varies(text) and not any(words in text for words in searched):
        return (Words(0, len(text), text),) if text else ()
    return _Reader(text, searched).whole()


class _Reader:
    def __init__(self, text: str, searched: tuple[str, ...]) -> None:
        self._text = text
        self._closing: dict[int, int] = {}
        """Of each opening brace and balanced bracket, its other end."""
        self._pairs()
        longest = sorted((words for words in searched if words), key=len, reverse=True)
        self._rules = {words: number for number, words in enumerate(searched)}
        wanted = "".join(f"(?P<found>{'|'.join(map(re.escape, longest))})|" for _ in longest[:1])
        self._sign = re.compile(wanted + _SIGN.pattern, _SIGN.flags) if wanted else _SIGN

    def whole(self) -> Parts:
        return self._run(0, len(self._text), top=True)

    def _pairs(self) -> None:
        """Finds which brace closes which; tells of one that has no other."""
        open_ones: list[int] = []
        braces = 0
        for found in _SIGN.finditer(self._text):
            kind, at = found.lastgroup, found.start()
            if kind == "open":
                open_ones.append(at)
                braces += 1
                if braces > MAX_BRACES:
                    raise Broken(at, f"braces stand more than {MAX_BRACES} deep in one another.", "Use wildcards.")
            elif kind == "left":
                open_ones.append(at)
            elif kind == "right":
                if open_ones and self._text[open_ones[-1]] == "[":
                    self._closing[open_ones.pop()] = at
            elif kind == "close":
                while open_ones and self._text[open_ones[-1]] == "[":
                    open_ones.pop()
                if not open_ones:
                    raise Broken(at, "'}' closes nothing.", "Write \\} for the sign itself, or take it out.")
                self._closing[open_ones.pop()] = at
                braces -= 1
        unclosed = [at for at in open_ones if self._text[at] != "["]
        if unclosed:
            shown = told(self._text[unclosed[-1] :], 20)
            raise Broken(unclosed[-1], f"'{shown}' is not closed.", "Put '}' where it ends, or write \\{ for the sign.")

    def _run(self, start: int, end: int, *, top: bool = False) -> Parts:
        """The parts between two positions. Values are given to variables at the top only."""
        parts: list[Part] = []
        begin = at = start
        while (found := self._sign.search(self._text, at, end)) is not None:
            part = self._part(found, end, top)
            if part is None:
                at = found.end()
                continue
            if found.start() > begin:
                parts.append(Words(begin, found.start(), self._text[begin : found.start()]))
            parts.append(part)
            begin = at = part.end
        if begin < end:
            parts.append(Words(begin, end, self._text[begin:end]))
        return tuple(parts)

    def _part(self, found: re.Match[str], end: int, top: bool) -> Part | None:
        """What begins at that sign; None: words after all."""
        at = found.start()
        match found.lastgroup:
            case "found":
                return Found(at, found.end(), self._rules[found[0]])
            case "comment":
                return Words(at, found.end(), "")
            case "slot":
                return Slot(at, found.end(), found[0][2:-2].strip())
            case "open" if found[0] == "{":
                return None if _EMPTY.match(self._text, at) else self._choice(at)
            case "open" if found[0] == "%{":
                return self._wrap(at)
            case "open":
                return self._variable(at, top)
            case "wild":
                return self._wildcard(at, end)
            case _:
                return None

    def _choice(self, at: int) -> Choice:
        close = self._closing[at]
        head = head_at(self._text[:close], at + 1)
        begin = at + 1 + head.length
        edges = [begin - 1, *self._bars(begin, close), close]
        spans = [(left + 1, right) for left, right in pairwise(edges)]
        heavy = [weight_at(self._text, left, right) for left, right in spans]
        weighed = weigh(head.bounds, tuple(weight for weight, _ in heavy), at)
        options = [
            self._option(left, right, weight)
            for (_, left), (_, right), weight in zip(heavy, spans, weighed.weights, strict=True)
        ]
        return Choice(
            at, close + 1, self._text[at : close + 1], tuple(options),
            weighed.lower, weighed.upper, head.separator, head.mark,
        )  # fmt: skip

    def _option(self, left: int, right: int, weight: float) -> Option:
        """White space at its ends belongs to it, as in `{very |}old`, unless it breaks the line."""
        inner = self._text[left:right]
        if "\n" in inner:
            before, after = len(inner) - len(inner.lstrip()), len(inner.rstrip())
            right -= len(inner) - after if "\n" in inner[after:] and after >= before else 0
            left += before if "\n" in inner[:before] else 0
        return Option(left, weight, self._run(left, right), self._text[left:right])

    def _bars(self, begin: int, end: int) -> list[int]:
        """Where the options part: not in braces, nor in the brackets of `[a|b]`."""
        bars, at = [], begin
        while (found := _SIGN.search(self._text, at, end)) is not None:
            at = found.end()
            if found.lastgroup in ("open", "left") and found.start() in self._closing:
                at = self._closing[found.start()] + 1
            elif found.lastgroup == "bar":
                bars.append(found.start())
        return bars

    def _variable(self, at: int, top: bool) -> Assign | Use:
        close = self._closing[at]
        found = _VARIABLE.match(self._text, at)
        if found is None:
            shown = told(self._text[at : close + 1], 40)
            raise Broken(at, f"'{shown}' is no variable.", "Write ${name=value}, then ${name} or ${name:otherwise}.")
        begin = found.end() + len(self._text[found.end() : close]) - len(self._text[found.end() : close].lstrip())
        last = begin + len(self._text[begin:close].rstrip())
        if "=" in found[0]:
            if not top:
                raise Broken(at, "a variable is given its value outside of braces only.", "Put it at the beginning.")
            return Assign(at, close + 1, found[1], self._run(begin, last), found[3] is not None, found[2] is not None)
        otherwise = self._run(begin, last) if found[4] else None
        return Use(at, close + 1, self._text[at : close + 1], found[1], otherwise)

    def _wrap(self, at: int) -> Wrap:
        close = self._closing[at]
        position = at + 2
        while True:
            split = self._text.find("$$", position, close)
            inside = [one for one, other in self._closing.items() if at < one < split < other < close]
            if split < 0:
                raise Broken(at, "'%{' has no '$$' between what wraps and what is wrapped.", "Write %{a ... b$$words}.")
            if not inside:
                return Wrap(at, close + 1, self._run(at + 2, split), self._run(split + 2, close))
            position = self._closing[min(inside)]

    def _wildcard(self, at: int, end: int) -> Wildcard | None:
        """None where the underscores are words: `a__b`, `__ __`."""
        begin = at + 2
        mark = mark_of(self._text[begin : begin + 1])
        begin += len(mark)
        name_end = self._name_end(begin, min(end, begin + MAX_NAME))
        if name_end == begin:
            return None
        given, after = self._given(name_end, end)
        if not self._text.startswith("__", after, end):
            return None
        name = self._run(begin, name_end)
        return Wildcard(at, after + 2, self._text[at : after + 2], name, mark, given)

    def _name_end(self, begin: int, end: int) -> int:
        at = begin
        while at < end and not self._text.startswith("__", at):
            if self._text.startswith(("{", "${"), at):
                opened = at
                at = self._closing.get(at, end) + 1
                if opened not in self._closing or at > end:
                    return begin
            elif self._text.startswith("[[", at) or not (found := _NAME.match(self._text, at, end)):
                break
            else:
                at = found.end()
        return at

    def _given(self, at: int, end: int) -> tuple[tuple[tuple[str, Parts], ...], int]:
        """`(season=winter, light={dawn|dusk})` and where it ends."""
        if not self._text.startswith("(", at):
            return (), at
        edges, position = [at], at + 1
        end = min(end, at + MAX_GIVEN)
        if self._text.find(")__", at, end + 2) < 0:
            return (), at
        while position < end and self._text[position] not in ")\n":
            if position in self._closing:
                position = self._closing[position]
            elif self._text[position] == ",":
                edges.append(position)
            position += 1
        if position >= end or self._text[position] != ")":
            return (), at
        given = []
        for left, right in zip(edges, [*edges[1:], position], strict=True):
            name, equals, _ = self._text[left + 1 : right].partition("=")
            if not equals or not name.strip():
                raise Broken(left + 1, "a wildcard's parameters are name=value.", "Write __name(season=winter)__.")
            inner = self._text[left + 2 + len(name) : right]
            begin = left + 2 + len(name) + len(inner) - len(inner.lstrip())
            given.append((name.strip(), self._run(begin, begin + len(inner.strip()))))
        return tuple(given), position + 1


def unescaped(text: str) -> str:
    """Words as they are sent: `\\{` is `{`; `\\(` and `\\[` are for the painter, who knows them, and stay."""
    return _ESCAPE.sub(lambda found: found[1] or found[0], text) if "\\" in text else text


def escaped(text: str, *, inner: bool = False) -> str:
    """So written that nothing in it is a place. `inner`: within braces, where `|` parts options."""
    if not (varies(text) or inner):
        return text
    return (_INNER if inner else _ACTIVE).sub(lambda found: found[0] if found[1] else f"\\{found[0]}", text)
