"""The diffusers process with real torch in it: stopped, killed, out of memory, with models that come and go."""

import io
import os
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_trial`

from diffusers_notes import Notes
from diffusers_trial import NEEDS_TORCH, TXT, opened, run
from PIL import Image

from agent.backends import BackendTrouble, Cancelled

pytest_plugins = ["diffusers_fixtures"]
pytestmark = NEEDS_TORCH


def test_previews_are_made_while_somebody_watches(backend):
    slow = TXT.model_copy(update={"width": 128, "height": 128, "steps": 60})
    watched, alone = Notes(previews=True), Notes()
    run(backend, slow, notes=watched)
    run(backend, TXT, notes=alone)
    assert watched.shown and alone.shown == []
    assert max(Image.open(io.BytesIO(watched.shown[0])).size) == 320


def test_cancel_within_a_step_and_the_next_stage_is_well(backend):
    long = TXT.model_copy(update={"steps": 400})
    notes = Notes(until=lambda step, steps, doing: doing == "sampling" and step >= 3)
    before = backend._child.pid
    with pytest.raises(Cancelled):
        run(backend, long, notes=notes)
    assert notes.wished and time.monotonic() - notes.wished < 2.0
    assert run(backend, TXT).pictures and backend._child.pid == before


def test_kill_minus_nine_in_the_middle_of_a_stage(backend):
    expected = run(backend, TXT).pictures[0].content
    pid = backend._child.pid
    notes = Notes(until=lambda step, steps, doing: doing == "sampling" and step == 5 and os.kill(pid, signal.SIGKILL))
    with pytest.raises(BackendTrouble, match="SIGKILL") as told:
        run(backend, TXT.model_copy(update={"steps": 400}), notes=notes)
    assert told.value.trouble == "lost"
    assert run(backend, TXT).pictures[0].content == expected
    assert backend._child.pid != pid


def test_memory_ends_one_stage_and_not_the_process(models, tmp_path):
    """given a process that may have one gigabyte; when a picture needs more; then only that one is out of memory."""
    for backend in opened(models, tmp_path, "--ram-gb", "1"):
        with pytest.raises(BackendTrouble, match="memory is full") as told:
            run(backend, TXT.model_copy(update={"width": 2048, "height": 2048}))
        assert told.value.trouble == "out-of-memory"
        before = backend._child.pid
        assert run(backend, TXT).pictures and backend._child.pid == before


def test_models_come_and_go_by_use_and_are_counted(models, tmp_path):
    """given room for two small painters; the third throws out the one used longest ago."""
    for backend in opened(models, tmp_path, "--limit-gb", "0.015"):
        resident = []
        for name in ("toy", "other", "toy", "xl"):
            made = run(backend, TXT.model_copy(update={"model": name}))
            resident.append(backend.memory().resident)
            assert float(made.reported["models_gb"] or 0) <= 0.015
        assert resident == [("toy",), ("other", "toy"), ("toy", "other"), ("xl",)] or resident[-1][0] == "xl"
        assert int(made.reported["evicted"] or 0) >= 1
        assert run(backend, TXT).loaded_s > 0 and run(backend, TXT).loaded_s < 0.1


def test_a_model_that_never_fits_is_out_of_memory(models, tmp_path):
    for backend in opened(models, tmp_path, "--limit-gb", "0.001"):
        with pytest.raises(BackendTrouble, match="toy needs") as told:
            run(backend, TXT)
        assert told.value.trouble == "out-of-memory"


def test_free_gives_everything_back(models, tmp_path):
    for backend in opened(models, tmp_path):
        first = run(backend, TXT)
        assert backend.memory().resident == ("toy",)
        pid = backend._child.pid
        backend.free()
        assert backend.memory().resident == () and backend.card().state == "ready"
        again = run(backend, TXT)
        assert again.pictures[0].content == first.pictures[0].content
        assert again.loaded_s > 0 and backend._child.pid != pid


def test_nan_makes_a_picture_suspect(models, tmp_path):
    """given a VAE that computes no numbers, as SDXL's does in half precision."""
    import torch
    from diffusers import AutoencoderKL

    broken = AutoencoderKL.from_pretrained(str(models / "vae" / "soft"))
    with torch.no_grad():
        broken.decoder.conv_out.bias.fill_(float("nan"))
    broken.save_pretrained(models / "vae" / "broken")
    for backend in opened(models, tmp_path):
        made = run(backend, TXT.model_copy(update={"vae": "broken"}))
        assert made.suspect and "NaN" in made.suspect and made.pictures


def test_a_torn_model_is_named(models, tmp_path):
    import shutil

    shutil.copytree(models / "toy", models / "torn")
    weights = models / "torn" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    for backend in opened(models, tmp_path):
        with pytest.raises(BackendTrouble, match="torn cannot be loaded") as told:
            run(backend, TXT.model_copy(update={"model": "torn"}))
        assert told.value.trouble == "bad-request"
        assert run(backend, TXT).pictures
    shutil.rmtree(models / "torn")


def test_a_pickle_beside_safetensors_is_never_opened(models, tmp_path):
    """given good weights under a name that nobody looks for, and pickles under the usual one; then it is refused."""
    import shutil

    import torch
    from safetensors.torch import load_file

    toy = tmp_path / "models" / "toy"
    shutil.copytree(models / "toy", toy)
    weights = toy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    for backend in opened(tmp_path / "models", tmp_path):
        assert run(backend, TXT).pictures
        weights.rename(weights.with_name("other.safetensors"))
        backend.free()
        with pytest.raises(BackendTrouble, match="toy cannot be loaded"):
            run(backend, TXT)


def test_nothing_reaches_for_the_network(models, tmp_path):
    """Every connection is refused by the process itself here; all is found on the disk."""
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*a, **k):\n    raise AssertionError('the network was asked')\n"
        "socket.socket.connect = refuse\nsocket.getaddrinfo = refuse\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(guard))
        for backend in opened(models, tmp_path):
            assert run(backend, TXT).pictures
            with pytest.raises(BackendTrouble, match="no model"):
                run(backend, TXT.model_copy(update={"model": "someone/model-of-the-hub"}))
