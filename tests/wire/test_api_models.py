"""The library of models over the real socket: one list, verdicts that stay with the content, news of new files."""

import asyncio
import json
import random
import struct
import sys
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.artifacts.decoders import Shrinkers
from daemon.library.models import watching
from daemon.library.models.index import Index
from daemon.library.models.store import Store
from daemon.models import Models, Parts
from daemon.scheduling.able import Known
from schema.orders import BackendCard, Card
from schema.scenes import Delta, Frame
from schema.settings import LibrarySettings


def lora(path: Path, seed: int = 0, **metadata: str) -> Path:
    text = json.dumps({
        "__metadata__": metadata, "lora_te_x": {"dtype": "F16", "shape": [64], "data_offsets": [0, 128]},
    }).encode()  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + random.Random(seed).randbytes(128))
    return path


SPOKEN = {"modelspec.trigger_phrase": "sea haze", "ss_base_model_version": "sdxl_base_v1-0"}
CARD = Card(
    node="box", name="box", instance="i", version="1",
    backends=(BackendCard(kind="webui", kinds=("txt2img",), models=("toy.safetensors",), samplers=("Euler a",),
                          loras=("haze", "far")),),
)  # fmt: skip


@pytest.fixture
async def it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """With one LoRA in a watched folder, and a node that has it and more."""
    monkeypatch.setattr(watching, "QUIET", 0.02)
    lora(tmp_path / "m" / "Lora" / "haze.safetensors", **SPOKEN)
    async with world(tmp_path) as it:
        clock = it.house.clock
        shrinkers = Shrinkers(1)
        parts = Parts(
            index=Index([tmp_path / "m"], Store(tmp_path / "models.db"), clock),
            views=it.views,
            durable=lambda: it.ledger.durable,
            known=lambda: (Known("box", "box", CARD),),
            vitals=it.vitals,
            clock=clock,
            cache=tmp_path / "cache",
            shrink=shrinkers.small,
            settings=LibrarySettings(),
        )
        it.house.models = Models(parts)
        running = asyncio.create_task(it.house.models.run())
        yield it
        running.cancel()
        await asyncio.wait((running,))
        await shrinkers.close()


async def rows(it: World, **query: object) -> dict[str, dict[str, object]]:
    page = await it.get("/v1/models", **query)
    assert page["total"] == len(page["items"])
    return {row["name"]: row for row in page["items"]}


async def test_files_and_nodes_are_one_list(it: World) -> None:
    found = await rows(it)

    assert {name: (row["list"], row["nodes"], bool(row["path"])) for name, row in found.items()} == {
        "toy.safetensors": ("models", ["box"], False),
        "haze": ("loras", ["box"], True),
        "far": ("loras", ["box"], False),
    }
    assert found["haze"]["triggers"] == ["sea haze"] and found["haze"]["added"].endswith("Z")
    assert set(await rows(it, list="samplers")) == {"Euler a"}
    assert set(await rows(it, filter="local:yes")) == {"haze"}
    assert (await it.get("/v1/models", list="lora"))["where"] == "list"
    assert (await it.get("/v1/models", filter="colour:red"))["status"] == 400
    assert (await it.get("/v1/models", node="nobody"))["status"] == 404


async def test_verdicts_are_commands_and_stay_with_the_file(it: World, tmp_path: Path) -> None:
    body = {"select": ["haze"], "add": ["sea"]}
    told = await it.post("/v1/models/tag", body, key="k1")
    assert told["changed"] == 1 and not told["repeated"]
    assert (await it.post("/v1/models/tag", body, key="k1"))["repeated"]
    await it.post("/v1/models/rate", {"select": ["list:loras"], "stars": 4})
    await it.post("/v1/models/favourite", {"select": ["loras/far"]})

    (tmp_path / "m/Lora/haze.safetensors").rename(tmp_path / "m/Lora/mist.safetensors")
    await it.post("/v1/models/scan", {})

    found = await rows(it, list="loras")
    assert list(found)[0] == "far"  # noqa: RUF015 - favourites come first
    assert (found["mist"]["tags"], found["mist"]["stars"]) == (["sea"], 4)
    assert (found["far"]["stars"], found["far"]["favourite"]) == (4, True)
    assert found["haze"]["path"] == ""  # the node still has it under its old name

    await it.post("/v1/undo", {})
    await it.post("/v1/undo", {})
    found = await rows(it, list="loras")
    assert not found["far"]["favourite"] and found["mist"]["stars"] == 0


@pytest.mark.parametrize(
    ("verb", "body", "where"),
    [
        ("tag", {"select": ["haze"]}, "add"),
        ("tag", {"select": ["haze"], "add": ["x"], "stars": 3}, "stars"),
        ("tag", {"select": ["haze"], "add": [""]}, "tag"),
        ("tag", {"select": [], "add": ["x"]}, "select"),
        ("rate", {"select": ["haze"], "stars": 6}, "stars"),
        ("rate", {"select": ["nothing-like-it"], "stars": 3}, "select"),
        ("favourite", {"select": ["haze"], "add": ["x"]}, "add"),
        ("get", {"id": "civitai:1"}, "[library] remote"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(it: World, verb: str, body: object, where: str) -> None:
    told = await it.post(f"/v1/models/{verb}", body)

    assert told["status"] in (400, 404) and told["where"] == where


async def test_a_model_is_shown_with_its_sources_its_hashes_and_its_preview(it: World, tmp_path: Path) -> None:
    Image.new("RGB", (600, 400), "teal").save(tmp_path / "m/Lora/haze.preview.png")
    (tmp_path / "m/Lora/haze.json").write_text('{"notes": "gently", "preferred weight": 0.6}')
    await it.post("/v1/models/scan", {})

    one = await it.get("/v1/models/loras%2Fhaze", hashes=1)

    assert (one["notes"], one["weight"], one["preview"]) == ("gently", 0.6, True)
    assert [source["kind"] for source in one["sources"]] == ["a1111", "header"]
    assert len(one["hashes"]["sha256"]) == 64
    assert (await it.get(f"/v1/models/{one['key']}"))["hashes"] == one["hashes"]
    async with it.http.get(f"http://d/v1/models/{one['key']}/preview?size=256") as answer:
        assert (answer.status, answer.content_type) == (200, "image/webp")
    assert (await it.get("/v1/models/far/preview"))["status"] == 400
    assert (await it.get("/v1/models/nothing"))["status"] == 404


async def test_a_preview_that_is_no_picture_is_refused(it: World, tmp_path: Path) -> None:
    (tmp_path / "m/Lora/haze.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    await it.post("/v1/models/scan", {})

    assert (await it.get("/v1/models/haze/preview"))["status"] == 400


async def test_use_and_ratings_count_for_the_choice(it: World) -> None:
    await it.submit(prompt="a shore <lora:haze:0.7>", count=2)
    await it.join_node()
    await it.finish_all()
    await it.post("/v1/images/rate", {"select": ["model:", "since:1d"][1:], "stars": 5})

    found = await rows(it, filter="uses:>=2")
    assert found["haze"]["uses"] == 2 and found["haze"]["rating"] == 5.0
    [first, *_] = (await it.get("/v1/models/candidates", words="sea haze at dawn"))["items"]
    assert (first["name"], first["uses"], first["rating"], first["triggers"]) == ("haze", 2, 5.0, ["sea haze"])
    assert first["score"] > 0.3
    for base, fits in (("toy", True), ("toy-xl", True), ("sd15-toy", False), ("sdxl", True), ("flux", False)):
        asked = await it.get("/v1/models/candidates", words="sea haze", base=base)
        assert ("haze" in [one["name"] for one in asked["items"]]) is fits, base


async def test_what_a_prompt_can_name_is_told_with_what_calls_it_up(it: World) -> None:
    await rows(it)

    assert it.house.models.named("loras") == {"haze": "sea haze", "far": "box"}


async def test_watchers_learn_of_a_file_that_comes_and_of_a_verdict(it: World, tmp_path: Path) -> None:
    await rows(it)  # the first look is over
    seen: list[int] = []
    async with it.http.ws_connect("http://d/v1/feed") as feed:

        async def listen() -> None:
            async for message in feed:
                frame = msgspec.msgpack.decode(message.data, type=Frame)
                if isinstance(frame, Delta) and frame.library is not None:
                    seen.append(frame.library)

        async def copied() -> None:
            """Again and again: watching may begin a moment after the first."""
            number = 0
            while not seen:
                number += 1
                lora(tmp_path / "m/Lora" / f"new{number}.safetensors", number)
                await asyncio.sleep(0.1)

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(20):
            await copied()
        assert "new1" in await rows(it)
        count = len(seen)
        await it.post("/v1/models/tag", {"select": ["new1"], "add": ["fresh"]})
        await until(lambda: len(seen) > count)
        listening.cancel()
        await asyncio.wait((listening,))


async def test_a_strangers_preview_is_not_decoded_in_the_daemon(
    it: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (600, 400), "teal").save(tmp_path / "m/Lora/haze.preview.png")
    await it.post("/v1/models/scan", {})
    with monkeypatch.context() as here:
        here.setattr(Image, "open", None)
        async with it.http.get("http://d/v1/models/haze/preview?size=256") as answer:
            made = await answer.read()
    with Image.open(BytesIO(made), formats=("WEBP",)) as small:
        assert (answer.status, small.size) == (200, (256, 171))


async def test_a_preview_that_unpacks_to_gigapixels_is_refused(it: World, tmp_path: Path) -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    (tmp_path / "m/Lora/haze.png").write_bytes(png + struct.pack(">I", 9) + b"IDAT")
    await it.post("/v1/models/scan", {})

    assert (await it.get("/v1/models/haze/preview"))["status"] == 400
