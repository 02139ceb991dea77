"""Changes one line of a table pack, and the comments before it that are said for it."""

from daemon.prompting.editing.change import Change, directives, joined
from daemon.prompting.editing.lines import line_end, lines_of, with_directives
from schema.packs import Pack


def edited(file: str, text: str, pack: Pack, change: Change) -> str:
    end = line_end(text)
    lines = lines_of(text)
    rows = [prompt.line - 1 for prompt in pack.prompts]
    if change.number > len(rows):
        before = text if not text or text.endswith(("\n", "\r")) else text + end
        comments = with_directives([], directives(change), end)
        return before + "".join([*comments, _row(joined(change.text or ""), joined(change.negative or ""), end)])
    at = rows[change.number - 1]
    begin = _first(lines, rows, change.number - 1)
    comments = lines[begin:at]
    if change.remove:
        return "".join([*lines[:begin], *lines[at + 1 :]])
    positive, _, negative = (part.strip() for part in lines[at].strip("\r\n").partition("\t"))
    if change.text is not None or change.negative is not None:
        ended = lines[at][len(lines[at].rstrip("\r\n")) :]
        lines[at] = _row(
            positive if change.text is None else joined(change.text),
            negative if change.negative is None else joined(change.negative),
            ended,
        )
    comments = with_directives(comments, directives(change), end)
    made = [*lines[:begin], *comments, *lines[at : at + 1], *lines[at + 1 :]]
    if change.to is None or change.to == change.number:
        return "".join(made)
    return _moved(made, rows, change, begin, len(comments) + 1, len(comments) + 1 - (at + 1 - begin), end)


def _moved(lines: list[str], rows: list[int], change: Change, begin: int, length: int, grown: int, end: str) -> str:
    """The row with its comments to another place; `grown`: by how many lines it became longer before."""
    whole = [line if line.endswith(("\n", "\r")) else line + end for line in lines]
    taken, rest = whole[begin : begin + length], whole[:begin] + whole[begin + length :]
    assert change.to is not None
    others = [row for number, row in enumerate(rows, 1) if number != change.number]
    others = [row if row < begin else row + grown - length for row in others]
    at = _first(rest, others, change.to - 1) if change.to <= len(others) else others[-1] + 1
    made = "".join([*rest[:at], *taken, *rest[at:]])
    return made if lines[-1].endswith(("\n", "\r")) else made.removesuffix(end)


def _first(lines: list[str], rows: list[int], number: int) -> int:
    """Where the comments begin that are said for this row: behind the row before it, past blank lines."""
    begin = rows[number]
    while begin > 0 and begin - 1 not in rows and lines[begin - 1].lstrip().startswith("#!"):
        begin -= 1
    return begin


def _row(positive: str, negative: str, end: str) -> str:
    positive, negative = positive.replace("\t", " "), negative.replace("\t", " ")
    return f"{positive}\t{negative}{end}" if negative else f"{positive}{end}"
