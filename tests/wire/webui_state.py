"""What a pretended WebUI keeps between its jobs: its lock, its job's state, its settings and how overrides leak."""

import threading
import time
from collections import deque
from dataclasses import dataclass

Json = dict[str, object]

DEFAULTS: Json = {
    "sd_model_checkpoint": "toy.safetensors",
    "sd_vae": "Automatic",
    "forge_additional_modules": [],
    "CLIP_stop_at_last_layers": 1,
    "samples_format": "png",
    "return_grid": True,
    "return_mask": False,
    "return_mask_composite": False,
    "ESRGAN_tile": 192,
    "ESRGAN_tile_overlap": 8,
}
SAMPLERS = ("DPM++ 2M", "Euler a", "Euler", "Heun", "DDIM")
SCHEDULERS = (("automatic", "Automatic"), ("karras", "Karras"), ("sgm_uniform", "SGM Uniform"))


class Failure(Exception):
    """An exception inside the server: its class and its text."""

    def __init__(self, kind: str, text: str, status: int = 500) -> None:
        self.kind, self.text, self.status = kind, text, status
        super().__init__(text)


class Fifo:
    """First come, first served. Whoever waits cannot be called off, also not by hanging up."""

    def __init__(self) -> None:
        self._gate = threading.Condition()
        self._line: deque[object] = deque()

    def __enter__(self) -> None:
        me = object()
        with self._gate:
            self._line.append(me)
            self._gate.wait_for(lambda: self._line[0] is me)

    def __exit__(self, *_: object) -> None:
        with self._gate:
            self._line.popleft()
            self._gate.notify_all()


@dataclass
class State:
    """Stays as it was when a job ends, but for `job` and `job_count`."""

    job: str = ""
    job_count: int = 0
    job_no: int = 0
    job_timestamp: str = "0"
    sampling_step: int = 0
    sampling_steps: int = 0
    interrupted: bool = False
    skipped: bool = False
    stopping_generation: bool = False

    def begin(self, job: str) -> None:
        self.job, self.job_count, self.job_no, self.sampling_step = job, -1, 0, 0
        self.interrupted = self.skipped = self.stopping_generation = False
        self.job_timestamp = time.strftime("%Y%m%d%H%M%S")

    def end(self) -> None:
        self.job, self.job_count = "", 0


class Options:
    """Only keys that stand in its config.json are put back after an override; any other stays for everybody."""

    def __init__(self, flavour: str) -> None:
        self.flavour = flavour
        hidden = "forge_additional_modules" if flavour == "a1111" else "sd_vae_unused"
        self.defaults = {key: value for key, value in DEFAULTS.items() if key != hidden}
        self.stored: Json = {"sd_model_checkpoint": "toy.safetensors"}
        self.posted: list[Json] = []

    def __getitem__(self, key: str) -> object:
        return self.stored.get(key, self.defaults[key])

    @property
    def poisoned(self) -> bool:
        return not isinstance(self["CLIP_stop_at_last_layers"], int | float)

    def told(self) -> Json:
        """Whole numbers as floats."""
        if self.poisoned:
            raise Failure("ResponseValidationError", "1 validation error")
        everything = self.defaults | self.stored
        return {
            key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for key, value in everything.items()
        }

    def set(self, values: Json) -> None:
        for key, value in values.items():
            if key not in self.defaults:
                raise Failure("KeyError", f"'{key}'")
            if self.flavour == "forge" and key == "forge_additional_modules" and value == self.stored.get(key, []):
                continue  # it writes this one down only when it changes
            self.stored[key] = value

    def override(self, values: Json) -> Json:
        before = {key: self.stored[key] for key in values if key in self.stored}
        self.set(values)
        return before
