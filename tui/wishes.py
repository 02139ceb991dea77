"""What a person wishes, sent on: commands and their answers, the clipboard, the desktop, a run like another."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from textual.app import App
from textual.screen import Screen

from schema.errors import NoDaemon, Refused
from schema.ids import RunId
from schema.prompts import Completions
from schema.scenes import NodeScene
from tui import outside
from tui.background import begin
from tui.changes import Change, Changes
from tui.keys import pressed, rebind
from tui.link.ask import Asker, Told
from tui.link.catalogue import Catalogue
from tui.link.favoured import Favoured
from tui.link.query import quoted
from tui.live import Change as Seen
from tui.live import Live
from tui.outbox import Outbox
from tui.widgets.ink import plain

if TYPE_CHECKING:
    from tui.screens.draft import Draft

TAKING_PATHS = ("picture", "filter")
"""Fields in which a path is meant as it is."""

COVERS = "-covers"
"""Class of screens that hide the area below them whole."""

PATIENCE = 1.0
"""Seconds in which the feed has surely told what a command did."""


PROBE_PATIENCE = 300.0
"""Seconds: a node may have to load a model first."""


class Probed(msgspec.Struct, frozen=True):
    ok: bool
    reason: str = ""
    seconds: float = 0.0


class FolderOfRun(msgspec.Struct, frozen=True):
    """Of a run's record, where its results lie."""

    row: "FolderRow"


class FolderRow(msgspec.Struct, frozen=True):
    folder: str = ""


class Wishing(App[None]):
    """An app that asks through `asker` and knows from `env` what lies outside the terminal."""

    asker: Asker
    catalogue: Catalogue
    env: Mapping[str, str]
    draft: "Draft | None" = None
    """A run as it is written in Run; None: nothing was yet."""
    draft_before: "Draft | None" = None
    """What was written there before another one took its place."""

    def __init__(self) -> None:
        super().__init__()
        self.live = Live()
        self.changes = Changes()
        self._in_order = asyncio.Lock()
        """Commands reach the daemon in the order of the keys."""
        self._moved = asyncio.Event()
        """`live` is another one than it was."""
        self._naming = asyncio.Lock()
        """Two who ask for one picture at once send it once."""
        self._hashes: dict[str, str] = {}
        """Pictures that were named, and their hashes."""

    @property
    def covered(self) -> bool:
        """A screen of pictures lies over the area: nothing is told to it until it is seen again."""
        return any(screen.has_class(COVERS) for screen in self.screen_stack)

    @cached_property
    def outbox(self) -> Outbox:
        """Verdicts of whoever looks at one picture after the other; all other wishes wait for their answer."""
        return Outbox(
            self.asker.command,
            lambda work: begin(self, work, group="verdicts"),
            order=self._in_order,
            fresh_key=lambda: os.urandom(8).hex(),
        )

    @cached_property
    def favoured(self) -> Favoured:
        return Favoured(self.asker)

    def command(self, path: str, body: msgspec.Struct | None, told: str = "") -> None:
        """Sends it; refusals and losses become toasts. `told`: what to say of what changed; empty: nothing."""
        begin(self, partial(self._command, path, body, told), group="commands")

    def command_as_shown(self, make: Callable[[], tuple[str, str]]) -> None:
        """A command that depends on what is shown, and what to say of it: made when all before it can be seen."""
        begin(self, partial(self._command_as_shown, make), group="commands")

    async def _command_as_shown(self, make: Callable[[], tuple[str, str]]) -> None:
        async with self._in_order:
            path, told = make()
            answer = await self._answered(path, None)
        if answer is not None and not self.nothing_done(answer):
            self.say(told)

    async def _command(self, path: str, body: msgspec.Struct | None, told: str) -> None:
        answer = await self.answered(path, body)
        if answer is None or self.nothing_done(answer):
            return
        if told and answer.changed > 1 and not path.startswith("/v1/nodes/"):  # of a node its work moves too
            self.say(f"{answer.changed:,} {told}")
        elif told:
            self.say(f"{answer.subjects[0]} {told}" if path.startswith("/v1/jobs/") and answer.subjects else told)

    def nothing_done(self, answer: Told) -> bool:
        """Says so: whoever takes back what was not done takes back what was done before it."""
        if answer.nothing:
            self.say(
                f"Nothing to do: it is so already, or has ended. {pressed('app.undo')} takes back what came before."
            )
        return answer.nothing

    async def answered(self, path: str, body: msgspec.Struct | None) -> Told | None:
        """The answer, or None after a toast that says why there is none."""
        async with self._in_order:
            return await self._answered(path, body)

    async def _answered(self, path: str, body: msgspec.Struct | None) -> Told | None:
        try:
            answer = await self.asker.command(path, body)
        except Refused as e:
            self.say(e.told(), bad=True)
        except NoDaemon:
            self.say("The daemon does not answer; whether it was done is seen when it is back.", bad=True)
        else:
            await self._shown(answer.seq)
            return answer
        return None

    async def _shown(self, seq: int) -> None:
        """Waits until the feed has told what the answer was about, so that the next key means what is seen."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.live.linked and self.live.scene.head < seq:
                    self._moved.clear()
                    await self._moved.wait()

    def tell_screens(self, change: Seen) -> None:
        """What changed, to the area in view."""

    def see(self, live: Live) -> None:
        self.live = live
        self._moved.set()

    def set_keymap(self, keymap: Mapping[str, str]) -> None:
        """Sentences name the keys as they are from now on."""
        rebind(keymap)
        super().set_keymap(keymap)

    def say(self, text: str, *, bad: bool = False) -> None:
        self.notify(plain(text), markup=False, severity="warning" if bad else "information", timeout=8 if bad else 3)

    def action_undo(self) -> None:
        if self.outbox.waiting:
            self.say(
                f"verdicts are on their way to the daemon; {pressed('app.undo')} again when they are there", bad=True
            )
            return
        begin(self, partial(self._taken_back, "undo"), group="commands")

    def action_redo(self) -> None:
        begin(self, partial(self._taken_back, "redo"), group="commands")

    async def _taken_back(self, verb: str) -> None:
        """What was done last: a file by its own way back, all else by the daemon."""
        back = verb == "undo"
        change = self.changes.last() if back else self.changes.next()
        if change is not None:
            await self._file_back(change, back=back)
            return
        answer = await self.answered(f"/v1/{verb}", None)
        if answer is None:
            return
        (self.changes.taken_back if back else self.changes.done_again)()
        if answer.nothing and (self.changes.last() if back else self.changes.next()) is not None:
            await self._taken_back(verb)  # a command that cannot be taken back stood before a file
            return
        head, end = ("taken back", f"; {pressed('app.redo')} does it again") if back else ("done again", "")
        self.say(answer.text if answer.nothing else f"{head}: {answer.text}{end}", bad=answer.nothing)

    async def _file_back(self, change: Change, *, back: bool) -> None:
        async with self._in_order:
            try:
                await (change.back if back else change.again)()
            except Refused as e:
                self.say(e.told(), bad=True)
                return
            except NoDaemon:
                self.say("The daemon does not answer; nothing was changed.", bad=True)
                return
        (self.changes.taken_back if back else self.changes.done_again)()
        self.say(
            f"taken back: {change.told}; {pressed('app.redo')} does it again" if back else f"done again: {change.told}"
        )
        self.tell_screens(Seen(library=True))

    async def refresh_nodes(self, nodes: Sequence[NodeScene] | None = None) -> None:
        """Lets these nodes, or all that are there, read their lists of models and the like again."""
        away = ("lost", "new", "taken")
        there = [node for node in (self.live.scene.nodes if nodes is None else nodes) if node.state not in away]
        told: list[str] = []
        for node in there:
            if await self.done_at(node, "refresh"):
                told.append(node.name or node.node)
        self.catalogue.forget()
        if told:
            self.say(f"{', '.join(told)} read {'its' if len(told) == 1 else 'their'} lists again")
        elif not there:
            self.say("no node is there to read its lists", bad=True)

    async def done_at(self, node: NodeScene, verb: str) -> bool:
        """A wish about a node that leaves no trace in the log. False after a toast that says why it was not done."""
        try:
            return await self.asker.done(f"/v1/nodes/{quoted(node.node)}/{verb}")
        except Refused as e:
            self.say(f"{node.name or node.node}: {e.told()}", bad=True)
        except NoDaemon:
            self.say("The daemon does not answer.", bad=True)
        return False

    async def probe_node(self, node: NodeScene) -> None:
        """Has it draw a small picture, and says what came of it."""
        name = node.name or node.node
        try:
            done = await self.asker.long(f"/v1/nodes/{quoted(node.node)}/probe", None, Probed, PROBE_PATIENCE)
        except Refused as e:
            self.say(f"{name}: {e.told()}", bad=True)
        except NoDaemon:
            self.say("The daemon does not answer.", bad=True)
        else:
            words = "proved itself" if done.ok else "did not prove itself"
            took = f" in {done.seconds:.1f} s" if done.seconds else ""
            self.say(f"{name} {words}{took}{': ' if done.reason else ''}{done.reason}", bad=not done.ok)

    async def folder_of(self, run: RunId) -> Path | None:
        try:
            folder = (await self.asker.get(f"/v1/runs/{run}", FolderOfRun)).row.folder
        except (Refused, NoDaemon) as e:
            self.say(str(e), bad=True)
            return None
        return Path(folder) if folder else None

    def open_outside(self, path: Path) -> None:
        begin(self, partial(self._open, path), group="outside")

    async def _open(self, path: Path) -> None:
        if not outside.has_desktop(self.env):
            self.say(f"No desktop at this terminal. It lies here: {path}")
        elif not await outside.open_path(path):
            self.say(f"Nothing here opens files (xdg-open is missing): {path}", bad=True)

    def copy(self, text: str, what: str) -> None:
        begin(self, partial(self._copy, text, what), group="outside")

    async def _copy(self, text: str, what: str) -> None:
        self.copy_to_clipboard(text)
        if self.env.get("TMUX") and await outside.to_tmux(text):
            self.say(f"{what} copied, also into tmux's buffer")
        else:
            self.say(f"{what} copied, if the terminal takes OSC 52")

    async def dropped(self, text: str) -> bool:
        """Whether what was pasted is a file that was dropped on the terminal: what it says is then a draft in Run."""
        from tui.dropped import named, path_in
        from tui.screens.area import AreaScreen
        from tui.screens.run import RunScreen

        screen: Screen[object] = self.screen
        wanted = isinstance(screen, AreaScreen)
        if not wanted or (self.focused is not None and self.focused.id in TAKING_PATHS) or not path_in(text):
            return False
        path = await asyncio.to_thread(named, text)
        if path is None:
            return False
        await self.switch_mode("run")
        if isinstance(run := self.screen, RunScreen):
            run.take_file(path)
        return True

    async def names_at(self, text: str, at: int) -> Completions:
        """What may stand in a prompt at this character; nothing while nobody answers."""
        try:
            return await self.asker.completions(text, at)
        except (Refused, NoDaemon):
            return Completions()

    async def clone(self, job: str) -> None:
        """A new run with this job's settings."""
        from tui.screens.draft import draft_of

        draft = await draft_of(self.asker, job, self.say)
        if draft is not None:
            await self.write(draft)

    async def write(self, draft: "Draft") -> None:
        """Goes on with this draft of a run in Run; what was written there is kept as the draft before."""
        from tui.screens.run import RunScreen

        self.keep(draft)
        await self.switch_mode("run")
        if isinstance(run := self.screen, RunScreen) and run.ready:
            run.begin_here()

    def keep(self, draft: "Draft") -> None:
        """This is what is written from now on."""
        if self.draft is not None and not self.draft.empty and self.draft != draft:
            self.draft_before = self.draft
        self.draft = draft

    async def hash_of(self, picture: str | None) -> str | None:
        """Of a picture as a person names it: a path, an image's id, a hash; a file is sent to the daemon, once.

        None: none was named. Raises Refused for one that is none, or NoDaemon.
        """
        from tui.screens.pictures import picture_named

        if picture is None or not picture.strip():
            return None
        async with self._naming:
            if picture not in self._hashes:
                self._hashes[picture] = await picture_named(self.asker, picture)
            return self._hashes[picture]
