"""Reads a trace: a fleet and the jobs that come to it, as docs/scheduling.md lays it down; version 1. Strict, and pure.

Seconds and GB unless the name says otherwise. Fields that nobody knows are left aside, as everywhere on the wire.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Literal

import msgspec

from schema.errors import Refused

VERSION = 1

LOAD_FIXED_S = 2.0
"""Of every change of checkpoint, whatever its size."""


class Model(msgspec.Struct, frozen=True, gc=False):
    gb: float


class TraceNode(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    id: str
    vram_gb: float
    speed: float
    load_gb_s: float
    resident: str | None = None


class TraceStage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    kind: str
    model: str | None = None
    vram_gb: float
    work_s: float
    out_mb: float = 0.0


class TraceJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    id: str
    pack: str = ""
    lane: Literal["interactive", "batch"] = "batch"
    arrival: float = 0.0
    stages: tuple[TraceStage, ...]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    net_mb_s: float = 100.0
    models: dict[str, Model] = {}
    nodes: tuple[TraceNode, ...]
    jobs: tuple[TraceJob, ...]

    def exec_s(self, stage: TraceStage, node: TraceNode) -> float:
        return stage.work_s / node.speed

    def load_s(self, model: str | None, node: TraceNode) -> float:
        """What loading the checkpoint takes there, if it is not resident."""
        return 0.0 if model is None else LOAD_FIXED_S + self.models[model].gb / node.load_gb_s

    def move_s(self, before: TraceStage | None) -> float:
        """What bringing its result to another node takes."""
        return 0.0 if before is None else before.out_mb / self.net_mb_s


class _Version(msgspec.Struct):
    version: int


def read_trace(text: bytes) -> Trace:
    """Raises Refused with the field that is wrong. A byte order mark is passed over."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if version != VERSION:
            raise Refused(
                f"the trace is of version {version}, and this program reads version {VERSION}.", where="version"
            )
        trace = msgspec.json.decode(text, type=Trace)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        words, _, path = str(fault).partition(" - at `$")
        where = path.rstrip("`").lstrip(".")
        raise Refused(f"this is no trace: {words}.", where=where) from None
    _check_fleet(trace)
    _check_jobs(trace)
    return trace


def _check_fleet(trace: Trace) -> None:
    _positive(trace.net_mb_s, "net_mb_s")
    for name, model in trace.models.items():
        _at_least_zero(model.gb, f"models.{name}.gb")
    _unique((node.id for node in trace.nodes), "nodes")
    for number, node in enumerate(trace.nodes):
        at = f"nodes[{number}]"
        _at_least_zero(node.vram_gb, f"{at}.vram_gb")
        _positive(node.speed, f"{at}.speed")
        _positive(node.load_gb_s, f"{at}.load_gb_s")
        if node.resident is not None:
            _known(trace, node.resident, f"{at}.resident")


def _check_jobs(trace: Trace) -> None:
    _unique((job.id for job in trace.jobs), "jobs")
    most = max((node.vram_gb for node in trace.nodes), default=None)
    for number, job in enumerate(trace.jobs):
        _at_least_zero(job.arrival, f"jobs[{number}].arrival")
        for index, stage in enumerate(job.stages):
            at = f"jobs[{number}].stages[{index}]"
            _at_least_zero(stage.work_s, f"{at}.work_s")
            _at_least_zero(stage.vram_gb, f"{at}.vram_gb")
            _at_least_zero(stage.out_mb, f"{at}.out_mb")
            if stage.model is not None:
                _known(trace, stage.model, f"{at}.model")
            if most is None:
                raise Refused("there is work and no node to do it.", where="nodes")
            if stage.vram_gb > most:
                raise Refused(
                    f"stage {index} of job '{job.id}' needs {stage.vram_gb:g} GB, and no node has more than {most:g}.",
                    where=f"{at}.vram_gb",
                )


def _known(trace: Trace, model: str, where: str) -> None:
    if model not in trace.models:
        raise Refused(f"there is no model '{model}' in models.", where=where)


def _positive(number: float, where: str) -> None:
    if not isfinite(number) or number <= 0.0:
        raise Refused(f"{number:g} is not above 0.", where=where)


def _at_least_zero(number: float, where: str) -> None:
    if not isfinite(number) or number < 0.0:
        raise Refused(f"{number:g} is not 0 or more.", where=where)


def _unique(ids: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for number, one in enumerate(ids):
        if not one:
            raise Refused("an id is empty.", where=f"{where}[{number}].id")
        if one in seen:
            raise Refused(f"the id '{one}' is there twice.", where=f"{where}[{number}].id")
        seen.add(one)
