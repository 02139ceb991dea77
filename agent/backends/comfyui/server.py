"""The routes of ComfyUI that are used, each as one call. Blocking; knows no graph and no stage.

Raises agent.http.ServerTrouble where nothing usable came back; what ComfyUI itself says no to is in the answers.
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec

from agent.backends.comfyui.loose import decoded
from agent.http import Answer, BadAnswer, Server
from agent.pictures import seen

T = TypeVar("T")

QUICK = 10.0
"""Seconds for questions a living server answers at once, also while it works."""

SLOW = 60.0
"""Lists read folders anew, and a new connection may wait while a model is loaded."""

PICTURE_LIMIT = 256 << 20
LISTS_LIMIT = 64 << 20


class Plain(msgspec.Struct, frozen=True):
    """Of answers: what is not named here is passed over."""


class Device(Plain, frozen=True):
    name: str = ""
    type: str = ""
    vram_total: float = 0
    vram_free: float = 0
    torch_vram_total: float = 0
    torch_vram_free: float = 0


class System(Plain, frozen=True):
    comfyui_version: str


class Stats(Plain, frozen=True):
    system: System
    devices: list[Device] = []


class Fault(Plain, frozen=True):
    """One thing that is wrong with a graph."""

    type: str = ""
    message: str = ""
    details: str | None = ""
    extra_info: dict[str, object] = {}


class NodeFault(Plain, frozen=True):
    errors: list[Fault] = []
    class_type: str = ""


class Taken(Plain, frozen=True):
    """Answer of POST /prompt: 200 with an id, maybe with faults of some outputs; 400 with an error."""

    prompt_id: str | None = None
    error: Fault | str | None = None
    node_errors: dict[str, NodeFault] | list[object] = {}


class Picture(Plain, frozen=True):
    filename: str
    subfolder: str = ""
    type: str = "output"


class Output(Plain, frozen=True):
    images: list[Picture] = []


class Status(Plain, frozen=True):
    status_str: str = ""
    completed: bool = False
    messages: list[tuple[str, dict[str, object]]] = []

    def said(self, what: str) -> dict[str, object] | None:
        return next((told for name, told in self.messages if name == what), None)


class Past(Plain, frozen=True):
    """A prompt that has ended."""

    outputs: dict[str, object] = {}
    """By node, in a shape of its own: see `images`."""
    status: Status | None = None

    def images(self, node: str) -> list[Picture]:
        try:
            return msgspec.convert(self.outputs.get(node, {}), Output).images
        except msgspec.ValidationError:
            return []


class _Queue(Plain, frozen=True):
    queue_running: list[list[object]] = []
    queue_pending: list[list[object]] = []


class _Uploaded(Plain, frozen=True):
    name: str
    subfolder: str = ""


class Waiting(NamedTuple):
    running: frozenset[str]
    pending: frozenset[str]


class Comfy:
    def __init__(self, url: str, auth: str) -> None:
        self.http = Server(url, auth=auth, timeout=QUICK)

    @property
    def url(self) -> str:
        return self.http.url

    def stats(self) -> Stats:
        return _good(self.http.get("/system_stats")).read(Stats)

    def object_info(self) -> bytes:
        return _good(self.http.get("/object_info", timeout=SLOW, limit=LISTS_LIMIT)).body

    def embeddings(self) -> tuple[str, ...]:
        return tuple(_good(self.http.get("/embeddings", timeout=SLOW)).read(list[str]))

    def submit(self, graph: Mapping[str, object], client: str, prompt_id: str) -> Answer:
        """Any status: see `faults`. The id is ours, so that a lost answer can be looked up; old servers draw one."""
        body = {"prompt": graph, "client_id": client, "prompt_id": prompt_id}
        return self.http.post("/prompt", body, timeout=SLOW)

    def queue(self) -> Waiting:
        told = _read(self.http.get("/queue", limit=LISTS_LIMIT), _Queue)
        return Waiting(_ids(told.queue_running), _ids(told.queue_pending))

    def past(self, prompt_id: str) -> Past | None:
        """None: running, waiting, deleted, or unknown."""
        return _read(self.http.get(f"/history/{prompt_id}"), dict[str, Past]).get(prompt_id)

    def view(self, picture: Picture) -> Answer:
        where = {"filename": picture.filename, "subfolder": picture.subfolder, "type": picture.type}
        return self.http.get("/view", where, timeout=SLOW, limit=PICTURE_LIMIT)

    def upload(self, content: bytes, word: str) -> str:
        """The name LoadImage finds it by: not always the one that was sent. Equal bytes are kept once."""
        ending = seen(content, "the picture").media.removeprefix("image/")
        name = f"stablenew-{word}-{hashlib.sha256(content).hexdigest()[:24]}.{ending}"
        media, body = _form(name, content)
        told = _good(self.http.post("/upload/image", body, media=media, timeout=SLOW)).read(_Uploaded)
        return f"{told.subfolder}/{told.name}" if told.subfolder else told.name

    def interrupt(self, prompt_id: str) -> None:
        _good(self.http.post("/interrupt", {"prompt_id": prompt_id}))

    def delete(self, prompt_id: str) -> None:
        """Of what waits; what runs is not touched."""
        _good(self.http.post("/queue", {"delete": [prompt_id]}))

    def free(self) -> None:
        _good(self.http.post("/free", {"unload_models": True, "free_memory": True}))


class Denied(BadAnswer):
    """401 or 403."""


def _good(answer: Answer) -> Answer:
    if answer.status in (401, 403):
        raise Denied(
            f"{answer.url} wants other credentials (status {answer.status}); set STABLENEW_AGENT_AUTH=USER:PASSWORD",
            sent=True,
        )
    if not answer.ok:
        raise BadAnswer(f"{answer.url} answered {answer.status}: {answer.told()}", sent=True)
    return answer


def _read(answer: Answer, kind: type[T]) -> T:
    """Of answers that may hold what other programs sent."""
    try:
        return decoded(_good(answer).body, kind)
    except ValueError:
        return answer.read(kind)  # says what it is instead


def _ids(items: list[list[object]]) -> frozenset[str]:
    """Of `[number, id, graph, ...]`."""
    return frozenset(item[1] for item in items if len(item) > 1 and isinstance(item[1], str))


def _form(name: str, content: bytes) -> tuple[str, bytes]:
    """multipart/form-data of one picture."""
    mark = uuid.uuid4().hex
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="type"\r\n\r\ninput\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return f"multipart/form-data; boundary={mark}", head.encode() + content + f"\r\n--{mark}--\r\n".encode()
