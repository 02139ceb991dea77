"""Simulated people whose taste is known, so that what the program says of their verdicts can be told right from wrong.

A picture's worth to them: what each knob's level brings in its pack (about half of the knobs bring nothing), one pair
of knobs that work together, luck of prompt and seed, the mood of the sitting, noise; cut into stars by a scale of
their own. Written from the specification of the statistics; knows nothing of how they are computed.
"""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schema.plans import Scalar
from schema.records import Record, Settings

Vector = NDArray[np.float64]

BEGINNING = datetime(2026, 5, 1, 20, tzinfo=UTC)


class Sort(NamedTuple):
    """What the worlds of one sort have in common; worth in standard deviations of about one star."""

    packs: tuple[int, int] = (1, 4)
    knobs: tuple[int, int] = (5, 9)
    levels: tuple[int, int] = (3, 6)
    idle: float = 0.5
    """Share of the knobs that do nothing in a pack."""
    effect: float = 0.35
    """Of a knob that does something: spread over its levels."""
    plateau: float = 0.3
    """Share of the knobs that matter of which most levels are equally good."""
    together: float = 0.25
    """Spread of what the one pair brings beyond the sum."""
    shared: float = 0.6
    """Share of what packs have in common."""
    noise: float = 0.7
    luck: float = 0.55
    """Of a prompt with a seed."""
    prompt_luck: float = 0.2
    mood: float = 0.3
    sitting: tuple[int, int] = (10, 30)
    """Ratings of one."""
    seeds: Literal["fresh", "same", "mixed"] = "mixed"
    prompts: int = 4
    scale: Literal["all", "odd", "ends", "kind"] = "all"
    """Stars that are given: 1-5; 1, 3 and 5; 1 and 5; mostly 4 and 5."""
    drift: float = 0.0
    """How far mood and taste go in the course of all ratings; in passive use the settings go along."""
    choosy: bool = False
    """Rates mostly what is very good or very bad."""
    habit: tuple[float, float] = (0.3, 0.8)
    """How much the knobs go together in passive use."""
    told: bool = True
    """The records tell the sittings; otherwise only the times do."""
    dotted: bool = False
    """Knobs are called as those of the program's own records."""
    places: int = 0
    """Values of a wildcard that the prompts draw from; 0: they have none."""


SORTS: dict[str, Sort] = {
    "base": Sort(),
    "noisy": Sort(noise=1.3, luck=0.8, mood=0.5),
    "drifting": Sort(drift=1.0),
    "odd stars": Sort(scale="odd"),
    "ends only": Sort(scale="ends"),
    "choosy": Sort(choosy=True),
    "nothing": Sort(idle=1.0, together=0.0),
}
"""The sorts that goals are set for."""

NUMBERS: dict[str, tuple[float, float]] = {
    "steps": (10, 5), "cfg": (3.0, 1.5), "denoise": (0.2, 0.1), "lora:grain": (0.0, 0.25), "hires": (1.0, 0.25),
    "clip_skip": (1, 1),
}  # fmt: skip
"""Ordered knobs: first value and step."""
WORDS: dict[str, tuple[str, ...]] = {
    "sampler": ("euler", "dpmpp_2m", "ddim", "heun", "lms", "unipc", "dpm_fast", "plms"),
    "style": ("plain", "ink", "oil", "film", "pastel", "comic", "chalk", "etching"),
    "scheduler": ("normal", "karras", "simple", "sgm", "beta", "linear", "cosine", "turbo"),
    "upscaler": ("lanczos", "esrgan", "swinir", "nearest", "area", "latent", "dat", "ldsr"),
}
TAGS = {"too noisy": -1.0, "burnt": -1.0, "nailed it": 1.0}
"""To whether one wants more of it."""


class Taste(NamedTuple):
    main: Mapping[str, Vector]
    """What each level of each knob brings, zero on average."""
    pair: tuple[str, str]
    surface: Vector
    """What the pair brings beyond: zero on average along both knobs."""


class World:
    """One person with packs; the same for the same sort and seed."""

    def __init__(self, sort: Sort, seed: int) -> None:
        self.sort = sort
        self.seed = seed
        self.rng = np.random.default_rng([seed, 26])
        self.packs = [f"pack-{number}" for number in range(1, self._between(sort.packs) + 1)]
        self.space = self._space()
        self.drawn = self._tastes()
        self.later = self._tastes()
        self.tags = {tag: self._mains(self.names, 2.5 * max(sort.effect, 0.3)) for tag in TAGS}
        self.sitting = 0
        self.mood = 0.0
        self.now = BEGINNING
        self.done = 0.0
        """How much of the whole time is over, from 0 to 1."""
        self.records: list[Record] = []
        self.when: dict[str, list[float]] = {pack: [] for pack in self.packs}
        self.cuts = self._cuts()

    # what is true ---------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        return list(self.space)

    def main(self, pack: str, knob: str) -> Vector:
        """What the levels bring; of a taste that changes: on average over when the pack was rated."""
        return self._main(pack, knob, float(np.mean(self.when[pack])) if self.when[pack] else 0.0)

    def _main(self, pack: str, knob: str, when: float) -> Vector:
        at = 0.4 * self.sort.drift * when
        return (1.0 - at) * self.drawn[pack].main[knob] + at * self.later[pack].main[knob]

    def gap(self, pack: str, knob: str, better: Iterable[Scalar], worse: Iterable[Scalar]) -> float:
        """By how much those levels are better than these, really. Raises ValueError for a level that there is not."""
        main, levels = self.main(pack, knob), self.space[knob]
        return float(
            np.mean([main[levels.index(one)] for one in better]) - np.mean([main[levels.index(one)] for one in worse])
        )

    def worth(self, pack: str, params: Settings, when: float | None = None) -> float:
        """Without luck, mood and noise; of a taste that changes: at a time, or on average."""
        if when is None:
            when = float(np.mean(self.when[pack])) if self.when[pack] else 0.0
        first, second = self.drawn[pack].pair
        at = self.space[first].index(params[first]), self.space[second].index(params[second])
        mains = sum(self._main(pack, knob, when)[self.space[knob].index(params[knob])] for knob in self.space)
        return float(mains + self.drawn[pack].surface[at])

    def best(self, pack: str) -> float:
        """Worth of the best config that there is."""
        pair = self.drawn[pack].pair
        rest = sum(float(self.main(pack, knob).max()) for knob in self.space if knob not in pair)
        both = self.main(pack, pair[0])[:, None] + self.main(pack, pair[1])[None, :] + self.drawn[pack].surface
        return rest + float(both.max())

    def regret(self, pack: str, params: Settings) -> float:
        return self.best(pack) - self.worth(pack, params)

    def matters(self, pack: str, knob: str, least: float = 0.0) -> bool:
        """Whether its best and its worst level lie further apart than that."""
        return float(np.ptp(self.main(pack, knob))) > max(least, 1e-9)

    # pictures and verdicts ------------------------------------------------------------------------

    def sit_down(self) -> None:
        """A new sitting: the next day, in another mood."""
        self.sitting += 1
        self.now = BEGINNING + timedelta(days=self.sitting, minutes=float(self.rng.integers(0, 90)))
        self.mood = self.rng.normal(0.0, self.sort.mood) + self.sort.drift * (self.done - 0.5)

    def rate(self, pack: str, params: Settings, prompt: str, seed: int, run: str = "run") -> Record | None:
        """What the person says of a picture; None: nothing."""
        luck = self._rng(pack, prompt, seed).normal(0.0, self.sort.luck)
        luck += self._rng(pack, prompt).normal(0.0, self.sort.prompt_luck)
        self.when[pack].append(self.done)
        mine = self.worth(pack, params, self.done) + luck + self.mood + self.rng.normal(0.0, self.sort.noise)
        self.now += timedelta(seconds=float(self.rng.integers(4, 40)))
        if self.sort.choosy and self.rng.random() > (0.12 if 0.2 < self.rank(mine) < 0.8 else 0.9):
            self.when[pack].pop()
            return None
        record = Record(
            id=f"im{len(self.records):05}", at=self.now.isoformat().replace("+00:00", "Z"),
            session=f"s{self.sitting:03}" if self.sort.told else "", pack=pack, prompt=prompt, seed=seed, run=run,
            params=params, stars=self.stars(mine), tags=self._tagged(params),
        )  # fmt: skip
        self.records.append(record)
        return record

    def rank(self, mine: float) -> float:
        return 0.5 * (1.0 + math.erf(mine / self.spread / math.sqrt(2.0)))

    def stars(self, mine: float) -> int:
        given = {"all": (1, 2, 3, 4, 5), "odd": (1, 3, 5), "ends": (1, 5), "kind": (2, 3, 4, 5)}[self.sort.scale]
        return given[int(np.searchsorted(self.cuts, mine))]

    def _tagged(self, params: Settings) -> tuple[str, ...]:
        def chance(mains: Mapping[str, Vector]) -> float:
            liking = sum(float(mains[knob][self.space[knob].index(params[knob])]) for knob in self.space)
            return 1.0 / (1.0 + math.exp(1.4 - liking))

        return tuple(tag for tag, mains in self.tags.items() if self.rng.random() < chance(mains))

    # how pictures come to be ----------------------------------------------------------------------

    def passive(self, ratings: int) -> "World":
        """Uses the packs as people do: settings stay for a while, change together, and drift with a drifting mood."""
        loads = {name: self.rng.uniform(*self.sort.habit) * self.rng.choice((-1.0, 1.0)) for name in self.space}
        keep = {name: float(self.rng.uniform(0.3, 0.9)) for name in self.space}
        own = {(pack, name): self.rng.normal() for pack in self.packs for name in self.space}
        habit, runs = self.rng.normal(), 0
        while len(self.records) < ratings:
            self.sit_down()
            end = len(self.records) + self._between(self.sort.sitting)
            while len(self.records) < min(end, ratings):
                runs += 1
                pack = str(self.rng.choice(self.packs))
                habit = 0.8 * habit + 0.6 * self.rng.normal()
                at = habit + 2.0 * self.sort.drift * (self.done - 0.5)
                for name in self.space:
                    own[pack, name] = _step(own[pack, name], keep[name], self.rng)
                params = {
                    name: self._level(name, loads[name] * at + math.sqrt(1 - loads[name] ** 2) * own[pack, name])
                    for name in self.space
                }
                self._run(pack, params, f"r{runs:04}", min(end, ratings))
        return self

    def _run(self, pack: str, params: Settings, run: str, upto: int) -> None:
        same = self.sort.seeds == "same" or (self.sort.seeds == "mixed" and self.rng.random() < 0.5)
        for number in range(self._between((1, 5))):
            if len(self.records) >= upto:
                return
            prompt = f"prompt {self.rng.integers(self.sort.prompts)} of {pack}"
            self.rate(pack, params, prompt, 7 + number if same else int(self.rng.integers(10**9)), run)
            self.done = len(self.records) / max(upto, 200)

    def _level(self, name: str, at: float) -> Scalar:
        levels = self.space[name]
        return levels[min(len(levels) - 1, int(len(levels) * 0.5 * (1.0 + math.erf(at / math.sqrt(2.0)))))]

    def base(self) -> Settings:
        """Some config, as a person begins with."""
        return {name: levels[int(self.rng.integers(len(levels)))] for name, levels in self.space.items()}

    def learn_one(self, pack: str, ratings: int, *, most: int = 5) -> Settings:
        """Learning runs, knob after knob with all else fixed; of each the level with the best mean is kept.
        Returns what is kept in the end: what a person gets who does without statistics."""
        kept = self.base()
        begun = runs = 0
        while begun < ratings:
            for name in self.rng.permutation(self.names):
                runs += 1
                self.sit_down()
                levels = sorted(self.rng.permutation(len(self.space[name]))[:most])
                given: dict[int, list[int]] = {level: [] for level in levels}
                for seed, level in product(range(2), levels):
                    if begun < ratings:
                        begun += 1
                        params = {**kept, name: self.space[name][level]}
                        rated = self.rate(
                            pack, params, f"prompt {runs % self.sort.prompts} of {pack}", 90 * runs + seed, f"l{runs}"
                        )
                        given[level] += [rated.stars] if rated is not None else []
                means = {level: float(np.mean(stars)) for level, stars in given.items() if stars}
                if means and len(means) > 1:
                    kept = {**kept, name: self.space[name][max(means, key=lambda level: means[level])]}
        return kept

    def rate_all(self, pack: str, images: Sequence[tuple[Settings, int]], run: str) -> None:
        """One sitting over pictures that were proposed: settings and seed group of each."""
        self.sit_down()
        for at in self.rng.permutation(len(images)):
            params, group = images[at]
            self.rate(
                pack,
                params,
                f"prompt {group % self.sort.prompts} of {pack}",
                zlib.crc32(f"{run} {group}".encode()),
                run,
            )

    # drawing a world --------------------------------------------------------------------------------

    def _between(self, ends: tuple[int, int]) -> int:
        return int(self.rng.integers(ends[0], ends[1] + 1))

    def _rng(self, *words: object) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(repr(words).encode())])

    def _space(self) -> dict[str, list[Scalar]]:
        names = list(self.rng.permutation([*NUMBERS, *WORDS, "hires_on"]))[: self._between(self.sort.knobs)]
        space: dict[str, list[Scalar]] = {}
        if self.sort.places:
            space["pick:place"] = [f"place {number}" for number in range(self.sort.places)]
        for name in map(str, names):
            count = self._between(self.sort.levels)
            called = f"paint.{name}" if self.sort.dotted and ":" not in name else name
            if name in NUMBERS:
                first, step = NUMBERS[name]
                space[called] = [type(first)(round(first + at * step, 3)) for at in range(count)]
            else:
                space[called] = [False, True] if name == "hires_on" else list(WORDS.get(name, ())[:count])
        return space

    def _mains(self, working: Iterable[str], effect: float) -> dict[str, Vector]:
        idle = set(self.rng.permutation(list(working))[: round(self.sort.idle * len(self.space))])
        return {
            name: np.zeros(len(levels)) if name in idle else self._shape(levels, effect)
            for name, levels in self.space.items()
        }

    def _shape(self, levels: Sequence[Scalar], effect: float) -> Vector:
        count = len(levels)
        if self.rng.random() < self.sort.plateau:
            drawn = np.zeros(count)
            worse = self._between((1, max(1, count // 2)))
            far = np.arange(count) < worse if not isinstance(levels[0], str) else self.rng.permutation(count) < worse
            drawn[far if self.rng.random() < 0.5 else ~far] = self.rng.choice((-1.0, 1.0))
        elif isinstance(levels[0], str | bool):
            drawn = self.rng.normal(size=count)
        else:
            x = np.arange(count) - self.rng.uniform(0, count - 1)
            drawn = self.rng.choice((-np.abs(x), -(x**2) / count, x, -x, np.sin(x))) + 0.1 * self.rng.normal(size=count)
        drawn = drawn - drawn.mean()
        shape: Vector = drawn / max(float(drawn.std()), 1e-9) * effect * self.rng.uniform(0.5, 1.6)
        return shape

    def _tastes(self) -> dict[str, Taste]:
        """Of each pack: a knob works in all packs or in none, but for a fifth of them; signs and shapes are shared in
        part."""
        common = self._mains(self.names, self.sort.effect)
        return {pack: self._taste(common) for pack in self.packs}

    def _taste(self, common: Mapping[str, Vector]) -> Taste:
        main: dict[str, Vector] = {}
        for name, levels in self.space.items():
            works = bool(np.any(common[name])) != (self.sort.idle < 1.0 and self.rng.random() < 0.15)
            own = self._shape(levels, self.sort.effect)
            shared = math.sqrt(self.sort.shared) if np.any(common[name]) else 0.0
            main[name] = works * (shared * common[name] + math.sqrt(1.0 - shared**2) * own)
        first, second = (str(name) for name in self.rng.permutation(self.names)[:2])
        drawn = self.rng.normal(size=(len(self.space[first]), len(self.space[second])))
        drawn = drawn - drawn.mean(axis=0) - drawn.mean(axis=1, keepdims=True) + drawn.mean()
        return Taste(main, (first, second), drawn / max(float(drawn.std()), 1e-9) * self.sort.together)

    @cached_property
    def spread(self) -> float:
        """Of the worth of pictures with settings at random."""
        pack = self.packs[0]
        worth = [self.worth(pack, self.base()) for _ in range(200)]
        own = (self.sort.noise, self.sort.luck, self.sort.prompt_luck, self.sort.mood)
        return math.sqrt(float(np.var(worth)) + sum(each**2 for each in own))

    def _cuts(self) -> Vector:
        shares = {"all": (1, 2, 3.5, 2.5, 1), "odd": (3, 4, 3), "ends": (5, 5), "kind": (0.5, 1.5, 5, 3)}[
            self.sort.scale
        ]
        drawn = np.cumsum(self.rng.dirichlet(6.0 * np.array(shares)))[:-1]
        grid = np.linspace(-4.0, 4.0, 1601)
        below = np.array([0.5 * (1.0 + math.erf(at / math.sqrt(2.0))) for at in grid])
        cuts: Vector = self.spread * np.interp(drawn, below, grid)
        return cuts


def _step(was: float, keep: float, rng: np.random.Generator) -> float:
    """One setting after the next run: mostly as it was."""
    return was if rng.random() < keep else float(rng.normal())
