"""Drives a ComfyUI server: every stage becomes a workflow that is built here, queued there and watched to its end.

This file is its outside: card, memory, and one stage from files to the server's own bytes.
"""

import hashlib
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent.backends import BackendTrouble, Drawn, Made, Memory, Options, Reporter, Work
from agent.backends.comfyui import lists as inventory
from agent.backends.comfyui.card import card_of, no_card
from agent.backends.comfyui.desk import Desk
from agent.backends.comfyui.detail import find_mask
from agent.backends.comfyui.graph import Graph
from agent.backends.comfyui.lists import Lists
from agent.backends.comfyui.server import Comfy, Stats
from agent.backends.comfyui.stages import control_pictures, drawn, joined, loaded, masked, saved
from agent.backends.comfyui.templates import Filling, fill
from agent.backends.comfyui.watch import Finished, Watch, lost
from agent.effective import flattened
from agent.http import ServerTrouble
from agent.pictures import encoded, seen
from agent.pictures.finish import FINISH_KINDS, finish
from agent.pictures.masks import mask_of
from schema.orders import BackendCard, Gpu
from schema.plans import Scalar
from schema.stages import Img2Img, Post, Refine, Resize, Txt2Img

URL = "http://127.0.0.1:8188"
GB = 1 << 30
LISTS_SECONDS = 120.0
"""Between two readings of the lists, for which the server looks into all its folders."""

OLD = float("-inf")
KINDS = ("txt2img", "img2img", "refiner", "detail", "upscale", "face_restore")
"""What a ComfyUI may be able to do; the card says what this one can."""


class ComfyUI:
    kind = "comfyui"

    def __init__(self, options: Options) -> None:
        self._server = Comfy(options.url or URL, options.auth)
        self._models = options.models
        self._clock = options.clock
        self._watch = Watch(self._server, options.clock)
        self._lists: Lists | None = None
        self._listed = OLD
        """When they were read."""
        self._memory = Memory()
        self._gpus: tuple[Gpu, ...] = ()

    def kinds(self) -> tuple[str, ...]:
        return (*(self._lists.kinds() if self._lists else KINDS), *FINISH_KINDS)

    def card(self) -> BackendCard:
        """As it is now: asks the server. Never raises: a server that is not there is told in `state`."""
        try:
            stats = self._stats()
            lists = self._lists
            if lists is None or self._clock() - self._listed >= LISTS_SECONDS:
                lists = self._read()
        except (ServerTrouble, ValueError) as fault:
            self._memory, self._listed = Memory(), OLD
            return no_card(self._server.url, fault, self.kinds(), self._models)
        return card_of(self._server.url, stats, lists, FINISH_KINDS)

    def gpus(self) -> tuple[Gpu, ...]:
        return self._gpus

    def memory(self) -> Memory:
        return self._memory

    def run(self, work: Work, reporter: Reporter) -> Made:
        if isinstance(work.config, Refine | Post | Resize):
            return finish(work, reporter)
        reporter.step(0, 1, "asking the server")
        try:
            return _Stage(self, work, reporter).made()
        except ServerTrouble as fault:
            raise lost(fault) from None

    def free(self) -> None:
        """Left alone while it works for another client, whose models these are then."""
        try:
            waiting = self._server.queue()
            if waiting.running or waiting.pending:
                return
            self._server.free()
            self._memory = self._memory._replace(resident=())
        except ServerTrouble:
            self._memory = Memory()  # what is not there holds nothing

    def close(self) -> None:
        """Nothing is held between stages."""

    # For one stage ----------------------------------------------------------------------------

    @property
    def server(self) -> Comfy:
        return self._server

    @property
    def watch(self) -> Watch:
        return self._watch

    def lists(self) -> Lists:
        """As they were last read; read now if never."""
        if self._lists is None:
            self.refresh()
        assert self._lists is not None
        return self._lists

    def refresh(self) -> None:
        try:
            self._read()
        except ValueError as fault:
            raise BackendTrouble("backend", f"{self._server.url} is no ComfyUI: {fault}") from None

    def resident(self) -> str | None:
        return next(iter(self._memory.resident), None)

    def worked(self, model: str | None) -> None:
        """After a stage: what the server holds now."""
        try:
            self._stats()
        except ServerTrouble:
            return
        if model:
            self._memory = self._memory._replace(resident=(model,))

    def _read(self) -> Lists:
        self._lists = lists = inventory.read(self._server.object_info(), self._server.embeddings())
        self._listed = self._clock()
        return lists

    def _stats(self) -> Stats:
        stats = self._server.stats()
        devices = [device for device in stats.devices if device.type != "cpu"]
        self._gpus = tuple(Gpu(name=device.name, vram_gb=round(device.vram_total / GB, 2)) for device in devices)
        total = sum(device.vram_total for device in devices) / GB
        used = total - sum(device.vram_free for device in devices) / GB
        self._memory = Memory(round(total, 2), round(max(0.0, used), 2), self._memory.resident)
        return stats


@dataclass
class _Round:
    """One prompt of a stage: its graph and what was found out while drawing it."""

    desk: Desk
    size: tuple[int, int] | None
    """None: a person's workflow, of which nobody knows."""
    graph: dict[str, object]
    outputs: tuple[str, ...]
    """Nodes whose pictures count."""


class _Stage:
    """A stage on its way: one prompt for every picture, so that each can be made again alone from its own seed."""

    def __init__(self, backend: ComfyUI, work: Work, reporter: Reporter) -> None:
        self._backend, self._work, self._reporter = backend, work, reporter
        self._config = work.config
        self._finished: list[Finished] = []
        self._uploads: dict[str, str] = {}

    def made(self) -> Made:
        rounds = self._rounds()
        pictures: list[Drawn] = []
        used: dict[str, Scalar] = {}
        reported: dict[str, Scalar] = {}
        suspect: str | None = None
        pixels = 0
        for number, seed in enumerate(rounds):
            each = self._drawn(number, seed)
            contents = self._contents(each, self._queued(each))
            used, reported = used or dict(each.desk.used), reported or dict(each.desk.reported)
            for content in contents:
                size = seen(content, "ComfyUI").size
                pixels += size[0] * size[1]
                if each.size and size != each.size:
                    suspect = f"asked for {each.size[0]}x{each.size[1]}, ComfyUI made {size[0]}x{size[1]}"
                pictures.append(Drawn(content, seed))
        model = used.get("model")
        self._backend.worked(model if isinstance(model, str) else None)
        return Made(
            pictures=tuple(pictures),
            effective=flattened(self._config, used),
            reported=reported | self._told(),
            suspect=suspect,
            loaded_s=round(sum(each.progress.loaded_s for each in self._finished), 4),
            megapixels=pixels / 1e6,
        )

    def _rounds(self) -> list[int]:
        """A seed for every prompt: pictures of a batch, and of several inputs, follow one another."""
        seed = self._work.order.seed
        if isinstance(self._config, Txt2Img):
            return [seed + number for number in range(self._config.batch)]
        if isinstance(self._config, Img2Img) and self._work.image:
            return [seed]
        if not self._work.inputs:
            raise BackendTrouble("bad-request", f"{self._config.type} needs a picture and the order names none")
        return [seed + number for number in range(len(self._work.inputs))]

    def _source(self, number: int) -> Path | None:
        if isinstance(self._config, Txt2Img):
            return None
        if isinstance(self._config, Img2Img) and self._work.image:
            return self._work.image
        return self._work.inputs[number]

    def _desk(self, seed: int) -> Desk:
        order = self._work.order
        desk = Desk(
            graph=Graph(),
            lists=self._backend.lists(),
            bring=self._bring,
            prompt=order.prompt,
            negative=order.negative,
            seed=seed,
            default_model=self._backend.resident(),
            reduced=order.reduced,
        )
        desk.pictures = control_pictures(desk, self._work.controls)
        return desk

    def _drawn(self, number: int, seed: int) -> _Round:
        """Names the server does not have are looked up once more in fresh lists: a file may have been added."""
        try:
            return self._draw(number, seed)
        except BackendTrouble as trouble:
            if trouble.trouble != "bad-request" or number:
                raise
            self._backend.refresh()
            return self._draw(number, seed)

    def _draw(self, number: int, seed: int) -> _Round:
        config, path = self._config, self._source(number)
        if isinstance(config, Txt2Img | Img2Img) and config.workflow is not None:
            return self._filled(config, path, seed)
        desk = self._desk(seed)
        if isinstance(config, Img2Img) and config.masked:
            assert path is not None
            with tempfile.TemporaryDirectory(prefix="stablenew-") as folder:
                mask = self._found_mask(config, path, seed, Path(folder)) if config.mask_detector else self._work.mask
                canvas = masked(desk, config, path, mask)
            if config.mask_detector:
                desk.used["mask_detector"] = config.mask_detector
        else:
            canvas = drawn(desk, config, loaded(desk, path) if path else None)
        node = saved(desk, canvas, self._prefix())
        return _Round(desk, canvas.size, desk.graph.api(), (node.node,))

    def _filled(self, config: Txt2Img | Img2Img, path: Path | None, seed: int) -> _Round:
        desk = self._desk(seed)
        canvas = loaded(desk, path) if path else None
        image = desk.graph.input(canvas.image, "image") if canvas else None
        drawn_mask = mask_of(config, canvas.size, self._work.mask) if canvas and isinstance(config, Img2Img) else None
        mask = self._bring(encoded(drawn_mask), "mask") if drawn_mask else None
        graph, outputs = fill(config, Filling(desk, self._prefix(), image, mask, canvas.size if canvas else None))
        return _Round(desk, None, graph, outputs)

    def _found_mask(self, config: Img2Img, path: Path, seed: int, folder: Path) -> Path:
        """A prompt of its own that only looks."""
        assert config.mask_detector is not None
        desk = self._desk(seed)
        canvas = loaded(desk, path)
        mask = find_mask(desk, config.mask_detector, config.mask_confidence, canvas.image)
        node = desk.add("SaveImage", "save", images=mask, filename_prefix=self._prefix())
        each = _Round(desk, canvas.size, desk.graph.api(), (node.node,))
        content = self._contents(each, self._queued(each))[0]
        return joined(content, self._work.mask, folder, "found.png")

    def _queued(self, each: _Round) -> Finished:
        kinds = {number: _class(node) for number, node in each.graph.items()}
        finished = self._backend.watch.run(each.graph, kinds, each.desk.steps, self._reporter)
        self._finished.append(finished)
        return finished

    def _contents(self, each: _Round, finished: Finished) -> list[bytes]:
        """The files as the server wrote them; never made anew."""
        pictures = [picture for node in each.outputs for picture in finished.past.images(node)]
        if not pictures:
            raise BackendTrouble("backend", "ComfyUI says that it is done, and names no picture")
        contents = []
        for picture in pictures:
            answer = self._backend.server.view(picture)
            if not answer.ok:
                raise BackendTrouble("backend", f"ComfyUI made {picture.filename} and has it no more ({answer.status})")
            seen(answer.body, "ComfyUI")
            contents.append(answer.body)
        return contents

    def _bring(self, content: bytes, word: str) -> str:
        key = hashlib.sha256(content).hexdigest()
        if key not in self._uploads:
            self._uploads[key] = self._backend.server.upload(content, word)
        return self._uploads[key]

    def _prefix(self) -> str:
        """A new one for every prompt: ComfyUI would otherwise answer an equal graph with the old file's name."""
        order = self._work.order
        return f"stablenew/{order.job.replace('.', '-')}-{order.stage}-{secrets.token_hex(4)}"

    def _told(self) -> dict[str, Scalar]:
        told: dict[str, Scalar] = {
            "prompt_id": ", ".join(each.prompt for each in self._finished),
            "node_seconds": "; ".join(each.progress.timings() for each in self._finished),
            "cached_nodes": sum(len(each.progress.cached) for each in self._finished),
        }
        return {name: value for name, value in told.items() if value != ""}


def _class(node: object) -> str:
    kind = node.get("class_type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""
