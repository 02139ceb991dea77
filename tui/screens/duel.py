"""Two pictures of the same words and seed, one key: left, right, or equal. The next pair is there at once."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.errors import NoDaemon, Refused
from schema.requests import ImageSelection
from tui.background import begin, is_open
from tui.keys import bindings, of
from tui.link import learn
from tui.outbox import Parcel, Wish
from tui.screens.alone import Alone, Shown, Told, cut
from tui.widgets.ink import Line, Piece, measure
from tui.widgets.judged import Judged
from tui.widgets.reveal import asked_for, made_with

if TYPE_CHECKING:
    from tui.app import StableNew

READY = 3
"""Pairs that are fetched before they are shown."""

AGAIN = 2.0
"""Seconds between two looks for a pair while there is none."""

EQUAL = "="
"""Said instead of the better one."""

JUST_NOW, BETWEEN = (Piece(" just now  ", "dim"),), (Piece("   |   ", "faint"),)

NONE = "No two pictures are worth comparing now: it takes two of one prompt and seed that were made differently."


@dataclass(eq=False)
class Pair:
    left: Shown
    right: Shown
    why: str
    done: Literal["left", "right", "equal", "skipped", ""] = ""
    verdict: Parcel | None = None

    @property
    def names(self) -> tuple[str, str]:
        return self.left.image.id, self.right.image.id


class DuelScreen(Alone):
    """Of one pack only, where it is named."""

    where = "duel"
    BINDINGS = bindings(of("duel"))

    def __init__(self, home: "StableNew", pack: str | None = None) -> None:
        super().__init__(home)
        self.left = Judged(home.thumbs, home.sharp, id="left")
        self.right = Judged(home.thumbs, home.sharp, id="right")
        self.told = Told()
        self.ahead: deque[Pair] = deque()
        """The first is the one that is shown."""
        self.behind: list[Pair] = []
        self._pack = pack or ""
        self._reading = False
        self._trouble = "…"

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self.left
            yield self.right
        yield self.told

    def on_mount(self) -> None:
        self.set_interval(AGAIN, self._look_for_more)
        self.call_after_refresh(self.read_more)

    # Pairs ------------------------------------------------------------------------------------------

    @property
    def pair(self) -> Pair | None:
        return self.ahead[0] if self.ahead else None

    def known(self) -> Iterable[Pair]:
        """Pairs that are not to be offered again: those that wait here, and those that were dealt with here."""
        return (*self.behind, *self.ahead)

    def _look_for_more(self) -> None:
        if not self.ahead and self.may_be_more(self._trouble != NONE):
            self.read_more()

    def read_more(self) -> None:
        if not self._reading:
            self._reading = True
            begin(self, self._read_more, group="duel")

    async def _read_more(self) -> None:
        """Until enough are ready or none is left; asked anew after a verdict, and now and then where there is none."""
        asker = self.home.asker
        try:
            while len(self.ahead) < READY:
                without = [pair.names for pair in self.known()]
                duel = await learn.duel(asker, self._pack, without=without)
                self._trouble = NONE
                if duel is None or (duel.left, duel.right) in without:
                    break
                left, right = [
                    await asker.get(f"/v1/images/{image}", Shown) for image in (duel.left, duel.right)
                ]  # fmt: skip
                self.ahead.append(Pair(left, right, duel.why))
                self._arrived()
        except Refused as e:
            self._trouble = e.told()
        except NoDaemon:
            self._trouble = "the daemon does not answer; pairs come when it does"
        finally:
            self._reading = False
        if is_open(self) and self.pair is None:
            self.right.display = False
            self.left.tell_notice(self._trouble)
            self.draw()

    def _arrived(self) -> None:
        if not is_open(self):
            return
        if self.left.image is None:
            self.show()
        else:
            self.make_ready()

    # What is shown ----------------------------------------------------------------------------------

    def show(self) -> None:
        self.attention.lost()
        pair = self.pair
        self.left.notice = "" if pair else self._trouble
        self.left.show(pair.left.image if pair else None)
        self.right.show(pair.right.image if pair else None)
        self.right.display = pair is not None
        self.make_ready()
        self.draw()
        if len(self.ahead) < READY:
            self.read_more()

    def make_ready(self) -> None:
        for pair in self.ahead:
            self.left.prefetch(pair.left.image)
            self.right.prefetch(pair.right.image)

    def draw(self) -> None:
        if not is_open(self):
            return
        pair, width = self.pair, self.size.width
        prompt = asked_for(pair.left.job, width) if pair is not None else ()
        done = sum(one.done not in ("", "skipped") for one in self.behind)
        question = " which is better?  " if pair is not None else " "
        left = [Piece(f" {done:,} compared  " if done else question, "strong")]
        if self.size.height < 30:
            self.told.tell(self.just or prompt, self.bottom(left))
        else:
            self.told.tell(prompt, self.just, self.bottom(left))

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    # Verdicts ---------------------------------------------------------------------------------------

    def action_better(self, which: int) -> None:
        if self.pair is not None and self.counts("a verdict"):
            self._judge(self.pair, "right" if which else "left", self.pair.names[which])

    def action_tie(self) -> None:
        if self.pair is not None and self.counts("a verdict"):
            self._judge(self.pair, "equal", EQUAL)

    def _judge(self, pair: Pair, done: Literal["left", "right", "equal"], better: str) -> None:
        words = f"stablenew image compare {' '.join(pair.names)} --better {better}"
        wish = Wish("/v1/images/compare", ImageSelection(select=pair.names, better=better), words)
        pair.done = done
        pair.verdict = self.home.outbox.put(wish, partial(self._came_back, pair))
        self.behind.append(self.ahead.popleft())
        self.tell_now(self._revealed(pair))
        self.show()

    def _revealed(self, pair: Pair) -> Line:
        """What the two differ in, now that it is said which is better."""
        left, right = made_with(pair.left.image, pair.left.job), made_with(pair.right.image, pair.right.job)
        sides = [[word for word in one if word not in other] for one, other in ((left, right), (right, left))]
        mark = {"left": ("★ ", "  "), "right": ("  ", "★ ")}.get(pair.done, ("= ", "= "))
        room = (self.size.width - measure(JUST_NOW) - measure(BETWEEN)) // 2
        told = [Piece(cut(sign + " · ".join(words), room)) for sign, words in zip(mark, sides, strict=True)]
        return [*JUST_NOW, told[0], *BETWEEN, told[1]]

    def action_skip(self) -> None:
        if self.ahead:
            pair = self.ahead.popleft()
            pair.done = "skipped"
            self.behind.append(pair)
            self.just = ()
            self.show()

    def action_back(self) -> None:
        if not self.behind:
            self.tell_now([Piece(" nothing was done here that could be taken back", "dim")])
            return
        pair = self.behind.pop()
        if pair.verdict is not None:
            self.home.outbox.take_back(pair.verdict, None, self._not_taken_back)
        words = f" {pair.done} is taken back" if pair.verdict is not None else ""
        pair.done, pair.verdict = "", None
        self.ahead.appendleft(pair)
        self.just = [Piece(words, "dim")]
        self.show()

    def _came_back(self, pair: Pair, parcel: Parcel) -> None:
        """The daemon will not have it. It is told, and the pair is not asked again here."""
        self.home.say(f"not noted which is better: {parcel.refused}", bad=True)
        pair.verdict = None

    def _not_taken_back(self, parcel: Parcel) -> None:
        self.home.say(f"not taken back: {parcel.refused}", bad=True)

    def action_outside(self) -> None:
        if self.pair is not None:
            self.open_outside(self.pair.left.image)
