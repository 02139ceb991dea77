"""Headers of strangers: bounded, told in words, and a file that is still being written is known as such."""

import io
import json
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from models_made import KOHYA, safetensors

from daemon.library.models.fingerprint import fingerprint, hashes
from daemon.library.models.header import MOST, read_header
from daemon.library.models.loose import Loose, loads


def header_of(data):
    return read_header(io.BytesIO(data), len(data))


def packed(text, data=b""):
    return struct.pack("<Q", len(text)) + text + data


def test_metadata_and_shapes_are_read(tmp_path):
    data = safetensors(tmp_path / "a.safetensors", KOHYA).read_bytes()

    header = header_of(data)

    assert header.metadata["ss_output_name"] == "sea haze" and not header.trouble
    assert set(header.tensors.values()) == {(4, 768)}


@pytest.mark.parametrize("kept", [0, 3, 8, 100, 6_500])
def test_a_file_that_is_cut_is_known_as_such(tmp_path, kept):
    data = safetensors(tmp_path / "a.safetensors").read_bytes()[:kept]

    header = header_of(data)

    assert header.short and f"only {kept:,} of" in header.trouble and "still being written" in header.trouble


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", MOST + 1) + b"{}",
        packed(b"not json at all"),
        packed(b"\xff\xfe{}"),
        packed(b'{"a": {"dtype": "F16", "shape": "wide", "data_offsets": [0, 1]}}'),
        packed(b"[" * 200_000),
        packed(b'{"a":' * 50_000),
        packed(b'{"a": {"shape": [1], "data_offsets": [0, 99999999999999999999999]}}'),
        packed(b'{"__metadata__": [1]}'),
    ],
)
def test_a_hostile_header_is_told_and_costs_nothing(data):
    header = header_of(data)

    assert header.trouble and not header.tensors


def test_values_that_are_no_text_are_taken_as_their_json():
    text = json.dumps({"__metadata__": {"ss_tag_frequency": {"a": {"b": 1}}, "n": 3, "gone": None}}).encode()

    assert header_of(packed(text)).metadata == {"ss_tag_frequency": '{"a": {"b": 1}}', "n": "3", "gone": "null"}


def test_halves_of_letters_become_something_that_can_be_kept():
    spoken = header_of(packed(b'{"__metadata__": {"a": "sea \\ud800", "b": ["\\udfff"]}}')).metadata
    said = Loose(loads(b'{"name": "\\ud800", "tags": ["\\udfff x"], "counts": {"\\ud800": 2}}'))
    for text in (*spoken.values(), said.text("name"), *said.texts("tags"), *said.inner("counts").counts()):
        assert text.encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**64 - 1) | st.none())
def test_any_bytes_are_read_or_told_of(data, length):
    whole = data if length is None else struct.pack("<Q", length) + data

    header = header_of(whole)

    assert header.trouble or header.size <= len(whole)


def test_the_fingerprint_is_of_content_alone_and_notices_every_end(tmp_path):
    one = safetensors(tmp_path / "a.safetensors", KOHYA, tensors=30).read_bytes()
    size = header_of(one).size

    def key(data):
        return fingerprint(io.BytesIO(data), len(data), size)

    assert key(one) == key(bytes(one))
    changed = [one[:20] + b"?" + one[21:], one[:-1] + b"?", one[: size + 5] + b"?" + one[size + 6 :], one + b"?"]
    assert len({key(data) for data in (one, *changed)}) == 5


def test_hashes_are_those_that_sites_and_programs_use(tmp_path):
    import hashlib

    path = tmp_path / "a.safetensors"
    path.write_bytes(packed(b"{}", bytes(range(256)) * 5000))
    data = path.read_bytes()

    found = hashes(path, 10)

    assert found == {
        "sha256": hashlib.sha256(data).hexdigest(),
        "autov1": hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8],
        "autov2": hashlib.sha256(data).hexdigest()[:10],
        "autov3": hashlib.sha256(data[10:]).hexdigest()[:12],
    }
    assert hashes(path, 10, lambda: True) == {}
