"""The language model's backend: a prompt comes out clean, and every way to fail has its trouble and its sentence."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `llm_fake`

from llm_fake import (
    Act,
    FakeChat,
    Handler,
    answering,
    begin,
    dropping,
    end,
    endless,
    fake_chat,
    falling_silent,
    line,
    lines,
    models,
    piece,
    streaming,
)

from agent.backends import BackendTrouble, Cancelled, Made, Options, Work
from agent.backends.llm import Llm
from schema.errors import Trouble
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.stages import GeneratePrompt, LlmEnhance, Upscale, WordStage

pytestmark = pytest.mark.servers


@pytest.fixture
def fake() -> Iterator[FakeChat]:
    with fake_chat() as server:
        yield server


@pytest.fixture
def llm(fake: FakeChat) -> Llm:
    return backend(fake.url)


def backend(url: str, auth: str = "") -> Llm:
    return Llm(Options(clock=time.monotonic, url=url, auth=auth))


class Listener:
    previews = False

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str]] = []
        self.unwanted = threading.Event()

    def step(self, step: int, steps: int, doing: str) -> None:
        self.told.append((step, steps, doing))
        if self.unwanted.is_set():
            raise Cancelled

    def preview(self, jpeg: bytes) -> None:
        raise AssertionError("words have no preview")

    def rest(self, seconds: float) -> None:
        if self.unwanted.wait(seconds):
            raise Cancelled

    def cancelled(self) -> bool:
        return self.unwanted.is_set()


def work(config: WordStage | Upscale, prompt: str = "a castle", negative: str = "blurry") -> Work:
    order = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"), prompt=prompt,
        negative=negative, seed=2**40 + 7,
    )  # fmt: skip
    return Work(order, config)


def enhance(**fields: object) -> LlmEnhance:
    return LlmEnhance.model_validate({"id": "s", "timeout": 5.0, **fields})


def ran(llm: Llm, config: WordStage | None = None, **order: str) -> Made:
    return llm.run(work(config or enhance(), **order), Listener())


def broke(llm: Llm, config: WordStage | None = None, **order: str) -> BackendTrouble:
    with pytest.raises(BackendTrouble) as told:
        ran(llm, config, **order)
    return told.value


# A prompt is written --------------------------------------------------------------------------------


def test_a_prompt_comes_back_with_all_that_the_server_said(fake: FakeChat, llm: Llm) -> None:
    fake.script = [streaming("a castle", " at dusk, ", "warm light")]
    made = ran(llm, enhance(model="toy", temperature=0.2, max_tokens=64))
    assert not made.pictures
    reported = dict(made.reported)
    assert reported.pop("seconds") >= 0  # type: ignore[operator]
    assert reported == {
        "prompt": "a castle at dusk, warm light", "negative": "blurry", "model": "toy:latest", "tokens": 5,
        "prompt_tokens": 11, "finish": "stop", "answer": "a castle at dusk, warm light",
    }  # fmt: skip
    asked = fake.asked[0]
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("toy:latest", 0.2, 64)
    assert asked["stream"] is True and asked["seed"] == 7
    assert made.effective["model"] == "toy:latest" and "(word:1.2)" in str(made.effective["instructions"])
    assert msgspec.json.decode(msgspec.json.encode(made.effective)) == made.effective


def test_own_instructions_replace_ours(fake: FakeChat, llm: Llm) -> None:
    for config in (GeneratePrompt(id="s", instructions="Say it in French."), GeneratePrompt(id="s"), enhance()):
        ran(llm, config)
    told = [messages[0]["content"] for messages in (asked["messages"] for asked in fake.asked)]  # type: ignore[index]
    assert told[0] == "Say it in French." and "few words" in told[1] and "Keep everything" in told[2]


def test_no_model_named_means_the_servers_first(fake: FakeChat, llm: Llm) -> None:
    ran(llm)
    assert fake.asked[0]["model"] == "toy:latest"


def test_adapters_go_around_the_model(fake: FakeChat, llm: Llm) -> None:
    fake.script = [streaming("a large castle <lora:invented:1>, fog")]
    made = ran(llm, prompt="a castle, <lora:sea_haze:0.8>, fog <embedding:soft>")
    assert fake.asked[0]["messages"][1]["content"] == "a castle, fog"  # type: ignore[index]
    assert made.reported["prompt"] == "a large castle, fog <lora:sea_haze:0.8> <embedding:soft>"
    assert "<lora:invented:1>" in str(made.reported["notes"])


def test_a_server_that_does_not_stream_is_understood(fake: FakeChat, llm: Llm) -> None:
    said = {"message": {"role": "assistant", "content": "a castle"}, "finish_reason": "stop"}
    whole = {"model": "m", "choices": [said], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    fake.script = [answering(200, whole)]
    made = ran(llm)
    assert made.reported["prompt"] == "a castle" and made.reported["tokens"] == 2


def test_thinking_told_apart_is_left_out(fake: FakeChat, llm: Llm) -> None:
    fake.script = [
        lines(piece(reasoning_content="let me see"), piece(reasoning="hm"), piece("a castle", "stop"), "data: [DONE]")
    ]
    made = ran(llm)
    assert made.reported["prompt"] == "a castle" and made.reported["notes"] == "thinking removed"


def test_progress_is_told_while_it_writes(fake: FakeChat, llm: Llm) -> None:
    fake.script = [endless]
    listener = Listener()

    def run() -> None:
        with pytest.raises(Cancelled):
            llm.run(work(enhance(max_tokens=20)), listener)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 10
    while not any(doing == "writing" and step == 20 for step, _, doing in listener.told):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    listener.unwanted.set()
    thread.join(5)
    written = [(step, steps) for step, steps, doing in listener.told if doing == "writing"]
    assert written == sorted(written) and all(step <= steps for step, steps in written)


# Cancel and silence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [endless, falling_silent(), falling_silent("a ", pings=True)])
def test_a_cancel_closes_the_stream_at_once(fake: FakeChat, llm: Llm, act: Act) -> None:
    fake.script = [act]
    listener = Listener()
    threading.Timer(0.3, listener.unwanted.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        llm.run(work(enhance(timeout=60)), listener)
    assert time.monotonic() - began < 1.5
    if act is endless:
        assert fake.hung_up.wait(5), "the server goes on writing for nobody"


@pytest.mark.parametrize("act", [falling_silent(), falling_silent("a castle"), falling_silent("a", pings=True)])
def test_silence_times_out_and_comments_are_no_words(fake: FakeChat, llm: Llm, act: Act) -> None:
    fake.script = [act]
    trouble = broke(llm, enhance(timeout=0.4))
    assert trouble.trouble == "backend" and "said nothing for 0.4 seconds" in trouble.sentence


def test_a_long_answer_is_no_silence(fake: FakeChat, llm: Llm) -> None:
    def slowly(handler: Handler) -> None:
        begin(handler)
        for _ in range(12):
            line(handler, piece("castle, "))
            time.sleep(0.1)
        line(handler, piece(finish="stop"))
        end(handler)

    fake.script = [slowly]
    assert ran(llm, enhance(timeout=0.6)).reported["tokens"] == 12


# Faults ---------------------------------------------------------------------------------------------

OVERFLOW = {"error": {"code": 400, "message": "it exceeds the context size", "type": "exceed_context_size_error"}}
UNKNOWN = {"error": {"message": "model 'toy' not found", "type": "api_error"}}
FULL = {"error": {"message": "cudaMalloc failed: out of memory"}}


@pytest.mark.parametrize(
    ("act", "trouble", "words"),
    [
        (answering(401, {"error": {"message": "invalid api key"}}), "bad-request", "credentials"),
        (answering(403, "Forbidden"), "bad-request", "credentials"),
        (answering(404, UNKNOWN), "bad-request", "not found"),
        (answering(404, "404 page not found", "text/plain"), "bad-request", "is its path right"),
        (answering(400, OVERFLOW), "bad-request", "too long for the model's context"),
        (answering(400, {"error": {"message": "nope", "code": "context_length_exceeded"}}), "bad-request", "too long"),
        (answering(400, {"error": "temperature must be a number"}), "bad-request", "temperature must be"),
        (answering(422, {"detail": [{"msg": "field required"}]}), "bad-request", "field required"),
        (answering(413, "too large", "text/plain"), "bad-request", "refused the question"),
        (answering(500, {"error": {"message": "model requires more system memory (9 GiB)"}}), "out-of-memory", "9 GiB"),
        (answering(500, {"error": "llama runner process has terminated"}), "backend", "terminated"),
        (answering(500, "oops", "text/plain"), "backend", "status 500"),
        (answering(302, "", Location="https://elsewhere.example/login"), "bad-request", "https://elsewhere.example/login"),
        (answering(200, "<!DOCTYPE html><html>Log in</html>", "text/html"), "backend", "web page instead of JSON"),
        (answering(200, "[1, 2]"), "backend", "instead of JSON"),
        (answering(200, {"answer": "a castle"}), "backend", "names no choices"),
        (answering(200, {"choices": [{"message": {"content": ["x"]}}]}), "backend", "unknown shape"),
        (lines("data: {not json"), "backend", "unknown shape"),
        (answering(200, '{"choices": ' + "[" * 300_000), "backend", "in an unknown shape"),
        (answering(500, '{"error": ' + "[" * 300_000), "backend", "status 500"),
        (lines(piece("a cas"), FULL), "out-of-memory", "cudaMalloc"),
        (lines(piece("a cas"), {"error": {"message": "boom", "code": 500}}), "backend", "boom"),
        (lines(piece("a castle, fo"), close=True), "backend", "hung up"),
        (lines(piece("a castle, fo")), "backend", "middle of its answer"),
        (lines(), "backend", "before it began"),
        (dropping, "backend", "hung up"),
        (streaming(""), "backend", "answered nothing"),
        (streaming("<think>", "hm, hm", finish="length"), "backend", "raise max_tokens"),
        (streaming("I'm sorry, but I can't help with that."), "backend", "refused"),
        (streaming("<think>no</think>As an AI, I"), "backend", "refused"),
        (lines(piece(refusal="I won't."), piece(finish="stop"), "data: [DONE]"), "backend", "I won't."),
        (streaming("", finish="content_filter"), "backend", "filter"),
    ],
)  # fmt: skip
def test_each_fault_has_its_trouble_and_its_sentence(
    fake: FakeChat, llm: Llm, act: Act, trouble: Trouble, words: str
) -> None:
    fake.script = [act]
    told = broke(llm)
    assert told.trouble == trouble and words in told.sentence
    assert len(fake.asked) == 1, "a fault that stays is not asked for twice"


def test_a_model_that_is_not_there_is_named_with_the_nearest(fake: FakeChat, llm: Llm) -> None:
    fake.list_models = models("qwen3:8b", "llama3.2:3b", "llama3.1:70b")
    told = broke(llm, enhance(model="lama3.2"))
    assert told.trouble == "bad-request" and "no model 'lama3.2'; it has llama3.2:3b" in told.sentence
    assert not fake.asked


@pytest.mark.parametrize("listing", [answering(401, ""), answering(302, "", Location="http://elsewhere/")])
def test_an_agent_with_the_wrong_address_or_key_loses_no_job(fake: FakeChat, llm: Llm, listing: Act) -> None:
    fake.list_models = listing
    for config in (enhance(), enhance(model="toy")):
        assert broke(llm, config).trouble == "lost" and not fake.asked


@pytest.mark.parametrize(("status", "trouble"), [(404, "bad-request"), (500, "backend")])
def test_a_server_without_a_list_is_asked_by_the_name_alone(
    fake: FakeChat, llm: Llm, status: int, trouble: Trouble
) -> None:
    fake.list_models = answering(status, "no list of models here")
    ran(llm, enhance(model="anything"))
    assert fake.asked[0]["model"] == "anything"
    assert broke(llm).trouble == trouble


def test_a_server_that_lists_nothing_runs_what_names_its_model(fake: FakeChat) -> None:
    fake.list_models, fake.version = models(), ""
    llm = backend(fake.url)
    card = llm.card()
    assert card.state == "ready" and card.open_lists and not card.models and "has to name one" in card.note
    assert not fake.asked, "its list says enough"
    assert ran(llm, enhance(model="own/folder")).reported["prompt"] == "a castle"
    assert fake.asked[0]["model"] == "own/folder"
    told = broke(llm)
    assert told.trouble == "bad-request" and "name one in the stage's field model" in told.sentence


def test_a_server_without_a_list_has_to_show_once_that_it_chats(fake: FakeChat) -> None:
    fake.list_models, fake.version = answering(404, "no list of models here"), ""
    fake.script = [answering(404, "nor a chat"), answering(422, {"detail": "field required"}), streaming("a castle")]
    llm = backend(fake.url)
    assert "is its path right" in llm.card().trouble
    assert [llm.card().state, llm.card().state] == ["ready", "ready"] and fake.asked == [{}, {}]
    assert ran(llm, enhance(model="toy")).reported["prompt"] == "a castle"


def test_a_busy_server_is_asked_again_when_it_said_so(fake: FakeChat, llm: Llm) -> None:
    busy = answering(503, {"error": {"message": "Loading model"}}, Retry_After="0.1")
    fake.script = [busy, answering(429, {"error": "slow down"}, Retry_After="0.2"), streaming("a castle")]
    began = time.monotonic()
    assert ran(llm).reported["prompt"] == "a castle"
    assert len(fake.asked) == 3 and time.monotonic() - began > 0.29


@pytest.mark.parametrize("retry_after", ["3600", "0.01"])
def test_a_server_that_stays_busy_is_trouble_at_last(fake: FakeChat, llm: Llm, retry_after: str) -> None:
    fake.script = [answering(429, {"error": "slow down"}, Retry_After=retry_after)]
    began = time.monotonic()
    told = broke(llm, enhance(timeout=2.0))
    assert told.trouble == "backend" and "slow down" in told.sentence
    assert time.monotonic() - began < 2.0 and len(fake.asked) == (1 if retry_after == "3600" else 4)


def test_a_wait_for_a_busy_server_can_be_cancelled(fake: FakeChat, llm: Llm) -> None:
    fake.script = [answering(503, "", Retry_After="30")]
    listener = Listener()
    threading.Timer(0.2, listener.unwanted.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        llm.run(work(enhance(timeout=60)), listener)
    assert time.monotonic() - began < 2


def test_fields_a_server_does_not_know_are_left_out_or_called_as_it_calls_them(fake: FakeChat, llm: Llm) -> None:
    def strict(handler: Handler) -> None:
        unknown = [name for name in ("stream_options", "seed", "max_tokens") if name in fake.asked[-1]]
        told = {"error": {"message": f"Unsupported parameter: '{unknown[0]}'"}} if unknown else None
        (answering(400, told) if told else streaming("a castle"))(handler)

    fake.script = [strict]
    assert ran(llm, enhance(max_tokens=77)).reported["prompt"] == "a castle"
    assert len(fake.asked) == 4 and fake.asked[-1]["max_completion_tokens"] == 77
    fake.script = [answering(400, {"error": "seed max_tokens stream_options"})]
    assert broke(llm).trouble == "bad-request"


def test_a_server_that_is_gone_loses_the_question() -> None:
    with fake_chat() as server:
        url = server.url
    told = broke(backend(url))
    assert told.trouble == "lost" and "cannot be reached: connection refused" in told.sentence


def test_a_server_that_dies_while_it_answers_has_lost_the_question_until_it_is_back() -> None:
    with fake_chat() as server:
        llm, port = backend(server.url), server.server_port
        server.script = [falling_silent("a ca")]
        threading.Timer(0.3, server.kill).start()
        began = time.monotonic()
        assert broke(llm, enhance(timeout=60)).trouble == "lost" and time.monotonic() - began < 3
        assert llm.card().state == "disconnected"
    with fake_chat(port):
        assert llm.card().state == "ready" and ran(llm).reported["prompt"] == "a castle"


def test_what_it_does_not_run_and_an_empty_prompt_are_bad_requests(fake: FakeChat, llm: Llm) -> None:
    with pytest.raises(BackendTrouble, match="does not run upscale") as told:
        llm.run(work(Upscale(id="s")), Listener())
    assert told.value.trouble == "bad-request"
    assert broke(llm, prompt=" , <lora:x:1> ").trouble == "bad-request" and not fake.asked


def test_an_address_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match="write it like http"):
        backend("ftp://somewhere")


# The card -------------------------------------------------------------------------------------------


def test_the_card_lists_the_models_and_names_the_server(fake: FakeChat) -> None:
    card = backend(fake.url.removesuffix("/v1"), "me:secret").card()
    assert card.models == ("toy:latest", "other:7b") and card.state == "ready" and card.release == "ollama 0.9.9"
    assert card.url == fake.url and card.kinds == ("generatePrompt", "llmEnhance")


@pytest.mark.parametrize(
    ("listing", "state", "words"),
    [
        (models(), "starting", "ollama pull"),
        (answering(503, {"error": {"message": "Loading model"}}), "starting", "Loading model"),
        (answering(401, ""), "disconnected", "STABLENEW_AGENT_AUTH"),
        (answering(200, "<html>"), "disconnected", "web page"),
        (answering(200, {"data": [{"name": "x"}]}), "disconnected", "unknown shape"),
        (answering(404, "not found"), "disconnected", "STABLENEW_AGENT_AUTH"),
        (answering(302, "", Location="http://elsewhere/"), "disconnected", "redirects to http://elsewhere/"),
        (dropping, "disconnected", "hung up"),
    ],
)
def test_a_card_says_why_it_is_not_ready(fake: FakeChat, llm: Llm, listing: Act, state: str, words: str) -> None:
    fake.list_models, fake.script = listing, [answering(401, "")]
    card = llm.card()
    assert card.state == state and words in card.trouble and not card.models


def test_credentials_are_sent_as_the_server_wants_them(fake: FakeChat) -> None:
    ran(backend(fake.url, "me:secret"))
    ran(backend(fake.url, "sk-key"))
    assert fake.credentials == ["Basic bWU6c2VjcmV0", "Bearer sk-key"]


def test_ollama_gives_its_memory_back(fake: FakeChat, llm: Llm) -> None:
    ran(llm)
    assert llm.memory().resident == ("toy:latest",)
    llm.free()
    assert fake.asked[-1] == {"model": "toy:latest", "keep_alive": 0} and fake.paths[-1] == "/api/generate"
    assert not llm.memory().resident
    llm.free()
    assert fake.paths.count("/api/generate") == 1
