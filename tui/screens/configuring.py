"""What a person changes in Settings: one setting, one key, taken back again; and the daemon started with it.

Every change is a change of `config.toml` that the daemon would obey, or none at all. The screens obey theirs at once.
"""

import asyncio
from functools import partial
from pathlib import Path

from schema.errors import NoDaemon, Refused
from tui.background import begin, is_open
from tui.changes import Change as Done
from tui.editor import edit
from tui.keys import pressed
from tui.link import configfile, learn
from tui.link.configfile import Config
from tui.link.endpoint import restart
from tui.link.settingsheet import when
from tui.live import Change
from tui.preferences import preferences
from tui.screens.area import AreaScreen

NO_FILE = Refused("no settings file is known here", remedy="`stablenew config path` names it.")


FILE = "config.toml"
"""Among what is pending: a person wrote the file, and nobody knows what changed."""


class Configuring(AreaScreen):
    """What the screen needs besides: `draw` shows what is known now."""

    def __init__(self) -> None:
        super().__init__()
        self.config = Config(Path("config.toml"))
        self.mode = ""
        """Of learning; empty while nobody has told."""
        self.pending: set[str] = set()
        """What the daemon obeys only once it is started again."""
        self._order = asyncio.Lock()
        """One change after the other, and none while the file is read."""

    def draw(self) -> None:
        """Everything that is shown, anew."""

    @property
    def path(self) -> Path | None:
        return self.home.settings_file

    def anew(self) -> None:
        """Reads the file again: somebody may have written it."""
        begin(self, self._read, group="settings")

    async def _read(self) -> None:
        async with self._order:
            if self.path is None:
                self.config = Config(Path("config.toml"), fault=NO_FILE)
            else:
                self.config = await asyncio.to_thread(configfile.read, self.path, dict(self.home.env))
                if self.config.fault is None and str(self.path) in self.home.absence:
                    self.home.absence = ""  # why no daemon started holds no more
                    self.home.tell_screens(Change())
        if is_open(self):
            self.draw()

    def ask_mode(self) -> None:
        begin(self, self.read_mode, group="mode-of-learning", exclusive=True)

    async def read_mode(self) -> None:
        try:
            self.mode = (await learn.status(self.home.asker)).mode
        except (Refused, NoDaemon):
            self.mode = ""
        if is_open(self):
            self.draw()

    # Changing ---------------------------------------------------------------------------------------

    def judge(self, key: str, written: str) -> str:
        """What would be wrong with it, in words; empty: nothing."""
        try:
            configfile.with_setting(self.config.path, self.config.text, key, written)
        except Refused as fault:
            return fault.told().removeprefix(f"{key}: ")
        return ""

    def put(self, key: str, written: str | None, words: str = "") -> None:
        """`written` as a person types it; None: back to the default."""
        begin(self, partial(self._put, {key: written}, words), group="settings")

    def put_all(self, changes: dict[str, str | None], words: str) -> None:
        """Several as one step."""
        begin(self, partial(self._put, changes, words), group="settings")

    async def _put(self, changes: dict[str, str | None], words: str) -> None:
        if self.path is None:
            self.home.say(NO_FILE.told(), bad=True)
            return
        try:
            async with self._order:
                before = await asyncio.to_thread(configfile.text_of, self.path)
                after = await asyncio.to_thread(_changed, self.path, before, changes)
                if after != before:
                    await asyncio.to_thread(configfile.write, self.path, after)
        except Refused as fault:
            self.home.say(fault.told(), bad=True)
            return
        keys = tuple(changes)
        if after != before:
            self.note(before, after, keys, words or f"the change of {', '.join(keys)}")
        await self.counts(keys, changed=after != before)
        self.home.say(words or self.said(keys[0], changed=after != before))

    def note(self, before: str, after: str, keys: tuple[str, ...], words: str) -> None:
        """So that z takes it back, as long as nobody else has written the file since."""
        back, again = partial(self._rewrite, after, before, keys), partial(self._rewrite, before, after, keys)
        self.home.changes.note(Done(words, back, again))

    async def _rewrite(self, there: str, instead: str, keys: tuple[str, ...]) -> None:
        """Raises Refused where the file holds something else than it should by now."""
        assert self.path is not None
        async with self._order:
            if await asyncio.to_thread(configfile.text_of, self.path) != there:
                raise Refused(
                    "the file was written since",
                    where=str(self.path),
                    remedy=f"Open it: {pressed('settings.file')} in Settings.",
                )
            await asyncio.to_thread(configfile.write, self.path, instead)
        await self.counts(keys, changed=True)

    async def counts(self, keys: tuple[str, ...], *, changed: bool) -> None:
        """The file is read as it is now; what the screens can obey at once they do."""
        await self._read()
        if changed and any(key.startswith("ui") for key in keys):
            self.obey()
        if changed:
            self.pending |= {key for key in keys if not key.startswith("ui")}
        if is_open(self):
            self.draw()

    def said(self, key: str, *, changed: bool) -> str:
        if not changed:
            return f"{key} is that already"
        origin = self.config.origins.get(key, "")
        if origin.startswith("STABLENEW_"):
            return f"written; but {origin} is set and stands above the file"
        auto = key == "ui.images" and self.config.value(key) == "auto"
        now = "when this screen starts again" if auto else when(key)
        hint = " (^r)" if "daemon" in now else ""
        return f"{key} is changed, and counts {now}{hint}"

    def obey(self) -> None:
        """What of the file is the screens' own, as far as they can change while they run."""
        if self.path is None:
            return
        home = self.home
        home.ui, complaint = preferences(self.path, home.env)
        if home.ui.theme in home.available_themes:
            home.theme = home.ui.theme
        home.keymap_of_user = dict(home.ui.keymap)
        home.set_keymap(home.keymap_of_user)
        if home.ui.images != "auto" and home.ui.images != home.how_drawn:
            home.draw_by(home.ui.images)
        if complaint:
            home.say(complaint, bad=True)
        home.tell_screens(Change())

    # The file and the daemon ------------------------------------------------------------------------

    def open_file(self, line: int) -> None:
        path = self.path
        if path is None:
            self.home.say(NO_FILE.told(), bad=True)
            return
        before = self.config.text
        if complaint := edit(self.home, path, line):
            self.home.say(f"{complaint} The file is {path}", bad=True)
        begin(self, partial(self._edited, before), group="settings")

    async def _edited(self, before: str) -> None:
        await self._read()
        after = self.config.text
        if after == before:
            return
        self.note(before, after, ("ui", FILE), "what the editor wrote")
        if self.config.fault is None:
            self.obey()
            self.pending.add(FILE)
            self.home.say("config.toml is read again; the daemon obeys it when it starts again (^r)")
        if is_open(self):
            self.draw()

    async def start_daemon_again(self) -> None:
        from tui.screens.ask import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                begin(self, self._restart, group="restart", exclusive=True)

        if not self.home.env:
            self.home.say("no daemon can be started from here", bad=True)
        elif self.config.fault is not None:
            self.home.say(f"it would not start: {self.config.fault.told()}", bad=True)
        elif running := len(self.home.live.running):
            many = "1 job runs" if running == 1 else f"{running:,} jobs run"
            await self.app.push_screen(
                Confirm("Start the daemon again?", f"{many}: what they are at begins anew."), answered
            )
        else:
            answered(True)

    async def _restart(self) -> None:
        self.home.say("the daemon starts again …")
        try:
            await asyncio.to_thread(restart, dict(self.home.env))
        except (Refused, NoDaemon) as fault:
            self.home.say(str(fault), bad=True)
            return
        self.pending.clear()
        self.home.say("the daemon runs with these settings")
        if is_open(self):
            self.draw()


def _changed(path: Path, text: str, changes: dict[str, str | None]) -> str:
    for key, written in changes.items():
        text = configfile.with_setting(path, text, key, written)
    return text
