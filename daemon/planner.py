"""Plans and library as the routes ask for them: the pure planning with the folders, the last run and the dice.

Preview and submit come through the same method.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from daemon.api.house import Config, Shown
from daemon.core.state import LastUsed
from daemon.library.shelf import FolderShelf, Kind
from daemon.prompting import effective
from daemon.prompting.packs import read_pack
from daemon.prompting.plan import Plan, make_plan
from daemon.prompting.recipe import LastRun
from schema.ids import RunId, Sha256
from schema.plans import JobSpec, Scalar
from schema.requests import RunRequest, Selection
from schema.settings import Settings

Noun = Literal["packs", "pipelines", "presets"]
KINDS: dict[Noun, Kind] = {"packs": "pack", "pipelines": "pipeline", "presets": "preset"}

SEEDS = 2**32
"""Drawn seeds are below this, as all backends take them."""


class Planner:
    def __init__(
        self,
        shelf: FolderShelf,
        settings: Settings,
        clock: Callable[[], float],
        draw_below: Callable[[int], int],
    ) -> None:
        self._shelf = shelf
        self._settings = settings
        self._clock = clock
        self._draw_below = draw_below

    def plan(self, request: RunRequest, run: RunId) -> Plan:
        """`run` is the id it would have: its results folder is named by it. Raises Refused."""
        now = self._clock()
        day = datetime.fromtimestamp(now).astimezone().date().isoformat()
        return make_plan(
            request,
            library=self._shelf,
            settings=self._settings,
            drawn_seed=self._draw_below(SEEDS),
            now=now,
            drawn_folder=f"{day}-{run}",
        )

    def config(self, base: bytes, overlay: Mapping[str, Scalar]) -> Config:
        return effective.job_config(base, overlay)

    def edit(self, spec: JobSpec, base: bytes, wish: Selection) -> JobSpec:
        """Raises Refused."""
        return effective.edit(spec, base, sets=wish.set, prompt=wish.prompt, negative=wish.negative, seed=wish.seed)

    # The library as the routes show it --------------------------------------------------------

    def names(self, noun: Noun) -> tuple[str, ...]:
        """What lists show, sorted; a person's own and the program's."""
        return tuple(entry.name for entry in self._shelf.entries(KINDS[noun]))

    def show(self, noun: Noun, name: str) -> Shown:
        """Raises Refused for a name that is not there and a file that cannot be read."""
        file = self._shelf.text(KINDS[noun], name)
        prompts = tuple(prompt.text for prompt in read_pack(file.name, file.text).prompts) if noun == "packs" else ()
        return Shown(name, file.text, prompts)

    def last(self) -> Config | None:
        last = self._shelf.last()
        return effective.job_config(last.base, last.overlay) if last else None


def last_run(used: LastUsed | None, path_of: Callable[[Sha256], Path]) -> LastRun | None:
    """What the last finished job used, with its base config read from the artifact store."""
    if used is None:
        return None
    return LastRun(path_of(used.base).read_bytes(), used.overlay, used.pipeline)
