"""`agent run`: what becomes of its words before the agent itself begins, and pictures named by a path."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from schema.errors import Refused
from tui.cli import agent, uploads
from tui.cli.run import request_of
from tui.link.doc import Doc


class Became(Exception):
    """The process that it would have become."""


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Calls `agent run` and gives the words of the agent's own command line."""
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))

    def become(path: str, words: list[str]) -> NoReturn:
        raise Became(words)

    monkeypatch.setattr(agent.os, "execv", become)

    def run(*backends: str, **asked: object) -> list[str]:
        words = {"url": None, "models": None, "name": None, "free_after": None, "yes": False} | asked
        with pytest.raises(Became) as became:
            agent.run(backends, **words)  # type: ignore[arg-type]
        return list(became.value.args[0])

    return run


def after(words: list[str], flag: str) -> list[str]:
    return [words[place + 1] for place, word in enumerate(words) if word == flag]


def found(*servers: agent.Found) -> Callable[[], list[agent.Found]]:
    return lambda: list(servers)


FORGE = agent.Found("webui", "http://127.0.0.1:7860", "forge f2.0.1", "")


def test_one_server_by_its_address(began: Callable[..., list[str]], tmp_path: Path) -> None:
    words = began("webui", url="http://gpu-box:7860", name="gpu-box")

    assert words[:4] == [sys.executable, "-P", "-m", "agent"]
    assert after(words, "--backend") == ["webui=http://gpu-box:7860"]
    assert after(words, "--node") == ["gpu-box"]
    assert after(words, "--home") == [str(tmp_path / "state/agents/gpu-box")]


def test_several_programs_on_one_card(began: Callable[..., list[str]], tmp_path: Path) -> None:
    words = began("webui=http://127.0.0.1:7860", "comfyui", "diffusers", models=str(tmp_path), free_after=60.0)

    assert after(words, "--backend") == ["webui=http://127.0.0.1:7860", "comfyui", "diffusers"]
    assert after(words, "--models") == [str(tmp_path)]
    assert after(words, "--free-after") == ["60"]


def test_a_relative_folder_is_meant_from_here(
    began: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)

    assert after(began("diffusers", models="models"), "--models") == [str(tmp_path / "models")]


def test_what_answers_on_the_usual_ports_is_offered_and_taken(
    began: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(agent, "discovered", found(FORGE))

    words = began(yes=True)

    assert after(words, "--backend") == ["webui=http://127.0.0.1:7860"]
    assert "Found webui at http://127.0.0.1:7860 (forge f2.0.1)." in capsys.readouterr().err


def test_of_two_of_a_kind_one_is_taken_and_the_way_to_the_other_told(
    began: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    second = FORGE._replace(url="http://127.0.0.1:7861")
    off = agent.Found("webui", "http://127.0.0.1:7865", "", "Its API is off: start it with --api.", usable=False)
    monkeypatch.setattr(agent, "discovered", found(FORGE, second, off))

    words = began(yes=True)

    told = capsys.readouterr().err
    assert after(words, "--backend") == ["webui=http://127.0.0.1:7860"]
    assert "for http://127.0.0.1:7861 run another one" in told
    assert "Its API is off" in told


@pytest.mark.parametrize(
    ("backends", "asked", "sentence"),
    [
        (("webui", "webui=http://127.0.0.1:7861"), {}, "an agent drives one webui"),
        (("forge",), {}, "there is no backend 'forge'"),
        (("webui=http://me:secret@127.0.0.1:7860",), {}, "an address holds no name or password"),
        (("webui=7860",), {}, "'7860' is no address of a server"),
        (("diffusers",), {}, "diffusers needs a folder of models"),
        (("sketch",), {"url": "http://127.0.0.1:1"}, "no server among the backends takes it"),
        ((), {"url": "http://127.0.0.1:1"}, "which kind of server is it?"),
        (("webui",), {"name": "../elsewhere"}, "is no name for an agent"),
        (("diffusers",), {"models": "/nowhere/at/all"}, "there is no such folder"),
        ((), {}, "no imaging server answers"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_with_its_remedy(
    backends: tuple[str, ...],
    asked: dict[str, str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    monkeypatch.setattr(agent, "discovered", found())
    words = {"url": None, "models": None, "name": None, "free_after": None, "yes": True} | asked

    with pytest.raises(Refused) as refused:
        agent.run(backends, **words)  # type: ignore[arg-type]

    assert sentence in refused.value.told()
    assert refused.value.remedy


class Taker:
    """A daemon that takes pictures and remembers them."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def put(self, path: str, body: bytes) -> Doc:
        self.taken.append(body)
        return Doc({"sha256": f"{len(self.taken):064d}"})


@pytest.fixture
def taker(monkeypatch: pytest.MonkeyPatch) -> Taker:
    taker = Taker()
    monkeypatch.setattr(uploads.ask, "started", lambda: taker)
    return taker


def test_a_mask_named_by_its_path_is_sent_and_named_by_its_hash(taker: Taker, tmp_path: Path) -> None:
    mask = tmp_path / "sky.png"
    mask.write_bytes(b"a mask")

    request = request_of({"sets": [f"img2img.mask=@{mask}", "txt2img.steps=4"]})

    assert taker.taken == [b"a mask"]
    assert request["set"] == [f"img2img.mask={1:064d}", "txt2img.steps=4"]


def test_a_picture_within_json_is_sent_too(taker: Taker, tmp_path: Path) -> None:
    (tmp_path / "edges.png").write_bytes(b"edges")
    units = json.dumps([{"model": "canny", "image": f"@{tmp_path}/edges.png"}])

    request = request_of({"sets": [f"txt2img.controls={units}"]})

    assert isinstance(request["set"], list)
    assert json.loads(request["set"][0].partition("=")[2]) == [{"model": "canny", "image": f"{1:064d}"}]


def test_a_pipeline_file_names_pictures_beside_it(taker: Taker, tmp_path: Path) -> None:
    (tmp_path / "sky.png").write_bytes(b"a mask")
    (tmp_path / "paint.yaml").write_text('- {type: txt2img}\n- {type: img2img, mask: "@sky.png"}\n')

    request = request_of({"pipeline": str(tmp_path / "paint.yaml")})

    assert isinstance(request["pipeline"], dict)
    assert f'mask: "{1:064d}"' in request["pipeline"]["text"]


def test_a_picture_that_is_not_there_is_named(taker: Taker, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        request_of({"sets": [f"img2img.mask=@{tmp_path}/none.png"]})

    assert "none.png" in refused.value.told()
    assert taker.taken == []
