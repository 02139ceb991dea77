"""The library as the routes show it: names, texts, what is in them, who names them; and what is kept there."""

from daemon.api.house import Noun, Shown
from daemon.library.checks import check_text
from daemon.library.contents import said
from daemon.library.kinds import ending_for, split
from daemon.library.shelf import FolderShelf, Kind
from daemon.library.uses import uses
from daemon.prompting.dialects.directives import slot_lines
from daemon.prompting.packs import read_pack
from daemon.prompting.texts import suffix
from schema.shelf import Use

KINDS: dict[Noun, Kind] = {
    "packs": "pack", "pipelines": "pipeline", "presets": "preset", "profiles": "profile", "templates": "template",
    "styles": "style", "overlays": "overlay", "wildcards": "wildcard", "workflows": "workflow",
}  # fmt: skip


class Shelved:
    """Reads and writes files: called off the loop."""

    def __init__(self, shelf: FolderShelf) -> None:
        self._shelf = shelf

    def names(self, noun: Noun) -> tuple[str, ...]:
        """What lists show, sorted; a person's own and the program's."""
        return self._shelf.names(KINDS[noun])

    def troubles(self, noun: Noun) -> tuple[str, ...]:
        """What of these is broken or left out, with file and line."""
        return self._shelf.troubles(KINDS[noun])

    def save(self, noun: Noun, name: str, text: str) -> Shown:
        """In the place of what is there, as the file was written: its encoding, line ends and ending stay."""
        self._shelf.save(KINDS[noun], name, text)
        return self.show(noun, name)

    def rename(self, noun: Noun, name: str, to: str) -> str:
        """Its new name."""
        return self._shelf.rename(KINDS[noun], name, to).name

    def delete(self, noun: Noun, name: str) -> None:
        self._shelf.delete(KINDS[noun], name)

    def restore(self, noun: Noun, name: str) -> str:
        """The name of what was deleted and is there again."""
        return self._shelf.bring_back(KINDS[noun], name).name

    def check(self, noun: Noun, name: str, text: str) -> tuple[str, ...]:
        """Warnings of the text as it would be saved. Raises Refused with its line where it could not be."""
        kind = KINDS[noun]
        stem, ending = split(name, kind)
        if not ending:
            there = self._shelf.find(kind, name)
            ending = suffix(there.path.name) if there and there.path else ending_for(kind, text)
        return check_text(kind, f"{stem}{ending}", text)

    def uses(self, noun: str, name: str) -> tuple[Use, ...]:
        """Who of the library names it; `noun` may be loras, embeddings or models too."""
        return uses(self._shelf, noun, name)

    def show(self, noun: Noun, name: str, *, whole: bool = True) -> Shown:
        """Raises Refused for a name that is not there and, when `whole`, a file that cannot be read."""
        file = self._shelf.text(KINDS[noun], name)
        if not whole:
            return Shown(name, file.text)
        path, builtin = self._lies(noun, name)
        shown = Shown(name, file.text, says=said(KINDS[noun], file.name, file.text), path=path, builtin=builtin)
        if noun != "packs":
            return shown
        pack = read_pack(file.name, file.text)
        negatives = tuple(prompt.negative for prompt in pack.prompts)
        prompts = tuple(one.text for one in pack.prompts)
        return shown._replace(prompts=prompts, negatives=negatives, slots=slot_lines(pack.matrix))

    def _lies(self, noun: Noun, name: str) -> tuple[str, bool]:
        """Its file, empty where there is none, and whether it comes with the program."""
        if noun == "wildcards":
            place = self._shelf.tables().place(name)
            return (place.path, place.builtin) if place else ("", False)
        entry = self._shelf.find(KINDS[noun], name)
        if entry is None and noun == "styles":
            entry = self._shelf.style_file(name)
        return (str(entry.path or ""), entry.builtin) if entry else ("", False)
