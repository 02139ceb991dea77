"""Pictures of a learning run by what they share: one prompt and one seed, a picture for each level. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import msgspec

from schema.pages import ImageRow, JobRecord
from schema.plans import LearningPlan


@dataclass(frozen=True)
class Seen:
    image: ImageRow
    job: JobRecord
    level: str = ""
    """In words: `cfg 5.5`."""


@dataclass
class Group:
    seen: list[Seen]

    @property
    def rated(self) -> bool:
        return not self.unrated()

    def unrated(self) -> list[int]:
        return [index for index, one in enumerate(self.seen) if not one.image.stars]

    def give(self, index: int, stars: int) -> None:
        self._change(index, msgspec.structs.replace(self.seen[index].image, stars=stars))

    def tag(self, index: int, tags: tuple[str, ...]) -> None:
        self._change(index, msgspec.structs.replace(self.seen[index].image, tags=tags))

    def _change(self, index: int, image: ImageRow) -> None:
        self.seen[index] = replace(self.seen[index], image=image)


def groups_of(pictures: Iterable[Seen], plan: LearningPlan, place: Callable[[ImageRow], bytes]) -> list[Group]:
    """In the order of the run, each in the order of `place`; a picture that shares with none stands alone."""
    found: dict[tuple[object, ...], list[Seen]] = {}
    for one in pictures:
        spec = one.job.spec
        words = tuple(pick.value for pick in spec.picks)  # a level may be in the prompt itself: a LoRA's weight
        key = (spec.pack, spec.prompt_number, words, spec.seed)
        found.setdefault(key, []).append(replace(one, level=level_of(one.job, plan)))
    return [Group(sorted(group, key=lambda one: place(one.image))) for group in found.values()]


def level_of(job: JobRecord, plan: LearningPlan) -> str:
    """`cfg 5.5`; of several variables all of them, with their stages where two are called alike."""
    told = []
    fields = [name.rpartition(".")[2] for name in plan.variables]
    for name in plan.variables:
        value = job.spec.axes.get(name, job.spec.overlay.get(name))
        stage, _, field = name.partition(".")
        if value is None:
            value = next((one.effective.get(field) for one in job.stages if one.id == stage), None)
        short = name if fields.count(name.rpartition(".")[2]) > 1 else name.rpartition(".")[2]
        told.append(f"{short} {'as usual' if value is None else value}")
    return " · ".join(told)
