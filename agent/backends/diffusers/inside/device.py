"""What torch computes on, how much memory it has, and which savings a stage needs there."""

import gc
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

RESERVE = 0.25
"""Part of the memory that is left to the pictures and to other programs."""

BYTES_PER_PIXEL = {"sd1": 3_000, "sd2": 3_500, "sdxl": 2_600, "sdxl-refiner": 2_600}
"""Of one picture while it is sampled in half precision, attention by torch's own; measured values of the
libraries' documents, rounded up. Twice as much in float32."""

TILED_FROM = 2_500_000
"""Pixels above which the VAE works in tiles on a GPU: in one piece it needs more than the sampling."""


@dataclass(frozen=True)
class Device:
    kind: str
    name: str
    dtype: torch.dtype

    @property
    def torch(self) -> torch.device:
        return torch.device(self.kind)

    def vram_bytes(self) -> int:
        """0 where models lie in the computer's own memory."""
        if self.kind == "cuda":
            return int(torch.cuda.mem_get_info()[1])
        return int(torch.mps.recommended_max_memory()) if self.kind == "mps" else 0

    def total_bytes(self) -> int:
        return self.vram_bytes() or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def free_bytes(self) -> int:
        """For anybody, as the system sees it; what torch keeps for itself counts as free."""
        if self.kind == "cuda":
            unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return int(torch.cuda.mem_get_info()[0]) + int(unused)
        if self.kind == "mps":
            return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
        return _available() or self.total_bytes() // 2

    def used_bytes(self) -> int:
        """Of the GPU, by this process."""
        if self.kind == "cuda":
            return int(torch.cuda.memory_reserved())
        return int(torch.mps.current_allocated_memory()) if self.kind == "mps" else 0

    def start_peak(self) -> None:
        if self.kind == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak_bytes(self) -> int:
        """Since `start_peak`. On a CPU the most this process ever had."""
        if self.kind == "cuda":
            return int(torch.cuda.max_memory_allocated())
        return self.used_bytes() if self.kind == "mps" else _peak_resident()

    def give_back(self) -> None:
        gc.collect()
        if self.kind == "cuda":
            torch.cuda.empty_cache()
        elif self.kind == "mps":
            torch.mps.empty_cache()


def picked() -> Device:
    if torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_name(), torch.float16)
    if torch.backends.mps.is_available():
        return Device("mps", "Apple GPU", torch.float16)
    return Device("cpu", platform.processor() or platform.machine(), torch.float32)


SIGNS = (
    "out of memory", "can't allocate memory", "DefaultCPUAllocator", "CUDNN_STATUS_ALLOC",
    "could not create a primitive", "could not create a memory",
)  # fmt: skip
"""Of memory that is full; the last two are oneDNN's, on a CPU."""


def limit_ram(device: Device, limit_bytes: int) -> None:
    """Makes too large a picture fail as out of memory, before the system begins to swap or to kill programs.

    0: as much as was free at the start, less a tenth. Not where a GPU's driver maps memory as it likes.
    """
    if device.kind != "cpu" or platform.system() != "Linux":
        return
    import resource

    limit = limit_bytes or int((_available() or device.total_bytes()) * 0.9)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))


def is_out_of_memory(fault: BaseException) -> bool:
    """Torch has a class for it on CUDA only; elsewhere its words must tell."""
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(fault, RuntimeError) and any(sign in str(fault) for sign in SIGNS)


@dataclass(frozen=True)
class Savings:
    """How a stage trades time for memory."""

    at_once: int = 1
    """Pictures sampled together."""
    vae_slices: bool = False
    vae_tiles: bool = False
    attention_slices: bool = False
    offload: bool = False
    """Only the part of the model that works lies on the GPU."""

    def named(self) -> str:
        flags = ("vae_slices", "vae_tiles", "attention_slices", "offload")
        return ", ".join(flag.replace("_", " ") for flag in flags if getattr(self, flag))


def savings(device: Device, family: str, pixels: int, batch: int, *, model_fits: bool, reduced: bool) -> Savings:
    """`pixels` of one picture. On a CPU several at once save no time and change the last bit of a picture."""
    if device.kind == "cpu":
        return Savings(vae_slices=reduced, vae_tiles=reduced, attention_slices=reduced)
    each = BYTES_PER_PIXEL.get(family, 3_500) * pixels * (2 if device.dtype == torch.float32 else 1)
    at_once = 1 if reduced else max(1, min(batch, int(device.free_bytes() * 0.8 / each)))
    tight = device.free_bytes() < each
    return Savings(
        at_once=at_once,
        vae_slices=at_once > 1 or reduced,
        vae_tiles=reduced or tight or pixels * at_once > TILED_FROM,
        attention_slices=reduced,
        offload=device.kind == "cuda" and (reduced or not model_fits),
    )


def _available() -> int:
    """0 where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def _peak_resident() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
