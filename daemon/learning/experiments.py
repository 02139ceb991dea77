"""Experiments: the pictures of the next explore run, and which run would teach most for a minute of a GPU.

The value of a run is by how much the best level is expected to be better once its ratings are in than what would be
chosen now: E max(b~) - max(b), b~ ~ N(b, V - V after it) (docs/learning.md 9, "value of information").
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from daemon.learning import wording
from daemon.learning.beliefs import Axis, Belief, Space, axes_of, believe, stream
from daemon.learning.design import Planned, explore, narrowed, open_levels
from daemon.learning.levels import Floats
from daemon.learning.model import Fit, fit
from daemon.learning.rows import Row, Versus, pack_of, pool_of
from daemon.learning.tables import Codes, tabulate
from schema.experiments import Proposal, ProposedImage
from schema.plans import Scalar
from schema.spoken import begun, written

OFFERED = 3
"""Experiments that are proposed at once."""

MOST_LEVELS = 5
"""Of a learning run that is proposed: the likeliest ones."""

SEEDS = (2, 3)
"""That a learning run may share between its levels, of those proposed."""

EXPLORED = 20
"""Pictures of an explore run that is proposed."""

HARDLY = 0.05
"""Stars below which a run is for those who want to know, not for better pictures."""

HINT = 1.5
"""How many times as likely to be the best one value must be as another before that is said."""

DRAWS = 400

UNSEEN = 0.5
"""Probability that a knob does anything that never varied (docs/learning.md 5)."""


def propose_images(
    rows: Iterable[Row], duels: Iterable[Versus], space: Space, pool: str, images: int, fitted: Fit | None = None
) -> tuple[ProposedImage, ...]:
    """Exactly `images`, each with a level of every knob of the space; pictures of one group share prompt and seed.

    Works without a single rating. The same verdicts give the same pictures. `fitted`: of these rows, where it is there.
    """
    rows, duels = tuple(rows), tuple(duels)
    known = fit(tabulate(rows, duels)) if fitted is None else fitted
    return explored(known, pool, space, images)[0]


def explored(
    known: Fit, pool: str, space: Space, images: int
) -> tuple[tuple[ProposedImage, ...], tuple[Axis, ...], tuple[tuple[int, ...], ...]]:
    """As `propose_images`, with the knobs, and of each the levels that are still open."""
    belief = believe(known, pool, axes_of(space))
    planned = explore(belief, images, _dice(known, pool, images))
    levels = tuple(tuple(sorted(set(planned.codes[:, at].tolist()))) for at in range(len(belief.axes)))
    return images_of(belief, planned), belief.axes, levels


def images_of(belief: Belief, planned: Planned) -> tuple[ProposedImage, ...]:
    axes = belief.axes
    return tuple(
        ProposedImage(
            params={axis.name: axis.levels[code] for axis, code in zip(axes, codes, strict=True)}, seed_group=group
        )
        for codes, group in zip(planned.codes.tolist(), planned.group, strict=True)
    )


def pool_for(pack: str, rows: Iterable[Row]) -> str:
    """The pool of this pack that was rated last; of a pack without ratings as that of the last rated picture."""
    newest: Row | None = None
    mine: Row | None = None
    for row in rows:
        newest = row if newest is None or row.at >= newest.at else newest
        if pack_of(row.pool)[0] == pack:
            mine = row if mine is None or row.at >= mine.at else mine
    if mine is not None:
        return mine.pool
    return pool_of(pack, pack_of(newest.pool)[1] if newest else "")


class Asked(NamedTuple):
    """A pack of which somebody wants to know what to try next."""

    pool: str
    space: Space
    """Knobs and levels that make sense."""
    base: Mapping[str, Scalar] = {}
    """What the pack is made with now."""
    seconds: float = 0.0
    """That a picture of it takes on one machine; 0: nobody knows."""


def proposals(known: Fit, asked: Iterable[Asked], most: int = OFFERED) -> tuple[Proposal, ...]:
    """Those that teach most for a minute of a GPU first; at most one for each knob of a pack."""
    found = [each for one in asked for each in _of_pool(known, one)]
    return tuple(sorted(found, key=lambda each: (-each.worth, each.pack, each.command))[:most])


def _of_pool(known: Fit, asked: Asked) -> list[Proposal]:
    axes = tuple(axis for axis in axes_of(asked.space) if len(axis.levels) > 1)
    if not axes:
        return []
    belief = believe(known, asked.pool, axes)
    dice = _dice(known, asked.pool, 0)
    best = belief.best(dice)
    levels = open_levels(axes, best)
    undecided = [at for at in range(len(axes)) if len(levels[at]) > 1]
    one = known.pools.get(asked.pool)
    seen = {} if one is None else {knob.name: one.matters(knob.name) for knob in one.table.knobs}
    view = _View(
        asked=asked,
        belief=belief,
        best=best,
        matters=tuple(seen.get(axis.name, UNSEEN) for axis in axes),
        stars=one.stars_sd if one else 1.0,
        luck=dice.standard_normal((DRAWS, len(belief.mean))),
    )
    found = [_learning(view, at, levels[at]) for at in undecided]
    if len(undecided) > 1:
        found.append(_explore(view, undecided, levels))
    return found


class _View(NamedTuple):
    asked: Asked
    belief: Belief
    best: Sequence[Floats]
    matters: tuple[float, ...]
    """Of each axis: probability that it does anything."""
    stars: float
    """Stars in one unit of score."""
    luck: Floats
    """[draws, levels], standard normal: the same for all that is compared."""


def _learning(view: _View, at: int, levels: Sequence[int]) -> Proposal:
    """The best number of seeds for this knob's likeliest levels."""
    chances = view.best[at]
    chosen = sorted(sorted(levels, key=lambda level: -chances[level])[:MOST_LEVELS])
    codes = np.tile(_standing(view), (len(chosen), 1))
    codes[:, at] = chosen
    cov, gains = view.belief.cov, dict[int, float]()
    for seeds in range(1, max(SEEDS) + 1):
        cov = narrowed(view.belief, cov, codes)
        gains[seeds] = _gain(view, cov, [at])
    seeds = max(SEEDS, key=lambda count: (gains[count] / count, count))
    axis, images = view.belief.axes[at], seeds * len(chosen)
    values = tuple(axis.levels[level] for level in chosen)
    return Proposal(
        kind="learning",
        pack=pack_of(view.asked.pool)[0],
        variables={axis.name: values},
        seeds=seeds,
        images=images,
        seconds=round(images * view.asked.seconds, 1),
        worth=_worth(view, gains[seeds], images),
        why=_why_learning(axis, chances, chosen, gains[seeds] * view.stars, images),
        command=f"stablenew learn run {quoted(pack_of(view.asked.pool)[0])}"
        f" --vary {quoted(f'{axis.name}={levels_text(axis.name, values)}')} --seeds {seeds}",
    )


def _explore(view: _View, undecided: Sequence[int], levels: Sequence[Sequence[int]]) -> Proposal:
    belief = view.belief
    planned = explore(belief, EXPLORED, stream(view.asked.pool, "explore"))
    cov, groups = belief.cov, np.array(planned.group)
    for group in range(int(groups.max()) + 1):
        cov = narrowed(belief, cov, planned.codes[groups == group])
    gain = _gain(view, cov, undecided)
    names = [belief.axes[at].name for at in undecided]
    return Proposal(
        kind="explore",
        pack=pack_of(view.asked.pool)[0],
        variables={
            belief.axes[at].name: tuple(belief.axes[at].levels[level] for level in levels[at]) for at in undecided
        },
        seeds=int(groups.max()) + 1,
        images=EXPLORED,
        seconds=round(EXPLORED * view.asked.seconds, 1),
        worth=_worth(view, gain, EXPLORED),
        why=_why_explore(names, gain * view.stars),
        command=f"stablenew learn explore {quoted(pack_of(view.asked.pool)[0])} --images {EXPLORED}",
    )


def _standing(view: _View) -> Codes:
    """Levels of what the pack is made with now; of an axis that it says nothing of, the likeliest."""
    codes = np.zeros(len(view.belief.axes), dtype=np.int16)
    for at, axis in enumerate(view.belief.axes):
        now = view.asked.base.get(axis.name)
        codes[at] = axis.levels.index(now) if now in axis.levels else int(view.best[at].argmax())
    return codes


def _gain(view: _View, cov: Floats, axes: Sequence[int]) -> float:
    """Scores by which the best levels of these axes are expected to be better than those that look best now."""
    learned = view.belief.cov - cov
    total = 0.0
    for at in axes:
        span = view.belief.span(at)
        values, vectors = np.linalg.eigh(learned[span, span])
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        then = view.belief.mean[span] + view.luck[:, span] @ root.T
        total += view.matters[at] * float(then.max(axis=1).mean() - then.mean(axis=0).max())
    return max(0.0, total)


def _worth(view: _View, gain: float, images: int) -> float:
    """Stars per minute of a GPU; per picture where nobody knows how long one takes."""
    minutes = images * view.asked.seconds / 60.0 or float(images)
    return round(gain * view.stars / minutes, 6)


def _dice(known: Fit, pool: str, images: int) -> np.random.Generator:
    """Drawn from what is known, not from its order nor from a clock."""
    one = known.pools.get(pool)
    verdicts = 0 if one is None else len(one.table.outcome)
    return stream("experiment", pool, verdicts, images)


# In words ---------------------------------------------------------------------------------------


def _why_learning(axis: Axis, chances: Floats, chosen: Sequence[int], stars: float, images: int) -> str:
    likely = sorted(chosen, key=lambda level: (-chances[level], level))[:2]
    told = [f"{wording.word(axis.levels[level])} ({wording.percent(float(chances[level]))})" for level in likely]
    near = max(chances) < HINT * min(chances[level] for level in chosen)
    known = f"{wording.listed(told)} is most likely the best"
    if near:
        known = f"{wording.listed([wording.word(axis.levels[level]) for level in chosen])} may be the best"
    return f"{begun(wording.named(axis.name))}: {known}; {_hoped(images, stars)}."


def _why_explore(names: Sequence[str], stars: float) -> str:
    told = [wording.named(name) for name in names]
    some = wording.listed([*told[:3], f"{len(told) - 3} more"] if len(told) > 4 else told, "and")
    return f"{begun(some)} are undecided, and one run can vary all of them at once: {_hoped(EXPLORED, stars)}."


def _hoped(images: int, stars: float) -> str:
    """What is expected, on average over all that may come out."""
    if stars < HARDLY:
        return f"{images} pictures would tell, but hardly make this pack better"
    return f"{images} pictures are expected to make this pack {wording.about(stars)} better"


def levels_text(name: str, values: Sequence[Scalar]) -> str:
    """As `--vary` reads them."""
    words = ["none" if name.startswith("lora:") and not value else written(value) for value in values]
    return ("||" if any("," in word for word in words) else ",").join(words)


def quoted(word: str) -> str:
    """For a shell."""
    plain = word and all(letter.isalnum() or letter in "_-./=,:|+" for letter in word) and "||" not in word
    return word if plain else "'" + word.replace("'", "'\\''") + "'"
