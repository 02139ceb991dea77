"""What is chosen for a run: what is offered is what the nodes and the library have, and it reaches the request."""

import json
import time

import msgspec
import pytest

from schema.scenes import BackendScene


async def to_run(eyes, *more):
    await eyes.sees("kn00gt7a.4")
    await eyes.press("n")
    await eyes.sees("[Generate]", "pipeline", "[x] 1 txt2img", *more)


async def choose(eyes, key):
    """Opens the chooser of this line of the stages."""
    cards = eyes.app.screen.cards
    eyes.app.screen.set_focus(cards)
    cards.stand(key)
    await eyes.press("enter")


async def ask(eyes, field):
    """Of the fields in the head."""
    head = eyes.app.screen.head
    eyes.app.screen.set_focus(head)
    head.go([one.id for one in head.fields].index(field))
    await eyes.press("enter")


async def run(eyes, daemon):
    await eyes.press("ctrl+j")
    await eyes.until(lambda: daemon.sent("/v1/runs"))
    return daemon.sent("/v1/runs")[0]


def asked_names(daemon):
    return [asked for asked in daemon.asked if asked.startswith("/v1/resources")]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_the_chooser_at_two_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await eyes.sees("kn00gt7a.4")
        await eyes.press("n")
        await eyes.sees("[Generate]")
        await eyes.until(lambda: eyes.app.screen.cards.form.stages)
        eyes.app.screen.action_pane_of("stages")
        await eyes.sees("[x] 1 txt2img")
        await choose(eyes, "txt2img.model")
        await eyes.sees("41 · now: the backend's own choice", "studio", "juggernautXL_v9.safetensors")
        picture_of(eyes, f"chooser-{width}x{height}")


@pytest.mark.slow
async def test_a_model_is_found_by_typing_and_reaches_the_request(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        await choose(eyes, "txt2img.model")
        await eyes.sees("41 · now")
        await eyes.press(*"mill-at-dusk_v5", "enter")
        await eyes.sees("old-mill", "1 job · seed 7")
        sent = await run(eyes, daemon)
        assert sent["set"] == ["txt2img.model=sdxl/old-mill-at-dusk_v5.safetensors"]


@pytest.mark.slow
async def test_five_thousand_names_are_asked_for_once_and_found_while_one_types(show, daemon):
    model = daemon.resources[-1]
    daemon.resources = [msgspec.structs.replace(model, list="models", name=f"model-{n:04}.pt") for n in range(5001)]
    async with show() as eyes:
        await to_run(eyes)
        await choose(eyes, "txt2img.model")
        await eyes.sees("5,001 · now")
        for _ in range(20):
            await eyes.press("pagedown")
        await eyes.quiet()
        began = time.perf_counter()
        await eyes.press(*"4711")
        await eyes.sees("> model-4711.pt", "1 · now")
        assert time.perf_counter() - began < 2
        assert sum("list=models" in asked for asked in asked_names(daemon)) == 1


@pytest.mark.slow
async def test_a_name_that_no_node_has_may_be_taken_and_is_marked(show, daemon):
    async with show(200, 60) as eyes:
        await to_run(eyes)
        await choose(eyes, "txt2img.model")
        await eyes.sees("41 · now")
        await eyes.press(*"juggernautXL_v8")
        await eyes.sees("takes 'juggernautXL_v8' as it is typed, though no node has it")
        await eyes.press("enter")
        await eyes.sees("juggernautXL_v8", "no node has it")
        await choose(eyes, "txt2img.model")
        await eyes.sees("now: juggernautXL_v8")
        await eyes.press("ctrl+x")
        await eyes.until(lambda: "no node has it" not in eyes.text())


@pytest.mark.slow
async def test_a_sampler_in_another_programs_words_is_no_doubt(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await choose(eyes, "txt2img.sampler")
        await eyes.sees("4 · now")
        await eyes.press(*"euler_ancestral", "ctrl+j")
        await eyes.sees("sampler", "euler_ancestral")
        await eyes.quiet()
        assert "no node has it" not in eyes.text()


@pytest.mark.slow
async def test_the_nodes_read_their_lists_again_on_a_key(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await choose(eyes, "txt2img.sampler")
        await eyes.sees("4 · now")
        daemon.resources = [
            *daemon.resources,
            msgspec.structs.replace(daemon.resources[-1], list="samplers", name="8th-new"),
        ]
        await eyes.press("ctrl+r")
        await eyes.sees("8th-new", "studio, attic read their lists again")
        assert daemon.sent("/v1/nodes/rtx3090/refresh") and not daemon.sent("/v1/nodes/den/refresh")


@pytest.mark.slow
async def test_the_backend_is_told_with_its_state_and_sent(show, daemon):
    async with show() as eyes:
        await to_run(eyes, "backend any · webui ready, comfyui ready")
        await eyes.press(*"a kite")
        await ask(eyes, "backend")
        await eyes.sees("webui · ready on studio; starting on attic; lost on den", "comfyui · ready on attic")
        await eyes.press("j", "j", "enter")
        await eyes.sees("backend comfyui · ready", "1 job · seed 7")
        assert (await run(eyes, daemon))["backend"] == "comfyui"


@pytest.mark.slow
async def test_a_backend_that_is_away_is_told_as_disconnected(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await daemon.end()
        await eyes.sees("backend any · disconnected")


@pytest.mark.slow
async def test_a_lora_goes_into_the_prompt_and_an_embedding_into_the_negative(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite", "ctrl+f")
        await eyes.sees("[loras]", "sky/film_grain.safetensors")
        await eyes.press(*"film", "enter")
        await eyes.sees("a kite <lora:film_grain:1>")
        await eyes.press("tab", *"blur", "ctrl+f", "tab")
        await eyes.sees("[embeddings]", "badhands.pt", "in your folders")
        await eyes.press(*"bad", "enter")
        await eyes.sees("blur, badhands")
        sent = await run(eyes, daemon)
        assert (sent["prompt"], sent["negative"]) == ("a kite <lora:film_grain:1>", "blur, badhands")


@pytest.mark.slow
async def test_with_sketch_alone_any_name_is_fine(show, daemon):
    server = BackendScene(kind="sketch", state="ready")
    daemon.nodes = (msgspec.structs.replace(daemon.nodes[0], backends=("sketch",), servers=(server,)),)
    daemon.resources = []
    async with show() as eyes:
        await to_run(eyes)
        await choose(eyes, "txt2img.model")
        await eyes.sees("no node has told of any; what you type is taken as it is")
        await eyes.press(*"dreams", "enter")
        await eyes.sees("model", "dreams")
        assert "no node has it" not in eyes.text()


@pytest.mark.slow
async def test_a_draft_that_is_begun_afresh_begins_where_the_last_run_was(show, daemon):
    daemon.latest = {
        "config": {}, "effective": {"txt2img": {"model": "juggernautXL_v9", "steps": 30}}, "run": "kn00gt7a",
        "job": "kn00gt7a.9", "seed": 42,
    }  # fmt: skip
    daemon.backend_of_runs = "comfyui"
    async with show() as eyes:
        await to_run(eyes, "last run juggernautXL_v9", "[x] as last time", "comfyui · ready", "drawn; last 42")
        await eyes.press(*"a kite")
        sent = await run(eyes, daemon)
        assert (sent["last"], sent["backend"]) == (True, "comfyui")


@pytest.mark.slow
async def test_where_the_last_run_was_a_picture_painted_over_the_next_one_is_not_made_of_that_picture(show, daemon):
    daemon.latest = {"effective": {"img2img": {"model": "juggernautXL_v9", "image": "a" * 64}}, "run": "kn00gt7a"}
    async with show() as eyes:
        await to_run(eyes, "last run juggernautXL_v9")
        await eyes.press(*"a kite")
        assert not (await run(eyes, daemon)).get("last")


@pytest.mark.slow
async def test_a_stage_is_added_at_its_place(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        eyes.app.screen.set_focus(eyes.app.screen.cards)
        await eyes.press("a")
        await eyes.sees("Add a stage", "faces are restored")
        await eyes.press(*"jjj", "enter")
        await eyes.sees("face_restore", "own stages", "1 job · seed 7")
        pipeline = json.loads((await run(eyes, daemon))["pipeline"]["text"])
        assert [stage["type"] for stage in pipeline["stages"]] == [
            "txt2img", "detail", "upscale", "face_restore", "video",
        ]  # fmt: skip


@pytest.mark.slow
async def test_another_pipeline_forgets_the_stages_that_were_added_to_the_first(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        eyes.app.screen.set_focus(eyes.app.screen.cards)
        await eyes.press("a")
        await eyes.sees("Add a stage")
        await eyes.press("enter")
        await eyes.sees("own stages")
        await ask(eyes, "pipeline")
        await eyes.sees("quick")
        await eyes.press(*"quick", "enter")
        await eyes.until(lambda: "own stages" not in eyes.text())
        assert (await run(eyes, daemon))["pipeline"] == "quick"


@pytest.mark.slow
async def test_a_job_of_a_pipeline_that_is_in_no_library_is_cloned_with_its_stages(show, daemon):
    daemon.pipeline_of_runs = "own"
    daemon.config = {"txt2img": {"type": "txt2img", "steps": 9, "hires.scale": 2.0, "model": "toy", "vae": None},
                     "detail": {"type": "detail", "model": "toy", "detector": "hand"}}  # fmt: skip
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "c")
        await eyes.sees("like kn00gt7a.3", "own stages")
        sent = await run(eyes, daemon)
        assert "set" not in sent
        assert json.loads(sent["pipeline"]["text"])["stages"] == [
            {"type": "txt2img", "id": "txt2img", "steps": 9, "hires": {"scale": 2.0}, "model": "toy"},
            {"type": "detail", "id": "detail", "detector": "hand"},
        ]


@pytest.mark.slow
async def test_a_chosen_backend_narrows_what_is_offered(show, daemon):
    async with show(200, 60) as eyes:
        await to_run(eyes)
        eyes.app.screen.put("backend", "comfyui")
        await choose(eyes, "upscale.upscaler")
        await eyes.sees("no node has told of any")
        await eyes.press("escape")
        await choose(eyes, "txt2img.model")
        await eyes.sees("21 · now")
        await eyes.press(*"city", "ctrl+j")
        await eyes.sees("not for comfyui")
