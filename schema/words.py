"""The words that a job's pictures are made from: those it was planned with, what its stages made of them since, and
what a person wrote over that.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schema.ids import StageId
from schema.pages import JobRecord
from schema.plans import WORDED, JobSpec, Scalar


class Words(NamedTuple):
    prompt: str
    negative: str


class Said(NamedTuple):
    """What a finished stage made of them."""

    stage: StageId
    prompt: str | None = None
    """None: it left it as it was."""
    negative: str | None = None


def words_after(spec: JobSpec, said: Iterable[Said]) -> Words:
    """Behind these stages, which are in the pipeline's order."""
    words, written = Words(spec.prompt, spec.negative), spec.written
    for one in said:
        if one.prompt is not None:
            words = Words(one.prompt, words.negative if one.negative is None else one.negative)
        if written is not None and written.after == one.stage:
            words = Words(written.prompt, written.negative)
    return words


def said_in(stage: StageId, kind: str, reported: Mapping[str, Scalar]) -> Said:
    """What a finished stage of this kind reported of words."""
    if kind not in WORDED:
        return Said(stage)
    prompt, negative = reported.get("prompt"), reported.get("negative")
    return Said(stage, prompt if isinstance(prompt, str) else None, negative if isinstance(negative, str) else None)


def words_in(record: JobRecord, before: StageId | None = None) -> Words:
    """Of a whole record; with `before` as that stage got them."""
    said: list[Said] = []
    for stage in record.stages:
        if stage.id == before:
            break
        if stage.state == "done":
            said.append(said_in(stage.id, stage.kind, stage.reported))
    return words_after(record.spec, said)
