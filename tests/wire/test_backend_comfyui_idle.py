"""What a ComfyUI is spared while it idles, and while it works for somebody else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_fake` and `comfy_world`

from comfy_fake import ComfyFake
from comfy_world import SMALL, Listener, backend, work

from agent.backends import BackendTrouble, Options
from agent.backends.comfyui import ComfyUI
from agent.backends.comfyui.server import Waiting

pytestmark = pytest.mark.servers


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


def test_an_idle_look_does_not_make_the_server_read_its_folders(fake: ComfyFake) -> None:
    now = [0.0]
    one = ComfyUI(Options(clock=lambda: now[0], url=fake.url))

    def listed() -> int:
        return sum(asked == "GET /object_info" for asked in fake.asked)

    for _ in range(5):
        assert one.card().state == "ready"
        now[0] += 10.0
    assert listed() == 1
    now[0] += 200.0
    one.card()
    assert listed() == 2
    with pytest.raises(BackendTrouble, match="toyy"):
        one.run(work(SMALL.model_copy(update={"model": "toyy"})), Listener())
    one.card()
    assert listed() == 3, "a name that is not there is looked for once more"


def test_memory_is_left_to_another_clients_prompt(fake: ComfyFake, monkeypatch) -> None:
    one = backend(fake)
    monkeypatch.setattr(type(one.server), "queue", lambda self: Waiting(frozenset({"somebody"}), frozenset()))
    one.free()
    assert fake.freed == 0
