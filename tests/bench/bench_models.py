"""Twenty thousand model files: found and read, looked through again, listed and chosen among, against bare reads.

    python tests/bench/bench_models.py [--files N] [--rounds N] [--json]

first       an index made from nothing, against opening every file and reading its header and its sidecar
again       after one file came, and all of it once more, against a bare walk that stats every file
started     the index read by a new daemon
listed      one list of the files and of a node that has them all
filtered    a FILTER over them
chosen      LoRAs that fit a prompt
"""

import argparse
import json
import os
import struct
import sys
from itertools import count
from pathlib import Path

from measure import Goal, Line, compared, finish, interleaved, scratch, seconds

from daemon.library.models.candidates import candidates
from daemon.library.models.filters import matching, parse
from daemon.library.models.index import Index
from daemon.library.models.rows import Owned, rows
from daemon.library.models.store import Store

FILES = 20_000
TENSORS = 60
SUBJECTS = ("sea", "fog", "ink", "dusk", "harbour", "pine", "glass", "snow", "lamp", "clay")


def make(root: Path, files: int) -> None:
    """LoRAs in folders of five hundred; two of three with a sidecar, one of three with a picture."""
    for number in range(files):
        folder = root / "Lora" / f"set{number // 500}"
        folder.mkdir(parents=True, exist_ok=True)
        lora(folder / f"{SUBJECTS[number % 10]}_{number}.safetensors", number)
        if number % 3:
            told = {"modelId": number, "baseModel": "SDXL 1.0", "trainedWords": [f"{SUBJECTS[number % 7]} {number}"],
                    "description": "<p>soft</p>" * 40, "model": {"name": f"Set {number}", "type": "LORA"}}  # fmt: skip
            (folder / f"{SUBJECTS[number % 10]}_{number}.civitai.info").write_text(json.dumps(told))
        if number % 3 == 1:
            (folder / f"{SUBJECTS[number % 10]}_{number}.preview.png").write_bytes(b"\x89PNG")


def lora(path: Path, number: int) -> None:
    header: dict[str, object] = {
        "__metadata__": {"ss_output_name": str(number), "ss_base_model_version": "sdxl_base_v1-0",
                         "ss_tag_frequency": json.dumps({"a": {f"{name} {number % 50}": 3 for name in SUBJECTS}})},
    }  # fmt: skip
    for at in range(TENSORS):
        name = f"lora_unet_input_blocks_{at}_1_transformer_blocks_0_attn2_to_k.lora_down.weight"
        header[name] = {"dtype": "F16", "shape": [8, 2048], "data_offsets": [at * 32, at * 32 + 32]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + number.to_bytes(8, "little") * (TENSORS * 4))


def bare_read(root: Path) -> None:
    """Everything the index cannot do without: each file's header and each sidecar, read and forgotten."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = f"{folder}/{name}"
            os.stat(path)  # noqa: PTH116 - as bare as it gets
            if name.endswith(".png"):
                continue
            with open(path, "rb") as file:  # noqa: PTH123
                if name.endswith(".safetensors"):
                    json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
                else:
                    json.loads(file.read())


def bare_walk(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.stat(f"{folder}/{name}")  # noqa: PTH116


def measure(folder: Path, files: int, rounds: int) -> list[Line]:
    root = folder / "models"
    make(root, files)
    numbers = count()

    def opened() -> Index:
        index = Index([root], Store(folder / f"{next(numbers)}.db"), lambda: 2e9)
        index.load()
        return index

    first = interleaved(
        rounds, {"mine": lambda: seconds(opened().scan), "bare": lambda: seconds(lambda: bare_read(root))}
    )
    index = Index([root], Store(folder / "kept.db"), lambda: 2e9)
    index.load()
    index.scan()

    def after_one() -> float:
        path = root / "Lora" / "set0" / f"new{next(numbers)}.safetensors"
        lora(path, next(numbers))
        return seconds(lambda: index.scan(touched={str(path)}))

    cases = {"one": after_one, "whole": lambda: seconds(index.scan), "bare": lambda: seconds(lambda: bare_walk(root))}
    again = interleaved(rounds, cases)
    started = seconds(Index([root], Store(folder / "kept.db"), lambda: 2e9).load)
    owned = tuple(Owned("loras", known.name.rpartition("/")[2], "box", "webui") for known in index.files.values())
    found = rows(index.files.values(), owned)
    wanted = parse("tag:sea list:loras fog", 0.0)
    return [
        compared("first look", "s", first["mine"], "headers and sidecars read", first["bare"], Goal("ratio", most=4)),
        compared("again after one came", "s", again["one"], "every file's stat", again["bare"], Goal("ratio", most=1)),
        compared("all of it again", "s", again["whole"], "every file's stat", again["bare"], Goal("ratio", most=6)),
        Line(what="index read at the start", value=started, unit="s", goal=Goal("value", most=2)),
        Line(what="one list with a node's names", value=seconds(lambda: rows(index.files.values(), owned)), unit="s"),
        Line(what="a FILTER over it", value=seconds(lambda: matching(found, wanted)), unit="s"),
        Line(what="LoRAs that fit a prompt", value=seconds(lambda: candidates(found, "a harbour in fog")), unit="s"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with scratch("models") as folder:
        finish(measure(folder, asked.files, asked.rounds), sys.argv)


if __name__ == "__main__":
    main()
