"""The language model that writes prompts: any server with an OpenAI-compatible chat, as Ollama or llama.cpp.

This file is its outside: card, choice of the model, and one stage from the order's prompt to the reported one.
"""

from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from agent.backends import BackendTrouble, Made, Memory, Options, Reporter, Work
from agent.backends.llm.asking import Question, preset_wanted, question_of
from agent.backends.llm.chat import Ask, Reply, converse
from agent.backends.llm.faults import Fault
from agent.backends.llm.models import UNLISTED, check_chat, chosen, listed
from agent.backends.llm.objects import object_in
from agent.backends.llm.words import Cleaned, cleaned, refused
from agent.effective import flattened
from agent.http import Server, ServerTrouble
from schema.errors import Trouble
from schema.orders import BackendCard, Gpu
from schema.plans import Scalar
from schema.stages import GeneratePrompt, LlmEnhance, ToldStage

DEFAULT_URL = "http://127.0.0.1:11434/v1"
KINDS = ("generatePrompt", "llmEnhance")
QUICK = 5.0
"""Seconds for questions that need no thinking."""

RAW = 2000
"""Characters of the model's own words that are recorded."""

NOTHING = "the model answered nothing that could be a prompt"

NOTE = (
    "A language model that writes prompts anew or from a few words. It makes no pictures; "
    "what it really answered is recorded with the stage."
)


class _Version(msgspec.Struct, frozen=True):
    version: str


class Llm:
    kind = "llm"

    def __init__(self, options: Options) -> None:
        """Raises ValueError for what is no address."""
        url = options.url or DEFAULT_URL
        if not urlsplit(url if "://" in url else f"http://{url}").path.strip("/"):
            url = url.rstrip("/") + "/v1"
        self._clock = options.clock
        self._server = Server(url, auth=options.auth, timeout=QUICK)
        self._root = self._server.at("")
        self._release: str | None = None
        self._chats = False
        """A server without a list of models has shown that it is one to chat with."""
        self._used: str | None = None
        """The model that was last at work, and may still be in the server's memory."""

    def kinds(self) -> tuple[str, ...]:
        return KINDS

    def card(self) -> BackendCard:
        card = BackendCard(kind=self.kind, kinds=KINDS, note=NOTE, url=self._server.url)
        try:
            models = listed(self._server)
            if models is None and not self._chats:
                check_chat(self._server)
                self._chats = True
        except Fault as fault:
            state = "disconnected" if fault.later is None else "starting"
            return msgspec.structs.replace(card, state=state, trouble=fault.sentence)
        release = self._told_release()
        if not models and _is_ollama(release):
            told = f"{self._server.url} has no model; load one with `ollama pull`"
            return msgspec.structs.replace(card, state="starting", trouble=told)
        if not models:
            return msgspec.structs.replace(card, open_lists=True, note=f"{NOTE} {UNLISTED}", release=release)
        return msgspec.structs.replace(card, models=models, release=release)

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def memory(self) -> Memory:
        return Memory(resident=(self._used,) if self._used else ())

    def run(self, work: Work, reporter: Reporter) -> Made:
        config = work.config
        if not isinstance(config, GeneratePrompt | LlmEnhance):
            raise BackendTrouble(
                "bad-request", f"a language model does not run {config.type}; its card says what it does"
            )
        question = question_of(config, work.order.prompt, work.order.negative, work.order.context)
        reporter.step(0, config.max_tokens, "waiting for the model")
        began = self._clock()
        try:
            model = self._chosen(config.model)
            reply = converse(Ask(self._server, model, question, config, work.order.seed), reporter, self._clock)
        except Fault as fault:
            raise BackendTrouble(self._trouble(fault), fault.sentence) from None
        self._used = model
        made = _made(config, question, model, reply, self._clock() - began)
        reporter.step(1, 1, "written")
        return made

    def free(self) -> None:
        """Only Ollama can be asked to; the others keep their one model as long as they run."""
        model, self._used = self._used, None
        if model is not None and _is_ollama(self._told_release()):
            with suppress(ServerTrouble):
                self._root.post("/api/generate", {"model": model, "keep_alive": 0})

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _chosen(self, name: str | None) -> str:
        """As the server spells it. Raises Fault, with the nearest ones for a name it does not have."""
        try:
            models = listed(self._server)
        except Fault as fault:
            if fault.setup:
                raise Fault("lost", fault.sentence) from None  # the card says so too: the job waits until it is mended
            if name is None or fault.dropped or fault.trouble == "lost":
                raise
            return name  # its list is no use; whether it has the model it will say itself
        if name is not None:
            return chosen(name, models or (), self._server.url)
        if not models:
            told = "lists no model; load one, or name one in the stage's field model"
            raise Fault("bad-request", f"{self._server.url} {told}")
        return models[0]

    def _trouble(self, fault: Fault) -> Trouble:
        """A connection that broke is the server's end only if nobody answers there any more."""
        if not fault.dropped:
            return fault.trouble
        with suppress(ServerTrouble):
            self._server.get("/models")
            return "backend"
        return "lost"

    def _told_release(self) -> str:
        if self._release is None:
            with suppress(ServerTrouble):
                answer = self._root.get("/api/version")
                self._release = f"ollama {answer.read(_Version).version}" if answer.ok else ""
        return self._release or ""


def _is_ollama(release: str) -> bool:
    return release.startswith("ollama")


def _made(config: ToldStage, question: Question, model: str, reply: Reply, seconds: float) -> Made:
    """Raises BackendTrouble where no prompt, or no object where one is wanted, came out of it."""
    if preset_wanted(config):
        words, said = _preset(config, question, reply)
    else:
        cut = reply.finish == "length"
        words = cleaned(reply.text, max_length=config.max_length, cut_short=cut, tags=question.tags)
        _check(words, reply, config)
        said = None
    notes = ["thinking removed"] if reply.thought else []
    reported: dict[str, Scalar] = {
        "prompt": words.prompt,
        "negative": question.negative if words.negative is None else words.negative[: config.max_length],
        "preset": said,
        "model": reply.model or model,
        "tokens": reply.tokens or reply.pieces,
        "prompt_tokens": reply.prompt_tokens or None,
        "finish": reply.finish,
        "seconds": round(seconds, 3),
        "answer": reply.text[:RAW],
        "context": question.context[:RAW] or None,
        "notes": "; ".join((*notes, *words.notes)) or None,
    }
    return Made(
        effective=flattened(config, {"model": model, "instructions": question.instructions}),
        reported={name: value for name, value in reported.items() if value is not None},
    )


def _preset(config: ToldStage, question: Question, reply: Reply) -> tuple[Cleaned, str]:
    """The words as they were, and the object that was answered, as JSON. Raises BackendTrouble for anything else."""
    found = object_in(reply.text, config.max_length)
    if not found.text:
        try:
            _check(Cleaned("", None, ()), reply, config, found.fault)
        except BackendTrouble as trouble:  # asked the same again it says the same, and the node is not to blame
            raise BackendTrouble("bad-request", trouble.sentence) from None
    return Cleaned(question.words, None, found.notes), found.text


def _check(words: Cleaned, reply: Reply, config: ToldStage, otherwise: str = NOTHING) -> None:
    """`otherwise`: what is said where it neither refused nor was cut short."""
    shown = " ".join((reply.refusal or reply.text).split())[:160]
    if reply.finish == "content_filter":
        raise BackendTrouble("backend", "the server's filter has held the answer back; change the prompt")
    if reply.refusal or refused(reply.text):
        raise BackendTrouble(
            "backend", f"the model refused: «{shown}»; change the prompt, the instructions or the model"
        )
    if words.prompt:
        return
    if reply.finish == "length":
        thought = f"only thought for {config.max_tokens} tokens and answered nothing; raise max_tokens"
        spoke = f"was not done after {config.max_tokens} tokens"
        raise BackendTrouble("backend", f"the model {spoke if preset_wanted(config) else thought}")
    raise BackendTrouble("backend", otherwise + (f": «{shown}»" if shown else ""))
