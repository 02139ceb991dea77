"""What can go wrong with a chat server, told apart by status, code and, where servers give no more, their words."""

import re

import msgspec

from agent.answers import decoded
from agent.http import Answer, BadAnswer, NoServer, Redirected, ServerTrouble
from schema.errors import Trouble

_CONTEXT = re.compile(
    r"context[ _-]?(length|size|window)|exceed\w* (the )?(available )?context|n_ctx|too many tokens", re.I
)
_MEMORY = re.compile(r"out of memory|more (system )?memory|unable to allocate|failed to allocate|cudamalloc", re.I)
_MODEL = re.compile(r"\bmodel\b", re.I)


class Fault(Exception):
    def __init__(
        self,
        trouble: Trouble,
        sentence: str,
        *,
        later: float | None = None,
        dropped: bool = False,
        setup: bool = False,
    ) -> None:
        self.trouble = trouble
        self.sentence = sentence
        self.later = later
        """Seconds after which asking again makes sense; None: never."""
        self.dropped = dropped
        """The connection broke; whether the server lives has to be seen."""
        self.setup = setup
        """The agent was given the wrong address or credentials; no question is to blame."""
        super().__init__(sentence)

    @staticmethod
    def of(trouble: ServerTrouble) -> "Fault":
        match trouble:
            case Redirected():
                return Fault("bad-request", trouble.sentence, setup=True)
            case BadAnswer():
                return Fault("backend", trouble.sentence)
            case NoServer(sent=False):
                return Fault("lost", trouble.sentence)
            case _:
                return Fault("backend", trouble.sentence, dropped=True)


class _Said(msgspec.Struct, frozen=True):
    message: str = ""
    type: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct, frozen=True):
    error: _Said | str | None = None
    message: str = ""
    detail: msgspec.Raw = msgspec.Raw()


def said(body: bytes) -> tuple[str, str]:
    """The server's sentence and its code, from any of the shapes that such servers use; empty: another shape."""
    try:
        read = decoded(body, _Body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "", ""
    match read.error:
        case str():
            return read.error[:500], ""
        case _Said(message=message, type=kind, code=code):
            return message[:500], f"{kind or ''} {code or ''}".strip()
        case None:
            return (read.message or bytes(read.detail).decode("utf-8", "replace"))[:500], ""


def fault_of(answer: Answer, url: str) -> Fault:
    """Of an answer that is no success."""
    words, code = said(answer.body)
    told = f": {words}" if words else f" ({answer.told(120)})"
    match answer.status:
        case 401 | 403:
            told = f"{url} refuses the credentials; set STABLENEW_AGENT_AUTH to its key, or to USER:PASSWORD"
            return Fault("bad-request", told, setup=True)
        case 404 | 405 if not (words and _MODEL.search(words)):
            told = f"{url} has no such page; is it an OpenAI-compatible server, and is its path right?"
            return Fault("bad-request", told)
        case 429:
            return Fault("backend", f"{url} wants fewer questions{told}", later=answer.wait_s() or 2.0)
        case 502 | 503 | 504:
            return Fault("backend", f"{url} is not ready{told}", later=answer.wait_s() or 1.0)
        case _ if _CONTEXT.search(f"{code} {words}"):
            return Fault("bad-request", f"the prompt with its instructions is too long for the model's context{told}")
        case _ if _MEMORY.search(words):
            return Fault("out-of-memory", f"{url} has not the memory for it{told}")
        case status if 400 <= status < 500:
            return Fault("bad-request", f"{url} refused the question{told}")
        case status:
            return Fault("backend", f"{url} failed with status {status}{told}")
