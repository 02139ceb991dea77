"""What the models folder offers, read without torch: names, families, what is passed over and why."""

import sys
import time
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_notes`

from diffusers_notes import diffusers_folder, safetensors

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import has_tensors, scan
from agent.backends.diffusers.header import FIRST, NotSafetensors, lora_family, read_header

SD1 = {"cond_stage_model.transformer.text_model.x": [1], FIRST: [320, 4, 3, 3]}
SD2 = {"cond_stage_model.model.transformer.x": [1], FIRST: [320, 4, 3, 3]}
SDXL = {"conditioner.embedders.0.transformer.x": [1], "conditioner.embedders.1.model.x": [1]}
REFINER = {"conditioner.embedders.0.model.transformer.x": [1]}
FLUX = {"double_blocks.0.img_attn.x": [1]}
SD3 = {"model.diffusion_model.joint_blocks.0.x": [1]}


def families(folder) -> dict[str, str]:
    return {entry.name: entry.family for entry in folder.lists["models"].values()}


def test_every_family_is_known_by_its_names(tmp_path):
    for name, tensors in {"one": SD1, "two": SD2, "xl": SDXL, "ref": REFINER, "flux": FLUX, "three": SD3}.items():
        safetensors(tmp_path / f"{name}.safetensors", tensors)
    diffusers_folder(tmp_path / "folder")
    diffusers_folder(tmp_path / "deep" / "xlfolder", "StableDiffusionXLPipeline")
    diffusers_folder(tmp_path / "refolder", "StableDiffusionXLImg2ImgPipeline")
    diffusers_folder(tmp_path / "fluxfolder", "FluxPipeline")
    found = scan(tmp_path)
    assert families(found) == {
        "one.safetensors": "sd1", "two.safetensors": "sd2", "xl.safetensors": "sdxl", "ref.safetensors": "sdxl-refiner",
        "folder": "sd1", "deep/xlfolder": "sdxl", "refolder": "sdxl-refiner",
    }  # fmt: skip
    told = " ".join(found.passed)
    assert "flux.safetensors: flux is not among" in told
    assert "three.safetensors: sd3 is not among" in told
    assert "fluxfolder: FluxPipeline is not among" in told


def test_sections_lie_in_their_folders_in_any_spelling(tmp_path):
    safetensors(tmp_path / "Stable-diffusion" / "sub" / "a.safetensors", SD1)
    safetensors(tmp_path / "checkpoints" / "b.safetensors", SD1)
    safetensors(tmp_path / "VAE" / "soft.safetensors", {"decoder.x": [1]})
    safetensors(tmp_path / "Lora" / "styles" / "ink.safetensors", {"lora_te_x": [1]})
    safetensors(tmp_path / "embeddings" / "glow.safetensors", {"emb_params": [1]})
    safetensors(tmp_path / "ControlNet" / "lines.safetensors", {"x": [1]})
    (tmp_path / "ESRGAN").mkdir()
    (tmp_path / "ESRGAN" / "4x.pth").write_bytes(b"x")
    safetensors(tmp_path / "detectors" / "faces" / "model.safetensors", {"x": [1]})
    (tmp_path / "detectors" / "faces" / "config.json").write_text("{}")
    found = scan(tmp_path)
    assert {section: found.names(section) for section in found.lists if found.names(section)} == {
        "models": ("sub/a.safetensors", "b.safetensors"),
        "vaes": ("soft.safetensors",),
        "loras": ("styles/ink.safetensors",),
        "embeddings": ("glow.safetensors",),
        "controls": ("lines.safetensors",),
        "upscalers": ("4x.pth",),
        "detectors": ("faces",),
    }
    assert found.passed == ()


def test_two_of_one_name_are_both_there(tmp_path):
    safetensors(tmp_path / "a.safetensors", SD1)
    safetensors(tmp_path / "checkpoints" / "a.safetensors", SDXL)
    assert families(scan(tmp_path)) == {"a.safetensors": "sd1", "checkpoints/a.safetensors": "sdxl"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda whole: whole[: len(whole) // 2], "cut off"),
        (lambda whole: whole[:-1], "cut off"),
        (lambda whole: b"\xff" * 8 + whole[8:], "cut off, or no safetensors"),
        (lambda whole: b"", "cut off, or no safetensors"),
        (lambda whole: whole[:8] + b"<" + whole[9:], "no JSON"),
        (lambda whole: (2).to_bytes(8, "little") + b"[]", "no table"),
        (lambda whole: (9).to_bytes(8, "little") + b'{"a":"b"}', "nothing usable"),
    ],
)
def test_a_broken_file_is_passed_over_with_its_reason(tmp_path, spoil, says):
    path = safetensors(tmp_path / "a.safetensors", SD1)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(NotSafetensors, match=says):
        read_header(path)
    found = scan(tmp_path)
    assert found.names("models") == () and says in found.passed[0]


def test_pickles_beside_safetensors_need_not_be_opened(tmp_path):
    whole = diffusers_folder(tmp_path / "whole")
    assert has_tensors(whole)
    (whole / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"x")
    assert has_tensors(whole)
    (whole / "vae").mkdir()
    (whole / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"x")
    assert not has_tensors(whole), "this one has nothing else"
    assert not has_tensors(diffusers_folder(tmp_path / "empty", weights=False))


def header(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text + bytes(16)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("loras/deep.safetensors", header(b"[" * 200_000)),
        ("loras/endless.safetensors", header(b'{"a":{"shape":[1e999],"data_offsets":[0,4]}}')),
        ("controlnet/lines/config.json", b'{"cross_attention_dim":[1,2]}'),
        ("folder/model_index.json", b"[" * 200_000),
        ("folder/model_index.json", b'{"_class_name":"\\ud800"}'),
        ("folder/model_index.json", b'{"_class_name":{"a":["' + b"b" * 100_000 + b'"]}}'),
    ],
)  # fmt: skip
def test_a_hostile_file_harms_nobody_else(tmp_path, place, content):
    """given something of somebody's making beside a good model; then the good one is offered, and can be told."""
    safetensors(tmp_path / "good.safetensors", SD1)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_bytes(content)
    if place.endswith(".json"):
        safetensors((tmp_path / place).with_name("model.safetensors"), {"x": [1]})
    found = scan(tmp_path)
    assert families(found) == {"good.safetensors": "sd1"}
    assert msgspec.msgpack.encode(found.passed) and len(str(found.passed)) < 500


def test_a_file_that_may_not_be_read_is_passed_over_until_it_may(tmp_path, monkeypatch):
    safetensors(tmp_path / "a.safetensors", SD1), safetensors(tmp_path / "b.safetensors", SDXL)
    real = Path.open

    def guarded(path: Path, *named):
        if path.name == "a.safetensors":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *named)

    with monkeypatch.context() as other_user:
        other_user.setattr(Path, "open", guarded)
        found = scan(tmp_path)
        assert (families(found), found.passed) == ({"b.safetensors": "sdxl"}, ("a.safetensors: permission denied",))
    assert len(families(scan(tmp_path))) == 2


def test_a_second_look_at_a_thousand_files_takes_a_moment(tmp_path):
    for number in range(1000):
        safetensors(tmp_path / "loras" / f"{number % 10}" / f"{number}.safetensors", {"lora_te_x": [1]})
    scan(tmp_path)
    times = []
    for _ in range(5):
        began = time.process_time()
        assert len(scan(tmp_path).names("loras")) == 1000
        times.append(time.process_time() - began)
    assert min(times) < 0.025, "every stage begins with one"


def test_pickles_inpainting_models_and_settings_without_weights_are_passed_over(tmp_path):
    (tmp_path / "old.ckpt").write_bytes(b"x")
    safetensors(tmp_path / "paint.safetensors", {**SD1, FIRST: [320, 9, 3, 3]})
    diffusers_folder(tmp_path / "empty", weights=False)
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / ".hidden").mkdir()
    safetensors(tmp_path / ".hidden" / "a.safetensors", SD1)
    found = scan(tmp_path)
    assert found.names("models") == ()
    told = "\n".join(found.passed)
    assert "old.ckpt: a pickle can run programs" in told
    assert "paint.safetensors: an inpainting model" in told
    assert "empty: has settings but no weights" in told
    assert "readme" not in told and "hidden" not in told


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    found = scan(tmp_path / "nowhere")
    assert found.names("models") == () and "is no folder" in found.passed[0]


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path):
    safetensors(tmp_path / "harbour.safetensors", SD1)
    safetensors(tmp_path / "meadow.safetensors", SD1)
    found = scan(tmp_path)
    assert found.model("Harbour").name == "harbour.safetensors"
    assert found.model(None).name == "harbour.safetensors", "the first one, where nobody says which"
    with pytest.raises(BackendTrouble, match=r"no model 'harbor' here; the nearest are harbour.safetensors") as told:
        found.model("harbor")
    assert told.value.trouble == "bad-request"
    with pytest.raises(BackendTrouble, match="there is none in"):
        found.entry("loras", "ink", "LoRA")


def test_the_settings_of_a_single_file_are_looked_for_beside_it_and_among_its_family(tmp_path):
    model = scan_one(tmp_path, "a.safetensors")
    assert scan(tmp_path).configs(model) is None
    whole = diffusers_folder(tmp_path / "whole")
    assert scan(tmp_path).configs(model) == whole, "any diffusers folder of its family will do"
    shared = diffusers_folder(tmp_path / "configs" / "sd1", weights=False)
    assert scan(tmp_path).configs(model) == shared
    own = diffusers_folder(tmp_path / "a", weights=False)
    assert scan(tmp_path).configs(model) == own
    assert families(scan(tmp_path)) == {"a.safetensors": "sd1", "whole": "sd1"}, "settings alone are no model"


def scan_one(root: Path, name: str):
    safetensors(root / name, SD1)
    return scan(root).model(name)


@pytest.mark.parametrize(
    ("tensors", "said", "family"),
    [
        ({"lora_te_text_model_x": [1]}, {}, "sd1"),
        ({"lora_te2_text_model_x": [1]}, {}, "sdxl"),
        ({"lora_unet_x": [1]}, {}, ""),
        ({"lora_unet_x": [1]}, {"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        ({"lora_unet_x": [1]}, {"ss_base_model_version": "sd_v1"}, "sd1"),
        ({"lora_unet_x": [1]}, {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "sdxl"),
    ],
)
def test_the_family_of_a_lora(tmp_path, tensors, said, family):
    assert lora_family(read_header(safetensors(tmp_path / "a.safetensors", tensors, said))) == family


def test_a_changed_file_is_read_again(tmp_path):
    safetensors(tmp_path / "a.safetensors", SD1)
    assert families(scan(tmp_path)) == {"a.safetensors": "sd1"}
    safetensors(tmp_path / "a.safetensors", SDXL)
    assert families(scan(tmp_path)) == {"a.safetensors": "sdxl"}
