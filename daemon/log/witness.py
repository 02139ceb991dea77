"""Who else knows how far the log has been: a state folder that was put back as a whole brings its own old anchor along.

Beside the pictures lies the head once more, written at most once a minute and at the end. And an agent tells the
newest epoch and the highest token it had orders with, which are seqs of events: what the log does not know of is noted,
so that the next start knows.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from daemon.log import anchor
from daemon.log.chain import Head
from schema.places import Places

UNKNOWN: Final = bytes(32)
"""In place of a hash where only the seq is known, and that a daemon began with it or gave an order."""


class Witness(NamedTuple):
    head: Head
    who: str
    """Words that go on with "knows of event N"."""


def witnesses(places: Places) -> tuple[Witness, ...]:
    """What lies on disk; a file that is missing or cannot be read says nothing."""
    found = []
    for path, who in (
        (places.witness, f"a note beside the pictures ({places.witness})"),
        (places.heard, "an agent that had orders of this daemon"),
    ):
        try:
            head = anchor.read(path)
        except OSError:
            continue
        if head is not None:
            found.append(Witness(head, who))
    return tuple(found)


def promised(places: Places) -> int:
    """The newest seq that anybody was told of; 0: none."""
    first = anchor.read(places.head)
    return max([first.seq if first else 0, *(witness.head.seq for witness in witnesses(places))])


def note(places: Places, head: Head) -> None:
    """Beside the pictures, where there is a folder for them. Raises OSError."""
    if places.artifacts.is_dir():
        anchor.reset(places.witness, head)


def hear(places: Places, seq: int) -> None:
    """An agent had an order with this token, or of a daemon that began with this event. Raises OSError."""
    known = anchor.read(places.heard)
    if known is None or known.seq < seq:
        anchor.reset(places.heard, Head(seq, UNKNOWN))


def replace_all(places: Places, head: Head) -> None:
    """After a person has accepted what is lost: everybody knows this head and no other. Raises OSError."""
    anchor.reset(places.head, head)
    note(places, head)
    with suppress(IsADirectoryError):  # it says nothing
        places.heard.unlink(missing_ok=True)
