"""Settings that a WebUI's owner finds again as they were, whatever happens while one of our requests needs others."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_fake import fake_webui
from webui_world import SMALL, Running, World, painted, until, world

from agent.backends import BackendTrouble
from agent.http import Server
from schema.stages import Upscale

pytestmark = pytest.mark.servers

MODULES = "forge_additional_modules"
TILED = Upscale(upscaler="4x-sharp", tile=64, overlap=8)
SEA = SMALL.model_copy(update={"vae": "sea.safetensors"})


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return painted(tmp_path / "large.png", (128, 96))


def posted(one: World, key: str) -> list[object]:
    return [body[key] for body in one.engine.options.posted if key in body]


def kept(home: Path) -> list[Path]:
    return list((home / "webui").glob("owed-*"))


# Forge's modules ----------------------------------------------------------------------------------


def test_no_module_that_its_owner_did_not_choose_is_ever_written() -> None:
    with world(Engine("forge")) as one:
        one.run()
        one.run(SEA)
        assert all(value == [] for value in posted(one, MODULES))


def test_modules_that_leaked_are_put_back_and_leak_never_again(tmp_path: Path) -> None:
    with world(Engine("forge"), home=tmp_path) as one:
        one.run(SEA)
        assert one.engine.options[MODULES] == []
        assert one.engine.options.stored[MODULES] == []  # it stands in its config.json now
        told = len(posted(one, MODULES))
        one.run(SEA)
        assert one.engine.options[MODULES] == []
        assert len(posted(one, MODULES)) == told
    assert kept(tmp_path) == []


def test_modules_are_put_back_by_the_agent_after_one_that_was_killed(tmp_path: Path) -> None:
    with world(Engine("forge", step_s=0.05), home=tmp_path) as one:
        running = one.start(SEA.model_copy(update={"steps": 12}))
        one.busy(2)
        assert kept(tmp_path)
        one.backend._borrowed._file = tmp_path / "gone"  # from here on it is as good as dead
        one.backend._borrowed._owed = {}
        running.end()
        assert one.engine.options[MODULES] == ["sea.safetensors"]
        one.restart()
        one.backend.card()
        assert one.engine.options[MODULES] == []
    assert kept(tmp_path) == []


def test_modules_are_not_put_back_into_another_clients_job(tmp_path: Path) -> None:
    theirs = {"prompt": "x", "negative_prompt": "", "seed": 1, "width": 64, "height": 64, "steps": 60}
    with world(Engine("forge", step_s=0.01), tasks=True, home=tmp_path) as one:
        running = one.start(SEA.model_copy(update={"steps": 30}))
        one.busy(2)
        other = Running(lambda: Server(one.server.url, timeout=30).post("/sdapi/v1/txt2img", theirs).json())
        until(lambda: len(one.engine.pending) == 1)
        running.end()
        assert one.engine.state.job != "" and posted(one, MODULES)[1:] == []
        other.end()
        one.backend.card()
        assert one.engine.options[MODULES] == []


# Tiles --------------------------------------------------------------------------------------------


def test_tiles_are_put_back_by_the_agent_after_one_that_was_killed(tmp_path: Path, large: Path) -> None:
    with world(Engine(step_s=0.5), home=tmp_path / "home") as one:
        running = one.start(TILED, large)
        until(lambda: one.engine.state.job == "extras")
        assert one.engine.options["ESRGAN_tile"] == 64
        before = dict(one.engine.options.stored)
        one.server.kill()
        assert isinstance(running.end(), BackendTrouble)
        engine = Engine()
        engine.options.stored = before
        with fake_webui(engine, port=one.server.server_port):
            one.restart()
            one.backend.card()
            assert engine.options["ESRGAN_tile"] == 192
    assert kept(tmp_path / "home") == []


def test_what_is_put_back_is_read_right_before(large: Path) -> None:
    """Its owner may have changed it since the lists were read."""
    with world() as one:
        one.backend.card()
        one.engine.options.set({"ESRGAN_tile": 320})
        one.run(TILED, large)
        assert one.engine.options["ESRGAN_tile"] == 320


def test_what_its_owner_changes_meanwhile_stays(large: Path) -> None:
    with world(Engine(step_s=0.3)) as one:
        running = one.start(TILED, large)
        until(lambda: one.engine.state.job == "extras")
        one.engine.options.set({"ESRGAN_tile": 256})
        running.end()
        assert one.engine.options["ESRGAN_tile"] == 256


@pytest.mark.parametrize("content", [b"", b"[1]", b"[" * 100_000, b'{"ESRGAN_tile": {"before": "x", "ours": 1}}'])
def test_a_note_that_nobody_can_read_writes_nothing(tmp_path: Path, content: bytes, large: Path) -> None:
    with world(home=tmp_path) as one:
        one.run(TILED, large)
        note = tmp_path / "webui" / f"owed-127.0.0.1-{one.server.server_port}.json"
        note.write_bytes(content)
        one.restart()
        one.engine.options.posted.clear()
        one.backend.card()
        assert one.engine.options.posted == []
