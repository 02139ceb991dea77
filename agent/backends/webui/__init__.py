"""SD WebUI (AUTOMATIC1111) and Forge, driven through their API. See docs/webui.md.

This file is the backend's outside: its card, what it knows of the server between two stages, and the wish to free.
"""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

from agent.backends import BackendTrouble, Made, Memory, Options, Reporter, Work
from agent.backends.webui.attempt import Attempt
from agent.backends.webui.borrowed import Borrowed
from agent.backends.webui.door import API, Door
from agent.backends.webui.folder import stock_of
from agent.backends.webui.health import READY, Health, probe
from agent.backends.webui.overrides import pin
from agent.backends.webui.reading import read_settings, read_stock, refresh
from agent.backends.webui.running import Runner
from agent.backends.webui.shapes import ServerMemory
from agent.backends.webui.stages import run_stage
from agent.backends.webui.stock import (
    INTERROGATORS,
    Stock,
    detector_names,
    sampler_labels,
    scheduler_labels,
)
from agent.backends.webui.watching import Patience
from agent.pictures.finish import FINISH_KINDS, PROCESSORS, finish
from schema.orders import BackendCard, Gpu

URL = "http://127.0.0.1:7860"

LISTS_S = 60.0
"""Age in seconds after which a card reads the lists anew; a name that is not found does so at once."""

YOUNG_S = 3.0
"""Age below which lists are not read again for a name that is not in them."""

NAMES = {"a1111": "AUTOMATIC1111", "forge": "Forge"}


class WebUI:
    kind = "webui"

    def __init__(self, options: Options, patience: Patience | None = None) -> None:
        """Asks nothing yet. Raises ValueError for a URL that is none."""
        self._clock = options.clock
        self._models = options.models
        self._door = Door(options.url or URL, options.auth)
        self._runner = Runner(self._door, options.clock, patience or Patience())
        self._borrowed = Borrowed(self._door, options.home if options.home != Path() else None)
        self._reading = threading.Lock()
        self._stock: Stock | None = None
        self._read_at = float("-inf")
        self._version = ""
        """Told with the first picture only."""
        self._pinned = False
        self._resident: str | None = None
        self._memory = Memory()

    def kinds(self) -> tuple[str, ...]:
        return ((self._stock or Stock()).kinds) + FINISH_KINDS

    def card(self) -> BackendCard:
        health = probe(self._door, self._clock)
        if health.state == "ready":
            self._borrowed.put_back()
            health = self._read(LISTS_S)
            self._look_at_memory()
            if held := self._runner.held:
                health = Health("starting", held)
        elif health.state == "disconnected":
            self._forget()
        stock = self._stock
        if stock is None or health.state == "disconnected":
            stock = self._known()
        return self._card(stock, health)

    def gpus(self) -> tuple[Gpu, ...]:
        total = self._memory.total_gb
        return (Gpu(name=f"of {self._door.server.host}:{self._door.server.port}", vram_gb=total),) if total else ()

    def memory(self) -> Memory:
        return self._memory._replace(resident=(self._resident,) if self._resident else ())

    def run(self, work: Work, reporter: Reporter) -> Made:
        if work.config.type in FINISH_KINDS:
            return finish(work, reporter)
        self._borrowed.put_back()
        stock = self._pinned_of(self._ready())
        try:
            return self._attempt(work, reporter, stock)
        except BackendTrouble as trouble:
            if trouble.trouble == "lost":
                self._forget()
            if trouble.trouble != "bad-request" or self._clock() - self._read_at < YOUNG_S:
                raise
            newer = self._ready(YOUNG_S)
            if newer == stock:
                raise
            return self._attempt(work, reporter, newer)

    def refresh(self) -> None:
        """The server looks into its folders again; the next card reads its lists."""
        with contextlib.suppress(BackendTrouble):
            refresh(self._door)
        self._read_at = float("-inf")

    def free(self) -> None:
        """Not while another client's job runs: it would lose its model."""
        with contextlib.suppress(BackendTrouble):
            if self._door.progress().busy:
                return
            self._door.tell(f"{API}/unload-checkpoint")
            self._resident = None
            self._look_at_memory()

    def close(self) -> None:
        self._borrowed.put_back()

    # One stage ----------------------------------------------------------------------------------

    def _attempt(self, work: Work, reporter: Reporter, stock: Stock) -> Made:
        attempt = Attempt(
            door=self._door,
            runner=self._runner,
            borrowed=self._borrowed,
            stock=stock,
            resident=self._resident,
            work=work,
            reporter=reporter,
            clock=self._clock,
        )
        outcome = run_stage(attempt)
        self._resident = outcome.model
        if version := outcome.made.reported.get("version"):
            self._version = str(version)
        self._look_at_memory()
        return outcome.made

    def _ready(self, age: float = float("inf")) -> Stock:
        """Raises BackendTrouble("lost") while the server cannot work."""
        if self._stock is None or self._clock() - self._read_at > age:
            health = probe(self._door, self._clock)
            if health.state == "ready":
                health = self._read(age)
            if health.state != "ready" or self._stock is None:
                raise BackendTrouble("lost", health.trouble)
        return self._stock

    def _pinned_of(self, stock: Stock) -> Stock:
        """Once for each server that is found, and only while nobody's overrides are in force there."""
        if self._pinned or self._door.progress().busy:
            return stock
        self._pinned = True
        settings = pin(self._door)
        if settings is None:
            return stock
        self._borrowed.know(settings)
        self._stock = replace(stock, settings=settings)
        return self._stock

    # What is known of the server ----------------------------------------------------------------

    def _read(self, age: float) -> Health:
        """Lists older than `age` are read anew, younger ones get the settings of now."""
        with self._reading:
            try:
                if self._stock is None or self._clock() - self._read_at > age:
                    self._stock = read_stock(self._door)
                    self._read_at = self._clock()
                    if self._resident is None and self._stock.flavour == "a1111":
                        self._resident = self._stock.resident
                else:
                    self._stock = replace(self._stock, settings=read_settings(self._door))
            except BackendTrouble as trouble:
                return Health("disconnected" if trouble.trouble == "lost" else "starting", trouble.sentence)
            if not self._stock.checkpoints:
                return Health("starting", "the server has no model; put one into its models/Stable-diffusion folder")
            return READY

    def _forget(self) -> None:
        """Another server may come back: with other lists, and with nothing of ours in its config.json."""
        self._read_at, self._pinned, self._resident = float("-inf"), False, None
        self._memory = Memory()

    def _known(self) -> Stock:
        """Its own lists of before, else what lies in the models' folder."""
        if self._stock is not None:
            return self._stock
        return stock_of(self._models) if self._models else Stock()

    def _look_at_memory(self) -> None:
        told = self._door.listed(f"{API}/memory", ServerMemory)
        system = told.cuda.system if told and told.cuda else None
        if system is not None and system.total:
            self._memory = Memory(round(system.total / 1e9, 3), round((system.used or 0.0) / 1e9, 3))

    def _card(self, stock: Stock, health: Health) -> BackendCard:
        return BackendCard(
            kind=self.kind,
            kinds=stock.kinds + FINISH_KINDS,
            models=stock.models,
            vaes=stock.vaes,
            samplers=sampler_labels(stock.samplers),
            schedulers=scheduler_labels(stock),
            upscalers=(*stock.upscalers, *stock.latent_upscalers),
            detectors=detector_names(stock.detectors),
            restorers=tuple(name.lower() for name in stock.restorers),
            processors=tuple(PROCESSORS),
            loras=stock.lora_names,
            embeddings=stock.embeddings,
            hypernetworks=stock.hypernetworks,
            encoders=stock.encoders,
            controls=stock.controls,
            control_processors=stock.control_processors,
            interrogators=INTERROGATORS,
            note="Stable Diffusion WebUI or Forge, through its API; one job at a time, also with other clients.",
            state=health.state,
            trouble=health.trouble,
            url=self._door.url,
            release=f"{NAMES[stock.flavour]} {self._version}".strip() if health.state == "ready" else "",
        )
