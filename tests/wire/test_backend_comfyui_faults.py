"""Each way a ComfyUI is known to go wrong, and what the backend makes of it: one test for each."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake, NodeError
from comfy_world import SMALL, Listener, backend, made, picture, trouble, work

from agent.backends import BackendTrouble, Cancelled
from agent.backends.comfyui import watch
from schema.stages import Img2Img, Upscale

LONG = SMALL.model_copy(update={"steps": 200})


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


def until(true, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)


def cancelled(fake: ComfyFake, listener: Listener, config=LONG) -> float:
    """Seconds from the wish to its end."""
    wished: list[float] = []
    step = listener.step

    def noted(*told) -> None:
        try:
            step(*told)
        except Cancelled:
            wished.append(time.monotonic())
            raise

    listener.step = noted
    with pytest.raises(Cancelled):
        backend(fake).run(work(config), listener)
    return time.monotonic() - (wished[0] if wished else time.monotonic())


def let_go(fake: ComfyFake, listener: Listener) -> None:
    with pytest.raises(Cancelled):
        backend(fake).run(work(LONG), listener)


# What it answers to a prompt ------------------------------------------------------------------


def test_a_workflow_taken_in_part_is_refused_and_what_was_taken_is_stopped(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui import stages

    def with_a_bad_output(desk, canvas, prefix):
        desk.graph.add("SaveImage", images=canvas.image)  # lacks its prefix: never valid
        return good(desk, canvas, prefix)

    good = stages.saved
    monkeypatch.setattr("agent.backends.comfyui.saved", with_a_bad_output)
    fake.gate["KSampler"] = threading.Event()
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and "only a part" in told.sentence and "filename_prefix" in told.sentence
    assert fake.running is None and not fake.pending and fake.interrupts == list(fake.history)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_type": "NopeNode"}, "NopeNode does not exist"),
        ({"ckpt_name": "gone.safetensors"}, "ckpt_name has no 'gone.safetensors' there"),
        ({"ckpt_name": None}, "ckpt_name"),
        ({"steps": 0}, "smaller than min"),
        ({"cfg": 900}, "bigger than max"),
        ({"steps": "many"}, "Failed to convert"),
        ({"vae": ["1", 0]}, "Return type mismatch"),
        ({"samples": ["99", 0]}, "samples leads nowhere"),
        ({"model": "x"}, "Bad linked input"),
    ],
)
def test_what_it_finds_wrong_with_a_graph_is_told_by_its_first_fault(
    fake: ComfyFake, monkeypatch, change, words: str
) -> None:
    from agent.backends.comfyui.graph import Graph

    api = Graph.api

    def spoilt(graph: Graph) -> dict[str, object]:
        written = api(graph)
        for node in written.values():
            for name, value in change.items():
                if name == "class_type" and node["class_type"] == "VAEDecode":
                    node["class_type"] = value
                elif name in node["inputs"] and value is None:
                    del node["inputs"][name]
                elif name in node["inputs"]:
                    node["inputs"][name] = value
        return written

    monkeypatch.setattr(Graph, "api", spoilt)
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and words in told.sentence


def test_no_json_but_words_of_a_broken_server_are_its_trouble_not_the_orders(fake: ComfyFake) -> None:
    fake.instead["/prompt"] = lambda: web.Response(
        status=500, text="500 Internal Server Error\n\nServer got itself in trouble"
    )
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "500" in told.sentence and "got itself in trouble" in told.sentence


def test_a_prompt_whose_answer_was_lost_is_looked_up_by_its_id(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui.server import Comfy
    from agent.http import NoServer

    submit = Comfy.submit

    def deafly(self, *told):
        submit(self, *told)
        raise NoServer("it hung up before its answer was whole", sent=True)

    monkeypatch.setattr(Comfy, "submit", deafly)
    assert made(fake, SMALL).pictures and len(fake.prompts) == 1


# Cache and files ------------------------------------------------------------------------------


def test_the_same_order_twice_gives_a_new_file_with_the_same_pixels(fake: ComfyFake) -> None:
    first, second = made(fake, SMALL), made(fake, SMALL)
    assert len(fake.files) == 2 and second.reported["cached_nodes"] == 6
    assert first.pictures[0].seed == second.pictures[0].seed == 7
    old, new = (json.dumps(graph) for graph in fake.prompts)
    assert old != new, "an equal graph would be answered with the old file's name"


def test_a_file_that_is_gone_is_told_and_not_taken_for_a_picture(fake: ComfyFake) -> None:
    fake.forgets_files = True
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "404" in told.sentence


def test_a_truncated_png_is_the_servers_trouble(fake: ComfyFake) -> None:
    fake.truncated = True
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "truncated" in told.sentence


def test_a_picture_of_another_size_is_suspect(fake: ComfyFake) -> None:
    fake.shrinks = True
    assert made(fake, SMALL).suspect == "asked for 64x64, ComfyUI made 32x32"


def test_an_upload_is_named_as_the_server_says(fake: ComfyFake, tmp_path: Path) -> None:
    path = picture(tmp_path)
    made(fake, Img2Img(id="s", steps=2), path)
    (name,) = fake.uploads
    fake.uploads[name] = b"another one's picture"
    made(fake, Img2Img(id="s", steps=2), path)
    stem = name.removesuffix(".png")
    assert sorted(fake.uploads) == [f"{stem} (1).png", name]
    assert f"{stem} (1).png" in json.dumps(fake.prompts[-1])


def test_an_upload_the_server_cannot_read_in_the_end_is_a_bad_request(fake: ComfyFake, tmp_path: Path) -> None:
    fake.fails["LoadImage"] = NodeError("PIL.UnidentifiedImageError", "cannot identify image file '/in/x.png'")
    told = trouble(fake, Img2Img(id="s", steps=2), picture(tmp_path))
    assert told.trouble == "bad-request" and "cannot read the picture" in told.sentence


# Failure --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("torch.OutOfMemoryError", "Allocation on device", "out-of-memory"),
        ("torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB", "out-of-memory"),
        ("RuntimeError", "[enforce fail] not enough memory: you tried to allocate 9 bytes", "out-of-memory"),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied", "backend"),
        ("", "", "backend"),
    ],
)
def test_a_node_that_fails_is_told_with_its_class_and_its_words(
    fake: ComfyFake, kind: str, message: str, expected: str
) -> None:
    fake.fails["KSampler"] = NodeError(kind, message)
    told = trouble(fake, SMALL)
    assert told.trouble == expected and "KSampler" in told.sentence
    fake.fails.clear()
    assert made(fake, SMALL).pictures, "and the next one is as good as ever"


def test_somebody_else_interrupting_is_no_cancel_of_ours(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    listener = Listener()
    stop = threading.Timer(0.3, lambda: setattr(fake, "interrupt", True))
    stop.start()
    with pytest.raises(BackendTrouble) as told:
        backend(fake).run(work(LONG), listener)
    assert told.value.trouble == "backend" and "interrupted" in told.value.sentence


# Cancelling -----------------------------------------------------------------------------------


def test_a_cancel_interrupts_our_prompt_by_its_id_within_a_step(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    spent = cancelled(fake, Listener(lambda step, _, doing: doing == "sampling" and step >= 3))
    assert spent < 1.0 and set(fake.interrupts) == set(fake.history) and len(fake.history) == 1
    (past,) = fake.history.values()
    assert past["status"]["status_str"] == "error" and past["outputs"] == {}


def test_a_waiting_prompt_is_deleted_and_whoever_runs_is_left_alone(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    other = threading.Thread(target=lambda: made(fake, LONG.model_copy(update={"steps": 60}), seed=1))
    other.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    listener.unwanted.set()
    mine.join(5)
    assert not mine.is_alive() and not fake.pending and not fake.interrupts
    other.join(20)
    assert [past["status"]["status_str"] for past in fake.history.values()] == ["success"]


def test_an_old_server_that_interrupts_whatever_runs_is_told_so_only_while_ours_runs(fake: ComfyFake) -> None:
    fake.targeted, fake.step_seconds = False, 0.02
    other = threading.Thread(target=lambda: made(fake, LONG.model_copy(update={"steps": 40}), seed=1))
    other.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    listener.unwanted.set()
    mine.join(5)
    other.join(20)
    assert [past["status"]["status_str"] for past in fake.history.values()] == ["success"]


def test_a_cancel_while_a_model_loads_waits_for_the_nodes_end(fake: ComfyFake) -> None:
    fake.deaf = frozenset(("CheckpointLoaderSimple",))
    fake.gate["CheckpointLoaderSimple"] = threading.Event()
    threading.Timer(0.8, fake.gate["CheckpointLoaderSimple"].set).start()
    began = time.monotonic()
    cancelled(fake, Listener(lambda *_: fake.running is not None))
    assert time.monotonic() - began > 0.7 and fake.running is None
    assert "execution_interrupted" in json.dumps(list(fake.history.values()))


def test_a_cancel_that_comes_too_late_is_still_a_cancel(fake: ComfyFake) -> None:
    cancelled(fake, Listener(lambda _, __, doing: doing == "saving"))
    assert made(fake, SMALL, seed=8).pictures, "an interrupt of what has ended hits nobody"


# Deleted, lost, restarted ---------------------------------------------------------------------


def test_a_prompt_somebody_deleted_vanishes_without_a_word_and_is_lost(fake: ComfyFake) -> None:
    fake.gate["KSampler"] = threading.Event()
    other = threading.Thread(target=lambda: made(fake, SMALL, seed=1))
    other.start()
    until(lambda: fake.running is not None)
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, SMALL)))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    fake.pending.clear()
    mine.join(10)
    assert told[0].trouble == "lost"
    fake.gate["KSampler"].set()
    other.join(10)


def test_a_server_killed_and_started_again_mid_job_has_lost_it(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, LONG)))
    mine.start()
    until(lambda: fake.running is not None)
    fake.kill()
    fake.start()
    mine.join(10)
    assert told[0].trouble == "lost" and "restarted" in told[0].sentence
    assert made(fake, SMALL).pictures, "and the same job runs on the new one"


def test_a_server_that_stays_dead_has_lost_it_too(fake: ComfyFake, monkeypatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE", 1.0)
    fake.step_seconds = 0.02
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, LONG)))
    mine.start()
    until(lambda: fake.running is not None)
    fake.kill()
    mine.join(10)
    assert told[0].trouble == "lost" and "cannot be reached" in told[0].sentence
    assert backend(fake).card().state == "disconnected"


def test_a_cancel_at_a_dead_server_ends_at_once(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: fake.running is not None)
    fake.kill()
    listener.unwanted.set()
    mine.join(5)
    assert not mine.is_alive()


# The WebSocket is a hint ----------------------------------------------------------------------


def test_it_works_where_no_socket_is_to_be_had(fake: ComfyFake) -> None:
    fake.sockets = False
    listener = Listener()
    made_ = backend(fake).run(work(SMALL), listener)
    assert made_.pictures and listener.steps[-1] == (1, 1, "saving")


def test_a_socket_that_says_nothing_any_more_is_no_dead_server(fake: ComfyFake) -> None:
    fake.mute, fake.step_seconds = True, 0.3
    listener = Listener()
    began = time.monotonic()
    assert backend(fake).run(work(SMALL), listener).pictures
    told = [doing for _, _, doing in listener.steps if doing == "loading model"]
    assert len(told) >= int(time.monotonic() - began), "a stage that tells nothing for a second looks frozen"


def test_two_sockets_with_one_id_cost_the_newer_its_messages_so_every_run_has_its_own(fake: ComfyFake) -> None:
    seen: set[str] = set()
    for seed in range(3):
        fake.gate["KSampler"] = threading.Event()
        thread = threading.Thread(target=lambda seed=seed: made(fake, SMALL, seed=seed))
        thread.start()
        until(lambda: fake.running is not None and fake.clients)
        seen |= set(fake.clients)
        fake.gate["KSampler"].set()
        thread.join(10)
        until(lambda: not fake.clients)
    assert len(seen) == 3


def test_a_connection_that_breaks_mid_job_is_made_again_and_its_first_words_are_nobodys(fake: ComfyFake) -> None:
    fake.step_seconds = 0.05
    listener = Listener()
    thread = threading.Thread(target=lambda: backend(fake).run(work(LONG.model_copy(update={"steps": 70})), listener))
    thread.start()
    until(lambda: any(doing == "sampling" for _, _, doing in listener.steps))
    (socket,) = fake.clients.values()
    fake._loop.call_soon_threadsafe(socket._req.transport.abort)
    thread.join(20)
    before = [step for step, _, doing in listener.steps if doing == "sampling"]
    assert before[-1] == 70 and before == sorted(before)


@pytest.mark.parametrize("event", [1, 4])
def test_previews_of_both_kinds_are_shown_only_while_somebody_watches(fake: ComfyFake, event: int) -> None:
    fake.previews = event
    watching, alone = Listener(), Listener(previews=False)
    backend(fake).run(work(SMALL), watching)
    backend(fake).run(work(SMALL, seed=8), alone)
    assert len(watching.shown) == 4 and watching.shown[0].startswith(b"\xff\xd8") and not alone.shown


def test_the_server_is_asked_at_most_twice_a_second(fake: ComfyFake) -> None:
    fake.mute, fake.step_seconds = True, 0.5
    began = time.monotonic()
    made(fake, SMALL)
    asked = [path for path in fake.asked if path.startswith(("GET /queue", "GET /history"))]
    # a question is the queue and, where it is not there, the history
    assert len(asked) <= 2 * (time.monotonic() - began) + 3


# What answers is no ComfyUI -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: web.Response(text="<!doctype html><h1>Router</h1>", content_type="text/html"), "a web page"),
        (lambda: web.Response(status=302, headers={"Location": "http://elsewhere/"}), "redirects to http://elsewhere/"),
        (lambda: web.Response(status=401), "credentials"),
        (lambda: web.Response(status=403), "credentials"),
        (lambda: web.json_response({"hello": "webui"}), "unknown shape"),
        (lambda: web.Response(status=404), "404"),
    ],
)
def test_something_else_at_the_address_is_told_on_the_card_with_a_remedy(fake: ComfyFake, answer, words: str) -> None:
    fake.instead[""] = answer
    card = backend(fake).card()
    assert card.state == "disconnected" and words in card.trouble and card.url == fake.url
    assert "--url" in card.trouble or "STABLENEW_AGENT_AUTH" in card.trouble
    told = trouble(fake, SMALL)
    assert told.trouble in ("backend", "lost") and words in told.sentence


def test_nobody_at_the_address_is_told_with_how_to_start_it(fake: ComfyFake, tmp_path: Path) -> None:
    fake.kill()
    (tmp_path / "checkpoints" / "sub").mkdir(parents=True)
    (tmp_path / "checkpoints" / "sub" / "toy.safetensors").touch()
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "glow.safetensors").touch()
    card = backend(fake, models=tmp_path).card()
    assert card.state == "disconnected" and "start ComfyUI" in card.trouble
    assert card.models == ("sub/toy.safetensors",) and card.loras == ("glow.safetensors",)
    assert trouble(fake, SMALL).trouble == "lost"


def test_credentials_are_sent_and_never_shown(fake: ComfyFake) -> None:
    fake.auth = "me:secret"
    assert backend(fake).card().state == "disconnected"
    known = backend(fake, auth="me:secret")
    card = known.card()
    assert card.state == "ready" and "secret" not in str(card)
    assert known.run(work(SMALL), Listener()).pictures


def test_a_proxy_that_answers_a_page_in_place_of_the_picture_is_the_servers_trouble(fake: ComfyFake) -> None:
    fake.instead["/view"] = lambda: web.Response(text="<html>busy</html>", content_type="text/html")
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "web page" in told.sentence


# Names and values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "sub/toi"}, "no model 'sub/toi'; the nearest are sub/toy.safetensors"),
        ({"sampler": "Eular"}, "no sampler 'Eular'; the nearest are Euler"),
        ({"scheduler": "Karas"}, "no scheduler 'Karas'; the nearest are Karras"),
        ({"vae": "finer"}, "no VAE 'finer'; the nearest are fine.safetensors"),
        ({"width": 65}, "width 65 is not divisible by 8; take 64 or 72"),
    ],
)
def test_names_it_does_not_have_are_refused_before_anything_is_sent(fake: ComfyFake, change, words: str) -> None:
    told = trouble(fake, SMALL.model_copy(update=change))
    assert told.trouble == "bad-request" and words in told.sentence and not fake.prompts


def test_a_lora_it_does_not_have_is_refused_with_the_nearest(fake: ComfyFake) -> None:
    told = trouble(fake, SMALL, prompt="a cat <lora:glo:0.5>")
    assert told.trouble == "bad-request" and "no LoRA 'glo'; the nearest are glow.safetensors" in told.sentence


def test_a_model_put_there_after_the_lists_were_read_is_found(fake: ComfyFake) -> None:
    one = backend(fake)
    one.card()
    fake.names.models.append("fresh.safetensors")
    try:
        done = one.run(work(SMALL.model_copy(update={"model": "fresh"})), Listener())
    finally:
        fake.names.models.remove("fresh.safetensors")
    assert done.effective["model"] == "fresh.safetensors" and one.memory().resident == ("fresh.safetensors",)


def test_an_input_that_is_no_picture_never_leaves_the_house(fake: ComfyFake, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(b"GIF89a and nothing")
    assert trouble(fake, Upscale(id="s"), path).trouble == "bad-request" and not fake.uploads


def test_a_mask_of_another_size_is_told_with_both(fake: ComfyFake, tmp_path: Path) -> None:
    told = trouble(
        fake, Img2Img(id="s", mask="c" * 64), picture(tmp_path), mask=picture(tmp_path, (32, 32), "mask.png")
    )
    assert told.trouble == "bad-request" and "32x32" in told.sentence and "96x64" in told.sentence


def test_memory_is_given_back_on_request(fake: ComfyFake) -> None:
    fake.devices = [{"name": "card", "type": "cuda", "vram_total": 8 << 30, "vram_free": 3 << 30}]
    one = backend(fake)
    one.run(work(SMALL), Listener())
    assert one.memory() == (8.0, 5.0, ("sub/toy.safetensors",)) and one.gpus()[0].vram_gb == 8.0
    one.free()
    assert fake.freed == 1 and one.memory().resident == ()


def test_a_link_of_the_output_itself_that_leads_nowhere_has_another_type(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui.graph import Graph

    api = Graph.api
    monkeypatch.setattr(
        Graph,
        "api",
        lambda graph: {
            number: {
                **node,
                "inputs": {**node["inputs"], **({"images": ["99", 0]} if "images" in node["inputs"] else {})},
            }
            for number, node in api(graph).items()
        },
    )
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and "SaveImage: images leads nowhere" in told.sentence


def test_what_is_no_number_in_the_lists_or_the_history_is_read_over(fake: ComfyFake) -> None:
    """Custom nodes have Infinity as a limit, and an error tells the NaN it failed on; strict JSON has neither."""
    fake.info["Endless"] = {"input": {"required": {"x": ["FLOAT", {"max": float("inf")}]}}, "output": ["FLOAT"]}
    fake.info["Odd"] = {"input": "none", "output": 7}
    card = backend(fake).card()
    assert card.state == "ready" and card.models
    fake.fails["KSampler"] = NodeError("ValueError", "latent is bad")
    fake.more = {"current_inputs": {"cfg": [float("nan")]}}
    assert "latent is bad" in trouble(fake, SMALL).sentence


def test_one_that_waits_behind_others_says_so(fake: ComfyFake) -> None:
    fake.gate["KSampler"] = threading.Event()
    first = threading.Thread(target=lambda: made(fake, SMALL, seed=1))
    first.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    second = threading.Thread(target=lambda: backend(fake).run(work(SMALL), listener))
    second.start()
    until(lambda: (0, 1, "waiting in ComfyUI's queue") in listener.steps)
    fake.gate["KSampler"].set()
    first.join(10)
    second.join(10)
    assert listener.steps[-1] == (1, 1, "saving")
