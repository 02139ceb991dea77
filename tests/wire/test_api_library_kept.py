"""What lies in the library is renamed and deleted, and the text of what cannot be read is shown all the same."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        yield it


async def test_a_preset_is_renamed_and_deleted(it: World) -> None:
    await it.ask("PUT", "/v1/presets/night", {"text": '{"txt2img": {"steps": 31}}\n'})
    assert (await it.post("/v1/presets/night/rename", {"to": "dusk"}))["name"] == "dusk"
    assert (await it.get("/v1/presets"))["items"] == ["dusk"]
    assert (await it.post("/v1/presets/dusk/rename", {"to": "../out"}))["status"] == 400
    assert (await it.post("/v1/presets/dusk/delete"))["name"] == "dusk"
    assert (await it.get("/v1/presets"))["items"] == []
    gone = await it.post("/v1/presets/dusk/delete")
    assert gone["status"] == 400 and "dusk" in gone["error"]


async def test_a_pack_that_cannot_be_read_shows_its_text(it: World) -> None:
    folder = it.folder / "home/config/packs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bad.json").write_text('{"prompts": [')
    assert (await it.get("/v1/packs/bad.json"))["status"] == 400
    assert (await it.get("/v1/packs/bad.json", text=1))["text"] == '{"prompts": ['
