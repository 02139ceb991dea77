"""What a WebUI's failure means: its four shapes of errors, dropped sockets and answers that are none.

Both servers answer 500 for faults that will always come again, so the status alone says nothing.
"""

import re
from typing import NamedTuple

import msgspec

from agent.backends import BackendTrouble
from agent.http import Answer, BadAnswer, NoServer, ServerTrouble
from schema.errors import Trouble

AUTH = "STABLENEW_AGENT_AUTH"


class Fault(NamedTuple):
    error: str
    """The exception's class as the server names it; empty when it does not."""
    message: str


class _Body(msgspec.Struct):
    error: object = None
    errors: object = None
    message: object = None
    detail: object = None


_MEMORY = re.compile(
    r"out of memory|OutOfMemory|not enough (gpu |video )?memory|can't allocate memory|failed to allocate|"
    r"CUBLAS_STATUS_ALLOC_FAILED|MPS backend out of memory",
    re.IGNORECASE,
)
_PERMANENT = re.compile(
    r"Invalid (encoded image|image url|image format)|could not find upscaler|could not find checkpoint|"
    r"model '.*' not found|local resource not allowed|script .* not found|always on script|Init image not found|"
    r"'NoneType' object is not iterable|argument of type 'NoneType'|shape mismatch|size mismatch|"
    r"bad number of images|selectable script",
    re.IGNORECASE,
)
_ALWAYS = (
    "ZeroDivisionError",
    "IndexError",
    "KeyError",
    "TypeError",
    "ValueError",
    "AssertionError",
    "ValidationError",
)
"""Classes of exceptions that the same request will raise again."""

_NAN = re.compile(r"NansException|tensor with (all )?NaNs", re.IGNORECASE)
_GATEWAYS = (502, 503, 504)


def classified(answer: Answer) -> BackendTrouble:
    """An answer whose status is no success."""
    fault = fault_of(answer)
    told = f"the WebUI answered {answer.status}: {fault.message or fault.error or answer.told()}"[:600]
    match answer.status:
        case 401 | 403:
            return BackendTrouble("lost", credentials(answer.url))
        case status if status in _GATEWAYS:
            return BackendTrouble("lost", f"{told}; what stands before the server has lost it")
        case status:
            return BackendTrouble(_trouble(status, fault), told)


def _trouble(status: int, fault: Fault) -> Trouble:
    words = f"{fault.error} {fault.message}"
    if _MEMORY.search(words):
        return "out-of-memory"
    if _NAN.search(words):
        return "suspect"
    if 400 <= status < 500 or fault.error in _ALWAYS or _PERMANENT.search(words):
        return "bad-request"
    return "backend"


def fault_of(answer: Answer) -> Fault:
    """The message is the first that is not empty of `errors`, `message` and `detail`, which may be a list."""
    try:
        body = msgspec.json.decode(answer.body, type=_Body)
        told = next((text for each in (body.errors, body.message, body.detail) if (text := _text(each))), "")
        return Fault(_text(body.error), told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault("", answer.told())


def _text(value: object) -> str:
    """A list of faults of the schema as `steps: value is not a valid integer; ...`."""
    match value:
        case None | "":
            return ""
        case list():
            return "; ".join(filter(None, map(_text, value)))
        case {"loc": list(loc), "msg": msg}:
            return f"{'.'.join(str(part) for part in loc if part != 'body')}: {msg}"
        case _:
            return str(value).strip()


def broken_off(trouble: ServerTrouble) -> BackendTrouble:
    """No answer at all, or one that is none. A request whose answer was lost is asked again, and costs no attempt."""
    if isinstance(trouble, NoServer):
        after = "; it died or was stopped while it worked" if trouble.sent else ""
        return BackendTrouble("lost", f"{trouble.sentence}{after}")
    if isinstance(trouble, BadAnswer) and "redirects" in trouble.sentence:
        return BackendTrouble("lost", trouble.sentence)
    return BackendTrouble("backend", trouble.sentence)


def credentials(url: str, given: bool = False) -> str:
    """What a person does about a 401."""
    host = url.partition("/sdapi")[0]
    if given:
        return f"{host} refuses the name and password in {AUTH}; write them as its --api-auth has them, USER:PASSWORD"
    return f"{host} wants a name and a password; set {AUTH}=USER:PASSWORD as its --api-auth has them"
