"""The command line of a running agent, read. Makes nothing yet."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from agent.backends import BACKENDS
from schema.errors import Refused
from schema.settings import AgentSettings, SketchSettings

AUTH = "STABLENEW_AGENT_AUTH"
"""In the environment, never on the command line, which every program of this machine can read."""

NOTHING = "none"
"""`--backend none`: an agent that drives nothing."""


FREE_AFTER = AgentSettings().free_after


class Chosen(NamedTuple):
    """One `--backend KIND[=URL|DIR]`."""

    kind: str
    place: str = ""
    """Address of a server or folder of models; empty: the usual one."""

    @property
    def is_on_this_gpu(self) -> bool:
        """What it computes is computed on this machine's device: not by the sketch, not by a server elsewhere."""
        if self.kind in ("sketch", "words", "diffusers") or not self.place:
            return self.kind not in ("sketch", "words")
        return urlsplit(self.place).hostname in ("127.0.0.1", "localhost", "::1")


class Start(NamedTuple):
    home: Path
    socket: Path
    name: str
    loopback: bool = False
    """It is a child of the daemon and ends with it; else it outlives daemons."""
    backends: tuple[Chosen, ...] = (Chosen("sketch"),)
    models: Path | None = None
    network: bool = False
    """It may also be paired with a daemon on another machine."""
    port: int | None = None
    """None: the one it had, or the usual one, or any that is free."""
    shared: Path | None = None
    """Storage that the daemon reads too."""
    gpu: int | None = None
    """As `nvidia-smi` counts; None: the first that is visible, if any."""
    auth: str = ""
    free_after: float = FREE_AFTER
    """Idle seconds after which models are unloaded; 0: never."""
    sketch: SketchSettings = SketchSettings()
    blob_limit_bytes: int = 2048 << 20
    floor_bytes: int = 64 << 20


def read(words: Sequence[str], env: Mapping[str, str]) -> Start:
    """Raises Refused for backends that do not exist or do not go together; ends the process on wrong usage."""
    asked = _parser().parse_args(words)
    return Start(
        home=asked.home.absolute(),
        socket=asked.socket.absolute(),
        name=asked.node,
        loopback=asked.loopback,
        backends=_chosen(asked.backend or ["sketch"]),
        models=asked.models.expanduser().absolute() if asked.models else None,
        network=asked.network or asked.port is not None,
        port=_port(asked.port),
        shared=asked.shared.expanduser().absolute() if asked.shared else None,
        gpu=asked.gpu,
        auth=env.get(AUTH, ""),
        free_after=asked.free_after,
        sketch=SketchSettings(
            step_seconds=asked.sketch_step_seconds,
            load_seconds=asked.sketch_load_seconds,
            vram_gb=asked.sketch_vram_gb,
        ),
        blob_limit_bytes=asked.blob_limit_mb << 20,
        floor_bytes=asked.spool_floor_mb << 20,
    )


def _port(port: int | None) -> int | None:
    if port is not None and not 0 <= port < 65536:
        raise Refused(f"{port} is no port", where="--port", remedy="Take 1024 to 65535, or 0 for any that is free.")
    return port


def auth_for(kind: str, auth: str) -> str:
    """`USER:PASSWORD` is for imaging servers, a key without a colon for language models: neither is shown the other's.

    Empty where it is none of this kind's business.
    """
    return auth if (":" in auth) == (kind in ("webui", "comfyui")) else ""


def _chosen(written: Sequence[str]) -> tuple[Chosen, ...]:
    """Those that make pictures with a model before the sketch, which takes what nobody else can."""
    if list(written) == [NOTHING]:
        return ()
    chosen = [Chosen(*(part.strip() for part in text.partition("=")[::2])) for text in written]
    for one in chosen:
        if one.kind not in BACKENDS:
            raise Refused(
                f"there is no backend {one.kind!r}", where="--backend", remedy=f"There are: {', '.join(BACKENDS)}."
            )
        if sum(other.kind == one.kind for other in chosen) > 1:
            raise Refused(
                f"{one.kind} is named twice, and an agent drives one of a kind",
                where="--backend",
                remedy="Run a second agent with another --node, --home and --socket.",
            )
    return tuple(sorted(chosen, key=lambda one: one.kind == "sketch"))


def _parser() -> argparse.ArgumentParser:
    sketch = SketchSettings()
    parser = argparse.ArgumentParser(
        prog="agent",
        description="Makes the pictures the daemon orders.",
        epilog=f"{AUTH}=USER:PASSWORD in the environment, for a server that asks; a key for a language model. "
        "`agent discover --json` names the servers on the usual local ports; `agent export-comfyui` turns a job on "
        "standard input into a workflow.",
    )
    add = parser.add_argument
    add("--loopback", action="store_true", help="end when standard input closes: the daemon that started it is gone")
    add("--home", type=Path, required=True, help="folder for its spool, blobs and id")
    add("--socket", type=Path, required=True, help="Unix socket to listen on")
    add("--node", required=True, help="name shown to people")
    add("--backend", action="append", metavar="KIND[=URL|DIR]", help="what it drives, several times; default: sketch")
    add("--models", type=Path, help="folder of models, for backends that read files")
    add("--network", action="store_true", help="listen on the network too, for a daemon it is paired with")
    add("--port", type=int, metavar="N", help="on this port; 0: any that is free")
    add("--shared", type=Path, metavar="DIR", help="storage that the daemon reads too: results are left there")
    add("--gpu", type=int, metavar="N", help="the NVIDIA GPU this agent stands for, as nvidia-smi counts")
    add("--free-after", type=_seconds, default=FREE_AFTER, metavar="SECONDS",
        help=f"unload models that were idle for so long; default {FREE_AFTER:g}, 0: never")  # fmt: skip
    add("--blob-limit-mb", type=int, default=2048, help="inputs kept for later stages")
    add("--spool-floor-mb", type=int, default=64, help="with less free disk than this it takes no order")
    add("--sketch-step-seconds", type=float, default=sketch.step_seconds, help="slept in every step")
    add("--sketch-load-seconds", type=float, default=sketch.load_seconds, help="slept when the model changes")
    add("--sketch-vram-gb", type=float, default=sketch.vram_gb, help="memory it pretends to have; 0: no limit")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.0 <= seconds <= 31_536_000.0:
        raise ValueError
    return seconds
