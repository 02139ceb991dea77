"""Logs that lie: something was changed in an honest one, which was chained anew: only its sense gives it away."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from checker.reading import Row, link, stream_of

Fields = dict[str, object]
Where = Callable[[Fields], bool]


@dataclass(frozen=True)
class Line:
    """One event, and who brought it; the rest follows when it is written."""

    event: Fields
    actor: str = "daemon"
    epoch: int = 0
    cause: int | None = None
    command: str | None = None
    idem: str | None = None
    digest: bytes | None = None
    stream: str | None = None
    """None: where it belongs."""
    sver: int | None = None
    """None: the next one."""
    called: str | None = None
    """None: as the event itself says."""

    @property
    def kind(self) -> str:
        return str(self.event["type"])


class Story:
    """The lines of a log, to be changed."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = list(lines)

    def find(self, kind: str, where: Where = lambda event: True, after: int = 0, last: bool = False) -> int:
        found = [
            at for at, line in enumerate(self.lines) if at >= after and line.kind == kind and where(line.event)
        ]  # fmt: skip
        assert found, f"there is no such {kind} in this log"
        return found[-1 if last else 0]

    def change(self, at: int, **fields: object) -> None:
        """Other fields of that event."""
        self.lines[at] = replace(self.lines[at], event={**self.lines[at].event, **fields})

    def take(self, at: int) -> None:
        """It never happened; something that says nothing stands there, so that seqs stay what they were."""
        nothing: Fields = {"type": "NothingChanged", "command": "forged"}
        self.lines[at] = replace(self.lines[at], event=nothing)

    def put(self, at: int, **line: object) -> None:
        self.lines[at] = replace(self.lines[at], **line)  # type: ignore[arg-type]

    def append(self, event: Fields, **line: object) -> None:
        self.lines.append(Line(event, epoch=self.lines[-1].epoch, **line))  # type: ignore[arg-type]

    def rows(self) -> Iterator[Row]:
        previous, versions = bytes(32), dict[str, int]()
        for seq, line in enumerate(self.lines, 1):
            stream = line.stream or stream_of(line.kind, line.event)
            versions[stream] = versions.get(stream, 0) + 1 if line.sver is None else line.sver
            row = Row(
                seq, 1_790_000_000_000_000 + seq, line.epoch, stream, versions[stream], line.called or line.kind, 1,
                line.actor, line.cause, line.command, line.idem, line.digest, json.dumps(line.event).encode(), b"",
            )  # fmt: skip
            previous = link(previous, row)
            yield row._replace(hash=previous)


def story_of(rows: Iterator[Row]) -> Story:
    return Story(
        [Line(json.loads(row.data), row.actor, row.epoch, row.cause, row.command, row.idem, row.digest) for row in rows]
    )
