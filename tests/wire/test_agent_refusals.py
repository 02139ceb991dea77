"""What the agent's routes refuse, and what an order must be to be taken."""

import io
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_place`

from agent_place import Place, order, placed, send_blob

import agent.server
from schema.ids import Sha256
from schema.orders import LARGEST_ORDER, Accepted
from schema.parts import Workflow
from schema.stages import Img2Img, Txt2Img


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with placed(tmp_path) as place:
        yield place


async def test_an_older_epoch_is_fenced(place: Place) -> None:
    await place.offer(order(1, epoch=5))
    answer = await place.offer(order(2, epoch=4))
    assert answer.state == "refused" and answer.again and "epoch 4" in answer.reason
    await place.ended(order(1, epoch=5))
    assert (await place.offer(order(3, epoch=5))).state == "accepted"


async def test_missing_inputs_are_named(place: Place) -> None:
    absent = Sha256("ab" * 32)
    answer = await place.offer(order(inputs=(absent,)))
    assert answer.state == "refused" and answer.again and absent in answer.reason
    masked = Img2Img(id="img2img", image="cd" * 32, mask="ef" * 32)
    answer = await place.offer(order(2, stage="img2img", config=masked))
    assert answer.state == "refused" and "cd" * 32 in answer.reason


async def test_image_and_mask_are_told_apart_from_the_pictures_of_the_stage_before(place: Place) -> None:
    before, image, mask = [await send_blob(place, content) for content in (b"before", b"image", b"mask")]
    config = Img2Img(id="img2img", image=image, mask=mask)
    asked = order(stage="img2img", config=config, inputs=(before, image, mask))
    await place.offer(asked)
    await place.ended(asked)
    (work,) = place.backend.works
    assert [path.read_bytes() for path in work.inputs] == [b"before"]
    assert work.image is not None and work.image.read_bytes() == b"image"
    assert work.mask is not None and work.mask.read_bytes() == b"mask"


async def test_a_result_not_yet_acknowledged_is_an_input_even_when_it_is_forgotten_meanwhile(place: Place) -> None:
    await place.offer(order(1))
    report = await place.ended(order(1))
    assert report.result is not None
    place.backend.go.clear()
    following = order(2, stage="img2img", config=Img2Img(id="img2img"), inputs=(report.result.products[0].sha256,))
    assert (await place.offer(following)).state == "accepted"
    await place.call("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1")
    place.backend.go.set()
    await place.ended(following)
    assert [path.read_bytes() for path in place.backend.works[1].inputs] == [b"picture 7"]


async def test_what_no_backend_offers_is_refused(place: Place) -> None:
    assert "comfyui" in (await place.offer(order(backend="comfyui"))).reason
    packed = msgspec.Raw(msgspec.msgpack.encode({"type": "upscale", "id": "u"}))
    answer = await place.offer(msgspec.structs.replace(order(2), config=packed))
    assert answer.state == "refused" and "upscale" in answer.reason


async def test_a_config_out_of_range_is_refused_with_its_field(place: Place) -> None:
    packed = msgspec.Raw(msgspec.msgpack.encode({"type": "txt2img", "id": "t", "steps": 100_000}))
    answer = await place.offer(msgspec.structs.replace(order(), config=packed))
    assert answer.state == "refused" and "steps" in answer.reason


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\x01\x02", os.urandom(400), msgspec.msgpack.encode({"job": 3})])
async def test_a_body_that_is_no_order_is_a_400(place: Place, body: bytes) -> None:
    status, said = await place.put(order(), body=body)
    assert status == 400 and b"no order" in said


async def test_the_name_in_the_path_must_be_the_orders(place: Place) -> None:
    status, _ = await place.put(order(1), name="abcdefgh.1~txt2img~2")
    assert status == 400


@pytest.mark.parametrize(
    "name", ["..~x~1", "%2e%2e%2fx~y~1", "a~b", "a~b~c", "a~b~1~2", "~~1", "a~b~-1", "x" * 200 + "~b~1", ".report~b~1"]
)
async def test_hostile_names_reach_no_file(place: Place, name: str) -> None:
    for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/cancel")):
        status, _ = await place.call(method, f"/v1/attempts/{name}{path}", b"")
        assert status in (400, 404), (method, name)
    assert list((place.home / "spool").iterdir()) == []


async def test_an_order_with_the_largest_workflow_there_may_be_is_taken(place: Place) -> None:
    workflow = Workflow(name="harbour", graph="\N{CJK UNIFIED IDEOGRAPH-6D77}" * 500_000)
    body = msgspec.msgpack.encode(order(config=Txt2Img(id="txt2img", workflow=workflow)))
    async with place.session.put("/v1/attempts/abcdefgh.1~txt2img~1", data=io.BytesIO(body)) as answer:
        assert msgspec.msgpack.decode(await answer.read(), type=Accepted).state == "accepted"


async def test_an_order_larger_than_any_may_be_is_not_read(place: Place) -> None:
    body = msgspec.msgpack.encode(order(prompt="x" * (LARGEST_ORDER + 1)))
    async with place.session.put("/v1/attempts/abcdefgh.1~txt2img~1", data=io.BytesIO(body)) as answer:
        assert answer.status == 413


async def test_a_compressed_body_is_not_unpacked(place: Place) -> None:
    async with place.session.put(
        "/v1/attempts/abcdefgh.1~txt2img~1", data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}
    ) as answer:
        assert answer.status == 415


async def test_unknown_things_are_404(place: Place) -> None:
    for method, path in (
        ("GET", "/v1/blobs/" + "00" * 32),
        ("HEAD", "/v1/blobs/" + "00" * 32),
        ("GET", "/v1/blobs/short"),
        ("DELETE", "/v1/attempts/a~b~1"),
        ("POST", "/v1/attempts/a~b~1/cancel"),
        ("GET", "/v1/nothing"),
    ):
        assert (await place.call(method, path))[0] == 404, path


async def test_with_too_little_disk_orders_wait_but_results_stay(tmp_path: Path) -> None:
    async with placed(tmp_path, floor_bytes=2**60) as place:
        answer = await place.offer(order())
        assert answer.state == "busy" and "MiB" in answer.reason


async def test_the_socket_belongs_to_one_user(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE((place.home / "s").stat().st_mode) == 0o600
    peers: list[int | None] = []
    ask = agent.server._peer_uid

    def other(request: web.Request) -> int:
        peers.append(ask(request))
        return os.geteuid() + 4242

    monkeypatch.setattr("agent.server._peer_uid", other)
    for path in ("/v1/card", "/v1/attempts", "/v1/feed", "/v1/blobs/" + "00" * 32):
        assert (await place.call("GET", path))[0] == 403
    assert peers == [os.geteuid()] * 4
