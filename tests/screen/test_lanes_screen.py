"""How live work and batches share the nodes, chosen beside its cost; and when a run is done and due."""

import msgspec
import pytest
from screen_things import STRANGERS, record_of

from schema.ids import NodeId


@pytest.mark.slow
async def test_the_switch_of_the_lanes_is_chosen_beside_its_cost(show, picture_of, daemon):
    daemon.nodes = (*daemon.nodes, *STRANGERS)
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("M")
        await eyes.sees("share batches lose nothing", "warm  the best node is idle by day", "free  one node of three")
        await eyes.sees("live work goes to studio only")
        assert "goes to laptop" not in eyes.text()
        picture_of(eyes, "lanes-120x36")
        await eyes.press("j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/queue/mode") == [{"mode": "warm"}])


@pytest.mark.slow
async def test_live_work_is_pinned_to_a_node_and_let_go(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("M", "j", "j", "j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/queue/pin") == [{"node": "rtx3090"}])
        await eyes.press("M", "k", "enter")
        await eyes.until(lambda: daemon.sent("/v1/queue/pin")[1:] == [{"node": None}])


@pytest.mark.slow
async def test_a_run_says_when_it_is_done_and_whether_that_is_in_time(show, daemon):
    daemon.run_ends = {"eta_s": 3600.0, "deadline": daemon.now + 7200}
    async with show() as eyes:
        await eyes.sees("run    done ~13:01, in 1h00m", "due    14:01  in time")


@pytest.mark.slow
async def test_a_run_that_is_late_says_so_in_a_word(show, daemon):
    daemon.run_ends = {"eta_s": 3 * 86_400.0, "deadline": daemon.now + 7200}
    async with show(80, 24) as eyes:
        await eyes.sees("kn00gt7a.1")
        await eyes.press("enter")
        await eyes.sees("done ~Mon 12:01, in 3d00h", "due    14:01  LATE")


@pytest.mark.slow
async def test_a_run_whose_window_is_shut_says_when_it_goes_on_and_no_end(show, daemon):
    daemon.run_ends = {"not_before": daemon.now + 8 * 3600, "deadline": daemon.now + 12 * 3600}
    async with show() as eyes:
        await eyes.sees("run    goes on at 20:01", "due    Sat 00:01")
        assert "in time" not in eyes.text()
        await eyes.press("]")
        await eyes.sees("@20:01")


@pytest.mark.slow
async def test_a_job_says_why_it_is_where_it_is(show, daemon):
    record = record_of(daemon.rows[0])
    why = "studio already holds toy-xl; next best attic +14.2 s"
    running = msgspec.structs.replace(record.stages[0], node=NodeId("rtx3090"), node_name="studio", why=why)
    daemon.records[record.id] = msgspec.structs.replace(record, stages=(running, *record.stages[1:]))
    async with show() as eyes:
        await eyes.sees("why txt2img on studio", "studio already holds toy-xl;")
