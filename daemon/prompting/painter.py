"""The jobs of one prompt after another: words, seeds, settings, and where each of them came from.

Later ones win: the run's base, the pack's own settings, the prompt's overrides, `--vary`. What an overlay draws fills
in only where nobody said anything. What prompts share is worked out once.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from daemon.prompting import grids
from daemon.prompting.drawing import Drawer, Drawn
from daemon.prompting.edits import Edits
from daemon.prompting.effective import check_seed, config_of, difference
from daemon.prompting.heirs import inherited
from daemon.prompting.learned import adopted_by, factor, learned_loras, learned_values, origin_of, whose
from daemon.prompting.looks.compare import said_louder
from daemon.prompting.needs import words_need
from daemon.prompting.phrasing import Phrasing, joined
from daemon.prompting.recipe import Recipe, pack_values, prompt_values, vary
from daemon.prompting.sources import Source
from daemon.prompting.spaces import Dealt, Worded
from daemon.prompting.steps import steps_of
from schema.packs import PackPrompt
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec, Pick, Scalar, StageStep
from schema.requests import RunRequest
from schema.stages import Txt2Img


class _Look(NamedTuple):
    """What jobs with the same settings have in common."""

    overlay: Mapping[str, Scalar]
    stages: tuple[StageStep, ...] | None
    digest: str
    """Of the effective config."""
    batch: int
    """Pictures that a job makes at once, each with a seed of its own."""


class _Said(NamedTuple):
    """What a prompt and its pack say about settings."""

    values: dict[str, Scalar]
    origins: dict[str, str]
    own: frozenset[str]
    """Keys of the prompt's overrides: nothing is drawn there."""


class Painter:
    """`warnings` and `spoken` are whole when all jobs are made."""

    def __init__(
        self,
        request: RunRequest,
        recipe: Recipe,
        sources: Sequence[Source],
        phrasing: Phrasing,
        drawer: Drawer,
        edits: Edits,
    ) -> None:
        self.warnings: list[str] = []
        self.spoken: set[str] = {*recipe.preset, *recipe.fixed}
        """Keys that somebody wrote, also where they say what the pipeline says anyway."""
        self._recipe, self._phrasing, self._drawer, self._edits = recipe, phrasing, drawer, edits
        self._seed_origin = "drawn" if request.seed is None else "--seed"
        self._negative, self._literal = bool(request.negative), request.literal
        self._backend, self._priority = request.backend, request.priority
        self._steps = steps_of(recipe.base)
        self._looks: dict[tuple[tuple[str, Scalar], ...], _Look] = {}
        self._packs: dict[str, dict[str, Scalar]] = {}
        self._learned: dict[str, frozenset[str]] = {}
        self._said: dict[tuple[str, int], _Said] = {}
        self._digits = max(2, len(str(max(len(source.prompts) for source in sources))))
        for source in sources:
            if source.pack:
                values, told_of = pack_values(recipe, source.pack.preset, source.pack.file)
                self._packs[source.stem] = values
                self.warnings += [*source.pack.warnings, *told_of]
                self.spoken |= values.keys()
            learned, unused = learned_values(recipe, adopted_by(phrasing.lessons, source), whose(source))
            self._packs[source.stem] = {**self._packs.get(source.stem, {}), **learned}
            self._learned[source.stem] = frozenset(learned)
            self.warnings += unused
            self.spoken |= learned.keys()

    def jobs(self, worded: Worded, dealt: Dealt, seed: int, copies: int) -> Iterator[tuple[JobSpec, str]]:
        """One variant's, each with the digest of its effective config."""
        source, prompt = worded.taken
        said = self._settings(source, prompt)
        held = frozenset((*said.own, *dealt.cell.values)) if dealt.cell else said.own
        drawn = self._drawn(worded, dealt, held)
        cell = dealt.cell.values if dealt.cell else {}
        values = {**said.values, **drawn.values, **cell}
        where = source.origin(prompt)
        look = self._look(values, where)
        origins = {**self._recipe.origins, **self._of_words(source, prompt, drawn)}
        of = {**said.origins, **drawn.origins, **grids.origins(dealt.cell)}
        origins |= {key: of.get(key, "refine preset") for key in look.overlay}
        seed, origins = _seed_of(dealt, prompt, seed, origins, where)
        check_seed(seed, copies * look.batch)
        named = f"{source.stem}-{prompt.number:0{self._digits}}-v{dealt.number}"
        first: JobSpec | None = None
        for one in range(seed, seed + copies * look.batch, look.batch):
            name = f"{named}-s{one}"
            if first is not None and not self._edits.touches(name):
                yield msgspec.structs.replace(first, name=name, seed=one), look.digest
                continue
            job = self._job(worded, dealt, drawn, look)
            job = msgspec.structs.replace(job, name=name, seed=one, origins=origins)
            edited = self._edits.applied(job, named)
            made = msgspec.structs.replace(edited, needs=words_need(edited.prompt, edited.negative))
            first = made if edited is job else first
            yield made, look.digest

    def _drawn(self, worded: Worded, dealt: Dealt, held: frozenset[str]) -> Drawn:
        """The variant's words with everything that is put around or into them after variation."""
        source, prompt = worded.taken
        text, negative = dealt.variant.text, dealt.variant.negative
        if not self._literal:
            text = grids.with_loras(text, learned_loras(adopted_by(self._phrasing.lessons, source)))
        if dealt.cell:
            text = grids.replaced(text, dealt.cell.changes)
            text, negative = self._phrasing.styled(text, negative, dealt.cell.styles)
        drawn = self._drawer.draw(text, negative, f"{source.stem}\n{prompt.number}\n{dealt.draw or dealt.number}", held)
        if dealt.cell:
            loras = tuple(part for change in dealt.cell.changes for part in change.loras)
            drawn = drawn._replace(text=grids.with_loras(drawn.text, loras))
        if self._literal or not source.pack:
            return drawn
        text, said = self._phrasing.leaning.louder(source.pack.name, drawn.text)
        return drawn._replace(text=text, picks=(*drawn.picks, *said))

    def _job(self, worded: Worded, dealt: Dealt, drawn: Drawn, look: _Look) -> JobSpec:
        source, prompt = worded.taken
        own = dealt.cell.styles if dealt.cell else ()
        return JobSpec(
            name="",
            pack=source.pack.name if source.pack else None,
            style=", ".join((*self._phrasing.names, *own, *drawn.styles)) or None,
            prompt_number=prompt.number,
            variant=dealt.number,
            template=worded.text,
            prompt=drawn.text,
            negative_template=worded.negative,
            negative=drawn.negative,
            overlay=dict(look.overlay),
            stages=look.stages,
            priority=self._priority,
            backend=None if self._backend is not None else prompt.backend,
            picks=(*(self._explained(pick, worded) for pick in dealt.variant.picks), *drawn.picks),
            axes=dealt.cell.axes if dealt.cell else {},
        )

    def _explained(self, pick: Pick, worded: Worded) -> Pick:
        """Weights matter only where values are drawn, and nobody held them."""
        if not worded.drawn or pick.source.startswith("--lock"):
            return pick
        learned = factor(adopted_by(self._phrasing.lessons, worded.taken.source), pick.key, pick.value)
        moved = joined(self._phrasing.explained(pick), f"learned x{learned:.2f}" if learned != 1.0 else "")
        return msgspec.structs.replace(pick, source=f"{pick.source} ({moved})") if moved else pick

    def _of_words(self, source: Source, prompt: PackPrompt, drawn: Drawn) -> dict[str, str]:
        origin = source.origin(prompt)
        louder = [pick for pick in drawn.picks if said_louder(pick)]
        words = self._phrasing.origin(origin, len(drawn.picks) > len(louder))
        if not self._literal and learned_loras(adopted_by(self._phrasing.lessons, source)):
            words = f"{words}, {origin_of(whose(source))}"
        found = {"prompt": f"{words}, feedback" if louder else words, "seed": self._seed_origin}
        if prompt.negative and source.pack:
            found["negative"] = f"{origin}, --negative" if self._negative else origin
        elif self._negative:
            found["negative"] = "--negative"
        if prompt.backend and self._backend is None:
            found["backend"] = origin
        return found

    def _settings(self, source: Source, prompt: PackPrompt) -> _Said:
        key = (source.stem, prompt.number)
        said = self._said.get(key)
        if said is None:
            own = self._packs.get(source.stem, {})
            mine: dict[str, Scalar] = {}
            where = source.origin(prompt)
            if prompt.overrides:
                mine, told_of = prompt_values(self._recipe, prompt.overrides, where)
                self.warnings += told_of
                self.spoken |= mine.keys()
            pack = f"pack {source.pack.file}" if source.pack else ""
            learned = dict.fromkeys(self._learned.get(source.stem, ()), origin_of(whose(source)))
            origins = {**dict.fromkeys(own, pack), **learned, **dict.fromkeys(mine, where)}
            said = _Said({**own, **mine}, origins, frozenset(mine))
            self._said = {key: said}
        return said

    def _look(self, values: dict[str, Scalar], where: str) -> _Look:
        key = tuple(sorted(values.items()))
        made = self._looks.get(key)
        if made is None:
            pipeline = vary(self._recipe, values, where)
            steps = steps_of(pipeline)
            made = self._looks[key] = _Look(
                overlay=difference(pipeline, self._recipe.base),
                stages=None if steps == self._steps else steps,
                digest=config_digest(pipeline),
                batch=next((stage.batch for stage in pipeline.running() if isinstance(stage, Txt2Img)), 1),
            )
        return made


def config_digest(pipeline: PipelineConfig) -> str:
    """Of the effective settings of all stages that run, in order; not of their ids, nor the pipeline's name."""
    config = list(config_of(inherited(pipeline)).values())
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def _seed_of(
    dealt: Dealt, prompt: PackPrompt, seed: int, origins: dict[str, str], where: str
) -> tuple[int, dict[str, str]]:
    """The one of its axis, else the prompt's own, else the run's."""
    own = [change.seed for change in dealt.cell.changes if change.seed is not None] if dealt.cell else []
    if own:
        return own[-1], {**origins, "seed": "--vary"}
    return (seed, origins) if prompt.seed is None else (prompt.seed, {**origins, "seed": where})
