"""What goes on inside a pretended WebUI: its jobs, its pictures and what it says of them.

Times are short; everything else is as the two servers were seen to do it.
"""

import base64
import io
import json
import threading
from dataclasses import dataclass, field

from PIL import Image, PngImagePlugin
from webui_state import SAMPLERS, SCHEDULERS, Failure, Fifo, Json, Options, State

Sent = tuple[Image.Image, str]
"""A picture and its infotext, not yet encoded."""


@dataclass
class Engine:
    flavour: str = "forge"
    step_s: float = 0.0
    load_s: float = 0.0
    decode_s: float = 0.0
    between_s: float = 0.0
    """After a job, before the next of the queue begins: it shows no job then."""
    encode_s: float = 0.0
    """Of the answer, while the next job runs."""
    fault: Failure | None = None
    """Raised by every job."""
    black: bool = False
    truncated: bool = False
    page_for_picture: bool = False
    without_network: bool = False
    """Scripts that are always on fail inside, which only the log tells."""
    swap_sampler: str = ""
    """Used instead of the one asked for."""
    swap_model: str = ""
    weights: bool = False
    """Of the interrogator and the face restorers."""
    models: list[str] = field(default_factory=lambda: ["other.safetensors", "sub/deep.safetensors", "toy.safetensors"])
    vaes: list[str] = field(default_factory=lambda: ["sea.safetensors", "sky.vae.pt"])
    loras: list[str] = field(default_factory=lambda: ["haze"])
    embeddings: list[str] = field(default_factory=lambda: ["fine_detail"])
    detail_fields: tuple[str, ...] = ("ad_mask_k", "ad_mask_filter_method")
    state: State = field(default_factory=State)
    loaded: str = ""
    current_task: str = ""
    ended: list[Json] = field(default_factory=list)
    """Jobs that ran: what was asked, how many steps were done, whether it was cut short."""

    def __post_init__(self) -> None:
        self.lock = Fifo()
        self.options = Options(self.flavour)
        self.pending: list[str] = []
        self.dead = threading.Event()

    # One job ------------------------------------------------------------------------------------

    def paint(self, kind: str, asked: Json) -> Json:
        task = str(asked.get("force_task_id") or "")
        self.pending.append(task)
        with self.lock:
            self.pending.remove(task)
            if self.dead.is_set():
                raise Failure("Dead", "")
            self.state.begin(f"scripts_{kind}")
            self.current_task = task
            try:
                answer, sent = self._painted(kind, asked)
            finally:
                self.current_task = ""
                self.state.end()
                self._rest(self.between_s)
        self._rest(self.encode_s)
        images = [self._encoded(picture, text) for picture, text in sent]  # after the overrides were put back
        return {"images": images if asked.get("send_images", True) else [], **answer}

    def _painted(self, kind: str, asked: Json) -> tuple[Json, list[Sent]]:
        if self.fault:
            raise self.fault
        if self.options.poisoned and self.flavour == "forge":
            raise Failure("TypeError", "'>' not supported between instances of 'str' and 'int'")
        self._refuse(asked)
        overrides = dict(asked.get("override_settings") or {})
        known = set(self.models) | {name.rpartition("/")[2].partition(".")[0] for name in self.models}
        if overrides.get("sd_model_checkpoint") not in known:
            overrides.pop("sd_model_checkpoint", None)
        before = self.options.override(overrides)
        try:
            self._load(str(self.options["sd_model_checkpoint"]))
            return self._sampled(kind, asked)
        finally:
            if asked.get("override_settings_restore_afterwards", True):
                self.options.stored |= before

    def _refuse(self, asked: Json) -> None:
        steps = asked.get("steps", 50)
        if not isinstance(steps, int):
            raise Failure("schema", "steps", 422)
        if steps == 0:
            raise Failure("ZeroDivisionError", "division by zero")
        if asked.get("batch_size", 1) == 0:
            raise Failure("IndexError", "list index out of range")
        if asked.get("enable_hr"):
            if self.flavour == "forge" and asked.get("hr_additional_modules") is None:
                raise Failure("TypeError", "argument of type 'NoneType' is not iterable")
            if asked.get("hr_upscaler") not in ("Latent", "Lanczos", "4x-sharp"):
                raise Failure("Exception", f"could not find upscaler named {asked.get('hr_upscaler')}")
        if "init_images" in asked and not asked["init_images"]:
            raise Failure("IndexError", "list index out of range")

    def _load(self, name: str) -> None:
        if name != self.loaded:
            self._rest(self.load_s)
            self.loaded = name

    def _rest(self, seconds: float) -> None:
        if seconds and self.dead.wait(seconds):
            raise Failure("Dead", "")

    def _sampled(self, kind: str, asked: Json) -> tuple[Json, list[Sent]]:
        state = self.state
        batches, steps = int(asked.get("n_iter", 1)), int(asked["steps"])
        passes = 2 if asked.get("enable_hr") else 1
        state.job_count = batches * passes
        done, images = 0, []
        for batch in range(batches):
            if state.interrupted:
                break
            if batches > 1:
                state.job = f"Batch {batch + 1} out of {batches}"
            for _ in range(passes):
                state.sampling_steps, state.sampling_step = steps, 0
                for _ in range(steps):
                    if state.interrupted or state.skipped:
                        break
                    self._rest(self.step_s)
                    state.sampling_step += 1
                    done += 1
                self._rest(self.decode_s)
                state.job_no += 1
            images += [self._picture(asked) for _ in range(int(asked.get("batch_size", 1)))]
            state.skipped = False
        self.ended.append({"asked": asked, "steps": done, "cut": state.interrupted})
        return self._answer(kind, asked, images)

    # Its pictures and what it says of them ------------------------------------------------------

    def _picture(self, asked: Json) -> Image.Image:
        """Cut to multiples of 8; each seed has its colour."""
        scale = float(asked.get("hr_scale", 1)) if asked.get("enable_hr") else 1.0
        size = [max(8, int(int(asked[side]) * scale) // 8 * 8) for side in ("width", "height")]
        seed = int(asked.get("seed", 0))
        colour = (0, 0, 0) if self.black else (seed * 53 % 200 + 20, seed * 97 % 200 + 20, 140)
        if asked.get("script_name"):
            first = Image.open(io.BytesIO(base64.b64decode(asked["init_images"][0])))
            factor = float(asked["script_args"][3])
            size = [int(side * factor) // 8 * 8 for side in first.size]
        if asked.get("alwayson_scripts", {}).get("ADetailer"):
            size = Image.open(io.BytesIO(base64.b64decode(asked["init_images"][0]))).size
        picture = Image.new("RGB", tuple(size), colour)
        picture.putpixel((0, 0), (255, 255, 255))
        return picture

    def _answer(self, kind: str, asked: Json, images: list[Image.Image]) -> tuple[Json, list[Sent]]:
        sampler = str(asked.get("sampler_name") or "Euler")
        sampler = self.swap_sampler or (sampler if sampler in SAMPLERS else SAMPLERS[0])
        skipped = asked.get("alwayson_scripts", {}).get("ADetailer", {}).get("args", [])[1:2] == [True]
        sampler = "Euler" if skipped else sampler  # its own choice for the img2img that it skips
        schedule = next((b for a, b in SCHEDULERS if asked.get("scheduler") in (a, b)), "Automatic")
        seeds = [int(asked["seed"]) + i for i in range(int(asked.get("batch_size", 1)) * int(asked.get("n_iter", 1)))]
        model = self.swap_model or self.loaded.rpartition("/")[2].partition(".")[0]
        vae = self.options["sd_vae"] if self.flavour == "a1111" else None
        facts = {"Steps": asked["steps"], "Sampler": sampler, "Schedule type": schedule,
                 "CFG scale": asked.get("cfg_scale"), "Size": f"{asked['width']}x{asked['height']}",
                 "Model": model, **self._told_settings(vae), **self._told_scripts(asked)}  # fmt: skip
        texts = [self._infotext(asked, facts, seed) for seed in seeds[: len(images)]]
        sent = list(zip(images, texts, strict=True))
        first = 0
        if asked.get("save_images") and len(sent) > 1 and self.options["return_grid"]:
            sent.insert(0, (Image.new("RGB", (images[0].width * 2, images[0].height)), texts[0]))
            texts.insert(0, texts[0])
            first = 1
        maps = [] if self.without_network else asked.get("alwayson_scripts", {}).get("ControlNet", {}).get("args", [])
        sent += [(Image.new("RGB", images[0].size, (9, 9, 9)), "") for _ in maps]
        info = {"all_seeds": seeds, "width": asked["width"], "height": asked["height"], "sampler_name": sampler,
                "steps": asked["steps"], "cfg_scale": asked.get("cfg_scale"), "sd_model_name": model,
                "sd_model_hash": None, "sd_vae_name": vae if vae not in ("Automatic", "None") else None,
                "index_of_first_image": first, "infotexts": texts, "job_timestamp": self.state.job_timestamp,
                "version": "1.10.1" if self.flavour == "a1111" else "f2.0.1v1.10.1"}  # fmt: skip
        return {"parameters": asked, "info": json.dumps(info)}, sent

    def _told_settings(self, vae: object) -> Json:
        skip = self.options["CLIP_stop_at_last_layers"]
        told: Json = {"Clip skip": skip} if skip != 1 else {}
        if self.flavour == "forge":
            for number, name in enumerate(self.options["forge_additional_modules"]):
                if name in self.vaes or name == "t5.safetensors":
                    told[f"Module {number + 1}"] = str(name).rpartition(".")[0]
        elif vae in self.vaes:
            told["VAE"] = vae
        return told

    def _told_scripts(self, asked: Json) -> Json:
        told: Json = {}
        scripts = asked.get("alwayson_scripts", {})
        for number, unit in enumerate(scripts.get("ControlNet", {}).get("args", [])):
            told[f"ControlNet {number}"] = f"Module: {unit['module']}, Model: {unit['model']}"
        if detail := scripts.get("ADetailer"):
            fields = detail["args"][2]
            renamed = {"ad_mask_k", "ad_mask_filter_method", "ad_mask_k_largest"}
            if set(fields) & renamed <= set(self.detail_fields):
                told["ADetailer model"] = fields["ad_model"]
        if asked.get("refiner_checkpoint"):
            told["Refiner"] = asked["refiner_checkpoint"]
        return told

    def _infotext(self, asked: Json, facts: Json, seed: int) -> str:
        pairs = {**facts, "Seed": seed}
        line = ", ".join(f"{key}: {json.dumps(value) if ',' in str(value) else value}" for key, value in pairs.items())
        return f"{asked['prompt']}\nNegative prompt: {asked['negative_prompt']}\n{line}"

    def _encoded(self, picture: Image.Image, text: str) -> str:
        """In the format that is set now, after overrides were put back."""
        if self.page_for_picture:
            return base64.b64encode(b"<html><body>sorry</body></html>").decode()
        out, form = io.BytesIO(), str(self.options["samples_format"])
        if form == "png":
            chunks = PngImagePlugin.PngInfo()
            chunks.add_text("parameters", text)
            picture.save(out, "PNG", pnginfo=chunks)
        else:
            picture.save(out, {"jpg": "JPEG", "webp": "WEBP"}[form])
        content = out.getvalue()
        return base64.b64encode(content[: len(content) // 2] if self.truncated else content).decode()

    def preview(self) -> str:
        return self._encoded(Image.new("RGB", (64, 64), (self.state.sampling_step % 255, 50, 90)), "")

    # Extras and interrogation -------------------------------------------------------------------

    def extra(self, asked: Json, images: list[str]) -> tuple[list[str], str]:
        with self.lock:
            self.state.begin("extras")
            try:
                if self.fault:
                    raise self.fault
                if not isinstance(self.options["ESRGAN_tile"], int):
                    raise Failure("TypeError", "'float' object cannot be interpreted as an integer")
                self._rest(self.step_s)
                self.ended.append({"asked": asked, "tile": self.options["ESRGAN_tile"]})
                return [self._enlarged(asked, image) for image in images], "<p>Postprocess upscaler: 4x-sharp</p>"
            finally:
                self.state.end()

    def _enlarged(self, asked: Json, image: str) -> str:
        """The factor's size is rounded down to multiples of 8; a fixed size is cropped, or padded with black."""
        picture = Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB")
        if asked["upscaler_1"] != "None":
            if asked["resize_mode"] == 1:
                size = (asked["upscaling_resize_w"], asked["upscaling_resize_h"])
            else:
                size = tuple(int(side * asked["upscaling_resize"]) // 8 * 8 for side in picture.size)
            picture = picture.resize(size)
        if self.weights and (asked["gfpgan_visibility"] or asked["codeformer_visibility"]):
            picture = picture.point(lambda value: min(255, value + 9))
        return self._encoded(picture, "")

    def caption(self, model: str) -> str:
        with self.lock:
            self.state.begin("interrogate")
            self.state.end()
            return f"a lighthouse, by {model}" if self.weights else "<error>"
