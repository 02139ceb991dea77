"""One question to a chat server and its answer as it grows: progress, silence, cancel, and asking a busy one again."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from agent.answers import decoded
from agent.backends import Cancelled, Reporter
from agent.backends.llm.asking import Question
from agent.backends.llm.faults import Fault, fault_of, said
from agent.http import Answer, Call, Server, ServerTrouble
from schema.stages import ToldStage

TICK = 0.1
"""Seconds within which a wish to cancel is honoured."""

TOLD = 0.4
"""Seconds between two words of progress."""

TRIES = 4
"""Of a question that the server was too busy for."""

MOST = 400_000
"""Characters after which nobody waits for the end of an answer."""


SPARE = {"stream_options": "", "seed": "", "max_tokens": "max_completion_tokens"}
"""Fields that some servers refuse, and what those call them; nothing a person has set is lost with them."""


class Ask(NamedTuple):
    server: Server
    model: str
    question: Question
    config: ToldStage
    seed: int


@dataclass
class Reply:
    text: str = ""
    thought: str = ""
    """What the server itself told apart as thinking."""
    finish: str = ""
    """`stop`, `length`, `content_filter`, as the server says."""
    model: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    refusal: str = ""
    pieces: int = field(default=0, repr=False)


class _Said(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


def converse(ask: Ask, reporter: Reporter, clock: Callable[[], float]) -> Reply:
    """Raises Fault, and Cancelled within a moment of the wish. Waits for a busy server, within reason."""
    patience = clock() + ask.config.timeout
    for attempt in range(TRIES):
        try:
            return _asked(ask, reporter, clock)
        except Fault as fault:
            pause = (fault.later or 0.0) * (1 if attempt == 0 else 2 ** min(attempt, 3))
            if fault.later is None or attempt == TRIES - 1 or clock() + pause > patience:
                raise
            _rest(pause, ask, reporter, clock)
    raise AssertionError("the last try raises")


def _rest(seconds: float, ask: Ask, reporter: Reporter, clock: Callable[[], float]) -> None:
    until = clock() + seconds
    while (left := until - clock()) > 0:
        reporter.step(0, ask.config.max_tokens, "waiting for the server")
        reporter.rest(min(left, 0.5))


def _asked(ask: Ask, reporter: Reporter, clock: Callable[[], float]) -> Reply:
    """A server that knows a field by another name, or not at all, is asked once more without it."""
    body = _body(ask)
    while True:
        try:
            return _answered(ask, body, reporter, clock)
        except Fault as fault:
            unknown = next((name for name in SPARE if name in body and name in fault.sentence), None)
            if fault.trouble != "bad-request" or unknown is None:
                raise
            value, other = body.pop(unknown), SPARE[unknown]
            if other:
                body[other] = value


def _answered(ask: Ask, body: dict[str, object], reporter: Reporter, clock: Callable[[], float]) -> Reply:
    reply = Reply()
    with ask.server.open("POST", "/chat/completions", body, timeout=ask.config.timeout + 5.0) as call:
        for news in _news(call, ask, reporter, clock, reply):
            if isinstance(news, Answer):
                _whole(news, reply, ask)
                return reply
            if _line(news, reply, ask):
                break
            if len(reply.text) + len(reply.thought) > MOST:
                reply.finish = "length"
                break
    if not reply.finish and not reply.pieces:
        raise Fault("backend", f"{ask.server.url} ended its answer before it began", dropped=True)
    if not reply.finish:
        raise Fault("backend", f"{ask.server.url} hung up in the middle of its answer", dropped=True)
    return reply


def _body(ask: Ask) -> dict[str, object]:
    return {
        "model": ask.model,
        "messages": [
            {"role": "system", "content": ask.question.told},
            {"role": "user", "content": ask.question.words},
        ],
        "temperature": ask.config.temperature,
        "max_tokens": ask.config.max_tokens,
        "seed": ask.seed & 0x7FFF_FFFF,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _news(
    call: Call, ask: Ask, reporter: Reporter, clock: Callable[[], float], reply: Reply
) -> Iterator[bytes | Answer]:
    """Lines of a stream, or one whole answer. Tells progress meanwhile. Raises Fault, also after too long a silence.

    A thread reads, so that this one can let go at any moment.
    """
    arrived: queue.SimpleQueue[bytes | Answer | ServerTrouble | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(call, arrived), name="llm answer", daemon=True).start()
    heard = told = clock()
    reporter.step(0, ask.config.max_tokens, "waiting for the model")
    while True:
        pieces = reply.pieces
        try:
            news = arrived.get(timeout=TICK)
        except queue.Empty:
            news = b""
        now = clock()
        match news:
            case None:
                return
            case ServerTrouble():
                raise Fault.of(news)
            case _ if news:
                yield news
        if reply.pieces > pieces:
            heard = now
        if reporter.cancelled():
            raise Cancelled
        if now - heard > ask.config.timeout:
            raise Fault("backend", f"{ask.server.url} said nothing for {ask.config.timeout:g} seconds")
        if now - told >= TOLD:
            told = now
            most = ask.config.max_tokens
            doing = "writing" if reply.text else "thinking" if reply.thought else "waiting for the model"
            reporter.step(min(reply.pieces, most), most, doing)


def _read(call: Call, arrived: "queue.SimpleQueue[bytes | Answer | ServerTrouble | None]") -> None:
    """In a thread of its own, until the call ends or is closed."""
    try:
        status, headers = call.begin()
        if status == 200 and "event-stream" in headers.get("content-type", ""):
            for line in call.lines():
                arrived.put(line)
        else:
            body = b"".join(part for _, part in zip(range(64), call.parts(), strict=False))
            arrived.put(Answer(status, headers, body, call.server.url))
        arrived.put(None)
    except ServerTrouble as trouble:
        arrived.put(trouble)


def _line(line: bytes, reply: Reply, ask: Ask) -> bool:
    """One line of a stream into the reply. True: it was the last. Raises Fault."""
    if not line.startswith(b"data:"):
        return False
    content = line[5:].strip()
    if content == b"[DONE]":
        reply.finish = reply.finish or ("stop" if reply.pieces else "")
        return True
    _take(content, reply, ask)
    return False


def _whole(answer: Answer, reply: Reply, ask: Ask) -> None:
    """From a server that does not stream. Raises Fault."""
    if not answer.ok:
        raise fault_of(answer, ask.server.url)
    if not answer.body.lstrip().startswith(b"{"):
        raise Fault("backend", f"{ask.server.url} answered {answer.told()} instead of JSON; is its path right?")
    _take(answer.body, reply, ask)
    reply.finish = reply.finish or "stop"


def _take(content: bytes, reply: Reply, ask: Ask) -> None:
    try:
        chunk = decoded(content, _Chunk)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Fault("backend", f"{ask.server.url} answered in an unknown shape: {fault}") from None
    if bytes(chunk.error) not in (b"", b"null"):
        words, code = said(b'{"error":' + bytes(chunk.error) + b"}")
        raise fault_of(
            Answer(500, {}, msgspec.json.encode({"error": {"message": words, "code": code}})), ask.server.url
        )
    if chunk.choices is None and chunk.usage is None:
        raise Fault("backend", f"{ask.server.url} answered in an unknown shape: it names no choices")
    reply.model = chunk.model or reply.model
    if chunk.usage is not None:
        reply.tokens, reply.prompt_tokens = chunk.usage.completion_tokens, chunk.usage.prompt_tokens
    for choice in (chunk.choices or [])[:1]:
        piece = choice.delta or choice.message
        reply.finish = choice.finish_reason or reply.finish
        if piece is not None:
            thought = piece.reasoning_content or piece.reasoning or ""
            reply.text += piece.content or ""
            reply.thought += thought
            reply.refusal += piece.refusal or ""
            reply.pieces += bool(piece.content or thought or piece.refusal)
