"""What every verb does alike: finds the daemon, says what it asked, and prints the answer of a command."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tui.cli import output
from tui.link.doc import Doc

if TYPE_CHECKING:
    from tui.link.call import Daemon  # loaded when something is asked: a help asks nothing


def daemon(as_of: str | None = None) -> "Daemon":
    """The daemon that runs; verbs that need one end with `NO_DAEMON` where none does. `as_of`: it tells how it was."""
    from tui.link import endpoint

    found = endpoint.reach(os.environ)
    found.as_of = as_of
    return found


def started() -> "Daemon":
    """The daemon, started if none runs."""
    from tui.link import endpoint

    return endpoint.ensure(os.environ, output.tell)


def body(**fields: object) -> dict[str, object]:
    """A request's fields; those that were not given stay out of it."""
    return {name: value for name, value in fields.items() if value is not None and value not in ((), [], "")}


def command(path: str, request: Mapping[str, object], key: str | None, as_json: bool, done: str) -> int:
    """Sends a command and tells what it did: `done` with the number of what changed put in for `{n}`."""
    answer = daemon().post(path, request, key)
    return told(answer, as_json, done)


def told(answer: Doc, as_json: bool, done: str) -> int:
    if as_json:
        output.put_json(answer.fields)
    elif answer.flag("repeated"):
        output.tell("This key was used before: nothing was done now.")
    elif _is_nothing(answer, done):
        output.tell("Nothing to change.")
    else:
        output.tell(done.replace("{n}", str(_number(answer))))
    return 0


def _is_nothing(answer: Doc, done: str) -> bool:
    """There was nothing to do. What an undo found to take back, it says itself."""
    unsaid = answer.flag("nothing") and not answer.text("text")
    return unsaid or answer.whole("seq") == 0 or not (answer.whole("changed") or "{n}" not in done)


def _number(answer: Doc) -> int:
    """Of jobs, where jobs are among what changed: their runs, which change with them, are not counted."""
    subjects = answer.texts("subjects")
    jobs = sum("." in subject for subject in subjects)
    return jobs if jobs and len(subjects) == answer.whole("changed") else answer.whole("changed")


def filter_of(words: Sequence[str]) -> str | None:
    """FILTER words as one FILTER: a bare word with a space in it is a phrase, unless it is a whole FILTER itself."""
    return " ".join(f'"{word}"' if " " in word and not _is_filter(word) else word for word in words) or None


def _is_filter(text: str) -> bool:
    """`dusk, style: oil` is a phrase: nothing stands behind the colon."""
    return is_pair(text) or any(is_pair(part) and not part.endswith(":") for part in text.split())


def selection(words: Sequence[str]) -> list[str]:
    """Ids each for itself; with a `key:value` among them all words are one FILTER, of which everything must hold."""
    joined = filter_of(words)
    return [joined] if joined and any(map(is_pair, words)) else list(words)


def is_pair(word: str) -> bool:
    name, colon, _ = word.partition(":")
    return bool(colon) and name.isalpha()


def then(page: Doc, as_of: str | None) -> None:
    """Says of which moment a list is, where that is not now."""
    if as_of is not None:
        output.tell(f"As of {output.clean(as_of)}: what was there behind event {page.whole('head')}.")


def more(page: Doc) -> None:
    """Says when a list shows only part of what matches."""
    shown = len(page.docs("items"))
    if shown < page.whole("total"):
        output.tell(f"{shown} of {page.whole('total')}; --limit and --offset show the others.")
