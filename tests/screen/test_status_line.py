"""The line that always tells how it stands, at the widths that terminals have."""

import msgspec
import pytest
from screen_daemon import FakeDaemon

from schema.scenes import BackendScene
from tui.live import Live
from tui.widgets.ink import measure
from tui.widgets.statusline import status


@pytest.fixture
def live(tmp_path):
    scene = FakeDaemon(tmp_path / "none.sock").scene()
    return Live(scene, True, running={job.job: job for job in scene.running})


def told(live, width):
    line = status(live, width)
    assert measure(line) <= width
    return "".join(piece.text for piece in line)


def test_where_there_is_little_room_what_is_wrong_goes_before_the_memory(live):
    line = told(live, 80)
    assert "▶2 ○9 ‖1 ✗1" in line and "webui starting" in line and "21%" in line
    assert "19/24G" not in line


def test_where_there_is_much_room_every_backend_is_told(live):
    line = told(live, 200)
    assert "VRAM 19.2/24G" in line and "queue ~1h12m" in line
    assert "webui ready" in line and "llm ready" in line and "comfyui ready" in line and "webui starting" in line


def test_nothing_is_wrong(live):
    ready = tuple(
        msgspec.structs.replace(node, servers=(BackendScene(kind="sketch", state="ready"),))
        for node in live.scene.nodes
    )
    fine = msgspec.structs.replace(live.scene, nodes=ready)
    assert "sketch" not in told(Live(fine, True, running=live.running), 80)
    assert "sketch ready" in told(Live(fine, True, running=live.running), 200)


def test_no_backend_at_all_is_told(live):
    bare = Live(msgspec.structs.replace(live.scene, nodes=()), True)
    assert "no backend" in told(bare, 200)


@pytest.mark.parametrize("width", range(60, 210, 7))
def test_it_never_is_too_long(live, width):
    told(live, width)
