"""The library over the real socket: every kind listed, shown and saved, and words completed."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world

TEXTS = {
    "wildcards": "dawn\ndusk\n",
    "styles": "name,prompt\nmine,{prompt} in ink\n",
    "profiles": "character: Mira\n",
    "templates": "prompt: of {prompt}\n",
    "overlays": "grades: [warm]\n",
    "presets": "txt2img: {steps: 9}\n",
    "packs": "a boat\n",
}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        yield it


async def test_every_kind_is_saved_listed_and_shown(it: World) -> None:
    for noun, text in TEXTS.items():
        saved = await it.ask("PUT", f"/v1/{noun}/mine", {"text": text})
        assert saved["text"] == text, saved
        listed = await it.get(f"/v1/{noun}", check=1)
        assert "mine" in listed["items"] and listed["warnings"] == [] and listed["total"] == len(listed["items"])
    assert (await it.get("/v1/packs/mine"))["prompts"] == ["a boat"]
    assert (await it.get("/v1/wildcards", filter="mi ne", limit=1))["items"] == ["mine"]


async def test_a_wildcards_folder_is_part_of_its_name(it: World) -> None:
    from yarl import URL

    async with it.http.put(URL("http://d/v1/wildcards/sky%2Flow", encoded=True), json={"text": "mist\n"}) as response:
        assert (await response.json())["name"] == "sky/low"
    completed = await it.get("/v1/completions", text="a __lo", at=6)
    assert completed["items"] == [
        {"text": "sky/low__", "start": 4, "end": 6, "kind": "wildcard", "note": "1 value: mist"}
    ]
    async with it.http.put(URL("http://d/v1/wildcards/..%2F..%2Fout", encoded=True), json={"text": "x"}) as response:
        assert response.status == 400


async def test_what_is_broken_is_refused_and_a_list_names_it(it: World) -> None:
    refused = await it.ask("PUT", "/v1/profiles/bad", {"text": "character: ["})
    assert refused["status"] == 400 and "bad.yaml:2:1" in refused["where"] and refused["exit"] == 2
    folder = it.folder / "home/config/styles"
    folder.mkdir(parents=True)
    (folder / "bad.csv").write_text('name,prompt\nink,"x')
    listed = await it.get("/v1/styles", check=1)
    assert "watercolour" in listed["items"] and "bad.csv:2:5: this quote never ends" in listed["warnings"][0]


async def test_completions_know_their_kinds(it: World) -> None:
    assert (await it.get("/v1/completions", text="ink", kind="style"))["items"][0]["text"] == "ink wash"
    assert (await it.get("/v1/completions", text="plain words"))["total"] == 0
    assert (await it.get("/v1/completions", text="x", kind="nothing"))["status"] == 400


async def test_a_wildcard_is_checked_shown_with_who_names_it_and_brought_back(it: World) -> None:
    draft = {"noun": "wildcards", "name": "mist", "text": "- [unclosed"}
    assert (await it.post("/v1/check", {**draft, "text": "thin\nthick\n"})) == {"warnings": []}
    broken = await it.post("/v1/check", {**draft, "name": "mist.yaml"})
    assert broken["status"] == 400 and broken["where"].startswith("mist.yaml:")
    await it.ask("PUT", "/v1/wildcards/mist", {"text": "thin\n2::thick\n"})
    await it.ask("PUT", "/v1/packs/piers", {"text": "a bay\n\na pier in __mist__\n"})
    shown = await it.get("/v1/wildcards/mist")
    assert next(one["value"] for one in shown["says"]) == "thin" and shown["path"].endswith("mist.txt")
    assert (await it.get("/v1/uses", noun="wildcards", name="mist"))["items"] == [
        {"noun": "packs", "name": "piers", "line": 3, "words": "a pier in __mist__"}
    ]
    assert (await it.get("/v1/uses", noun="boats", name="mist"))["status"] == 400
    await it.post("/v1/wildcards/mist/delete")
    assert (await it.get("/v1/wildcards/mist"))["status"] == 400
    assert (await it.post("/v1/wildcards/mist/restore")) == {"name": "mist"}
    assert (await it.get("/v1/wildcards/mist"))["text"] == "thin\n2::thick\n"
    assert (await it.post("/v1/wildcards/mist/restore"))["status"] == 400
