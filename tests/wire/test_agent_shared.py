"""Results left in storage that the daemon reads too: who marks it, what lies there, for how long."""

import hashlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_place`

from agent_place import Patient, Place, order, placed, until

from agent.shared import MARK, Shared
from schema.errors import Refused
from schema.ids import NodeId, Sha256

NODE = NodeId("node2")
PNG = b"\x89PNG\r\n\x1a\n rest"


def test_whoever_comes_first_marks_it_and_all_see_the_same_id(tmp_path: Path) -> None:
    first, second = Shared.open(tmp_path, NODE), Shared.open(tmp_path, NodeId("other"))
    assert first.id == second.id == (tmp_path / MARK).read_text().strip()
    (tmp_path / "elsewhere").mkdir()
    assert Shared.open(tmp_path / "elsewhere", NODE).id != first.id


def test_a_folder_that_cannot_be_used_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"--shared .*none: .*Mount it"):
        Shared.open(tmp_path / "none", NODE)
    (tmp_path / MARK).write_text("../../etc")
    with pytest.raises(Refused, match="holds no id"):
        Shared.open(tmp_path, NODE)


def test_a_result_lies_under_its_hash_whole_and_is_gone_once_it_was_taken(tmp_path: Path) -> None:
    shared = Shared.open(tmp_path, NODE)
    sha = Sha256(hashlib.sha256(PNG).hexdigest())
    place = shared.leave(sha, PNG)
    assert place == f"results/{NODE}/{sha}.png"
    assert (tmp_path / place).read_bytes() == PNG
    assert [path.name for path in (tmp_path / "results" / NODE).iterdir()] == [f"{sha}.png"]
    shared.forget(place)
    shared.forget(place)
    assert not (tmp_path / place).exists()


def test_what_is_unmounted_leaves_nothing_in_the_folder_it_was_mounted_at(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    shared = Shared.open(tmp_path / "nas", NODE)
    (tmp_path / "nas").rename(tmp_path / "away")
    (tmp_path / "nas").mkdir()
    assert shared.leave(Sha256("0" * 64), PNG) == ""
    assert list((tmp_path / "nas").iterdir()) == []


@pytest.mark.parametrize("place", ["../victim", "victim", "results/victim", "/etc/hostname", "results/other/victim"])
def test_nothing_is_removed_but_what_it_left_itself(tmp_path: Path, place: str) -> None:
    (tmp_path / "s").mkdir()
    shared = Shared.open(tmp_path / "s", NODE)
    for victim in (tmp_path / "victim", tmp_path / "s/victim", tmp_path / "s/results/victim"):
        victim.write_text("x")
    (tmp_path / "s/results/other").mkdir()
    (tmp_path / "s/results/other/victim").write_text("x")
    shared.forget(place)
    assert len(list(tmp_path.rglob("victim"))) == 4 and Path("/etc/hostname").exists()


async def left(place: Place) -> list[str]:
    return sorted(path.name for path in (place.home / "nas" / "results" / NODE).iterdir())


async def test_an_order_that_names_the_storage_gets_its_result_there_too(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    shared = Shared.open(tmp_path / "nas", NODE)
    async with placed(tmp_path, Patient(), shared=shared) as place:
        asked = order(1, storage=shared.id)
        await place.offer(asked)
        result = (await place.ended(asked)).result
        assert result is not None
        product = result.products[0]
        assert product.place == f"results/{NODE}/{product.sha256}.bin"
        content = (tmp_path / "nas" / product.place).read_bytes()
        assert hashlib.sha256(content).hexdigest() == product.sha256
        # it may be fetched as ever, and its place outlives the process
        assert (await place.call("GET", f"/v1/blobs/{product.sha256}"))[1] == content
        assert place.spool.reports()[0].result == result
        assert (await place.call("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1"))[0] == 204

        async def gone() -> bool | None:
            return None if await left(place) else True

        await until(gone)


async def test_an_order_that_names_no_storage_or_another_leaves_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    async with placed(tmp_path, Patient(), shared=Shared.open(tmp_path / "nas", NODE)) as place:
        for token, storage in ((1, ""), (2, "abcdefabcdefabcdefab")):
            asked = order(token, storage=storage)
            await place.offer(asked)
            result = (await place.ended(asked)).result
            assert result is not None and result.products[0].place == ""
        assert await left(place) == []


async def test_storage_that_has_gone_away_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    shared = Shared.open(tmp_path / "nas", NODE)
    (tmp_path / "nas").rename(tmp_path / "unplugged")
    (tmp_path / "nas").write_text("no folder any more")
    async with placed(tmp_path, Patient(), shared=shared) as place:
        asked = order(1, storage=shared.id)
        await place.offer(asked)
        report = await place.ended(asked)
        assert report.state == "done" and report.result is not None
        assert report.result.products[0].place == ""
        assert (await place.call("GET", f"/v1/blobs/{report.result.products[0].sha256}"))[0] == 200
