"""Plans and library as the routes ask for them: the pure planning with the folders, the last run and the dice.

Preview and submit come through the same method, and both refuse what no known node could ever run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from daemon.api.house import Config
from daemon.artifacts.thumbs import size_of
from daemon.core.state import LastUsed
from daemon.library.completing import Completer
from daemon.library.shelf import FolderShelf
from daemon.prompting import effective
from daemon.prompting.grids import with_known_loras
from daemon.prompting.looks.lean import Lean
from daemon.prompting.needs import listed, words_need
from daemon.prompting.plan import Plan, make_plan
from daemon.prompting.recipe import LastRun
from daemon.scheduling.able import (
    Known,
    Maker,
    beyond,
    check,
    check_sizes,
    check_words,
    dispatched,
    goes_to_servers,
    makers,
)
from daemon.scheduling.fitness import is_real
from daemon.shelved import Shelved
from schema.errors import Refused
from schema.ids import RunId, Sha256
from schema.lessons import Lessons
from schema.pipeline import STANDARD, PipelineConfig
from schema.plans import JobSpec, RunSpec, Scalar, Written
from schema.prompts import CompletionKind, Completions, Sample, Trial, Tried
from schema.requests import RunRequest, Selection
from schema.settings import Settings
from schema.stages import Img2Img, Txt2Img

MOST_SHOWN = 500
"""Variants of a prompt that is tried out."""

UNKNOWN = "there is no wildcard"
"""With such a warning goes which files could not be read: it may stand in one of them."""

SHOWN = 3
"""Of these files."""

SEEDS = 2**32
"""Drawn seeds are below this, as all backends take them."""


def _likeliest(broken: Sequence[str], missing: Sequence[str]) -> tuple[str, ...]:
    """Files that are called as something that is missing first."""

    def called(told: str) -> bool:
        name = told.partition(":")[0].rpartition("/")[2].rpartition(".")[0].casefold()
        return any(f"{name}__" in one or f"{name}]]" in one for one in missing)

    return tuple(sorted(broken, key=lambda told: not called(told)))


def _nobody() -> tuple[Known, ...]:
    return ()


class Planner(Shelved):
    def __init__(
        self,
        shelf: FolderShelf,
        settings: Settings,
        clock: Callable[[], float],
        draw_below: Callable[[int], int],
        known: Callable[[], Sequence[Known]] = _nobody,
        path_of: Callable[[Sha256], Path] | None = None,
        leaning: Callable[[], Lean] = Lean,
        named: Callable[[str], Mapping[str, str]] | None = None,
        lessons: Callable[[], Lessons] = Lessons,
    ) -> None:
        """`known` gives every known node with its newest card; `path_of` raises Refused for a picture that is not;
        `leaning` gives what looks at pictures suggest now; `named` the LoRAs or embeddings of the library of models,
        with a note on each; None: those of the nodes are all there are; `lessons` what verdicts taught by now."""
        super().__init__(shelf)
        self._settings = settings
        self._clock = clock
        self._draw_below = draw_below
        self._known = known
        self._path_of = path_of
        self._completer = Completer(shelf, lambda kind: self._parts(kind).items())
        self._leaning = leaning
        self._lessons = lessons
        self._named = named

    def plan(self, request: RunRequest, run: RunId) -> Plan:
        """`run` is the id it would have: its results folder is named by it. Raises Refused."""
        plan = self._fitted(request, run)
        self._check(plan.base, plan.jobs, plan.spec.node, plan.spec.backend)
        stand_in = not self._others(plan.spec.node)
        return msgspec.structs.replace(plan, spec=msgspec.structs.replace(plan.spec, stand_in=stand_in))

    def try_out(self, trial: Trial) -> Tried:
        """What a run would make of its prompts, planned as it would be. Raises Refused."""
        show = max(1, min(trial.show, MOST_SHOWN))
        plan = self._fitted(msgspec.structs.replace(trial.run, plan_hash=None), RunId("trial"), show)
        first = plan.jobs[0] if plan.jobs else None
        return Tried(
            segments=plan.segments,
            space=plan.spec.randomizer.space,
            jobs=plan.total,
            seed=plan.seed,
            plan_hash=plan.plan_hash,
            samples=tuple(_sample(job, bool(plan.plan_hash)) for job in plan.jobs[:show]),
            warnings=plan.warnings,
            payload=self._payload(plan, first) if first else "",
        )

    def _payload(self, plan: Plan, job: JobSpec) -> str:
        wanted = plan.spec.backend if job.backend is None else job.backend
        words = {"prompt": job.prompt, "negative": job.negative, "seed": job.seed, "backend": wanted}
        return msgspec.json.encode({**words, "stages": self.config(plan.base, job.overlay)}).decode()

    def _fitted(self, request: RunRequest, run: RunId, show: int | None = None) -> Plan:
        """The plan, without stages of the standard pipeline that no known node can run."""
        now, seed, lessons = self._clock(), self._draw_below(SEEDS), self._lessons()
        day = datetime.fromtimestamp(now).astimezone().date().isoformat()
        request = msgspec.structs.replace(request, vary=with_known_loras(request.vary, lambda: self._parts("lora")))

        def planned(request: RunRequest) -> Plan:
            return make_plan(
                request,
                library=self._shelf,
                settings=self._settings,
                drawn_seed=seed,
                now=now,
                drawn_folder=f"{day}-{run}",
                leaning=self._leaning(),
                lessons=lessons,
                show=show,
            )

        plan = planned(msgspec.structs.replace(request, plan_hash=None))  # the hash is that of the plan as it is fitted
        left = self._left_out(plan)
        if left or request.plan_hash is not None:
            off = tuple(f"{name}.enabled=false" for name in left)
            told = tuple(
                f"{stage} is left out: no node can run it. --set {stage}.enabled=true insists." for stage in left
            )
            plan = planned(msgspec.structs.replace(request, set=(*request.set, *off)))
            plan = msgspec.structs.replace(plan, warnings=(*plan.warnings, *told))
        missing = [warning.casefold() for warning in plan.warnings if UNKNOWN in warning]
        broken = _likeliest(self._shelf.broken_words(), missing)[:SHOWN] if missing else ()
        return msgspec.structs.replace(plan, warnings=(*plan.warnings, *broken)) if broken else plan

    def _others(self, node: str | None) -> bool:
        """Whether backends other than the stand-in are known: on cards, or by the settings, reachable or not."""
        agent = self._settings.agent
        named = (agent.webui, agent.comfyui, agent.diffusers) if node is None else ()
        there = [one.card for one in self._known() if one.card and node in (None, one.id, one.name)]
        return any(named) or is_real(backend.kind for card in there for backend in card.backends)

    def _left_out(self, plan: Plan) -> tuple[str, ...]:
        """Stages of the standard pipeline that no known node can run and nobody spoke of: it fits what is there."""
        if plan.spec.pipeline != STANDARD.name:
            return ()
        known, among = self._known(), list[Maker]()
        for backend in {plan.spec.backend if job.backend is None else job.backend for job in plan.jobs}:
            able = makers(known, plan.spec.node, backend)
            if able is None:
                return ()
            among += able
        return tuple(stage for stage in beyond(effective.pipeline_of(plan.base), among) if stage not in plan.spoken)

    def config(self, base: bytes, overlay: Mapping[str, Scalar]) -> Config:
        return effective.job_config(base, overlay)

    def edit(self, spec: JobSpec, base: bytes, wish: Selection, run: RunSpec, now: Written | None = None) -> JobSpec:
        """A job of this run; `now`: its words as its stages have made them by now. Raises Refused."""
        edited = effective.edit(
            spec,
            base,
            sets=wish.set,
            prompt=wish.prompt,
            negative=wish.negative,
            seed=wish.seed,
            backend=wish.backend,
            workflow=self._shelf.workflow,
            now=now,
        )
        written = edited.written
        spoken = edited.needs if written is None else words_need(written.prompt, written.negative)
        self._check(base, (msgspec.structs.replace(edited, needs=spoken),), run.node, run.backend)
        return edited

    def _check(self, base: bytes, jobs: Iterable[JobSpec], node: str | None, backend: str | None) -> None:
        """Every different config among the jobs once. Raises Refused."""
        known = self._known()
        seen: set[object] = set()
        for job in jobs:
            key = (tuple(sorted(job.overlay.items())), job.needs, job.backend)
            if key in seen:
                continue
            seen.add(key)
            pipeline = effective.effective(base, job.overlay)
            self._check_pictures(pipeline)
            check_words(pipeline, makers(known, None, None))
            wanted = (backend or dispatched(pipeline)) if job.backend is None else job.backend
            among = makers(known, node, wanted)
            if goes_to_servers(known, wanted):
                check_sizes(pipeline)
            if among is not None:
                check(pipeline, job.needs, among, _whose(known, node, wanted))

    def _check_pictures(self, pipeline: PipelineConfig) -> None:
        """Those that are named are there, and a mask lies over its picture pixel by pixel."""
        for stage in pipeline.running():
            if not isinstance(stage, Txt2Img | Img2Img):
                continue
            for unit in stage.controls:
                self._uploaded(unit.image, f"{stage.id}.controls")
            if not isinstance(stage, Img2Img):
                continue
            image = self._uploaded(stage.image, f"{stage.id}.image")
            mask = self._uploaded(stage.mask, f"{stage.id}.mask")
            if image and mask and image != mask:
                raise Refused(
                    f"the mask has {mask[0]}x{mask[1]} pixels and its picture {image[0]}x{image[1]}.",
                    where=f"{stage.id}.mask",
                    remedy="Make the mask as large as the picture.",
                )

    def _uploaded(self, sha256: str | None, where: str) -> tuple[int, int] | None:
        """Its pixels. Raises Refused for a picture that is not there."""
        if sha256 is None or self._path_of is None:
            return None
        try:
            return size_of(self._path_of(Sha256(sha256)))
        except (Refused, OSError):
            raise Refused(
                f"there is no picture {sha256[:12]}.", where=where, remedy="Upload it, or name one of `image list`."
            ) from None

    def complete(self, text: str, at: int, limit: int, kind: CompletionKind | None) -> Completions:
        """What may stand where the cursor is."""
        return self._completer.complete(text, at, limit, kind)

    def _parts(self, kind: CompletionKind) -> dict[str, str]:
        """LoRAs or embeddings here and of every node, with what calls them up or who has them."""
        if self._named is not None:
            return dict(self._named("loras" if kind == "lora" else "embeddings"))
        owners: dict[str, list[str]] = {}
        for node in self._known():
            for backend in node.card.backends if node.card else ():
                for name in listed(backend, "loras" if kind == "lora" else "embeddings"):
                    owners.setdefault(name, []).append(node.name or node.id)
        return {name: ", ".join(dict.fromkeys(nodes)) for name, nodes in owners.items()}

    def last(self) -> Config | None:
        last = self._shelf.last()
        return effective.job_config(last.base, last.overlay) if last else None


def _sample(job: JobSpec, whole: bool) -> Sample:
    """Of a plan that is not made whole names mean nothing: the run would count its variants otherwise."""
    name = job.name if whole else ""
    return Sample(prompt=job.prompt, negative=job.negative, seed=job.seed, name=name, picks=job.picks)


def _whose(known: Sequence[Known], node: str | None, backend: str | None) -> str:
    """How a sentence about those begins who may be given the run."""
    name = next((one.name for one in known if node in (one.id, one.name)), None)
    if name is not None:
        return f"no {backend} on {name}" if backend else f"no backend of {name}"
    return f"no {backend}" if backend else "no node"


def last_run(used: LastUsed | None, path_of: Callable[[Sha256], Path]) -> LastRun | None:
    """What the last finished job used, with its base config read from the artifact store."""
    if used is None:
        return None
    return LastRun(path_of(used.base).read_bytes(), used.overlay, used.pipeline)
