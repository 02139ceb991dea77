"""What is sent to txt2img and img2img: every field that changes the picture, always, as a default may hide in any.

Forge's own fields are sent to both: AUTOMATIC1111 leaves aside what it does not know.
"""

from typing import Literal

import msgspec

from agent.backends.webui.overrides import Value


class Script(msgspec.Struct):
    args: list[object]


class Sampled(msgspec.Struct, kw_only=True):
    prompt: str
    negative_prompt: str
    styles: list[str] = []
    seed: int
    subseed: int = 0
    subseed_strength: float = 0.0
    seed_resize_from_h: int = -1
    seed_resize_from_w: int = -1
    sampler_name: str
    scheduler: str | None
    steps: int
    cfg_scale: float
    distilled_cfg_scale: float = 3.5
    width: int
    height: int
    batch_size: int = 1
    n_iter: int = 1
    restore_faces: bool = False
    tiling: bool = False
    denoising_strength: float
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    do_not_save_samples: bool = True
    do_not_save_grid: bool = True
    disable_extra_networks: bool = False
    override_settings: dict[str, Value]
    override_settings_restore_afterwards: bool = True
    script_name: str | None = None
    script_args: list[object] = []
    alwayson_scripts: dict[str, Script] = {}
    send_images: bool = True
    save_images: bool = False
    force_task_id: str


class TextRequest(Sampled, kw_only=True):
    enable_hr: bool = False
    firstphase_width: int = 0
    firstphase_height: int = 0
    hr_scale: float = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int = 0
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""
    hr_cfg: float = 7.0
    """Forge's own default is 1."""
    hr_distilled_cfg: float = 3.5
    hr_additional_modules: list[str] = msgspec.field(default_factory=lambda: ["Use same choices"])
    """Without it Forge fails; empty means the checkpoint's own VAE whatever the first pass had."""


class PictureRequest(Sampled, kw_only=True):
    init_images: list[str]
    resize_mode: int = 0
    image_cfg_scale: float | None = None
    mask: str | None = None
    mask_blur: int = 4
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_round: bool = True
    inpainting_fill: int = 1
    inpaint_full_res: bool = False
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None
    include_init_images: bool = False


class ExtrasRequest(msgspec.Struct, kw_only=True):
    resize_mode: Literal[0, 1] = 0
    show_extras_results: bool = True
    gfpgan_visibility: float = 0.0
    codeformer_visibility: float = 0.0
    codeformer_weight: float = 0.0
    upscaling_resize: float = 1.0
    upscaling_resize_w: int = 512
    upscaling_resize_h: int = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = 0.0
    upscale_first: bool = False


class ExtrasSingle(ExtrasRequest, kw_only=True):
    image: str


class NamedImage(msgspec.Struct):
    data: str
    name: str


class ExtrasBatch(ExtrasRequest, kw_only=True):
    imageList: list[NamedImage]


class InterrogateRequest(msgspec.Struct):
    image: str
    model: str


class ControlUnit(msgspec.Struct, kw_only=True):
    enabled: bool = True
    module: str = "None"
    model: str
    weight: float
    image: str
    resize_mode: str
    processor_res: int
    threshold_a: float
    threshold_b: float
    guidance_start: float
    guidance_end: float
    pixel_perfect: bool
    control_mode: str
    low_vram: bool
    hr_option: str = "Both"
    save_detected_map: bool = True
    """The map comes as one more picture: the only sign that the unit really worked."""
