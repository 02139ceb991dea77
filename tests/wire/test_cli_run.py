"""The verbs run and plan against a small daemon: what is sent, what is told, and how a wait ends."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import DONE, PROGRESS, RUN, Asked, FakeDaemon, stablenew

from schema.errors import Exit


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    yield daemon
    daemon.close()


def test_run_waits_and_prints_the_folder(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "run", "--prompt", "a lighthouse", "--seed", "7")

    assert told.code == Exit.DONE
    assert told.out == "/results/k3mpw7ab\n"
    assert "Run k3mpw7ab: 3 jobs, seed 7" in told.err
    assert "1/3 jobs ended ETA 12s" in told.err
    assert fake.asked[-1].query == {"select": ["k3mpw7ab"]}


def test_run_json_is_what_scripts_rely_on(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "run", "--prompt", "a", "--json")

    assert told.document == DONE


def test_run_without_waiting_tells_the_four_facts(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "run", "--prompt", "a", "--no-wait", "--json")

    assert told.document == {name: RUN[name] for name in ("run", "plan_hash", "seed", "jobs")}
    assert fake.asked[-1].path == "/v1/runs"


@pytest.mark.parametrize("words", [("--hold",), ("--at", "2h"), ("--window", "22:00-06:00")])
def test_run_does_not_wait_for_what_starts_later(fake: FakeDaemon, words: tuple[str, ...]) -> None:
    told = stablenew(fake.home, "run", "--prompt", "a", *words)

    assert told.code == Exit.DONE
    assert told.out == "k3mpw7ab\n"


@pytest.mark.parametrize("count", ["failed", "cancelled"])
def test_a_waited_for_job_that_did_not_finish_is_five(fake: FakeDaemon, count: str) -> None:
    fake.follow = [{"done": {**DONE, "finished": 2, count: 1}}]

    told = stablenew(fake.home, "run", "--prompt", "a", "--json")

    assert told.code == Exit.JOB_FAILED
    assert told.document[count] == 1


def test_a_wait_survives_a_stream_that_breaks_off(fake: FakeDaemon) -> None:
    streams = iter([[{"progress": PROGRESS}], [{"done": DONE}]])
    whole = fake.answer

    def answer(asked: Asked) -> tuple[int, object]:
        return (200, next(streams)) if asked.path == "/v1/follow" else whole(asked)

    fake.answer = answer  # type: ignore[method-assign]

    assert stablenew(fake.home, "job", "wait", "k3mpw7ab").code == Exit.DONE


def test_every_flag_of_run_arrives_as_the_request_names_it(fake: FakeDaemon) -> None:
    (fake.home / "knights.txt").write_text("\ufeffa knight\n", encoding="utf-8")
    (fake.home / "mine.json").write_text('[{"type": "txt2img"}]')
    words = (
        "run", "knights.txt", "dragons", "--prompt", "p", "--negative", "n", "--pipeline", "mine.json",
        "--preset", "soft", "--profile", "hero", "--last", "--set", "txt2img.steps=9", "--set", "detail.denoise=0.2",
        "--count", "2", "--seed", "-5", "--max-images", "9", "--max-prompts", "3", "--order", "weighted",
        "--matrix", "rotate", "--limit", "4", "--lock", "hair=red", "--lane", "batch", "--node", "here",
        "--backend", "sketch", "--at", "2h", "--window", "22:00-06:00", "--deadline", "3d", "--hold", "--video",
        "--learning", "off", "--plan-hash", "ff", "--name", "mine", "--whole", "--no-wait", "--key", "k-1",
    )  # fmt: skip

    assert stablenew(fake.home, *words, folder=fake.home).code == Exit.DONE

    sent = next(asked for asked in fake.asked if asked.method == "POST")
    assert sent.key == "k-1"
    assert sent.fields == {
        "packs": [{"name": "knights.txt", "text": "a knight\n"}, "dragons"], "prompt": "p", "negative": "n",
        "pipeline": {"name": "mine.json", "text": '[{"type": "txt2img"}]'}, "preset": "soft", "profile": "hero",
        "last": True, "set": ["txt2img.steps=9", "detail.denoise=0.2"], "count": 2, "seed": -5, "max_images": 9,
        "max_prompts": 3, "order": "weighted", "matrix": "rotate", "limit": 4, "lock": ["hair=red"], "lane": "batch",
        "node": "here", "backend": "sketch", "at": "2h", "window": "22:00-06:00", "deadline": "3d", "hold": True,
        "video": True, "learning": "off", "plan_hash": "ff", "name": "mine", "whole": True,
    }  # fmt: skip


def test_run_says_nothing_of_flags_that_were_not_given(fake: FakeDaemon) -> None:
    stablenew(fake.home, "run", "--prompt", "a", "--no-video", "--seed", "0", "--no-wait")

    assert fake.asked[-1].fields == {"prompt": "a", "video": False, "seed": 0}


def test_a_pack_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(b"a knight\n\nca\xe9\n")

    told = stablenew(tmp_path, "plan", "old.txt", folder=tmp_path)

    assert told.code == Exit.REFUSED
    assert "old.txt:3: byte 12 is not UTF-8. Save the file as UTF-8." in told.err


def test_plan_prints_its_lines_in_order(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "plan", "--prompt", "a")

    variant, end = map(json.loads, told.out.splitlines())
    assert variant["prompt"] == "a"
    assert (end["jobs"], end["seed"]) == (1, 7)
    assert stablenew(fake.home, "plan", "--prompt", "a", "--json").document["items"] == [variant]
