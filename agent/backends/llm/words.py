"""Makes a prompt of what a language model says around it. Pure; every change is noted."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from agent.backends.llm.asking import tags_in, tidy, without

_THOUGHT = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.I)
_REFUSAL = re.compile(
    r"\W{0,20}(?:i['’]?m (?:really |very |so )?sorry\b|i am sorry\b|(?:sorry|apologies|unfortunately)\b[, ]|as an ai\b|"
    r"i (?:can(?:not|['’]?t)|won['’]?t|am (?:unable|not able)|must decline|refuse)\b)",
    re.I,
)
_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)(?:```|\Z)", re.S)
_NEGATIVE = re.compile(
    r"^[ \t*_#>-]*negative(?:[ _-]prompt)?[ \t*_]*:[ \t*_]*(.*?)(?=\n[ \t]*\n|\Z)", re.S | re.I | re.M
)
_LEAD = re.compile(
    r"\A[\s*_#>\"“'`-]{0,20}"
    r"(?:(?:here(?:['’]s| is| are| you go)|sure|certainly|absolutely|of course|okay|ok)\b[^:\n]{0,160}|"
    r"(?:the |an? |your |my )?(?:[\w-]+ ){0,3}prompt)[\s*_`\"”]*:[*_`]*\s*",
    re.I,
)
_COURTESY = re.compile(r"\A\W{0,20}(?:sure|certainly|absolutely|of course|okay|ok|great)\b[^\n]{0,60}\n+", re.I)
_REMARK = re.compile(
    r"\W{0,20}(?:notes?\b|explanation|this (?:prompt|version|description)|"
    r"i (?:have |['’]ve )?(?:added|kept|tried|made)|i['’]ve |"
    r"let me know|feel free|(?:i )?hope |key |changes|why |would you|if you|breakdown|remember|you can )",
    re.I,
)
_GAP = re.compile(r"\n[ \t]*\n\s*|\n[ \t]*(?:-{3,}|\*{3,})[ \t]*\n")
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,})[ \t]*$", re.M)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+", re.M)
READ = 20_000
"""Characters behind the thinking in which a prompt is looked for."""

_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"), ("`", "`"))


class Cleaned(NamedTuple):
    prompt: str
    """Empty: it said nothing that could be one."""
    negative: str | None
    """None: it said nothing about it."""
    notes: tuple[str, ...]
    """What was changed, for people."""


def refused(raw: str) -> bool:
    """By how it begins."""
    return _REFUSAL.match(unthought(raw).lstrip()) is not None


def cleaned(raw: str, *, max_length: int, cut_short: bool = False, tags: Sequence[str] = ()) -> Cleaned:
    """`tags` of the original prompt are put back at the end; `cut_short`: the last word may be half a word."""
    notes: list[str] = []
    text = _step(raw, unthought(raw), "thinking removed", notes).strip()[:READ]
    text = _step(text, unfenced(text), "code block opened", notes)
    found = _NEGATIVE.search(text)
    negative = None if found is None else _one_line(_plain(found[1]))
    text = _step(text, text if found is None else text[: found.start()] + "\n\n" + text[found.end() :],
                 "negative prompt taken from the answer", notes)  # fmt: skip
    text = _step(text.strip(), _unled(text.strip()), "lead-in removed", notes)
    text = _step(text, _unremarked(text), "remarks after it removed", notes)
    text = _step(text, _plain(text), "markdown removed", notes)
    text = _one_line(text)
    text = _step(text, _unquoted(text), "quotation marks removed", notes)
    invented = [tag for tag in tags_in(text) if tag not in tags]
    text = _step(text, without(text, invented), f"removed as nobody has it: {', '.join(invented)}", notes)
    text = without(text, list(tags))
    text = tidy(text)
    if cut_short and text:
        text = _step(text, _cut(text, len(text) - 1), "the answer was cut at max_tokens", notes)
    text = _step(text, _cut(text, max_length), f"cut from {len(text)} characters", notes)
    return Cleaned(" ".join((text, *tags)) if text else "", negative, tuple(notes))


def _step(before: str, after: str, note: str, notes: list[str]) -> str:
    if after.strip() != before.strip():
        notes.append(note)
    return after


def unthought(text: str) -> str:
    """Without what a model thought before it answered; also where the template has swallowed the opening tag, or the
    answer ended within a thought."""
    kept: list[str] = []
    thinking, at = False, 0
    for mark in _THOUGHT.finditer(text):
        if mark[1] and not thinking:
            kept.clear()
        elif not mark[1] and not thinking:
            kept.append(text[at : mark.start()])
        thinking, at = not mark[1], mark.end()
    return "".join(kept) if thinking else "".join((*kept, text[at:]))


def unfenced(text: str) -> str:
    """The first code block, if there is one."""
    return next((block for block in _FENCE.findall(text) if block.strip()), text)


def _unled(text: str) -> str:
    """`Sure! Here is your prompt:` and labels; what is nothing but a lead-in stays."""
    for _ in range(3):
        shorter = _LEAD.sub("", text, count=1)
        if shorter == text:
            shorter = _COURTESY.sub("", text, count=1)
        if shorter == text or not shorter.strip():
            return text
        text = shorter.lstrip()
    return text


def _unremarked(text: str) -> str:
    """Without the first paragraph that speaks about the prompt, and all behind it."""
    begin = len(text) - len(text.lstrip())
    for gap in _GAP.finditer(text):
        if gap.start() > begin and _REMARK.match(text, gap.end()):
            return text[: gap.start()]
    return text


def _plain(text: str) -> str:
    """Without headings, bold, bullets and back ticks; lists become commas. Weights and underscores stay."""
    text = re.sub(r"^#{1,6}[ \t]+", "", _RULE.sub("", text), flags=re.M)
    text = re.sub(r"\*\*(.+?)\*\*", r"\1", text, flags=re.S).replace("```", "").replace("`", "")
    if len(_BULLET.findall(text)) > 1 or _BULLET.match(text):
        lines = [_BULLET.sub("", line).strip().rstrip(",;") for line in text.splitlines() if line.strip()]
        return ", ".join(lines)
    return text


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() or each.isspace() else " " for each in text).split())


def _unquoted(text: str) -> str:
    for left, right in _QUOTES:
        inner = text[1:-1]
        if (
            len(text) > 1
            and text.startswith(left)
            and text.endswith(right)
            and left not in inner
            and right not in inner
        ):
            return inner.strip()
    return text


def _cut(text: str, most: int) -> str:
    """At the last comma of the second half, else between words."""
    if len(text) <= most:
        return text
    head = text[: most + 1]
    for mark in (",", " "):
        at = head.rfind(mark)
        if at > most // 2:
            return head[:at].rstrip(" ,;")
    return text[:most]
