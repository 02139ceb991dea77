"""Orders, answers and pictures for agents that lie, and what must be whole whatever one says."""

import io
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from fleet_world import until
from PIL import Image
from strange_agent import StrangeAgent

from daemon.core.apply import apply
from daemon.core.state import State, state_hash
from daemon.log.store import read_log
from schema.events import NodeJoined
from schema.ids import Sha256
from schema.orders import Accepted, AttemptReport, Ended, Order, Product, Result
from schema.places import places


async def given(house, **more: object) -> None:
    """A job that only this agent may run."""
    await until(lambda: any(isinstance(one, NodeJoined) and one.node == "odd2222" for one in house.events))
    await house.submit("txt2img.steps=4", node="odd2222", **more)


def picture(width: int = 64, height: int = 64) -> bytes:
    packed = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(packed, "PNG")
    return packed.getvalue()


def named(content: bytes) -> Sha256:
    return Sha256(sha256(content).hexdigest())


def some(cases, quick: int):  # type: ignore[no-untyped-def]
    """The first ones of a table in every run, each of them in the long one: every row is a whole daemon."""
    rows = cases.items() if isinstance(cases, dict) else ((ascii(case)[:40], case) for case in cases)
    return [
        pytest.param(case, id=name, marks=() if number < quick else pytest.mark.long)
        for number, (name, case) in enumerate(rows)
    ]


def of(order: Order, **told: object) -> AttemptReport:
    return AttemptReport(job=order.job, stage=order.stage, token=order.token, **{"state": "done", **told})  # type: ignore[arg-type]


def answers(agent: StrangeAgent, report: Callable[[Order], AttemptReport]) -> None:
    """Every order is taken, and at once reported so."""

    def take(order: Order) -> Accepted:
        agent.news.put_nowait(Ended(report=report(order)))
        return Accepted(state="accepted")

    agent.answer = take


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def unharmed(house, root: Path) -> None:
    """The log can be read and folded again to the very state that lives; every file has a name that is ours."""
    where = places({"STABLENEW_HOME": str(root)})
    seq, live = await house.parts.ledger.state_hash()
    state = State()
    for envelope in read_log(where.log, 0, seq):
        apply(state, envelope)
    assert state_hash(state) == live
    assert {name.split("/")[0] for name in below(root)} <= {"config", "data", "state", "results"}
    art = [path for path in where.artifacts.rglob("*") if path.is_file() and ".tmp" not in path.parts]
    assert all(len(path.stem) == 64 and path.parent.name == path.stem[:2] for path in art), art
    for event in house.events:
        assert not {"\x1b", "\x07", "\u202e"} & set(getattr(event, "name", ""))


def result(**more: object) -> Result:
    good = picture()
    return Result(**{"backend": "webui", "products": (Product(sha256=named(good), bytes=len(good)),), **more})  # type: ignore[arg-type]


def product(**more: object) -> dict[str, object]:
    good = picture()
    return {"products": (Product(**{"sha256": named(good), "bytes": len(good), **more}),)}  # type: ignore[arg-type]


RESULTS: dict[str, dict[str, object]] = {
    "a picture named by a path": product(sha256="../../../../tmp/x"),
    "a picture named by nothing": product(sha256=""),
    "a picture named in capitals": product(sha256="AB" * 32),
    "a picture of no bytes": product(bytes=0),
    "a picture of less than no bytes": product(bytes=-5),
    "a picture larger than disks": product(bytes=2**62),
    "a seed that no table holds": product(seed=2**63),
    "pictures without end": {"products": product()["products"] * 1000},  # type: ignore[operator]
    "a report without end": {"reported": {"infotext": "x" * 60_000, **{f"n{i}": "x" * 1000 for i in range(300)}}},
    "one text without end": {"reported": {"infotext": "x" * 10_000_000}},
    "names without end": {"effective": {f"n{number}": 1 for number in range(60_000)}},
    "a number that no table holds": {"effective": {"steps": 2**63}},
}
