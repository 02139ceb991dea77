"""Experiments as they are asked for: which knobs are open for a pack, how they mix, and which run would teach most.

Plans the pack as a run would, to know what it is made with now and who may make it. Reads files: called off the loop.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from daemon.api.house import Config, Planned
from daemon.learner.desk import Desk
from daemon.prompting.effective import pipeline_of
from daemon.prompting.experiments import check_open, levels_of
from daemon.prompting.grids import read_grid
from daemon.scheduling.able import Known, makers
from daemon.views.lists import Window
from daemon.views.read_views import ReadViews
from schema.errors import Refused
from schema.experiments import Proposal
from schema.ids import RunId
from schema.plans import Scalar
from schema.records import LOOSE
from schema.requests import RunRequest
from schema.requests_learning import Mixes

if TYPE_CHECKING:
    from daemon.learning.beliefs import Axis
    from daemon.learning.experiments import Asked
    from daemon.learning.rows import Row

MOST_IMAGES = 5_000

MEASURED = 12
"""Newest pictures of a pack whose seconds say how long the next will take."""

OFFERS = ("samplers", "schedulers", "upscalers")

Space = dict[str, tuple[Scalar, ...]]


class Lab:
    def __init__(
        self,
        plan: Callable[[RunRequest, RunId], Planned],
        config: Callable[[bytes, Mapping[str, Scalar]], Config],
        known: Callable[[], Sequence[Known]],
    ) -> None:
        self._plan, self._config, self._known = plan, config, known

    def mixes(self, desk: Desk, request: RunRequest, images: int) -> Mixes:
        """Pictures of an explore run that `request` describes; its `vary`, if any, says what varies. Raises Refused."""
        from daemon.learning.experiments import explored, pool_for

        if not 1 <= images <= MOST_IMAGES:
            raise Refused(
                f"{images} pictures cannot be explored.", where="--images", remedy=f"Ask for 1 to {MOST_IMAGES}."
            )
        planned = self._planned(request)
        rows, _ = desk.rows()
        pool = pool_for(planned.jobs[0].pack or LOOSE, rows)
        held = frozenset(text.partition("=")[0].strip() for text in request.set)
        space = _named(planned, request, held) or self._space(planned, request, pool, rows, held)
        if not space:
            raise Refused(
                "nobody knows of a setting that could vary here.",
                where="--vary",
                remedy="Name some: --vary txt2img.steps=15,25,35 --vary txt2img.cfg=4,6,8.",
            )
        found, axes, levels = explored(desk.fit(), pool, space, images)
        return Mixes(
            images=found,
            variables={
                axis.name: tuple(axis.levels[at] for at in some) for axis, some in zip(axes, levels, strict=True)
            },
            why=_why(axes, levels),
        )

    def proposals(self, desk: Desk, packs: Sequence[str], seconds: Mapping[str, float]) -> tuple[Proposal, ...]:
        """Of these packs, as far as they are there; `seconds` that a picture of each takes on one machine."""
        from daemon.learning.experiments import proposals

        rows, _ = desk.rows()
        asked = (self._asked(pack, rows, seconds.get(pack, 0.0)) for pack in packs)
        return proposals(desk.fit(), [one for one in asked if one is not None])

    def _asked(self, pack: str, rows: "Sequence[Row]", seconds: float) -> "Asked | None":
        from daemon.learning.experiments import Asked, pool_for

        request = RunRequest(packs=(pack,))
        try:
            planned = self._planned(request)
        except Refused:  # a pack that is gone, or that nobody can make now: nothing to try
            return None
        pool = pool_for(pack, rows)
        base = _flat(self._config(planned.base, planned.jobs[0].overlay))
        return Asked(pool, self._space(planned, request, pool, rows), base, seconds)

    def _planned(self, request: RunRequest) -> Planned:
        """The smallest plan of it. Raises Refused, also where it makes nothing."""
        alone = msgspec.structs.replace(
            request, vary=(), mixes=(), experiment=None, plan_hash=None, edits=(), count=1, limit=1, max_images=None
        )
        planned = self._plan(alone, RunId("explore"))
        if not planned.jobs:
            raise Refused("there is no prompt to make a picture of.", where="packs", remedy="Name a pack with prompts.")
        return planned

    def _space(
        self,
        planned: Planned,
        request: RunRequest,
        pool: str,
        rows: "Iterable[Row]",
        held: frozenset[str] = frozenset(),
    ) -> Space:
        from daemon.learning.ranges import space_for

        config = self._config(planned.base, planned.jobs[0].overlay)
        seen = (row.params for row in rows if row.pool == pool)
        return space_for(config, offers_of(self._known(), request.node, request.backend), seen, held)


def offers_of(known: Sequence[Known], node: str | None, backend: str | None) -> dict[str, tuple[str, ...]]:
    """What all backends have in common that may make a picture; those that only stand in count where there are no
    others."""
    able = [one.card for one in makers(known, node, backend) or () if "txt2img" in one.card.kinds]
    real = [card for card in able if card.kind != "sketch"] or able
    found: dict[str, tuple[str, ...]] = {}
    for name in OFFERS:
        lists: list[tuple[str, ...]] = [getattr(card, name) for card in real]
        first, *rest = lists or [()]
        found[name] = tuple(one for one in first if all(one in other for other in rest))
    return found


async def seconds_of(views: ReadViews, pack: str) -> float:
    """That a picture of it took lately; 0: none was made."""
    window = Window(filter=f'pack:"{pack}" state:finished', sort="newest", limit=MEASURED)
    jobs = await views.records([row.id for row in (await views.jobs(window)).items])
    took = [sum(stage.measures.executed_s + stage.measures.loaded_s for stage in job.stages) for job in jobs]
    return sum(took) / len(took) if took else 0.0


async def packs_of(views: ReadViews, desk_packs: Iterable[str]) -> tuple[str, ...]:
    """Those with verdicts; before there are any, those of the newest runs."""
    rated = [pack for pack in desk_packs if pack != LOOSE]
    if rated:
        return tuple(dict.fromkeys(rated))
    newest = await views.runs(Window(limit=20))
    return tuple(dict.fromkeys(pack for run in newest.items for pack in run.packs))[:5]


def _named(planned: Planned, request: RunRequest, held: frozenset[str]) -> Space:
    """The knobs that `vary` names, and nothing else. Raises Refused."""
    grid = read_grid(request.vary, pipeline_of(planned.base), held)
    for axis in grid.axes:
        check_open(axis)
    return {axis.name: levels_of(axis) for axis in grid.axes}


def _flat(config: Config) -> dict[str, Scalar]:
    return {f"{stage}.{field}": value for stage, fields in config.items() for field, value in fields.items()}


def _why(axes: "Sequence[Axis]", levels: Sequence[Sequence[int]]) -> str:
    """`Varies steps (12, 20, 28) and CFG (5, 7); sampler is decided: Euler a.`"""
    from daemon.learning import wording

    def told(axis: "Axis", some: Sequence[int]) -> str:
        return f"{wording.named(axis.name)} ({', '.join(wording.word(axis.levels[at]) for at in some)})"

    both = list(zip(axes, levels, strict=True))
    varied = [told(axis, some) for axis, some in both if len(some) > 1]
    decided = [told(axis, some) for axis, some in both if len(some) == 1]
    words = f"Varies {wording.listed(varied, 'and')}" if varied else "Nothing is open any more"
    return f"{words}; decided: {wording.listed(decided, 'and')}." if decided else f"{words}."
