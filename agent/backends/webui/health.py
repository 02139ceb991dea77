"""Whether the server can work, and if not, the sentence that says what a person does about it."""

from collections.abc import Callable
from typing import NamedTuple

from agent.backends.webui.door import API, Door
from agent.backends.webui.errors import credentials
from agent.backends.webui.shapes import Progress
from agent.http import Answer, BadAnswer, ServerTrouble
from schema.orders import BackendState


class Health(NamedTuple):
    state: BackendState
    trouble: str = ""


READY = Health("ready")
START = "start SD WebUI or Forge there with the flag --api, or give the address it has with --url"


def probe(door: Door, clock: Callable[[], float]) -> Health:
    """One short request, two where it is not an API that answers."""
    began = clock()
    try:
        answer = door.ask(f"{API}/progress", {"skip_current_image": "true"})
    except BadAnswer as trouble:
        return Health("disconnected", f"{trouble.sentence}; this is no SD WebUI")
    except ServerTrouble as trouble:
        if trouble.sent and clock() - began >= door.server.timeout:
            return Health("starting", f"{trouble.sentence}; it may be loading a model: wait, or restart it")
        return Health("disconnected", f"{trouble.sentence}; {START}")
    match answer.status:
        case 200:
            return _speaks(door, answer)
        case 401 | 403:
            return Health("disconnected", credentials(door.url, given=door.has_auth))
        case 404 | 405:
            return _without_api(door)
        case status:
            return Health(
                "starting", f"the server at {door.url} answers {status}: {answer.told()}; wait, or restart it"
            )


def _speaks(door: Door, answer: Answer) -> Health:
    try:
        answer.read(Progress)
    except ServerTrouble:
        return Health("disconnected", f"what answers at {door.url} is no SD WebUI: it sent {answer.told(60)}; {START}")
    return READY


def _without_api(door: Door) -> Health:
    """A WebUI without `--api` has a page, and no routes below /sdapi."""
    try:
        page = door.ask("/")
    except ServerTrouble as trouble:
        return Health("disconnected", f"{trouble.sentence}; {START}")
    text = page.body[:200_000].lower()
    if page.ok and (b"gradio" in text or b"stable diffusion" in text):
        return Health("disconnected", f"the WebUI at {door.url} runs without its API; restart it with the flag --api")
    return Health("disconnected", f"what answers at {door.url} is no SD WebUI; {START}")
