"""One change of a pack, made in its own dialect, and held against what the reader makes of it afterwards."""

from collections.abc import Mapping
from typing import NamedTuple

from daemon.prompting.packs import read_pack
from daemon.prompting.texts import suffix, told
from schema.errors import Refused
from schema.packs import Pack, PackPrompt


class Change(NamedTuple):
    """None: stays as it is."""

    number: int
    """Of the prompt, from 1; one more than there are: a new one behind the last."""
    text: str | None = None
    negative: str | None = None
    weight: float | None = None
    backend: str | None = None
    """Empty: nobody in particular."""
    overrides: Mapping[str, str | None] = {}
    """`stage.field` to value; None takes it away."""
    remove: bool = False
    to: int | None = None
    """The number that it is to have among the others."""


def edited(file: str, text: str, change: Change) -> str:
    """The pack's text after the change. Raises Refused where the dialect cannot say it."""
    from daemon.prompting.editing import blocks, slots, table

    before = read_pack(file, text)
    _check(before, change)
    body = text.removeprefix("\ufeff")
    mark = text[: len(text) - len(body)]
    match before.dialect:
        case "txt":
            made = mark + blocks.edited(file, body, before, change)
        case "tsv":
            made = mark + table.edited(file, body, before, change)
        case "json":
            made = mark + slots.edited(file, body, before, change)
        case "lines" | "prompts":
            raise Refused(
                "a prompt of this dialect cannot be changed alone.", where=told(file), remedy="Edit the file itself."
            )
    if not (change.remove and len(before.prompts) == 1):
        _verify(before, read_pack(file, made), change)
    return made


def _check(pack: Pack, change: Change) -> None:
    count = len(pack.prompts)
    added = change.number == count + 1 and not change.remove and change.to is None
    if not (1 <= change.number <= count or added):
        raise Refused(
            f"there is no prompt {change.number}.",
            where=told(pack.file),
            remedy=f"It has {count}; {count + 1} adds one.",
        )
    if added and not (change.text or "").strip():
        raise Refused("a new prompt needs words.", where=told(pack.file), remedy="Say what is to be painted.")
    if change.text is not None and not change.text.strip():
        raise Refused("a prompt without words is none.", where=told(pack.file), remedy="Remove the prompt instead.")
    if change.remove and count == 1:
        raise Refused("a pack keeps one prompt.", where=told(pack.file), remedy="Delete the pack instead.")
    if change.to is not None and not 1 <= change.to <= count:
        raise Refused(f"there is no place {change.to}.", where=told(pack.file), remedy=f"Say 1 to {count}.")
    if change.weight is not None and not change.weight > 0:
        raise Refused("a weight is a number above 0.", where=told(pack.file))


def _verify(before: Pack, after: Pack, change: Change) -> None:
    """What the reader makes of it must be what was meant: every other prompt as it was."""
    wanted = [_said(prompt) for prompt in before.prompts]
    if change.number > len(wanted):
        wanted.append(("", "", 1.0, None, {}))
    text, negative, weight, backend, overrides = wanted.pop(change.number - 1)
    if not change.remove:
        kept = {key: value for key, value in overrides.items() if key not in change.overrides}
        given = {key: value for key, value in change.overrides.items() if value is not None}
        meant = (
            text if change.text is None else joined(change.text),
            negative if change.negative is None else joined(change.negative),
            weight if change.weight is None else change.weight,
            backend if change.backend is None else change.backend or None,
            {**kept, **given},
        )
        wanted.insert((change.to or change.number) - 1, meant)
    if [_said(prompt) for prompt in after.prompts] != wanted:
        raise Refused(
            "this dialect cannot say that without changing something else.",
            where=f"{told(before.file)} prompt {change.number}",
            remedy=f"Edit the {suffix(before.file) or 'text'} itself; a line must not begin with '#' or 'neg:'.",
        )


_Said = tuple[str, str, float, str | None, dict[str, str]]


def _said(prompt: PackPrompt) -> _Said:
    return joined(prompt.text), joined(prompt.negative), prompt.weight, prompt.backend, dict(prompt.overrides)


def joined(text: str) -> str:
    """As readers join the lines of a prompt."""
    return " ".join(line for line in (part.strip() for part in text.splitlines()) if line)


def directives(change: Change) -> dict[str, str | None]:
    """The comments `#! KEY=VALUE` that say it; None: the comment goes."""
    found: dict[str, str | None] = dict(change.overrides)
    if change.weight is not None:
        found["weight"] = None if change.weight == 1.0 else f"{change.weight:g}"
    if change.backend is not None:
        found["backend"] = change.backend or None
    return found
