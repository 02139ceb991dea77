"""What was said of simulated people's verdicts, held against what is true of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from raters import World

from schema.plans import Scalar

SURE = 0.95
PLAIN = 0.5
"""Stars (about) between the best and the worst level of a knob that is worth finding."""


class Said(NamedTuple):
    """A claim, whoever makes it."""

    pack: str
    param: str
    better: tuple[Scalar, ...]
    worse: tuple[Scalar, ...]
    confidence: float

    def true(self, world: World) -> bool:
        return world.gap(self.pack, self.param, self.better, self.worse) > 1e-9


class Recommended(NamedTuple):
    """A preset against what the pack was made with last."""

    pack: str
    params: dict[str, Scalar]
    current: dict[str, Scalar]
    better: float
    """Probability that it is better, as stated."""


@dataclass
class Tally:
    """Of many worlds of one sort."""

    sort: str
    worlds: int = 0
    packs: int = 0
    ratings: int = 0
    claims: int = 0
    """At 95 %."""
    false: int = 0
    tends: int = 0
    """From 90 to 95 %."""
    tends_false: int = 0
    plain: int = 0
    """Knobs that plainly matter in a pack with thirty ratings at least."""
    found: int = 0
    """Of these: of which something true was said."""
    sure: int = 0
    """Presets said to be better with 95 %."""
    right: int = 0
    gains: list[float] = field(default_factory=list)
    regrets: list[float] = field(default_factory=list)
    """One per world."""
    others: list[float] = field(default_factory=list)
    """Of the peer, in the same worlds."""
    lies: list[str] = field(default_factory=list)
    """Where to look: what was false."""

    def judge(self, world: World, said: Sequence[Said], presets: Iterable[Recommended] = ()) -> "Tally":
        rated = {pack: sum(record.pack == pack for record in world.records) for pack in world.packs}
        self.worlds += 1
        self.packs += sum(each >= 30 for each in rated.values())
        self.ratings += len(world.records)
        for one in said:
            if one.confidence >= SURE:
                self.claims += 1
                self.false += not one.true(world)
                if not one.true(world):
                    self.lies.append(f"world {world.seed}: {one}")
            else:
                self.tends += 1
                self.tends_false += not one.true(world)
        told = {(one.pack, one.param) for one in said if one.confidence >= SURE and one.true(world)}
        for pack in (pack for pack in world.packs if rated[pack] >= 30):
            varied = {
                name for name in world.names if len({r.params[name] for r in world.records if r.pack == pack}) > 1
            }
            plain = {(pack, name) for name in varied if world.matters(pack, name, PLAIN)}
            self.plain += len(plain)
            self.found += len(plain & told)
        for preset in presets:
            self.recommend(world, preset)
        return self

    def recommend(self, world: World, preset: Recommended) -> None:
        gain = world.worth(preset.pack, preset.params) - world.worth(preset.pack, preset.current)
        if preset.better >= SURE:
            self.sure += 1
            self.right += gain > 0
            self.gains.append(gain)

    @property
    def share(self) -> float:
        """Of the claims at 95 % that are false."""
        return self.false / max(1, self.claims)

    @property
    def power(self) -> float:
        return self.found / max(1, self.plain)

    @property
    def calibrated(self) -> float:
        return self.right / max(1, self.sure)

    @property
    def regret(self) -> float:
        return math.fsum(self.regrets) / max(1, len(self.regrets))

    @property
    def ratio(self) -> float:
        """Regret over the peer's."""
        return math.fsum(self.regrets) / max(1e-9, math.fsum(self.others))

    def __str__(self) -> str:
        parts = [
            f"{self.sort:<22} {self.worlds:4} worlds {self.ratings / max(1, self.worlds):6.0f} ratings",
            f"{self.claims:5} claims {100 * self.share:5.1f} % false",
            f"tends {self.tends:4} {100 * self.tends_false / max(1, self.tends):5.1f} %",
            f"per pack {self.claims / max(1, self.packs):.2f} power {self.power:.2f}",
        ]
        if self.sure:
            gain = math.fsum(self.gains) / self.sure
            parts.append(f"presets {self.sure:3} {100 * self.calibrated:5.1f} % right, gain {gain:.2f}")
        if self.regrets:
            parts.append(f"regret {self.regret:.2f} ({self.ratio:.2f} of the peer's)")
        return " | ".join(parts)
