"""The library's styles, of all its files together; a broken file is told and the others count."""

from typing import NamedTuple

from daemon.library.files import Texts
from daemon.library.kinds import Entry, largest
from daemon.prompting.styles import Style, read_styles
from daemon.prompting.texts import told
from schema.errors import Refused


class _Read(NamedTuple):
    text: str
    styles: tuple[Style, ...]
    troubles: tuple[str, ...]


class Stylebook:
    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._read: dict[str, _Read] = {}

    def styles(self, entries: tuple[Entry, ...]) -> tuple[Style, ...]:
        """Of these files, earlier ones first; of two with one name the first."""
        found: dict[str, Style] = {}
        for entry in entries:
            for style in self._of(entry).styles:
                found.setdefault(style.name.casefold(), style)
        return tuple(found.values())

    def troubles(self, entries: tuple[Entry, ...]) -> tuple[str, ...]:
        return tuple(trouble for entry in entries for trouble in self._of(entry).troubles)

    def where(self, entries: tuple[Entry, ...], name: str) -> Entry | None:
        """The file whose style of that name counts."""
        wanted = name.strip().casefold()
        return next((one for one in entries if any(s.name.casefold() == wanted for s in self._of(one).styles)), None)

    def _of(self, entry: Entry) -> _Read:
        assert entry.path is not None
        try:
            text = self._texts.of(entry.path, largest("style"))
        except Refused as refused:
            return _Read("", (), (refused.told(),))
        known = self._read.get(str(entry.path))
        if known is None or known.text is not text:
            warnings: list[str] = []
            try:
                known = _Read(text, read_styles(entry.path.name, text, warnings), tuple(warnings))
            except Refused as refused:
                known = _Read(text, (), (f"{told(refused.told(), 400)}",))
            self._read[str(entry.path)] = known
        return known
