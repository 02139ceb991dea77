"""The one NVIDIA GPU this agent stands for, read through the driver's own library; none where there is no such GPU.

Knows NVML and how a person chooses a GPU (`--gpu N`, CUDA_VISIBLE_DEVICES); nothing of stages and orders.
"""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import NamedTuple, Protocol

from schema.errors import Refused
from schema.orders import Gpu

log = logging.getLogger(__name__)

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"


class Reading(NamedTuple):
    """What a device does at this moment; None: it does not tell."""

    total_gb: float = 0.0
    """10**9 bytes, as everywhere."""
    used_gb: float = 0.0
    """By all programs."""
    percent: float | None = None
    celsius: float | None = None
    watts: float | None = None


class Memory(Protocol):
    total: int
    used: int


class Utilisation(Protocol):
    gpu: int


class Nvml(Protocol):
    """What is used of pynvml. Everything may raise `NVMLError`; handles are opaque."""

    NVMLError: type[Exception]
    NVML_TEMPERATURE_GPU: int

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> object: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: bytes) -> object: ...
    def nvmlDeviceGetName(self, handle: object) -> str | bytes: ...
    def nvmlDeviceGetMemoryInfo(self, handle: object) -> Memory: ...
    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Utilisation: ...
    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int: ...
    def nvmlDeviceGetPowerUsage(self, handle: object) -> int: ...


class Device:
    def __init__(self, nvml: Nvml, handle: object, name: str, others: int) -> None:
        self._nvml = nvml
        self._handle = handle
        self.name = name
        self.others = others
        """GPUs of this machine that another agent may stand for."""

    def gpu(self) -> Gpu:
        return Gpu(name=self.name, vram_gb=self.read().total_gb)

    def read(self) -> Reading:
        """May block for some milliseconds; a driver that has gone away reads as nothing."""
        nvml, handle = self._nvml, self._handle
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        except nvml.NVMLError:
            return Reading()
        return Reading(
            total_gb=round(memory.total / 1e9, 3),
            used_gb=round(memory.used / 1e9, 3),
            percent=self._told(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            celsius=self._told(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            watts=self._told(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        )

    def _told(self, ask: Callable[[], float]) -> float | None:
        """Not every device tells everything: parts of one (MIG) have no utilisation of their own."""
        try:
            return round(float(ask()), 1)
        except self._nvml.NVMLError:
            return None


def choose(gpu: int | None, env: MutableMapping[str, str]) -> None:
    """Makes `--gpu N` the only device that this process and its children see, counted as `nvidia-smi` counts."""
    if gpu is not None:
        env[ORDER], env[VISIBLE] = "PCI_BUS_ID", str(gpu)


def is_chosen(env: Mapping[str, str]) -> bool:
    return VISIBLE in env


def found(env: Mapping[str, str], load: Callable[[], Nvml | None] | None = None) -> Device | None:
    """The first that CUDA_VISIBLE_DEVICES shows, or of all; None without driver, library or such a device."""
    nvml = (load or _pynvml)()
    if nvml is None:
        return None
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
        handle = _handle(nvml, env.get(VISIBLE), count)
        if handle is None:
            return None
        name = nvml.nvmlDeviceGetName(handle)
        return Device(nvml, handle, name.decode("utf-8", "replace") if isinstance(name, bytes) else name, count - 1)
    except nvml.NVMLError as fault:
        log.info("no NVIDIA GPU is used: %s", fault)
        return None


def demanded(gpu: int | None, device: Device | None) -> None:
    """Raises Refused where `--gpu N` names none."""
    if gpu is not None and device is None:
        raise Refused(
            f"there is no NVIDIA GPU with the number {gpu}", where="--gpu",
            remedy="`nvidia-smi -L` lists them; without --gpu the agent takes the first, or none.",
        )  # fmt: skip


def _handle(nvml: Nvml, visible: str | None, count: int) -> object | None:
    """CUDA_VISIBLE_DEVICES has numbers or ids, separated by commas; empty or `-1` hides all."""
    if visible is None:
        return nvml.nvmlDeviceGetHandleByIndex(0) if count else None
    first = visible.partition(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(first.encode())
    if first.isdecimal() and int(first) < count:
        return nvml.nvmlDeviceGetHandleByIndex(int(first))
    return None


def _pynvml() -> Nvml | None:
    try:
        import pynvml
    except ImportError:
        return None
    library: Nvml = pynvml
    return library
