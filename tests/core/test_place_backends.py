"""Which backend of which node gets a stage: by its card, what the stage needs, and whose name was asked for."""

import msgspec
import pytest

from daemon.core.explain import explain
from daemon.core.look import look
from daemon.core.vitals import Shown
from schema import commands as c
from schema import events as e
from schema.observations import NodeGone, NodeSeen
from schema.orders import BackendCard, Card, Load
from schema.plans import JobSpec, StageStep

KINDS = ("txt2img", "upscale", "refine")
SHARP = StageStep(id="enlarge", kind="upscale", needs=("upscalers:4x-sharp",))
PAINT = StageStep(id="paint", kind="txt2img", steps=20, model="toy", needs=("models:toy", "samplers:Euler a"))


def backend(kind="webui", **lists) -> BackendCard:
    lists = {"models": ("sub/toy.safetensors",), "samplers": ("Euler a", "DPM++ 2M"), **lists}
    return BackendCard(kind=kind, kinds=lists.pop("kinds", KINDS), **lists)


SKETCH = BackendCard(kind="sketch", kinds=KINDS, open_lists=True)


def joins(case, name: str, *cards: BackendCard, **more) -> None:
    kinds = tuple(dict.fromkeys(kind for card in cards for kind in card.kinds))
    case.node(name, backends=tuple(card.kind for card in cards), kinds=kinds, **more)
    case.vitals.cards[name] = Card(node=name, name=name, instance="i1", version="1", backends=cards)


def assigned(case) -> list[tuple[str, str, str | None]]:
    return [(one.job, one.node, one.backend) for one in case.settle() if isinstance(one, e.StageAssigned)]


def why(case, job: str) -> str:
    return " ".join(explain(case.state, job, case.now, case.vitals, case.rules))


def idle(case, name: str) -> str:
    return next(node.why_idle for node in look(case.state, case.vitals, case.now).nodes if node.name == name)


def test_the_one_with_everything_gets_it_and_its_name_goes_with_the_assignment(case):
    joins(case, "bare", backend())
    joins(case, "rich", backend(upscalers=("4x-sharp",)))
    (job,) = case.run(stages=(PAINT, SHARP))

    assert assigned(case) == [(job, "bare", "webui")]
    case.news(case.returned(case.attempt(job)))
    assert assigned(case) == [(job, "rich", "webui")]
    assert case.state.attempts[case.attempt(job).token].backend == "webui"


def test_names_are_matched_however_the_server_spells_them(case):
    joins(case, "forge", backend())
    spelled = StageStep(
        id="paint", kind="txt2img", steps=9, needs=("models:TOY", "samplers:k_euler_a", "schedulers:karras")
    )
    (job,) = case.run(stages=(spelled,))

    assert assigned(case) == []
    assert why(case, job) == "No node can run 'paint': forge has no scheduler karras."
    joins(case, "forge", backend(schedulers=("Automatic", "Karras")))
    assert assigned(case) == [(job, "forge", "webui")]


def test_what_is_missing_is_named(case):
    joins(case, "forge", backend())
    (job,) = case.run(stages=(SHARP,))

    assert assigned(case) == []
    assert why(case, job) == "No node can run 'enlarge': forge has no upscaler 4x-sharp."
    assert idle(case, "forge") == "run-1 cannot run here: forge has no upscaler 4x-sharp"


def test_a_node_that_is_away_is_waited_for_by_name(case):
    joins(case, "forge", backend())
    joins(case, "rich", backend(upscalers=("4x-sharp",)))
    case.news(NodeGone(node="rich", reason="unplugged"))
    del case.vitals.cards["rich"]
    (job,) = case.run(stages=(SHARP,))

    assert assigned(case) == []
    assert why(case, job) == "It waits for rich (lost): forge has no upscaler 4x-sharp."


@pytest.mark.parametrize("state", ["disconnected", "starting"])
def test_only_a_ready_backend_is_given_work(case, state):
    joins(case, "forge", backend(state=state, trouble="nobody answers on port 7860"))
    (job,) = case.run(stages=(PAINT,))

    assert assigned(case) == []
    assert why(case, job) == f"No node can run 'paint': forge: webui is {state} (nobody answers on port 7860)."
    joins(case, "forge", backend())
    assert assigned(case) == [(job, "forge", "webui")]


def test_the_stand_in_works_where_nothing_else_is_known(case):
    joins(case, "here", SKETCH)
    (job,) = case.run(stages=(PAINT,))

    assert assigned(case) == [(job, "here", "sketch")]


def test_the_stand_in_makes_nothing_unasked_once_there_is_a_real_backend(case):
    joins(case, "here", SKETCH)
    joins(case, "forge", backend())
    case.news(NodeGone(node="forge", reason="unplugged"))
    waits, asked = *case.run("waits", stages=(PAINT,)), *case.run("asked", stages=(PAINT,), backend="sketch")

    assert assigned(case) == [(asked, "here", "sketch")]
    assert "It waits for forge (lost)" in why(case, waits)
    assert "here has nothing but sketch, which runs what is asked of it by name" in why(case, waits)


def test_what_was_meant_for_a_real_backend_is_never_drawn_by_the_stand_in_unasked(case):
    joins(case, "here", SKETCH)
    joins(case, "forge", backend())
    case.news(NodeGone(node="forge", reason="unplugged"))
    (job,) = case.run("meant", stages=(PAINT,))
    case.wish(c.ForgetNode(node="forge"))
    case.vitals.cards.pop("forge")

    assert assigned(case) == []
    assert f"none is now: connect one again, or `stablenew job edit {job} --backend sketch`" in why(case, job)
    (later,) = case.run("later", stages=(PAINT,))
    assert assigned(case) == [(later, "here", "sketch")], "nothing else was known when this one came"
    case.finish(later)
    case.wish(c.EditJobs(specs={job: JobSpec(name="meant-1", backend="sketch")}))
    assert assigned(case) == [(job, "here", "sketch")]


def test_a_backend_that_cannot_be_made_is_known_all_the_same(case):
    absent = BackendCard(kind="webui", kinds=(), state="disconnected", trouble="'ht!tp' is no address")
    joins(case, "here", SKETCH)
    joins(case, "there", SKETCH)
    (job,) = case.run(stages=(PAINT,))
    card = case.vitals.cards["here"]
    case.vitals.cards["here"] = msgspec.structs.replace(card, backends=(*card.backends, absent))

    assert assigned(case) == []
    assert "here: webui is disconnected ('ht!tp' is no address)" in why(case, job)


def test_a_run_for_one_node_waits_for_what_that_node_had(case):
    joins(case, "here", SKETCH, backend())
    (job,) = case.run(stages=(PAINT,), node="here")
    joins(case, "here", SKETCH)

    assert assigned(case) == []
    assert "lets sketch draw it" in why(case, job)


def test_a_language_model_is_no_reason_to_leave_the_stand_in_aside(case):
    joins(case, "here", SKETCH, BackendCard(kind="llm", kinds=("llmEnhance",)))
    (job,) = case.run(stages=(PAINT,))

    assert assigned(case) == [(job, "here", "sketch")]


def test_on_one_node_the_real_backend_goes_before_the_stand_in(case):
    joins(case, "here", SKETCH, backend("comfyui"), backend("webui"))
    one, other = *case.run("any", stages=(PAINT,)), *case.run("named", stages=(PAINT,), backend="webui")

    assert assigned(case) == [(one, "here", "comfyui")]
    case.finish(one)
    assert case.state.attempts[case.attempt(other).token].backend == "webui"


def test_the_node_that_was_named_may_use_its_stand_in(case):
    joins(case, "here", SKETCH)
    joins(case, "forge", backend())
    (job,) = case.run(stages=(PAINT,), node="here")

    assert assigned(case) == [(job, "here", "sketch")]


def test_the_node_that_was_named_is_told_by_its_name(case):
    case.news(
        NodeSeen(
            joined=e.NodeJoined(
                node="snp23ez9", name="my box", instance="i1", link="local", backends=("sketch",), kinds=KINDS
            )
        )
    )
    joins(case, "here", SKETCH)
    (job,) = case.run(stages=(PAINT,), node="snp23ez9")
    case.news(NodeGone(node="snp23ez9", reason="unplugged"))

    assert why(case, job) == "It waits for my box (lost): the run is for my box only."


def test_a_jobs_own_backend_counts_more_than_its_runs(case):
    joins(case, "both", backend("webui"), backend("comfyui"))
    specs = (JobSpec(name="a"), JobSpec(name="b", backend="comfyui"), JobSpec(name="c", backend=""))
    case.wish(case.submit("run", specs, stages=(PAINT,), backend="webui"))

    made = []
    while case.state.jobs:
        made += assigned(case)
        for brief in list(case.state.attempts.values()):
            case.news(case.returned(brief.attempt))
    assert [(job, backend) for job, _, backend in made] == [
        ("run.1", "webui"), ("run.2", "comfyui"), ("run.3", "webui"),
    ]  # fmt: skip


def test_what_the_prompt_needs_counts_where_it_is_sampled_only(case):
    joins(case, "poor", backend(upscalers=("4x-sharp",)))
    joins(case, "rich", backend(loras=("sea_haze.safetensors",)))
    case.wish(case.submit("run", (JobSpec(name="a", needs=("loras:sea_haze",)),), stages=(PAINT, SHARP)))

    assert assigned(case) == [("run.1", "rich", "webui")]
    case.news(case.returned(case.attempt("run.1")))
    assert assigned(case) == [("run.1", "poor", "webui")]


def test_an_edited_backend_and_edited_needs_are_waited_for_anew(case):
    joins(case, "both", backend("webui"), backend("comfyui", loras=("haze",)))
    (job,) = case.run(stages=(PAINT,), backend="webui", hold=True)
    case.wish(c.EditJobs(specs={job: JobSpec(name="run-1", backend="comfyui", needs=("loras:haze",))}))
    case.wish(c.ReleaseJobs(jobs=(job,)))

    assert assigned(case) == [(job, "both", "comfyui")]


def test_a_device_that_was_handed_over_takes_the_next_while_the_last_result_is_fetched(case):
    joins(case, "forge", backend())
    first, second, third = case.run(jobs=3, stages=(PAINT,))
    assert assigned(case) == [(first, "forge", "webui")]
    fetched = case.attempt(first)

    case.vitals.handed.add(fetched.token)
    assert assigned(case) == [(second, "forge", "webui")]
    assert assigned(case) == [], "one at a time"

    case.news(case.returned(fetched))
    case.vitals.handed.discard(fetched.token)
    assert first not in case.state.jobs or case.settle()
    assert case.state.nodes["forge"].busy == case.attempt(second).token
    assert case.phase(third) == "queued"
    case.news(case.returned(case.attempt(second)))
    assert (third, "forge", "webui") in assigned(case)


def test_a_model_that_lies_ready_draws_the_stage_to_it(case):
    joins(case, "cold", backend(), speed=9.0)
    joins(case, "warm", backend())
    case.vitals.loads["warm"] = Load(busy=False, resident=("sub/toy.safetensors [ab12cd34ef]",))
    (job,) = case.run(stages=(PAINT,))

    assert assigned(case) == [(job, "warm", "webui")]


def test_a_client_sees_servers_models_and_previews(case):
    joins(case, "forge", backend(url="http://127.0.0.1:7860", release="forge f2", trouble=""))
    case.vitals.loads["forge"] = Load(busy=True, resident=("toy",), vram_used_gb=3.0)
    (job,) = case.run(stages=(PAINT,))
    token = case.start(job).token
    case.vitals.previews[token] = Shown(3, b"jpeg")

    scene = look(case.state, case.vitals, case.now)

    (node,) = scene.nodes
    assert [(one.kind, one.state, one.release, one.url) for one in node.servers] == [
        ("webui", "ready", "forge f2", "http://127.0.0.1:7860")
    ]
    assert node.resident == ("toy",)
    assert scene.running[0].preview == 3
