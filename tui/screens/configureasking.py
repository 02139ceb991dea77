"""The right control for each setting: a switch, a choice, a line that is judged, the themes, a key that is pressed."""

from functools import partial

from schema.errors import NoDaemon, Refused
from schema.plans import Learning
from schema.requests_learning import LearningModeRequest
from tui.background import begin, is_open
from tui.keys import Key, shown
from tui.link.settingsheet import Setting
from tui.link.shelf import names_of
from tui.screens.configuring import Configuring
from tui.widgets.ink import plain
from tui.widgets.keylist import others
from tui.widgets.settinglist import MODE, Row


class Asking(Configuring):
    async def ask_for(self, row: Row) -> None:
        """The right control for what it is."""
        setting = row.setting
        if setting is None:
            return
        if setting is MODE:
            await self._ask_mode()
        elif setting.key == "ui.theme":
            await self.ask_theme(str(row.value))
        elif setting.key == "run.pipeline":
            begin(self, partial(self._ask_pipeline, row), group="pipelines", exclusive=True)
        elif setting.sort == "flag":
            self.put(setting.key, "no" if row.value else "yes")
        elif setting.sort == "choice":
            nothing = [("", "nothing")] if setting.empty else []
            await self.ask_one_of(row, nothing + [(one, one) for one in setting.choices])
        else:
            await self._ask_text(row, setting)

    async def ask_one_of(self, row: Row, choices: list[tuple[str, str]]) -> None:
        from tui.screens.ask import Choose

        def chosen(value: str | None) -> None:
            if value is not None:
                self.put(row.key, value)

        await self.app.push_screen(Choose(plain(row.key), choices, str(row.value or "")), chosen)

    async def _ask_text(self, row: Row, setting: Setting) -> None:
        from tui.screens.settingasking import Written
        from tui.widgets.settingwords import may_be

        def written(text: str | None) -> None:
            if text is not None:
                self.put(row.key, text)

        value = "" if setting.sort == "secret" or row.value is None else str(row.value)
        asked = Written(
            plain(row.key), value, may_be(setting), partial(self.judge, row.key), secret=setting.sort == "secret"
        )
        await self.app.push_screen(asked, written)

    async def ask_theme(self, now: str) -> None:
        from tui.screens.settingasking import Themes
        from tui.wearing import take_up

        def chosen(name: str | None) -> None:
            if name is not None:
                self.put("ui.theme", name)

        for fault in take_up(self.home, self.path).values():
            self.home.say(plain(fault.told()), bad=True)
        await self.app.push_screen(Themes(now), chosen)

    async def _ask_pipeline(self, row: Row) -> None:
        try:
            names = await names_of(self.home.asker, "pipelines")
        except (Refused, NoDaemon):
            names = ()
        if not is_open(self) or row.setting is None:
            return
        if names:
            await self.ask_one_of(row, [(name, plain(name)) for name in names])
        else:
            await self._ask_text(row, row.setting)

    async def _ask_mode(self) -> None:
        from tui.screens.ask import Choose
        from tui.screens.learnwishes import MODES

        def chosen(name: str | None) -> None:
            for mode, words in MODES:
                if mode == name:
                    begin(self, partial(self._put_mode, mode, words), group="mode")

        if self.home.readonly:
            self.home.refuse_wish()
        elif not self.mode:
            self.home.say("the daemon does not answer; it keeps this", bad=True)
        else:
            await self.app.push_screen(Choose("Learning", MODES, self.mode, wide=True), chosen)

    async def _put_mode(self, mode: Learning, words: str) -> None:
        answer = await self.home.answered("/v1/learn/mode", LearningModeRequest(mode=mode))
        if answer is not None and not self.home.nothing_done(answer):
            self.home.say(words)
            await self.read_mode()

    async def ask_key(self, key: Key, *, more: bool) -> None:
        """`more`: besides those it has."""
        from tui.screens.settingasking import PressKey

        keymap = dict(self.config.keymap)
        had = keymap.get(key.id, key.keys)

        def pressed(answer: tuple[str, Key | None] | None) -> None:
            if answer is None:
                return
            name, other = answer
            keys = f"{had},{name}" if more else name
            changes = {f"ui.keymap.{key.id}": None if keys == key.keys else keys}
            words = f"{shown(name)} now means: {key.does}"
            if other is not None:
                rest = others(other, name, keymap) or had
                changes[f"ui.keymap.{other.id}"] = None if rest == other.keys else rest
                words += f"; {shown(rest)}: {other.does}"
            self.put_all(changes, words)

        await self.app.push_screen(PressKey(key, had, keymap, more=more), pressed)
