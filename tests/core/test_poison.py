"""Jobs that fail wherever they go are put aside, and hardly anybody else waits for it."""

import pytest

from schema.observations import StageBroke
from schema.plans import StageStep

PAINT = StageStep(id="paint", kind="txt2img", model="sdxl", steps=20, megapixels=1.0)
NODES = ("mill", "loft", "hall", "attic")


def test_the_others_keep_their_pace(case):
    """Two hundred of them on four nodes, in turns of the whole fleet: alone they would take fifty."""
    for node in NODES:
        case.node(node)
    names = case.run(jobs=204, stages=(PAINT,))
    ill = set(names[::60])
    turns = others_done = 0
    case.settle()
    while case.state.attempts or any(case.phase(name) == "queued" for name in case.state.jobs):
        turns += 1
        case.now += 10.0
        for attempt in [brief.attempt for brief in case.state.attempts.values()]:
            broke = StageBroke(attempt=attempt, trouble="backend", reason="it hissed")
            case.news(broke if attempt.job in ill else case.returned(attempt))
        case.settle()
        if not others_done and set(case.state.jobs) <= ill:
            others_done = turns

    assert others_done <= 50 / 0.95
    assert {name: case.phase(name) for name in case.state.jobs} == dict.fromkeys(sorted(ill), "attention")
    assert not any(node.barred for node in case.state.nodes.values()), "no node pays for a job's fault"


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_each_is_tried_three_times_on_as_many_nodes_as_there_are(case, nodes):
    for node in NODES[:nodes]:
        case.node(node)
    (job,) = case.run(stages=(PAINT,))
    tried = []
    while case.phase(job) != "attention":
        case.now += 400.0
        attempt = case.start(job)
        tried.append(attempt.node)
        case.news(StageBroke(attempt=attempt, trouble="backend", reason="it hissed"))

    assert (len(tried), len(set(tried))) == (3, min(3, nodes))
