"""How nodes are shown: standing, silence, bars, readings, and agents that could join."""

import pytest

from daemon.core.look import look, outline, refresh
from daemon.core.vitals import Stranger
from schema import commands as c
from schema import events as e
from schema.observations import NodeDistrusted, NodeGone, ProbeEnded, ProbeWanted
from schema.orders import BackendCard, Card, Gpu, Load


def shown(case, name="mill"):
    return next(node for node in look(case.state, case.vitals, case.now).nodes if node.node == name)


@pytest.mark.parametrize("standing", ["untrusted", "incompatible", "conflicted"])
def test_a_doubted_node_says_why(case, standing):
    case.node(link="lan")
    case.news(NodeDistrusted(node="mill", standing=standing, reason="10.0.0.7 and 10.0.0.8 both have its key"))

    node = shown(case)

    assert (node.state, node.trouble) == (standing, "10.0.0.7 and 10.0.0.8 both have its key")
    assert (node.link, node.address) == ("lan", "10.0.0.7:7801")


def test_a_node_that_is_not_proved_yet_says_so_and_what_to_do(case):
    case.pair(proved=False)
    case.node(link="lan")
    assert (shown(case).state, shown(case).trouble) == ("proving", "")

    case.news(ProbeWanted(node="mill"))
    case.news(ProbeEnded(node="mill", token=case.state.seq, ok=False, reason="the picture is black"))

    assert shown(case).trouble == "its probe failed: the picture is black; `stablenew node probe mill` tries again"


def test_a_silent_node_is_suspect_until_it_speaks(case):
    case.node()
    scene = outline(case.state, case.vitals, case.now)
    case.vitals.silent["mill"] = 17.2
    assert refresh(scene, case.vitals, case.now).nodes[0].state == "suspect"
    assert refresh(scene, case.vitals, case.now).nodes[0].trouble == "it has given no sign of life for 17 s"

    case.vitals.silent.clear()

    assert refresh(scene, case.vitals, case.now).nodes[0].state == "ready"


def test_a_lost_node_is_lost_and_says_why_even_if_it_is_silent(case):
    case.node()
    case.vitals.silent["mill"] = 50.0
    case.news(NodeGone(node="mill", reason="silent for 45 s"))

    assert (shown(case).state, shown(case).trouble) == ("lost", "silent for 45 s")
    case.node()
    assert (shown(case).state, shown(case).trouble) == ("suspect", "it has given no sign of life for 50 s")


def test_a_cooling_node_and_what_it_is_barred_from(case):
    case.node()
    case.given(e.NodeBarred(node="mill", model=None, seconds=600.0, reason="test"))
    case.given(e.NodeBarred(node="mill", model="sdxl", seconds=3600.0, reason="test"))
    case.given(e.NodeBarred(node="mill", model="", seconds=60.0, reason="test"))

    assert (shown(case).state, shown(case).barred) == (
        "cooling",
        ("anything for 10 minutes", "sdxl for 60 minutes", "stages without a checkpoint for 1 minute"),
    )
    assert "stablenew node resume mill" in shown(case).trouble

    case.now += 700.0
    assert (shown(case).state, shown(case).barred) == ("ready", ("sdxl for 48 minutes",))


def test_its_card_and_its_load_are_shown(case):
    case.node()
    backend = BackendCard(kind="webui", kinds=("txt2img",), models=("a", "b"))
    case.vitals.cards["mill"] = Card(
        node="mill", name="mill", instance="i", version="1.2", backends=(backend, backend), ram_gb=32.0,
        gpus=(Gpu(name="GTX 1080", vram_gb=8.0),),
    )  # fmt: skip
    case.vitals.loads["mill"] = Load(
        busy=True, vram_used_gb=5.0, gpu_percent=97.0, celsius=71.0, watts=180.0, ram_used_gb=9.0, resident=("a",)
    )

    node = shown(case)

    assert (node.version, node.gpus[0].name, node.ram_gb, node.models, len(node.servers)) == (
        "1.2", "GTX 1080", 32.0, 2, 2
    )  # fmt: skip
    assert (node.vram_used_gb, node.gpu_percent, node.celsius, node.watts) == (5.0, 97.0, 71.0, 180.0)
    assert (node.ram_used_gb, node.resident) == (9.0, ("a",))


def test_what_it_has_done_is_counted(case):
    case.node()
    (job,) = case.run()
    case.finish(job)

    assert (shown(case).done, shown(case).failed) == (2, 0)


def test_strangers_stand_behind_the_fleet_each_once(case):
    case.node(link="local")
    new = Stranger("s1", "loft", "10.0.0.9:7801", "new", version="1.2")
    taken = Stranger("s2", "attic", "10.0.0.4:7801", "taken", "it is paired with another daemon")
    case.vitals.strangers = (new, taken, Stranger("mill", "mill", "10.0.0.7:7801", "new"))

    mill, loft, attic = look(case.state, case.vitals, case.now).nodes

    assert (mill.state, mill.link) == ("ready", "local")
    assert (loft.node, loft.name, loft.state, loft.address, loft.version) == (
        "s1", "loft", "new", "10.0.0.9:7801", "1.2"
    )  # fmt: skip
    assert (attic.state, attic.trouble, attic.link) == ("taken", "it is paired with another daemon", "lan")


def test_an_unpaired_node_is_in_the_fleet_no_more_and_a_stranger_once_it_is_seen(case):
    case.node(link="lan")
    case.wish(c.UnpairNode(node="mill"))
    assert look(case.state, case.vitals, case.now).nodes == ()

    case.vitals.strangers = (Stranger("mill", "mill", "10.0.0.7:7801", "new"),)

    (node,) = look(case.state, case.vitals, case.now).nodes
    assert (node.state, node.trouble, node.address) == ("new", "", "10.0.0.7:7801")


def test_one_that_was_paired_and_never_reached_says_so(case):
    case.pair(proved=False)

    assert (shown(case).state, shown(case).trouble) == ("lost", "it has not been reached since it was paired")


def test_a_stranger_with_a_token_shows_no_code(case):
    case.vitals.strangers = (Stranger("s1", "loft", "10.0.0.9:7801", "new", token=True),)

    assert shown(case, "s1").trouble == "it joins the daemon that made its token, and shows no code"


def test_runs_and_the_queue_show_deadline_moves_and_pin(case):
    case.node("mill", kinds=("txt2img",))
    case.node("loft", kinds=("upscale",))
    (job,) = case.run(deadline=9_000.0)
    case.wish(c.PinLane(node="loft"))
    case.news(case.returned(case.start(job)))
    case.start(job)

    scene = look(case.state, case.vitals, case.now)

    assert (scene.runs[0].deadline, scene.runs[0].moves, scene.queue.pin) == (9_000.0, 1, "loft")
    assert (scene.running[0].node, scene.running[0].node_name) == ("loft", "loft")
