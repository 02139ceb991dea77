"""A draft that is tried out as it is written: the daemon tells places, variants and payload without queueing."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from textual.screen import Screen

from schema.errors import NoDaemon, Refused
from schema.prompts import Segment, Tried
from schema.requests import RunRequest
from tui.athome import AtHome
from tui.background import begin, is_open
from tui.keys import pressed
from tui.screens.draft import Draft, request
from tui.screens.numbers import is_wild, many
from tui.screens.places import Place, places_of, shifted
from tui.screens.variation import MATRIX, Variation
from tui.widgets.ink import plain, unflagged
from tui.widgets.samplelist import Numbered

Answer = TypeVar("Answer")

DRAWN = ("random",)
"""Ways of varying in which every place is drawn."""

SEEDED = re.compile(r"-s\d+$")

WAIT = 0.25
"""Seconds after the last change before it is tried."""

FIRST = 50
"""Variants that are shown at once."""

MOST = 500
"""That are shown at all: nobody looks through more."""


class TryingOut(AtHome, Screen[Answer]):
    """`tried` is the newest answer; `show_tried` is told when it is another."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self.tried: Tried | None = None
        self.tried_draft: Draft | None = None
        """What `tried` is about."""
        self.fault = ""
        self.fault_at = ""
        """Where it is: `prompt:1:3`."""
        self._words = ("", "")
        """Prompt and negative that `tried` is about."""
        self._show = FIRST
        self._seed = draft.seed
        """Drawn once: what is held or written changes nothing else of what is drawn."""

    @property
    def varied(self) -> Variation:
        return self.draft.varied

    def read(self) -> Draft:
        """As it stands."""
        return self.draft

    async def wish(self, draft: Draft) -> RunRequest:
        """The request it makes. Raises Refused or NoDaemon."""
        return request(draft, await self.home.hash_of(draft.picture))

    def lacking(self, draft: Draft) -> str:
        """What an empty draft needs first."""
        return "write a prompt; __ { [[ and < begin places to vary and names"

    def show_tried(self) -> None:
        """There is another answer, or why there is none."""

    def vary_now(self, varied: Variation) -> None:
        self.draft = replace(self.draft, varied=varied)
        self.try_soon(0.0)

    def reroll(self, keys: list[str]) -> None:
        """Draws these anew, but for those that are held; to draw at all, the run must be a drawn one."""
        held = {key for key, _ in self.varied.locks}
        free = [key for key in keys if key not in held]
        if not free:
            self.home.say("nothing here is free to be drawn")
            return
        varied = self.varied.rerolled(*free)
        if varied.matrix not in DRAWN:
            varied = replace(varied, matrix="random")
            self.home.say(f"now drawn at random; {pressed('run.vary')} makes every combination again")
        self.vary_now(varied)

    # Asking -----------------------------------------------------------------------------------------

    def try_soon(self, wait: float = WAIT) -> None:
        begin(self, partial(self._try, wait), group="trial", exclusive=True)

    def more(self) -> None:
        """Twice as many variants, if there are any."""
        if self.tried is not None and len(self.tried.samples) < min(self.tried.jobs, MOST) and self._show < MOST:
            self._show = min(MOST, self._show * 2)
            self.try_soon(0.0)

    async def _try(self, wait: float) -> None:
        await asyncio.sleep(wait)
        if not is_open(self):
            return
        draft = self.read()
        if draft.empty:
            self.tried, self.tried_draft, self.fault, self.fault_at = Tried(), draft, self.lacking(draft), ""
            self.show_tried()
            return
        try:
            wish = await self.wish(replace(draft, seed=draft.seed or self._seed))
            tried = await self.home.asker.try_out(wish, self._show)
        except Refused as e:
            self.fault, self.fault_at = unflagged(e.told()), e.where or ""
        except NoDaemon:
            self.fault, self.fault_at = "the daemon does not answer; what it comes to is told when it does", ""
        else:
            self.tried, self.tried_draft, self.fault, self.fault_at = tried, draft, "", ""
            self._words = wish.prompt or "", wish.negative or ""
            self._seed = self._seed or str(tried.seed)
        if is_open(self):
            self.show_tried()

    # What it came to --------------------------------------------------------------------------------

    def segments_in(self, text: str, *, negative: bool) -> Sequence[Segment]:
        """Of one of the two texts as it stands now; none where they are a pack's."""
        if self.tried is None or not self._words[0].strip():
            return ()
        found = [one for one in self.tried.segments if one.negative == negative]
        return shifted(found, self._words[1 if negative else 0], text)

    def places_now(self) -> list[Place]:
        return places_of(self.tried.segments if self.tried else (), dict(self.varied.locks))

    def numbered(self) -> list[Numbered]:
        edited = {edit.name for edit in self.varied.edits}
        return [
            Numbered(
                prompt=one.prompt, negative=one.negative, seed=one.seed, name=one.name, picks=one.picks,
                number=number, edited=bool(edited & {one.name, variant_of(one.name)}),
            )
            for number, one in enumerate(self.tried.samples if self.tried else (), 1)
        ]  # fmt: skip

    def how(self) -> str:
        """The way of varying, in words."""
        return dict(MATRIX)[self.varied.matrix or ("" if self.draft.pack else "all")]

    def count_words(self) -> list[tuple[str, str]]:
        """`72 variants · 72 jobs · every combination`, and below it what a person should know."""
        tried = self.tried
        if self.fault:
            return [(plain(self.fault), "$error" if tried is not None and tried.jobs else "$text-muted")]
        if tried is None:
            return [("…", "$text-muted")]
        wild = is_wild(tried.space) or tried.jobs > 1_000
        words = [(f"{many(tried.space)} {'variant' if tried.space == '1' else 'variants'}", "bold $warning" if wild
                  else "bold"), (f" · {many(tried.jobs)} {'job' if tried.jobs == 1 else 'jobs'}", "bold"),
                 (f" · {self.how()} · seed {tried.seed}", "$text-muted")]  # fmt: skip
        hints = [plain(unflagged(one)) for one in tried.warnings]
        if is_wild(str(tried.jobs)):
            hints.insert(
                0,
                f"{many(tried.jobs)} jobs: {pressed('run.vary')} limits them, takes an even sample, or draws at random",
            )
        if hints:
            more = f"  (+{len(hints) - 1})" if len(hints) > 1 else ""
            words.append((f"\n! {hints[0]}{more}", "$warning"))
        return words


def variant_of(name: str) -> str:
    """The variant of a job: its name without the seed. What is written over it holds for all its seeds."""
    return SEEDED.sub("", name)
