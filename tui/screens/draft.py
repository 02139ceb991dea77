"""A run as it is being written: the fields of the form, and the request they make. Pure but for `draft_of`."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow, JobRecord, RunRecord
from schema.plans import Learning, Scalar
from schema.requests import RunRequest, TextFile
from tui.link.ask import Asker
from tui.screens.numbers import whole, whole_or_less
from tui.screens.variation import AS_USUAL, Variation, digits, named, variation_of

ENHANCING = ("img2img", "detail", "upscale", "face_restore")
"""Stages that a picture which is there already can be sent through."""

GENTLE = 0.35
"""How far img2img goes from a picture that a person likes."""


@dataclass(frozen=True)
class Draft:
    prompt: str = ""
    negative: str = ""
    pack: str = ""
    packs: tuple[str, ...] = ()
    """More of them, behind `pack`."""
    pipeline: str = ""
    preset: str = ""
    count: str = "1"
    seed: str = ""
    backend: str = ""
    """Who is to make it; empty: whoever can."""
    node: str = ""
    """Where; empty: wherever it is done soonest."""
    whole: bool = False
    """All of it on one node, whichever."""
    window: str = ""
    """`22:00-07:00`: stages begin only then."""
    deadline: str = ""
    """When it should be done, `07:00` or `8h`."""
    batch: bool = False
    """Many packs for the night: it stands in the batch lane whatever it is made of."""
    priority: str = ""
    """Higher ones first within a lane; empty: as all are."""
    learning: Learning | None = None
    """None: as the settings say."""
    last: bool = False
    """With the settings of the last run; a pipeline that is chosen stands before them."""
    set: tuple[str, ...] = ()
    """`STAGE.FIELD=VALUE`."""
    varied: Variation = AS_USUAL
    video: bool = False
    hold: bool = False
    origin: str = ""
    """The job it was cloned from."""
    picture: str | None = None
    """A picture to begin from, as a person names it: a path, an image's id, a hash. None: from nothing."""
    through: tuple[str, ...] = ("img2img", "upscale")
    """Of `ENHANCING`, what the picture goes through; a pipeline that is chosen stands before them."""
    own: "tuple[Draft, str] | None" = None
    """A pipeline of its own as text, and the `ground` that it was made from: on another one it does not count."""

    @property
    def empty(self) -> bool:
        if self.picture is not None:
            return not self.picture.strip()
        return not (self.prompt.strip() or self.pack)

    @property
    def ground(self) -> "Draft":
        """What the stages and their settings depend on, and nothing else."""
        bare = Draft(pipeline=self.pipeline, last=self.last, picture=self.picture, through=self.through)
        own = self.own if self.own is not None and self.own[0] == bare else None
        return replace(bare, preset=self.preset, own=own)

    def with_own(self, text: str) -> "Draft":
        """With this text as its pipeline."""
        return replace(self, own=(replace(self.ground, own=None, preset=""), text))


def request(draft: Draft, image: str | None = None) -> RunRequest:
    """`image`: the hash of the picture it begins from. Raises Refused when a number is none."""
    prompt = draft.prompt.strip() or ("" if image and not draft.pack else None)
    own = draft.ground.own
    pipeline: str | TextFile | None = draft.pipeline or None
    if own is not None:
        pipeline = TextFile(name="own.json", text=own[1])
    elif image and not draft.pipeline and not draft.last:
        pipeline = enhancing(draft.through)
    wish = RunRequest(
        packs=(draft.pack, *draft.packs) if draft.pack else (),
        prompt=prompt,
        negative=draft.negative.strip() or None,
        pipeline=pipeline,
        preset=draft.preset or None,
        last=draft.last and not draft.pipeline and own is None,
        set=draft.set,
        count=whole(draft.count, "count") or 1,
        seed=whole(draft.seed, "seed"),
        backend=draft.backend or None,
        node=draft.node or None,
        whole=draft.whole,
        window=draft.window.strip() or None,
        deadline=draft.deadline.strip() or None,
        lane="batch" if draft.batch else None,
        priority=whole_or_less(draft.priority, "priority") or 0,
        learning=draft.learning,
        video=True if draft.video else None,
        hold=draft.hold,
        image=image,
    )
    return draft.varied.into(wish)


def draft_like(wish: RunRequest, origin: str) -> Draft:
    """The form that would make this request, as far as a form can; a pipeline's text is told apart: `Draft.own`."""
    names = [pack for pack in wish.packs if isinstance(pack, str)]
    return Draft(
        prompt=wish.prompt or "",
        negative=wish.negative or "",
        pack=names[0] if names else "",
        packs=tuple(names[1:]),
        pipeline=named(wish.pipeline),
        preset=wish.preset or "",
        count=str(wish.count),
        seed=digits(wish.seed),
        set=wish.set,
        learning=wish.learning,
        priority=str(wish.priority or ""),
        varied=variation_of(wish),
        origin=origin,
    )


def preset_wishes(draft: Draft, image: str | None) -> tuple[RunRequest, RunRequest]:
    """Two runs of one job: with what the pipeline says, and with all that was changed of it."""
    bare = replace(draft, prompt="a picture", pack="", packs=(), varied=AS_USUAL, count="1", seed="")
    return request(replace(bare, preset="", set=(), last=False), image), request(bare, image)


def enhancing(through: tuple[str, ...]) -> TextFile:
    """The pipeline of a picture that is there already. Without img2img it goes on as it is."""
    stages: list[dict[str, object]] = [{"type": "img2img", "denoise": GENTLE if "img2img" in through else 0.0}]
    stages += [{"type": kind} for kind in ENHANCING[1:] if kind in through]
    return TextFile(name="enhance.json", text=json.dumps({"name": "enhance", "stages": stages}))


class Last(msgspec.Struct, frozen=True):
    """`GET /v1/last`: what the last finished job used, if there was one."""

    effective: dict[str, dict[str, Scalar]] | None = None
    seed: int | None = None
    run: str | None = None

    @property
    def of_picture(self) -> bool:
        """It was begun from a picture that was there: what is written next has nothing to do with that one."""
        return any(stage.get("image") for stage in (self.effective or {}).values())

    def in_words(self) -> str:
        """`toy_v1 · Euler a · Karras · 30 st · cfg 6 · 768x512 · upscale lanczos`; empty where nothing was made yet."""
        if not self.effective:
            return ""
        stages = list(self.effective.values())
        first = stages[0]
        told = [first.get(name) for name in ("model", "vae", "sampler", "scheduler")]
        told += [f"{first[name]:g} st" for name in ("steps",) if isinstance(first.get(name), int | float)]
        told += [f"cfg {first[name]:g}" for name in ("cfg",) if isinstance(first.get(name), int | float)]
        told += [f"clip {skip}" for skip in (first.get("clip_skip"),) if isinstance(skip, int) and skip > 1]
        if "width" in first:
            told.append(f"{first['width']}x{first.get('height')}")
        told += [f"upscale {stage['upscaler']}" for stage in stages if stage.get("upscaler")]
        return " · ".join(str(word) for word in told if word is not None)


class Cloned(JobRecord, frozen=True, kw_only=True):
    """Of `GET /v1/jobs/{job}`."""

    config: dict[str, dict[str, Scalar]] = {}
    """Stage id to the settings it was planned with."""


class Listed(msgspec.Struct, frozen=True):
    """`GET /v1/pipelines`."""

    items: tuple[str, ...]


def written(value: Scalar) -> str:
    """A setting's value as `--set` reads it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


async def draft_of(asker: Asker, job: str, say: Callable[[str], None]) -> Draft | None:
    """A new run like this job: its prompt as it was resolved, its seed, its settings."""
    try:
        record = await asker.get(f"/v1/jobs/{job}", Cloned)
        run = await asker.get(f"/v1/runs/{record.run}", RunRecord)
        known = (await asker.get("/v1/pipelines", Listed)).items
        draft = _like(record, run)
        if draft.pipeline in known and record.config:
            told = {name: written(value) for name, value in record.spec.overlay.items()}
            told |= await _changed(asker, draft.pipeline, record.config)
            return replace(draft, set=tuple(f"{name}={value}" for name, value in told.items()))
    except (Refused, NoDaemon) as e:
        say(str(e))
        return None
    if not record.config:
        return draft
    # Its pipeline was a file or a form's own: what was planned of it is all there is.
    return replace(draft, pipeline="", set=()).with_own(await asyncio.to_thread(_text_of, record.config))


async def _changed(asker: Asker, pipeline: str, config: Mapping[str, Mapping[str, Scalar]]) -> dict[str, str]:
    """What a job was planned with otherwise than its pipeline says, whoever said so: its run, a preset, its pack.

    Raises Refused or NoDaemon.
    """
    from tui.screens.sheet import sheets

    jobs, last = await asker.plan(request(Draft(prompt="a picture", pipeline=pipeline), None), keep=1)
    usual = {sheet.id: sheet.base for sheet in sheets(jobs[0].config if jobs else {})}
    found = {f"{stage}.enabled": "false" for stage in usual if stage not in config}
    for stage, fields in ((sheet.id, sheet.base) for sheet in sheets(config)):
        was = usual.get(stage)
        if was is None:
            if stage not in last.base:
                continue  # a film, which is no part of the pipeline
            found[f"{stage}.enabled"] = "true"
            was = last.base[stage]
        found |= {f"{stage}.{name}": written(value) for name, value in fields.items() if was.get(name) != value}
    return found


def _text_of(config: dict[str, dict[str, Scalar]]) -> str:
    from tui.screens.ownpipe import pipeline_text
    from tui.screens.sheet import sheets

    return pipeline_text(sheets(config))


def _like(record: JobRecord, run: RunRecord) -> Draft:
    spec = record.spec
    return Draft(
        prompt=spec.prompt,
        negative=spec.negative,
        pipeline=run.spec.pipeline,
        seed=str(spec.seed),
        set=tuple(f"{name}={written(value)}" for name, value in spec.overlay.items()),
        backend=spec.backend or run.spec.backend or "",
        origin=record.id,
    )


def enhancement(image: ImageRow, record: JobRecord | None) -> Draft:
    """A new picture from one of ours: prompt and seed are taken over, as `image enhance` does, and the model."""
    spec = record.spec if record is not None else None
    return Draft(
        prompt=spec.prompt if spec else "", negative=spec.negative if spec else "", seed=str(image.seed),
        set=(f"img2img.model={image.model}",) if image.model else (), picture=image.id, origin=image.job,
    )  # fmt: skip
