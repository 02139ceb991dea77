"""`python -P -m daemon plan-trace FILE`: a line of JSON per stage, or one sentence and exit code 2."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon import rehearsal

TRACE: dict[str, Any] = {
    "version": 1,
    "net_mb_s": 100.0,
    "models": {"sdxl-a": {"gb": 6.5}},
    "nodes": [
        {"id": "n1", "vram_gb": 8, "speed": 1, "load_gb_s": 1.0, "resident": None},
        {"id": "n2", "vram_gb": 24, "speed": 4.0, "load_gb_s": 2.0, "resident": "sdxl-a"},
    ],
    "jobs": [
        {
            "id": "j1", "pack": "p", "lane": "batch", "arrival": 1.5,
            "stages": [
                {"kind": "txt2img", "model": "sdxl-a", "vram_gb": 12.0, "work_s": 40.0, "out_mb": 2.0},
                {"kind": "upscale", "model": None, "vram_gb": 4.0, "work_s": 8.0, "out_mb": 12.0},
            ],
        }
    ],
}  # fmt: skip


def test_each_stage_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(TRACE))
    assert rehearsal.main(["plan-trace", str(file)]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert list(first) == ["job", "stage", "node", "start", "end", "why"]
    assert (first["job"], first["stage"], first["node"], first["start"], first["end"]) == ("j1", 0, "n2", 1.5, 11.5)
    assert (second["stage"], second["node"], second["start"], second["end"]) == (1, "n2", 11.5, 13.5)
    assert "n2" in first["why"]


def test_a_bad_trace_is_one_sentence_with_the_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.json"
    bad = json.loads(json.dumps(TRACE))
    bad["jobs"][0]["id"] = "\x1b[31mred"
    bad["jobs"][0]["stages"][1]["vram_gb"] = 48
    file.write_text(json.dumps(bad))
    assert rehearsal.main(["plan-trace", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"{file}: jobs[0].stages[1].vram_gb: stage 1 of job '?[31mred' needs 48 GB, and no node has more than 24.\n"
    )


@pytest.mark.parametrize("words", [["plan-trace"], ["plan-trace", "a", "b"]])
def test_without_a_file_it_says_how(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsal.main(words) == 2
    assert capsys.readouterr().err == "usage: plan-trace FILE\n"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsal.main(["plan-trace", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.endswith("none: it cannot be read: no such file or directory.\n")


def test_as_a_program_of_its_own_it_reads_a_pipe() -> None:
    command = [sys.executable, "-P", "-m", "daemon", "plan-trace", "-"]
    ran = subprocess.run(command, input=json.dumps(TRACE), capture_output=True, text=True, timeout=60, check=True)
    assert len(ran.stdout.splitlines()) == 2
    assert ran.stderr == ""
