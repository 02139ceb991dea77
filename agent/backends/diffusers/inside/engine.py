"""One stage from its order to encoded files, with the memory it took. What `process` drives."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import diffusers
import msgspec
import torch
import transformers

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import scan
from agent.backends.diffusers.inside.brief import Brief, Outcome
from agent.backends.diffusers.inside.device import is_out_of_memory, limit_ram, picked
from agent.backends.diffusers.inside.models import Models
from agent.backends.diffusers.inside.stages import run_stage
from agent.backends.diffusers.messages import Done, Held, Hello, Run
from agent.backends.diffusers.process import Ruined, Teller
from agent.pictures import encoded
from schema.errors import why
from schema.plans import Scalar
from schema.stages import ORDER_STAGE

GB = 1e9


class Engine:
    def __init__(self, limit_bytes: int = 0, ram_bytes: int = 0) -> None:
        """`limit_bytes` for models, `ram_bytes` for everything on a CPU; 0: by what is free."""
        _quiet()
        self.device = picked()
        limit_ram(self.device, ram_bytes)
        self.models = Models(self.device, limit_bytes)

    def hello(self) -> Hello:
        spandrel, missing = _spandrel()
        return Hello(
            device=self.device.kind,
            name=self.device.name or platform.machine(),
            dtype=str(self.device.dtype).removeprefix("torch."),
            vram_gb=round(self.device.vram_bytes() / GB, 3),
            torch=str(torch.__version__),
            diffusers=str(diffusers.__version__),
            spandrel=spandrel,
            missing=missing,
        )

    def held(self) -> Held:
        return Held(used_gb=round(self.device.used_bytes() / GB, 3), resident=self.models.cache.names())

    def run(self, asked: Run, teller: Teller) -> Done:
        """Raises BackendTrouble, Unwanted."""
        config = ORDER_STAGE.validate_python(msgspec.msgpack.decode(asked.order.config))
        brief = Brief(
            order=asked.order,
            folder=scan(Path(asked.models)),
            models=self.models,
            teller=teller,
            inputs=tuple(Path(path) for path in asked.inputs),
            image=Path(asked.image) if asked.image else None,
            mask=Path(asked.mask) if asked.mask else None,
            controls={sha: Path(path) for sha, path in asked.controls.items()},
        )
        self.models.loaded_s = 0.0
        self.device.start_peak()
        try:
            outcome = run_stage(brief, config)
            return self._done(asked, brief, outcome)
        except (MemoryError, RuntimeError) as fault:
            if not is_out_of_memory(fault):
                raise
            sentence = self._full(fault)
        except ValueError as fault:
            raise BackendTrouble("bad-request", f"diffusers refused it: {why(fault)[:500]}") from fault
        finally:
            self.models.cache.release()
        try:
            self.models.cache.clear()
        except RuntimeError as fault:
            raise Ruined("out-of-memory", sentence) from fault
        raise BackendTrouble("out-of-memory", sentence)

    def _full(self, fault: BaseException) -> str:
        place = "GPU's" if self.device.vram_bytes() else "computer's"
        first = (str(fault).strip() or "no more could be had").splitlines()[0]
        return f"the {place} memory is full ({first[:200]}); make the picture smaller, or upscale it in tiles"

    def _done(self, asked: Run, brief: Brief, outcome: Outcome) -> Done:
        pictures = tuple((encoded(picture), seed) for picture, seed in outcome.pictures)
        return Done(
            number=asked.number,
            pictures=pictures,
            used=brief.used,
            reported=brief.reported | self._told(),
            suspect=brief.suspect,
            filters=tuple(dict.fromkeys(brief.filters)),
            loaded_s=self.models.loaded_s,
            megapixels=sum(picture.width * picture.height for picture, _ in outcome.pictures) / 1e6,
            peak_gb=self.device.peak_bytes() / GB if self.device.vram_bytes() else 0.0,
        )

    def _told(self) -> dict[str, Scalar]:
        return {
            "device": self.device.name or self.device.kind,
            "dtype": str(self.device.dtype).removeprefix("torch."),
            "torch": str(torch.__version__),
            "diffusers": str(diffusers.__version__),
            "peak_gb": round(self.device.peak_bytes() / GB, 3),
            "models_gb": round(self.models.cache.bytes / GB, 6),
            "evicted": self.models.cache.evicted,
        }


def _quiet() -> None:
    """Bars of progress are for terminals."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()


def _spandrel() -> tuple[str, str]:
    """Its version, or why it cannot be used."""
    try:
        import spandrel  # noqa: F401
    except ImportError as fault:
        lacks = fault.name or str(fault)
        return "", "spandrel is not installed" if lacks == "spandrel" else f"spandrel needs {lacks}"
    except RuntimeError as fault:  # torchvision of another build than torch says so in this way
        return "", f"spandrel cannot be loaded: {why(fault)[:200]}"
    try:
        return version("spandrel"), ""
    except PackageNotFoundError:
        return "unknown", ""
