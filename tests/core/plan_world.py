"""A library in memory and `plan`, for the tests of plans: nothing here opens a file."""

from daemon.prompting.plan import make_plan
from daemon.prompting.styles import Style
from daemon.prompting.templates import read_template
from daemon.prompting.variation.tables import WordTables
from daemon.prompting.wildcards import read_wildcards
from schema.errors import Refused
from schema.pipeline import STANDARD
from schema.requests import RunRequest, TextFile
from schema.settings import Settings

NOW = 1_795_000_000.0

STYLES = (
    Style("ink", "{prompt}, ink drawing", "photo", "styles.csv:2"),
    Style("soft", "soft light", "", "styles.csv:3"),
    Style("hourly", "at {dawn|dusk}", "", "styles.csv:4"),
)


class Shelf:
    """Holds what it is given: `wildcards` as texts of files or as values, the rest by name."""

    def __init__(
        self, packs=None, wildcards=None, profiles=None, templates=None, overlays=None, presets=None, last=None
    ):
        self._packs = {file.name.partition(".")[0]: file for file in packs or ()}
        self._kinds = {"profile": profiles or {}, "overlay": overlays or {}, "preset": presets or {}}
        self._templates = templates or {}
        self._last = last
        words = {}
        for name, text in (wildcards or {}).items():
            words |= read_wildcards(f"{name}.txt", text) if isinstance(text, str) else {name: text}
        self._tables = WordTables(words)

    def pack(self, name):
        if name not in self._packs:
            raise Refused(f"there is no pack '{name}' in the library.")
        return (self._packs[name],)

    def pipeline(self, name):
        return TextFile(name=name, text=STANDARD.canonical().decode())

    def preset(self, name):
        return self._text("preset", name)

    def profile(self, name):
        return self._text("profile", name)

    def overlay(self, name):
        return self._text("overlay", name)

    def template(self, name):
        if name not in self._templates:
            raise Refused(f"there is no template '{name}' in the library.")
        return read_template(f"{name}.yaml", self._templates[name])

    def workflow(self, name):
        raise Refused(f"there is no workflow '{name}' in the library.")

    def tables(self):
        return self._tables

    def styles(self):
        return STYLES

    def last(self):
        return self._last

    def _text(self, kind, name):
        if name not in self._kinds[kind]:
            raise Refused(f"there is no {kind} '{name}' in the library.")
        return TextFile(name=f"{name}.yaml", text=self._kinds[kind][name])


def plan(*packs, library=None, settings=None, drawn=7, now=NOW, folder="f", show=None, leaning=None, **flags):
    return make_plan(
        RunRequest(packs=packs, **flags),
        library=library or Shelf(),
        settings=settings or Settings(),
        drawn_seed=drawn,
        now=now,
        drawn_folder=folder,
        leaning=leaning,
        show=show,
    )


def txt(name, text):
    return TextFile(name=f"{name}.txt", text=text)


def prompts(made):
    return [job.prompt for job in made.jobs]


def refusal(*packs, **flags):
    try:
        plan(*packs, **flags)
    except Refused as refused:
        return refused.told()
    return ""
