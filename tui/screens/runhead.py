"""The fields above a run: what each says, by what the run is made from. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from schema.scenes import NodeScene
from tui.screens.draft import ENHANCING, Draft
from tui.widgets.headline import HeadField
from tui.widgets.ink import plain
from tui.widgets.nodeline import STRANGERS

IN_WORDS = {"img2img": "paint over", "detail": "faces", "upscale": "upscale", "face_restore": "restore faces"}
"""What a picture can be sent through."""

Work = Literal["generate", "enhance", "batch"]

WORKS: tuple[tuple[Work, str], ...] = (("generate", "Generate"), ("enhance", "Enhance"), ("batch", "Batch"))
"""From words; from a picture that is there; many packs for the night."""

LEARNING = (
    ("", "as the settings say"),
    ("off", "off: ratings of it are kept, and nothing is learned from them"),
    ("passive", "passive: what you rate of it is learned from"),
    ("active", "active: the same, and its pictures come first where you rate what waits"),
)

WHOLE = "/"
"""Chosen instead of a node, of which none is called so: all jobs on one, whichever."""


SELDOM = ("preset", "profile", "seed", "varies", "priority", "learning", "window", "deadline", "hold", "video", "last")

MORE = "more"
"""Asked for to see the fields that are folded away."""


class Around(NamedTuple):
    """What is known besides the draft."""

    nodes: tuple[NodeScene, ...] = ()
    linked: bool = False
    last_seed: int | None = None


def work_of(draft: Draft) -> Work:
    return "enhance" if draft.picture is not None else "batch" if draft.batch else "generate"


def head_fields(draft: Draft, around: Around) -> tuple[HeadField, ...]:
    """What matters most for this kind of work first."""
    first = {"generate": _packs, "enhance": _picture, "batch": _night}[work_of(draft)]
    early = tuple(first(draft))
    named = {one.id for one in early}
    return (*early, *(one for one in _usual(draft, around) if one.id not in named))


def folded(fields: tuple[HeadField, ...]) -> tuple[HeadField, ...]:
    """For a low terminal: what is seldom changed only where it is changed, the rest behind one word."""
    shown = tuple(one for one in fields if one.id not in SELDOM or one.changed or one.tick)
    return (*shown, HeadField(MORE, "…", f"{len(fields) - len(shown)} more"))


def _packs(draft: Draft) -> Iterator[HeadField]:
    packs = (draft.pack, *draft.packs) if draft.pack else ()
    yield HeadField("pack", "packs" if len(packs) > 1 else "pack", ", ".join(packs) or "none", bool(packs))


def _picture(draft: Draft) -> Iterator[HeadField]:
    yield HeadField("picture", "picture", draft.picture or "none yet", bool(draft.picture), trouble=not draft.picture)
    for kind in ENHANCING:
        yield HeadField(f"through-{kind}", IN_WORDS[kind], tick=kind in draft.through)


def _night(draft: Draft) -> Iterator[HeadField]:
    packs = (draft.pack, *draft.packs) if draft.pack else ()
    yield HeadField("pack", "packs", ", ".join(packs) or "none yet", bool(packs), trouble=not packs)
    yield from _when(draft)
    yield HeadField("max_images", "pictures of each", draft.varied.max_images or "all", bool(draft.varied.max_images),
                    number=True)  # fmt: skip


def _when(draft: Draft) -> Iterator[HeadField]:
    yield HeadField("window", "window", draft.window or "any", bool(draft.window))
    yield HeadField("deadline", "done by", draft.deadline or "any", bool(draft.deadline))
    yield HeadField("hold", "hold", tick=draft.hold)


def _usual(draft: Draft, around: Around) -> Iterator[HeadField]:
    yield from _packs(draft)
    yield HeadField("pipeline", "pipeline", pipeline_words(draft), bool(draft.pipeline) or draft.ground.own is not None)
    yield HeadField("preset", "preset", draft.preset or "none", bool(draft.preset))
    yield HeadField("profile", "profile", draft.varied.profile or "none", bool(draft.varied.profile))
    words, trouble = backend_words(around, draft.backend)
    yield HeadField("backend", "backend", words, bool(draft.backend), trouble=trouble)
    yield HeadField("node", "node", node_words(draft, around), bool(draft.node) or draft.whole)
    yield HeadField("count", "count", draft.count or "1", draft.count not in ("", "1"), number=True)
    drawn = "drawn" if around.last_seed is None else f"drawn; last {around.last_seed}"
    yield HeadField("seed", "seed", draft.seed or drawn, bool(draft.seed), number=bool(draft.seed))
    yield HeadField("varies", "varies", draft.varied.told() or "all ways", bool(draft.varied.told()))
    yield HeadField("priority", "priority", draft.priority or "0", draft.priority not in ("", "0"), number=True)
    yield HeadField("learning", "learning", draft.learning or "as set", draft.learning is not None)
    yield from _when(draft)
    yield HeadField("video", "film", tick=draft.video)
    yield HeadField("last", "as last time", tick=draft.last)


def what_for(draft: Draft) -> str:
    """What the words are for, told where there are none yet."""
    if draft.pack:
        more = f" and {len(draft.packs)} more" if draft.packs else ""
        return f"The prompts of {plain(draft.pack)}{more}. What is written here is made besides."
    return "what should be in the picture" + ("; it may stay empty" if draft.picture is not None else "")


def pipeline_words(draft: Draft) -> str:
    if draft.ground.own is not None:
        return "own stages"
    return draft.pipeline or ("standard" if draft.picture is None else "what is ticked")


def node_words(draft: Draft, around: Around) -> str:
    if draft.whole:
        return "all of it on one node"
    if not draft.node:
        return "any"
    return f"{draft.node} · {dict(nodes_there(around.nodes)).get(draft.node, 'lost')}"


def nodes_there(nodes: Sequence[NodeScene]) -> list[tuple[str, str]]:
    """Names of the fleet, each with its state."""
    return [(node.name or node.node, node.state) for node in nodes if node.state not in STRANGERS]


def backends_of(nodes: Sequence[NodeScene]) -> dict[str, str]:
    """Kinds that pictures can be sent to, each with its state on the nodes, in words."""
    return {kind: "; ".join(f"{state} on {', '.join(names)}" for state, names in where.items())
            for kind, where in _states(nodes).items()}  # fmt: skip


def backend_words(around: Around, chosen: str) -> tuple[str, bool]:
    """`any · webui ready, comfyui starting`, and whether nothing could be made with it now."""
    if not around.linked:
        return f"{chosen or 'any'} · disconnected", True
    states = {kind: best(where) for kind, where in _states(around.nodes).items()}
    if chosen:
        state = states.get(chosen, "disconnected")
        return f"{chosen} · {state}", state != "ready"
    if not states:
        return "any · disconnected", True
    return f"any · {', '.join(f'{kind} {state}' for kind, state in states.items())}", "ready" not in states.values()


def best(where: Mapping[str, Sequence[str]]) -> str:
    """The best of the states it is in anywhere; what is lost is disconnected."""
    return next((state for state in ("ready", "starting") if state in where), "disconnected")


def _states(nodes: Sequence[NodeScene]) -> dict[str, dict[str, list[str]]]:
    """Backend to its states, and to the nodes where it is in each."""
    found: dict[str, dict[str, list[str]]] = {}
    for node in nodes:
        states: dict[str, str] = {server.kind: server.state for server in node.servers}
        for kind in node.backends:
            if kind != "llm":
                state = "lost" if node.state == "lost" else states.get(kind, "ready")
                found.setdefault(kind, {}).setdefault(state, []).append(node.name or node.node)
    return found
