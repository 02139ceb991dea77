"""`learn insights --records FILE`: exactly what the contract says, words for people, one sentence for a wrong file."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon import learning_verbs

Lines = list[dict[str, Any]]


def rated(n: int, pack: str = "poppies", **more: object) -> Lines:
    """As somebody would write it by hand from the contract; 30 steps are liked."""
    drawn = random.Random(pack)
    return [
        {
            "id": f"{pack}-{at}", "at": f"2026-05-{1 + at // 30:02}T20:{at % 30:02}:00Z", "session": at // 30,
            "pack": pack, "prompt": "Mohn & Gräser", "seed": at // 3, "run": "r1",
            "params": {"steps": (20, 25, 30)[at % 3], "sampler": drawn.choice(["Euler a", "DDIM"])},
            "stars": min(5, max(1, round(2 + (at % 3 == 2) * 2 + drawn.gauss(0, 0.5)))), "tags": [], **more,
        }
        for at in range(n)
    ]  # fmt: skip


def written(folder: Path, lines: Lines) -> str:
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return str(file)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert learning_verbs.main(["learn-insights", *words, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("}\n") and out.count("\n") == 1
    document: dict[str, Any] = json.loads(out)
    return document


def test_claims_and_one_preset_per_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked(capsys, written(tmp_path, [*rated(90), *rated(1, "Blüten 🌸")]))
    (claim,) = told["claims"]
    assert (claim["pack"], claim["param"], claim["better"], claim["worse"]) == ("poppies", "steps", [30], [20, 25])
    assert claim["confidence"] > 0.95 and claim["text"].startswith("For this pack, 30 steps clearly score higher than")
    assert claim["evidence"]["better_n"] == 30 and claim["evidence"]["same_seed"] == 30
    assert [one["pack"] for one in told["presets"]] == ["Blüten 🌸", "poppies"]
    for one in told["presets"]:
        assert set(one["params"]) == {"steps", "sampler"} and 0 <= one["p_better_than_current"] <= 1


def test_of_a_pack_with_sketches_and_real_pictures_there_is_one_preset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sketches = [{**line, "id": f"s{line['id']}", "at": line["at"].replace("2026", "2027")} for line in rated(31)]
    told = asked(capsys, written(tmp_path, [*rated(31), *({**line, "backend": "sketch"} for line in sketches)]))
    (preset,) = told["presets"]
    assert len(told["packs"]) == 2 and preset["current"] == sketches[-1]["params"]


def test_one_pack_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, [*rated(40), *rated(3, "tulips")])
    assert [one["pack"] for one in asked(capsys, file, "--pack", "tulips")["presets"]] == ["tulips"]
    assert learning_verbs.main(["learn-insights", file, "--pack", "tulip"]) == 2
    assert capsys.readouterr().err == f"{file}: no record is of a pack 'tulip'. Did you mean 'tulips'?\n"


def test_a_pack_of_which_no_record_counts_has_its_preset_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = rated(1, better_than="nobody", stars=0)
    file = written(tmp_path, [line, *rated(2, "tulips")])
    told = asked(capsys, file)
    assert [(one["pack"], one["params"] == one["current"]) for one in told["presets"]] == [
        ("poppies", True),
        ("tulips", True),
    ]
    assert len(asked(capsys, file, "--pack", "poppies")["presets"]) == 1


def test_a_file_without_records_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, [])
    assert learning_verbs.main(["learn-insights", file, "--json"]) == 0
    assert capsys.readouterr().out == '{"claims":[],"presets":[]}\n'
    assert learning_verbs.main(["learn-insights", file]) == 0
    assert capsys.readouterr().out == "There are no verdicts that count yet, so there is nothing to say.\n"


def test_the_same_verdicts_in_any_order_print_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [*rated(60), *rated(40, "tulips")]
    first = asked(capsys, written(tmp_path, lines))
    random.Random(3).shuffle(lines)
    assert asked(capsys, written(tmp_path, lines)) == first


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":2:2: this is no JSON"),
        ('{"id": 1, "params": {}, "at": "2026-05-01", "stars": 7}', ":2:45: stars is 7. Ratings are whole numbers"),
        ("\x1b[31m", ":2:1: this is no JSON"),
    ],
)
def test_a_wrong_line_is_one_sentence(line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(rated(1)[0]) + "\n" + line + "\n")
    assert learning_verbs.main(["learn-insights", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"{file}{said}") and err.count("\n") == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learning_verbs.main(["learn-insights", str(tmp_path / "none.jsonl")]) == 2
    assert "it cannot be read: no such file or directory. Name a file of records" in capsys.readouterr().err
    assert learning_verbs.main(["learn-insights"]) == 2


def test_names_steer_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, rated(3, "\x1b[31mred\u202e"))
    assert learning_verbs.main(["learn-insights", file]) == 0
    assert learning_verbs.main(["learn-insights", file, "--json"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out


def test_the_command_prints_it_for_people(tmp_path: Path) -> None:
    file = written(tmp_path, rated(90))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tui.cli", "learn", "insights", "--records", file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith("poppies: 90 ratings\n  1 thing is known of this pack from 90 ratings, clearly.\n")
    assert "  • For this pack, 30 steps clearly score higher than 20 to 25 (" in done.stdout
