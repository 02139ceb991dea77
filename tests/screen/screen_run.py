"""What the pretended daemon foretells of a run that is still being written."""

from schema.forecast import Foretold, NodeForecast, RunForecast
from schema.ids import NodeId, RunId


def foretold(body: dict[str, object], now: float) -> Foretold:
    """Two minutes a job, one node after the other; a job has three stages, each of 1.5 MB."""
    packs = body.get("packs")
    jobs = int(str(body.get("count", 1))) * (40 if packs else 1)
    nodes = (("rtx3090", "studio", 2 * jobs), ("rtx4070", "attic", jobs))
    return Foretold(
        jobs=jobs,
        stages=3 * jobs,
        pictures=3 * jobs,
        bytes=4_500_000 * jobs,
        measured=True,
        run=RunForecast(
            run=RunId("unsent"), name="a run", jobs=jobs, at=now + 120.0 * jobs, soonest=now + 100.0 * jobs,
            latest=now + 180.0 * jobs, text="Done soon.",
            nodes=tuple(NodeForecast(node=NodeId(id), name=name, stages=many) for id, name, many in nodes),
        ),
    )  # fmt: skip
