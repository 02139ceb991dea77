"""Which imaging servers and language models answer on the usual ports of this machine: `agent discover [--json]`.

Each port is asked for what only such a server has; anything else that listens there is none of our business.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from agent.http import Answer, Call, Server, ServerTrouble

HOST = "127.0.0.1"
PORTS = (7860, 7861, 7865, 8188, 8000, 11434, 8080, 1234)
"""WebUI and its next ones; ComfyUI and its desktop's; Ollama; llama.cpp; LM Studio."""

CONNECT = 0.5
SILENCE = 2.0
PATIENCE = 5.0
"""Seconds for the whole look."""

LIMIT = 8 << 20
"""Bytes of an answer; a WebUI's list of routes has 0.3 MiB."""


class Found(NamedTuple):
    kind: str
    """As in `agent.backends.BACKENDS`."""
    url: str
    release: str = ""
    """`comfyui 0.3.64`, `forge`, `ollama 0.9.9`; empty: it does not say."""
    note: str = ""
    """What a person should know before driving it."""
    usable: bool = True
    """False: it is one, but cannot be driven as it runs; `note` has the remedy."""


def discover(ports: Sequence[int] = PORTS, patience: float = PATIENCE) -> tuple[Found, ...]:
    """All that answer, usable or not, in the order of `ports`. Blocks as long as `patience` at most."""
    looks = [_Look(port) for port in ports]
    for look in looks:
        look.start()
    until = time.monotonic() + patience
    for look in looks:
        look.join(max(0.0, until - time.monotonic()))
        look.give_up()
    return tuple(look.found for look in looks if look.found is not None)


def main(argv: Sequence[str] = ()) -> int:
    """Prints `{"items": [...], "others": [...]}`: those that can be driven, and those that cannot as they run."""
    found = discover()
    if "--json" in argv:
        both = {
            name: [server._asdict() for server in found if server.usable is usable]
            for name, usable in (("items", True), ("others", False))
        }
        print(json.dumps(both))
        return 0
    for server in found:
        print("  ".join(filter(None, (server.kind, server.url, server.release, server.note))))
    if not found:
        print("nothing answers on the usual ports of this machine", file=sys.stderr)
    return 0


class _Look(threading.Thread):
    """One port. A daemon thread: a server that never ends its answer must not keep the process."""

    def __init__(self, port: int) -> None:
        super().__init__(name=f"look at {port}", daemon=True)
        self.found: Found | None = None
        self._port = port
        self._call: Call | None = None
        self._given_up = False

    def run(self) -> None:
        if not self._listens():
            return
        for probe in PROBES:
            try:
                found = probe(self)
            except (ServerTrouble, ValueError):
                continue
            if found is not None and not self._given_up:
                self.found = found
                return

    def give_up(self) -> None:
        self._given_up = True
        if self._call is not None and self.is_alive():
            self._call.close()

    def url(self, base: str = "") -> str:
        return f"http://{HOST}:{self._port}{base}"

    def get(self, path: str) -> Answer:
        """Raises ServerTrouble."""
        self._call = Server(self.url(), timeout=SILENCE).open("GET", path)
        if self._given_up:
            self._call.close()
        return self._call.answer(LIMIT)

    def _listens(self) -> bool:
        try:
            with socket.create_connection((HOST, self._port), CONNECT):
                return True
        except OSError:
            return False


# What only such a server has ------------------------------------------------------------------------


class _Routes(msgspec.Struct, frozen=True):
    paths: dict[str, msgspec.Raw]


class _System(msgspec.Struct, frozen=True):
    os: str
    comfyui_version: str = ""


class _Device(msgspec.Struct, frozen=True):
    name: str = ""
    type: str = ""
    vram_total: int = 0


class _Stats(msgspec.Struct, frozen=True):
    system: _System
    devices: list[_Device]


class _Model(msgspec.Struct, frozen=True):
    id: str
    owned_by: str = ""


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model] | None


class _Version(msgspec.Struct, frozen=True):
    version: str


def _webui(look: _Look) -> Found | None:
    """By its routes: the API's if it is on, else the page's own."""
    answer = look.get("/openapi.json")
    if not answer.ok:
        return None
    paths = answer.read(_Routes).paths
    if "/sdapi/v1/txt2img" in paths:
        flavour = "forge" if "/sdapi/v1/sd-modules" in paths else "a1111" if "/sdapi/v1/sd-vae" in paths else ""
        locked = look.get("/sdapi/v1/samplers").status == 401
        return Found("webui", look.url(), flavour, "It asks for a name and a password." if locked else "")
    if "/internal/ping" in paths and "/internal/progress" in paths:
        told = "An SD WebUI whose API is off: start it with --api."
        return Found("webui", look.url(), "", told, usable=False)
    return None


def _comfyui(look: _Look) -> Found | None:
    answer = look.get("/system_stats")
    if not answer.ok:
        return None
    stats = answer.read(_Stats)
    release = f"comfyui {stats.system.comfyui_version}".rstrip()
    return Found("comfyui", look.url(), release, _told(stats.devices))


def _told(devices: Iterable[_Device]) -> str:
    """`cuda:0 NVIDIA RTX 3060, 12 GB.`"""
    told = [
        (device.name or device.type) + (f", {device.vram_total / 2**30:.0f} GB" if device.type != "cpu" else "")
        for device in devices
    ]
    return f"On {'; '.join(told)}." if told else ""


def _llm(look: _Look) -> Found | None:
    answer = look.get("/v1/models")
    if not answer.ok:
        return None
    models = answer.read(_Models).data or []
    release = _ollama(look) or next((model.owned_by for model in models if model.owned_by == "llamacpp"), "")
    url = look.url("/v1")
    if not models:
        return Found("llm", url, release, "It lists no model yet.")
    names = ", ".join(model.id for model in models[:3]) + (", …" if len(models) > 3 else "")
    return Found("llm", url, release, f"Writes prompts with {names}.")


def _ollama(look: _Look) -> str:
    try:
        answer = look.get("/api/version")
        return f"ollama {answer.read(_Version).version}" if answer.ok else ""
    except ServerTrouble:
        return ""


PROBES: tuple[Callable[[_Look], Found | None], ...] = (_comfyui, _llm, _webui)
"""Any of them may stand on any port; the cheapest question first."""
