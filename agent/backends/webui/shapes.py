"""What the WebUI's API answers, field by field as far as it is read. Anything else in an answer is left aside.

Every field may be missing or null: two servers, many versions, and extensions of both write these.
"""

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    pass


class JobState(Shape, frozen=True, kw_only=True):
    """Of whichever job holds the server's lock; stays as it was when the job ends, but for `job` and `job_count`."""

    job: str | None = ""
    job_count: int | None = 0
    job_no: int | None = 0
    job_timestamp: str | None = "0"
    """When the job began, seconds resolution."""
    sampling_step: int | None = 0
    sampling_steps: int | None = 0
    interrupted: bool | None = False
    skipped: bool | None = False
    stopping_generation: bool | None = False

    @property
    def cut_short(self) -> bool:
        """Somebody told the server to leave this job, or the one before it, unfinished."""
        return bool(self.interrupted or self.skipped or self.stopping_generation)


class Progress(Shape, frozen=True, kw_only=True):
    state: JobState
    progress: float | None = 0.0
    current_image: str | None = None

    @property
    def busy(self) -> bool:
        return bool(self.state.job) or self.state.job_count not in (0, None)


class TaskProgress(Shape, frozen=True, kw_only=True):
    """Of one request, where the server runs with its web page."""

    active: bool | None = False
    queued: bool | None = False
    completed: bool | None = False


class Painted(Shape, frozen=True, kw_only=True):
    """Of txt2img and img2img."""

    images: list[str | None] | None = None
    info: str | None = ""
    """JSON of `Info`."""


class Info(Shape, frozen=True, kw_only=True):
    all_seeds: list[int] | None = None
    width: int | float | None = None
    height: int | float | None = None
    sampler_name: str | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    sd_model_name: str | None = None
    sd_model_hash: str | None = None
    sd_vae_name: str | None = None
    index_of_first_image: int | None = 0
    infotexts: list[str] | None = None
    job_timestamp: str | None = None
    clip_skip: float | None = None
    version: str | None = None


class Upscaled(Shape, frozen=True, kw_only=True):
    """Of extra-single-image (`image`) and extra-batch-images (`images`)."""

    image: str | None = None
    images: list[str | None] | None = None
    html_info: str | None = ""


class Caption(Shape, frozen=True, kw_only=True):
    caption: str | None = ""


class Named(Shape, frozen=True, kw_only=True):
    """An item of most lists."""

    name: str | None = None
    label: str | None = None
    alias: str | None = None
    model_name: str | None = None
    model_path: str | None = None
    title: str | None = None
    filename: str | None = None


class Embeddings(Shape, frozen=True, kw_only=True):
    loaded: dict[str, object] | None = None
    skipped: dict[str, object] | None = None


class Scripts(Shape, frozen=True, kw_only=True):
    """Titles in lower case."""

    txt2img: list[str] | None = None
    img2img: list[str] | None = None


class ScriptArgument(Shape, frozen=True, kw_only=True):
    label: object = None
    value: object = None
    choices: object = None


class ScriptInfo(Shape, frozen=True, kw_only=True):
    name: str | None = None
    is_img2img: bool | None = None
    args: list[ScriptArgument] | None = None


class ControlModels(Shape, frozen=True, kw_only=True):
    model_list: list[str] | None = None


class ControlModules(Shape, frozen=True, kw_only=True):
    module_list: list[str] | None = None


class Detectors(Shape, frozen=True, kw_only=True):
    ad_model: list[str] | None = None


class MemoryPart(Shape, frozen=True, kw_only=True):
    total: float | None = None
    used: float | None = None


class CudaMemory(Shape, frozen=True, kw_only=True):
    system: MemoryPart | None = None
    error: str | None = None


class ServerMemory(Shape, frozen=True, kw_only=True):
    cuda: CudaMemory | None = None


class Settings(Shape, frozen=True, kw_only=True):
    """The server's own options, as far as a request overrides them. Of another type: the server is poisoned.

    All its numbers are whole ones, though it tells them as 192.0; a float posted back in place of an int poisons it.
    """

    sd_model_checkpoint: str | None = None
    sd_vae: str | None = None
    forge_additional_modules: list[str] | None = None
    CLIP_stop_at_last_layers: int | float | None = None
    samples_format: str | None = None
    return_grid: bool | None = None
    return_mask: bool | None = None
    return_mask_composite: bool | None = None
    ESRGAN_tile: int | float | None = None
    ESRGAN_tile_overlap: int | float | None = None
    DAT_tile: int | float | None = None
    DAT_tile_overlap: int | float | None = None
    SWIN_tile: int | float | None = None
    SWIN_tile_overlap: int | float | None = None


class Routes(Shape, frozen=True, kw_only=True):
    paths: dict[str, object] | None = None
    info: dict[str, object] | None = None
