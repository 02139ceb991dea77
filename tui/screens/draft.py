"""A run as it is being written: the fields of the form, and the request they make. Pure but for `draft_of`."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from schema.errors import NoDaemon, Refused
from schema.pages import JobRecord, RunRecord
from schema.plans import Scalar
from schema.requests import RunRequest
from tui.link.ask import Asker


@dataclass(frozen=True)
class Draft:
    prompt: str = ""
    negative: str = ""
    pack: str = ""
    pipeline: str = ""
    count: str = "1"
    seed: str = ""
    last: bool = False
    """With the settings of the last run; a pipeline that is chosen stands before them."""
    set: tuple[str, ...] = ()
    """`STAGE.FIELD=VALUE`."""
    video: bool = False
    hold: bool = False
    origin: str = ""
    """The job it was cloned from."""

    @property
    def empty(self) -> bool:
        return not (self.prompt.strip() or self.pack)


def request(draft: Draft) -> RunRequest:
    """Raises Refused when a number is none."""
    return RunRequest(
        packs=(draft.pack,) if draft.pack else (),
        prompt=draft.prompt.strip() or None,
        negative=draft.negative.strip() or None,
        pipeline=draft.pipeline or None,
        last=draft.last and not draft.pipeline,
        set=draft.set,
        count=whole(draft.count, "count") or 1,
        seed=whole(draft.seed, "seed"),
        video=True if draft.video else None,
        hold=draft.hold,
    )


class Last(msgspec.Struct, frozen=True):
    """`GET /v1/last`: what the last finished job used, if there was one."""

    effective: dict[str, dict[str, Scalar]] | None = None
    seed: int | None = None

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


def whole(text: str, field: str) -> int | None:
    """A whole number, 0 or more; None for an empty field."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Refused(f"'{text}' is no whole number.", where=field, remedy="Write 0 or more, or nothing.")
    return int(text)


def written(value: Scalar) -> str:
    """A setting's value as `--set` reads it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


async def draft_of(asker: Asker, job: str, say: Callable[[str], None]) -> Draft | None:
    """A new run like this job: its prompt as it was resolved, its seed, its settings."""
    try:
        record = await asker.get(f"/v1/jobs/{job}", JobRecord)
        run = await asker.get(f"/v1/runs/{record.run}", RunRecord)
    except (Refused, NoDaemon) as e:
        say(str(e))
        return None
    spec = record.spec
    return Draft(
        prompt=spec.prompt,
        negative=spec.negative,
        pipeline=run.spec.pipeline,
        seed=str(spec.seed),
        set=tuple(f"{name}={written(value)}" for name, value in spec.overlay.items()),
        origin=record.id,
    )
