"""Pictures without any server: diffusers in a process of its own, over a folder of models.

This file is its outside, which never imports torch: the card from the folder, and each stage handed to the process.
"""

import itertools
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import msgspec

from agent.backends import BackendTrouble, Drawn, Made, Memory, Reporter, Work
from agent.backends.diffusers.child import Child
from agent.backends.diffusers.folder import Folder, scan
from agent.backends.diffusers.messages import Done, Run
from agent.backends.diffusers.resizers import RESIZERS
from agent.backends.diffusers.samplers import samplers, schedulers
from agent.backends.diffusers.watch import PATIENCE, Patience, follow, wait_ready
from agent.effective import flattened
from agent.listing import is_folder, showable, shown
from agent.pictures.finish import FINISH_KINDS, PROCESSORS, finish
from schema.errors import why
from schema.orders import BackendCard, BackendState, Gpu

log = logging.getLogger(__name__)

PAINTED = ("txt2img", "img2img", "refiner", "upscale")
LIBRARIES = ("torch", "diffusers", "transformers", "safetensors")
REMEDY = "pip install 'stablenew[diffusers]'"
TRIES = 30.0
"""Seconds after which a process that could not start is tried again."""

PROCESS = (sys.executable, "-P", "-m", "agent.backends.diffusers.process")


class Diffusers:
    kind = "diffusers"

    def __init__(
        self,
        models: Path | None,
        home: Path,
        clock: Callable[[], float],
        *,
        argv: Sequence[str] = PROCESS,
        patience: Patience = PATIENCE,
        libraries: Sequence[str] = LIBRARIES,
    ) -> None:
        self._models = models.expanduser().absolute() if models else None
        self._home = home
        self._clock = clock
        self._argv = tuple(argv)
        self._patience = patience
        self._missing = tuple(name for name in libraries if find_spec(name) is None)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._closed = False
        """The agent stops: nothing is started any more."""
        self._resting = False
        """Its process was ended by `free`, and is started by the next stage."""
        self._tried = clock()
        self._folder = self._scanned()
        if not self._trouble():
            self._start()

    # Asked at any time ------------------------------------------------------------------------

    def kinds(self) -> tuple[str, ...]:
        folder = self._folder
        spandrel = self._has_spandrel()
        return (
            *PAINTED,
            *(("detail",) if folder.names("detectors") else ()),
            *(("face_restore",) if spandrel and folder.names("restorers") and folder.names("detectors") else ()),
            *(("interrogate",) if folder.names("interrogators") else ()),
            *(("score",) if folder.names("scorers") else ()),
            *FINISH_KINDS,
        )

    def card(self) -> BackendCard:
        folder = self._folder = self._scanned()
        state, trouble = self._state()
        spandrel = self._has_spandrel()
        hello = self._child.hello if self._child else None
        return BackendCard(
            kind=self.kind,
            kinds=self.kinds(),
            models=folder.names("models"),
            vaes=folder.names("vaes"),
            samplers=samplers(),
            schedulers=schedulers(),
            upscalers=(*RESIZERS, *(folder.names("upscalers") if spandrel else ())),
            detectors=folder.names("detectors"),
            restorers=folder.names("restorers") if spandrel else (),
            loras=folder.names("loras"),
            embeddings=folder.names("embeddings"),
            controls=folder.names("controls"),
            processors=tuple(PROCESSORS),
            control_processors=("canny",),
            interrogators=folder.names("interrogators"),
            scorers=folder.names("scorers"),
            note=self._note(folder),
            state=state,
            trouble=trouble,
            release=f"diffusers {hello.diffusers}, torch {hello.torch}" if hello else "",
        )

    def gpus(self) -> tuple[Gpu, ...]:
        hello = self._child.hello if self._child else None
        return (Gpu(name=hello.name, vram_gb=hello.vram_gb),) if hello and hello.vram_gb else ()

    def memory(self) -> Memory:
        child = self._child
        if child is None or child.hello is None:
            return Memory()
        held = child.held if child.alive else None
        total = child.hello.vram_gb
        return Memory(total, held.used_gb if held and total else 0.0, held.resident if held else ())

    # One stage --------------------------------------------------------------------------------

    def run(self, work: Work, reporter: Reporter) -> Made:
        if work.config.type in FINISH_KINDS:
            return finish(work, reporter)
        if trouble := self._trouble():
            raise BackendTrouble("backend", trouble)
        assert self._models
        began = self._clock()
        child = self._running()
        try:
            wait_ready(child, reporter, self._patience)
            waited = self._clock() - began
            return _made(work, follow(child, self._asked(work, reporter), reporter, self._patience), waited)
        finally:
            if child.hello and not child.alive:
                with suppress(BackendTrouble):
                    self._start()  # so that the next stage need not wait for it

    def free(self) -> None:
        """Ends the process: only so does the GPU get everything back, its context too."""
        with self._lock:
            child, self._resting = self._child, True
        if child:
            child.end()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.free()

    # The process ------------------------------------------------------------------------------

    def _running(self) -> Child:
        with self._lock:
            child = self._child
        if child is None or not child.alive:
            return self._start()
        return child

    def _start(self) -> Child:
        """Raises BackendTrouble while the agent stops, or where no process can be started."""
        with self._lock:
            if self._closed:
                raise BackendTrouble("lost", "the agent is stopping")
            if self._child is None or not self._child.alive:
                self._tried = self._clock()
                self._resting = False
                before = self._child
                try:
                    self._child = Child(self._argv, self._home)
                except OSError as fault:
                    raise BackendTrouble("backend", f"no process can be started: {why(fault)}") from fault
                if before:
                    before.death()
            return self._child

    def _state(self) -> tuple[BackendState, str]:
        if trouble := self._trouble():
            return "disconnected", trouble
        child = self._child
        if self._resting or (child and child.alive and child.hello):
            return "ready", ""
        if child and child.alive:
            return "starting", "torch and diffusers are being loaded"
        words = child.death().words.rpartition("\n")[2] if child else ""
        if self._clock() - self._tried > TRIES:
            with suppress(BackendTrouble):
                self._start()
        return "disconnected", f"the diffusers process ended: {words or 'it said nothing'}. The agent's log says more."

    def _trouble(self) -> str:
        """What no start can cure."""
        if self._missing:
            are = "is" if len(self._missing) == 1 else "are"
            return f"{', '.join(self._missing)} {are} not installed: {REMEDY}"
        if self._models is None:
            return "it has no folder of models: name one with --backend diffusers=DIR"
        if not showable(str(self._models)):
            return f"the name of {shown(str(self._models))} is no UTF-8; rename the folder"
        if not is_folder(self._models):
            return f"{self._models} is no folder; make it and put models there"
        return ""

    def _scanned(self) -> Folder:
        return scan(self._models) if self._models else Folder(Path())

    def _has_spandrel(self) -> bool:
        """Known once the process has said so; it needs torchvision."""
        hello = self._child.hello if self._child else None
        return bool(hello and hello.spandrel)

    def _note(self, folder: Folder) -> str:
        hello = self._child.hello if self._child else None
        parts = ["Runs diffusers in a process of its own, on local files only."]
        if hello:
            parts.append(f"Device: {hello.name} ({hello.device}, {hello.dtype}).")
        if hello and not hello.spandrel:
            parts.append(f"No upscaler or face restorer models: {hello.missing}.")
        if folder.passed:
            more = f" and {len(folder.passed) - 3} more" if len(folder.passed) > 3 else ""
            parts.append(f"Not offered: {'; '.join(folder.passed[:3])}{more}.")
        return " ".join(parts)

    def _asked(self, work: Work, reporter: Reporter) -> Run:
        return Run(
            number=next(self._numbers),
            order=msgspec.structs.replace(work.order, config=_raw(work)),
            models=str(self._models),
            inputs=tuple(str(path.absolute()) for path in work.inputs),
            image=str(work.image.absolute()) if work.image else None,
            mask=str(work.mask.absolute()) if work.mask else None,
            controls={sha: str(path.absolute()) for sha, path in work.controls.items()},
            previews=reporter.previews,
        )


def _raw(work: Work) -> msgspec.Raw:
    """The stage as the bench understood it, without its name, which the process need not know."""
    return msgspec.Raw(msgspec.msgpack.encode(work.config.model_dump(mode="json", exclude={"id"})))


def _made(work: Work, done: Done, waited: float) -> Made:
    return Made(
        pictures=tuple(Drawn(content, seed) for content, seed in done.pictures),
        effective=flattened(work.config, done.used),
        reported=done.reported,
        suspect=done.suspect,
        filters=done.filters,
        loaded_s=done.loaded_s + waited,
        megapixels=done.megapixels,
        peak_vram_gb=done.peak_gb,
    )
