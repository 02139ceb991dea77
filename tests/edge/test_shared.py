"""Storage that agents leave results in: read below its folder, through no link, and nothing but plain files."""

import os
from pathlib import Path

import msgspec
import pytest

from daemon.fleet.shared import MARK, Shared, Storage
from schema.errors import Refused
from schema.ids import JobId, NodeId, StageId, Token
from schema.orders import Card, Order

ORDER = Order(job=JobId("j"), stage=StageId("txt2img"), token=Token(1), epoch=1, config=msgspec.Raw(b"\x80"))


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "storage"
    (folder / "results/rig").mkdir(parents=True)
    (folder / "results/rig/picture.png").write_bytes(b"x" * 3_000_000)
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


async def read(folder: Path, place: str, most: int = 4_000_000) -> bytes:
    return b"".join([piece async for piece in Shared.open(folder).pieces(place, most)])


async def test_what_an_agent_left_is_read_in_pieces(storage):
    assert await read(storage, "results/rig/picture.png") == b"x" * 3_000_000


@pytest.mark.parametrize(
    "place",
    ["../secret", "results/../../secret", "/etc/passwd", "", "results//rig/picture.png", "results/rig/.", "results/rig",
     "results/rig/picture.png\0.png", "results/rig/nothing.png", "a/" * 20 + "b", "x" * 501, "results/\ud800/x"],
)  # fmt: skip
async def test_what_is_no_file_below_it_is_refused(storage, place):
    with pytest.raises(OSError):
        await read(storage, place)


@pytest.mark.parametrize("place", ["link", "folder/picture.png", "pipe"])
async def test_links_and_other_things_are_not_followed(storage, place):
    (storage / "link").symlink_to(storage.parent / "secret")
    (storage / "folder").symlink_to(storage / "results/rig")
    os.mkfifo(storage / "pipe")
    with pytest.raises(OSError):
        await read(storage, place)


async def test_more_than_was_announced_is_not_read(storage):
    with pytest.raises(OSError, match="announced"):
        await read(storage, "results/rig/picture.png", most=2_999_999)


def test_both_sides_find_the_same_id(storage):
    first = Shared.open(storage)
    assert Shared.open(storage).id == first.id == (storage / MARK).read_text().strip()


@pytest.mark.parametrize("written", ["", "  \n", "two words\n", "\x1b[2J\n"])
def test_a_mark_without_an_id_is_refused(storage, written):
    (storage / MARK).write_text(written)
    with pytest.raises(Refused, match="no id"):
        Shared.open(storage)


async def test_one_that_is_not_there_is_told_and_hinders_nothing(tmp_path):
    import asyncio

    storage = Storage(tmp_path / "nowhere")
    looking = asyncio.create_task(storage.run())
    async with asyncio.timeout(5):
        while not storage.trouble:  # noqa: ASYNC110 - a thread finds out
            await asyncio.sleep(0.01)
    looking.cancel()
    assert storage.now is None and "cannot be used" in storage.trouble


async def test_only_a_node_with_the_same_one_is_told_to_use_it(storage):
    mine = Storage(storage)
    await mine.run()
    assert mine.now is not None
    card = Card(node=NodeId("n"), name="rig", instance="i", version="1", storage=mine.now.id)
    assert mine.wanted(ORDER, card).storage == mine.now.id
    assert mine.wanted(ORDER, msgspec.structs.replace(card, storage="another")).storage == ""
    assert mine.wanted(ORDER, None).storage == Storage(None).wanted(ORDER, card).storage == ""
