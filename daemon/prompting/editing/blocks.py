"""Changes one block of a text pack: only the lines that say something else now, and what is beside them."""

from daemon.prompting.dialects.txt import NEGATIVE
from daemon.prompting.editing.change import Change, directives, joined
from daemon.prompting.editing.lines import line_end, lines_of, refit, with_directives
from schema.packs import Pack

Piece = tuple[bool, list[str]]
"""Whether these lines are a prompt; else blank lines, comments and what makes no prompt."""


def edited(file: str, text: str, pack: Pack, change: Change) -> str:
    end = line_end(text)
    pieces = _pieces(text)
    places = [number for number, (prompt, _) in enumerate(pieces) if prompt]
    if change.number > len(places):
        return _added(text, change, end)
    at = places[change.number - 1]
    if change.remove:
        behind = at + 1 < len(pieces) and not pieces[at + 1][0]
        gap = [at + 1] if behind else [at - 1] if at and not any(line.strip() for line in pieces[at - 1][1]) else []
        only_blank = gap and not any(line.strip() for line in pieces[gap[0]][1])
        gone = {at, *(gap if only_blank else ())}
        return "".join(line for number, (_, lines) in enumerate(pieces) if number not in gone for line in lines)
    pieces[at] = (True, _block(pieces[at][1], change, end))
    if change.to is not None and change.to != change.number:
        blocks = [pieces[place][1] for place in places]
        blocks.insert(change.to - 1, blocks.pop(change.number - 1))
        for place, lines in zip(places, blocks, strict=True):
            last = place == len(pieces) - 1
            pieces[place] = (True, lines if last else _ended(lines, end))
    return "".join(line for _, lines in pieces for line in lines)


def _pieces(text: str) -> list[Piece]:
    """The text cut where blocks begin and end; all pieces together are the text."""
    found: list[Piece] = []
    inside = False
    for line in lines_of(text):
        blank = not line.strip()
        if not blank and inside:
            found[-1][1].append(line)
        elif not blank:
            found.append((True, [line]))
        elif found and not found[-1][0] and not inside:
            found[-1][1].append(line)
        else:
            found.append((False, [line]))
        inside = not blank
    return [(_is_prompt(lines), lines) if block else (False, lines) for block, lines in found]


def _is_prompt(lines: list[str]) -> bool:
    return any(_positive(line) for line in lines)


def _positive(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith(("#", NEGATIVE))


def _block(lines: list[str], change: Change, end: str) -> list[str]:
    comments = [line for line in lines if line.strip().startswith("#")]
    wanted = directives(change)
    if wanted:
        lines = _with_comments(lines, with_directives(comments, wanted, end))
    if change.text is not None:
        lines = _said(lines, joined(change.text), "", end)
    if change.negative is not None:
        lines = _said(lines, joined(change.negative), NEGATIVE, end)
    return lines


def _with_comments(lines: list[str], comments: list[str]) -> list[str]:
    """Comments that stay keep their place; new ones stand before the first word."""
    old = [line for line in lines if line.strip().startswith("#")]
    if len(comments) == len(old):
        left = iter(comments)
        return [next(left) if line.strip().startswith("#") else line for line in lines]
    kept = [line for line in old if line in comments]
    fresh = [line for line in comments if line not in kept]
    made = [line for line in lines if not line.strip().startswith("#") or line in kept]
    first = next(number for number, line in enumerate(made) if not line.strip().startswith("#"))
    return [*made[:first], *fresh, *made[first:]]


def _said(lines: list[str], text: str, prefix: str, end: str) -> list[str]:
    """The block with its positive lines (no prefix), or its negative ones, saying `text`."""
    mine = [number for number, line in enumerate(lines) if _is_mine(line, prefix)]
    old = [lines[number].strip().removeprefix(prefix).strip() for number in mine]
    first, last, between = refit(old, text)
    gone = mine[first : len(mine) - last]
    fresh = [f"{prefix} {between}{end}" if prefix else f"{between}{end}"] if between else []
    at = gone[0] if gone else mine[first] if first < len(mine) else mine[-1] + 1 if mine else len(lines)
    made = [
        *_ended(lines[:at], end),
        *fresh,
        *(line for number, line in enumerate(lines[at:], at) if number not in gone),
    ]
    unended = bool(lines) and not lines[-1].endswith(("\n", "\r"))
    return [*made[:-1], made[-1].rstrip("\r\n")] if unended else made


def _is_mine(line: str, prefix: str) -> bool:
    return line.strip().startswith(prefix) if prefix else _positive(line)


def _added(text: str, change: Change, end: str) -> str:
    lines = [f"#! {key}={value}{end}" for key, value in directives(change).items() if value is not None]
    lines.append(f"{joined(change.text or '')}{end}")
    lines += [f"{NEGATIVE} {joined(change.negative)}{end}"] if change.negative else []
    before = text.rstrip("\r\n \t")
    return f"{before}{end}{end}{''.join(lines)}" if before else "".join(lines)


def _ended(lines: list[str], end: str) -> list[str]:
    return [*lines[:-1], lines[-1] if lines[-1].endswith(("\n", "\r")) else lines[-1] + end] if lines else []
