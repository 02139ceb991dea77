"""Refuses at submit what no known node could ever run, and says which names come nearest to the ones asked for.

Nodes that are away count with the last card they gave. Where anybody may be able to, nothing is refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from daemon.prompting.needs import WORDS, has, in_words, listed, named_needs, parted
from daemon.scheduling.fitness import STAND_IN, is_real
from schema.errors import Refused
from schema.ids import NodeId
from schema.names import nearest
from schema.orders import BackendCard, Card
from schema.pipeline import PipelineConfig
from schema.plans import PICTURELESS
from schema.stages import Detail, Dispatch, Img2Img, PromptStage, Refiner, Stage, ToldStage, Txt2Img, Upscale

GRID = 8
"""Pixels of one latent: imaging servers make no other sizes, or quietly another one."""

SHOWN = 8
"""Names that are told where none comes near."""

ANYBODY = "no node"
"""Whose fault it is where neither a node nor a backend was asked for."""

DRAW = (
    "Set agent.webui or agent.comfyui to the address of your server, or agent.sketch to true to try without one,"
    " or pair a machine that draws."
)
"""The remedy of somebody who begins without a backend: to switch a stage off would help nobody."""


class Known(NamedTuple):
    """A node with the newest card that anybody has of it."""

    id: NodeId
    name: str
    card: Card | None


class Maker(NamedTuple):
    """One backend of one node."""

    node: str
    card: BackendCard


def makers(known: Sequence[Known], node: str | None, backend: str | None) -> tuple[Maker, ...] | None:
    """Who may be given a run that is restricted so; None: somebody of whom too little is known to refuse anything."""
    there = [one for one in known if node in (None, one.id, one.name)]
    if not there or any(one.card is None for one in there):
        return None
    found = [Maker(one.name, card) for one in there if one.card for card in one.card.backends]
    found = [one for one in found if backend in (None, "", one.card.kind)]
    if not backend and is_real(one.card.kind for one in found):
        found = [one for one in found if one.card.kind != STAND_IN]
    if not found or any(_never_seen(one.card) for one in found):
        return None
    return tuple(found)


def check(pipeline: PipelineConfig, words: tuple[str, ...], among: tuple[Maker, ...], whose: str = ANYBODY) -> None:
    """Raises Refused for the first stage that none of `among` can run.

    `pipeline` has inherited what it inherits; `words` are the needs of the prompt; `whose` begins the sentences. One
    with open lists takes any name, but runs its own kinds of stages only.
    """
    drawing = [one for one in among if not PICTURELESS.issuperset(one.card.kinds)]
    if not all(one.card.open_lists for one in drawing):
        check_sizes(pipeline)
    for stage in pipeline.running():
        if isinstance(stage, PromptStage):
            continue
        able = [one for one in among if stage.type in one.card.kinds]
        if not able and not drawing and whose == ANYBODY:
            raise Refused(
                f"{whose} can run {stage.type}: nothing that draws is connected.", where=stage.id, remedy=DRAW
            )
        if not able:
            raise Refused(
                f"{whose} can run {stage.type}.",
                where=stage.id,
                remedy=f"Switch it off with --set {stage.id}.enabled=false, or connect a backend that can.",
            )
        _check_needs(stage, list(_needs(stage, words)), able, whose)


def check_words(pipeline: PipelineConfig, among: tuple[Maker, ...] | None) -> None:
    """Raises Refused for the first stage that makes words and that nobody can run, wherever the pictures are made."""
    for stage in pipeline.running():
        if not isinstance(stage, PromptStage) or isinstance(stage, Dispatch) or among is None:
            continue
        able = [one.card for one in among if stage.type in one.card.kinds]
        if isinstance(stage, ToldStage) and stage.model is None and able and all(map(_unlisted, able)):
            raise Refused(
                f"the language model's server lists no models, so {stage.id} has to name one.",
                where=f"{stage.id}.model",
                remedy=f"Write --set {stage.id}.model=NAME.",
            )
        if not able:
            raise Refused(
                f"no node has a language model for {stage.type}.",
                where=stage.id,
                remedy=f"Set agent.llm to the address of one, or switch it off with --set {stage.id}.enabled=false.",
            )


def dispatched(pipeline: PipelineConfig) -> str | None:
    """Whom the pipeline's dispatch names."""
    return next((stage.backend for stage in pipeline.running() if isinstance(stage, Dispatch)), None)


def beyond(pipeline: PipelineConfig, among: Sequence[Maker]) -> tuple[str, ...]:
    """Ids of the stages that none of `among` can run at all; never the one that makes the first picture."""
    kinds = {kind for one in among for kind in one.card.kinds}
    later = [stage for stage in pipeline.running() if not isinstance(stage, PromptStage)][1:]
    return tuple(stage.id for stage in later if stage.type not in kinds)


def goes_to_servers(known: Sequence[Known], backend: str | None) -> bool:
    """Whether a run for this backend is made by one that is no stand-in, as far as anybody knows."""
    return backend != STAND_IN and is_real(card.kind for one in known if one.card for card in one.card.backends)


def check_sizes(pipeline: PipelineConfig) -> None:
    """Raises Refused for a size that no imaging server makes."""
    for stage in pipeline.running():
        _check_sizes(stage)


def _unlisted(card: BackendCard) -> bool:
    return card.open_lists and not card.models


def _never_seen(card: BackendCard) -> bool:
    """A server that was not there yet has told nobody what it has."""
    return card.state != "ready" and not (card.models or card.samplers or card.upscalers)


def _needs(stage: Stage, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Where each stands, and the need."""
    yield from ((f"{stage.id}.{field}", need) for field, need in named_needs(stage))
    repaints = isinstance(stage, Upscale) and stage.denoise > 0
    if repaints or isinstance(stage, Txt2Img | Img2Img | Refiner | Detail):
        yield from (("prompt", need) for need in words)


def _check_needs(stage: Stage, needs: list[tuple[str, str]], able: list[Maker], whose: str) -> None:
    if any(all(has(one.card, need) for _, need in needs) for one in able):
        return
    for where, need in needs:
        if not any(has(one.card, need) for one in able):
            raise _unknown(where, need, able, whose)
    lacks = (
        f"{one.node} ({one.card.kind}) has no {in_words(next(need for _, need in needs if not has(one.card, need)))}"
        for one in able
    )
    raise Refused(
        f"{whose} has all that it needs together: {'; '.join(dict.fromkeys(lacks))}.",
        where=stage.id,
        remedy="Choose what one of them has.",
    )


def _unknown(where: str, need: str, able: list[Maker], whose: str) -> Refused:
    list_, name = parted(need)
    owners: dict[str, list[str]] = {}
    for one in able:
        for other in listed(one.card, list_):
            owners.setdefault(other, []).append(one.node)
    word = WORDS.get(list_, list_)
    what = f"the {word} '{name}'" if where == "prompt" or list_ == "workflows" else f"'{name}'"
    if list_ == "workflows":
        return Refused(
            f"{whose} runs {what}.", where=where, remedy="ComfyUI does: drive one with an agent, or leave it out."
        )
    return Refused(f"{whose} has {what}.", where=where, remedy=_remedy(name, word, owners))


def _remedy(name: str, word: str, owners: dict[str, list[str]]) -> str:
    def told(names: Iterable[str]) -> str:
        return ", ".join(f"{one} ({', '.join(dict.fromkeys(owners[one]))})" for one in names)

    if near := nearest(name, owners):
        return f"Nearest: {told(near)}."
    if not owners:
        return f"There is no {word} on any of them."
    more = ", ..." if len(owners) > SHOWN else ""
    return f"There are: {told(sorted(owners)[:SHOWN])}{more}."


def _check_sizes(stage: Stage) -> None:
    if not isinstance(stage, Txt2Img | Img2Img | Detail):
        return
    for field, pixels in (("width", stage.width), ("height", stage.height)):
        if pixels is not None and pixels % GRID:
            low = pixels // GRID * GRID
            raise Refused(
                f"{pixels} is not divisible by {GRID}, and imaging servers make no such pictures.",
                where=f"{stage.id}.{field}",
                remedy=f"Take {low} or {low + GRID}.",
            )
