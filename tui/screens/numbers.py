"""Numbers that a person types, and numbers of any size as a person reads them. Pure."""

from schema.errors import Refused

WILD = 1_000
"""Jobs from places to vary above which a person is told what keeps them fewer."""

LONGEST = 19
"""Characters up to which a number is told digit by digit: in the title of a pane it would be cut, and be another."""


def whole(text: str, field: str) -> int | None:
    """A whole number, 0 or more; None for an empty field. Raises Refused for anything else."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Refused(f"'{text}' is no whole number.", where=field, remedy="Write 0 or more, or nothing.")
    return int(text)


def whole_or_less(text: str, field: str) -> int | None:
    """As `whole`, and negative ones too: `-3`."""
    if text.strip().startswith("-"):
        number = whole(text.strip()[1:], field)
        return -number if number else number
    return whole(text, field)


def many(number: str | int) -> str:
    """`1,200`; `about 3.6e41` where nobody would read all of them."""
    digits = str(number).lstrip("0") or "0"
    if not digits.isdigit():
        return digits
    first = len(digits) % 3 or 3
    parts = [digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))]
    told = ",".join(parts)
    return told if len(told) <= LONGEST else f"about {digits[0]}.{digits[1]}e{len(digits) - 1}"


def is_wild(digits: str) -> bool:
    """Longer strings are larger: no number of a million digits is made."""
    digits = digits.lstrip("0")
    return len(digits) > 4 or (digits.isdigit() and int(digits) > WILD)
