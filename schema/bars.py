"""How far something is, as a line of text: the same from every program. Pure."""

CELLS = 20


def bar(part: float, cells: int = CELLS) -> str:
    """`██████░░░░`; `part` from 0 to 1."""
    filled = round(max(0.0, min(1.0, part)) * cells)
    return "█" * filled + "░" * (cells - filled)


def so_far(what: str, done: str, of: str, part: float) -> str:
    """`checking ██████░░░░ 61 %  4,100 of 6,700 events`; without `of` only what is done."""
    if not of:
        return f"{what} {done}"
    return f"{what} {bar(part)} {int(max(0.0, min(1.0, part)) * 100)} %  {done} of {of}"
