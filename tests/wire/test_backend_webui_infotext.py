"""The text that a WebUI writes into its pictures, also as a stranger may have written it."""

import time
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from agent.backends.webui.infotext import fields, fields_in

pytestmark = pytest.mark.servers

REAL = (
    "a mill: by the sea, (fog:1.2)\nNegative prompt: rain\n"
    "Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 832x1216, Model: toy, "
    'ADetailer prompt: "a face, smiling: \\"hello\\"", Hashes: {"model": "ab12"}, Lora hashes: "haze: 12, mist: 34", '
    "Styles: [one, two], Clip skip: 2, Version: f2.0.1"
)
N = 250_000


def test_the_fields_of_a_real_text() -> None:
    assert fields(REAL) == {
        "Steps": "24", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "6.5", "Seed": "42",
        "Size": "832x1216", "Model": "toy", "ADetailer prompt": 'a face, smiling: "hello"',
        "Hashes": '{"model": "ab12"}', "Lora hashes": "haze: 12, mist: 34", "Styles": "[one, two]", "Clip skip": "2",
        "Version": "f2.0.1",
    }  # fmt: skip


def test_the_line_of_parameters_is_found_before_lines_of_other_tools_and_after_a_long_prompt() -> None:
    assert fields("word " * N + "\n" + REAL + "\nTemplate: a mill")["Seed"] == "42"


@pytest.mark.parametrize("text", ["", "a mill", "Steps: 1, Seed: 2", "::::", ",,,,", "é: 1"])
def test_a_text_without_parameters_has_no_fields(text: str) -> None:
    assert fields(text) == {}


def test_what_never_closes_ends_at_the_comma() -> None:
    told = fields('Steps: 1, Seed: "2, Model: [toy, VAE: {a, Size: 8x8')
    assert told == {"Steps": "1", "Seed": "2", "Model": "[toy", "VAE": "{a", "Size": "8x8"}


@pytest.mark.parametrize(
    "text",
    [
        "word " * N, "a" * N, " " * N, ":" * N, "a:" * N, "a: " * N, "a: [" * N, "a: [" * N + "]x", 'a: "' * N,
        'a: "\\' * N, 'a: "\\", ' * N, "a: {, " * N + "}x", "a,\n" * N, "a: 1\n" * N, "-" * N + ":" * N, "[" * N,
        ("-" * 99 + ":") * 9_000, "Steps: 1, Seed: 1, " + "word " * N,
    ],
    ids=range(18),
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    """It is read in one go that nothing can interrupt: every other job of the agent would stand still."""
    began = time.thread_time()
    fields(text)
    assert time.thread_time() - began < 0.15


def test_a_foreign_picture_with_a_megabyte_of_words(tmp_path: Path) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", "word " * 200_000)
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png", pnginfo=told)
    began = time.thread_time()
    assert fields_in(tmp_path / "in.png") == {}
    assert time.thread_time() - began < 0.5
