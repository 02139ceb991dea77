"""Pictures of other programs through the daemon's socket: read, made again, kept, rated, taken back."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world

from daemon.artifacts.foreign.asking import Asked
from daemon.artifacts.foreign.child import told
from daemon.foreign import ForeignPictures
from schema.errors import Refused
from schema.foreign import Understood
from schema.plans import Picture

TEXT = (
    "a mill in fog <lora:haze:0.5>\nNegative prompt: rain\nSteps: 24, Sampler: DPM++ 2M Karras, CFG scale: 6.5,"
    " Seed: {seed}, Size: 640x512, Model: toy_v1, Hires upscale: 1.5, Denoising strength: 0.4, Odd: kept"
)


class InProcess:
    """What the reading child does, without one."""

    async def read(self, content: AsyncIterator[bytes] | Path, name: str, beside: str = "") -> Understood:
        path = content if isinstance(content, Path) else Path(self.folder) / "sent"
        if not isinstance(content, Path):
            path.write_bytes(b"".join([piece async for piece in content]))
        answer = told(Asked(path=str(path), name=name, beside=beside))
        if answer.found is None:
            raise Refused(answer.sentence, where=answer.where, remedy=answer.remedy)
        return answer.found

    def __init__(self, folder: Path) -> None:
        self.folder = folder


class Store:
    """Of the world's blobs; a picture is looked at as the real one does, but here."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.path = world.blob
        self.put_blob = world.put_blob

    async def seen(self, sha: str) -> Picture:
        with Image.open(self.path(sha)) as image:
            return Picture(
                sha256=sha, pixels="px", media="image/png", bytes=9, width=image.width, height=image.height
            )  # fmt: skip


def png(text: str | None = None, *, colour: int = 40) -> bytes:
    told_text = PngInfo()
    if text is not None:
        told_text.add_text("parameters", text)
    out = BytesIO()
    Image.new("RGB", (64, 48), (colour, 90, 30)).save(out, "PNG", pnginfo=told_text)
    return out.getvalue()


@asynccontextmanager
async def reading(folder: Path) -> AsyncIterator[World]:
    async with world(folder) as it:
        it.house.foreign = ForeignPictures(InProcess(folder), Store(it), it.draw_id)
        yield it


async def foreign(it: World, raw: bytes, name: str = "mill.png") -> dict:
    async with it.http.post("http://d/v1/foreign", data=raw, params={"name": name}) as response:
        return json.loads(await response.text()) | {"status": response.status}


async def sent(it: World, raw: bytes, name: str, **more: str) -> dict[str, str]:
    async with it.http.put("http://d/v1/blobs", data=raw) as response:
        return {"sha256": (await response.json())["sha256"], "name": name, **more}


async def test_what_was_read_is_a_run_that_is_planned_as_it_was_made(tmp_path: Path):
    async with reading(tmp_path) as it:
        found = await foreign(it, png(TEXT.format(seed=2**63 - 25)))

        assert (found["foreign"]["program"], found["foreign"]["rest"]) == ("a1111", [["Odd", "kept"]])
        job, end = await it.post("/v1/plan", found["run"])
        assert (job["prompt"], job["negative"], job["seed"]) == ("a mill in fog <lora:haze:0.5>", "rain", 2**63 - 25)
        config = job["config"]["txt2img"]
        assert (config["sampler"], config["scheduler"], config["steps"], config["cfg"]) == (
            "DPM++ 2M",
            "Karras",
            24,
            6.5,
        )
        assert (config["width"], config["height"], config["model"]) == (640, 512, "toy_v1")
        assert list(job["config"]) == ["txt2img"]
        assert end["jobs"] == 1
        submitted = await it.post("/v1/runs", found["run"])
        assert submitted["plan_hash"] == end["plan_hash"]


async def test_nothing_in_a_prompt_that_came_along_is_expanded(tmp_path: Path):
    async with reading(tmp_path) as it:
        found = await foreign(it, b'{"prompt": "a {red|blue} mill, [[slot]] __sky__", "seed": 1, "steps": 9}', "p.json")

        jobs = await it.post("/v1/plan", found["run"])

        assert [job["prompt"] for job in jobs[:-1]] == ["a {red|blue} mill, [[slot]] __sky__"]


async def test_a_file_that_cannot_be_read_is_one_sentence_with_its_name(tmp_path: Path):
    async with reading(tmp_path) as it:
        refused = await foreign(it, png(TEXT)[:50], "torn.png")
        empty = await foreign(it, b"", "torn.png")

        assert (refused["status"], refused["where"]) == (400, "torn.png")
        assert refused["error"].startswith("the picture ends early")
        assert empty["error"] == "no file was sent."


async def test_pictures_are_kept_with_what_they_say(tmp_path: Path):
    async with reading(tmp_path) as it:
        raw = png(TEXT.format(seed=42))
        files = [await sent(it, raw, "old/mill.png"), await sent(it, png(colour=9), "plain.png")]

        done = await it.post("/v1/images/import", {"files": files, "name": "winter", "tags": ["old"]})

        assert (len(done["images"]), done["known"], done["silent"]) == (2, [], ["plain.png"])
        rows = {row["name"]: row for row in (await it.get("/v1/images", final=1))["items"]}
        assert set(rows) == {"mill", "plain"}
        mill = rows["mill"]
        assert (mill["seed"], mill["model"], mill["tags"], mill["width"]) == (42, "toy_v1", ["old"], 64)
        assert (tmp_path / mill["sha256"]).read_bytes() == raw
        job = (await it.get(f"/v1/images/{mill['id']}"))["job"]
        assert (job["state"], job["spec"]["prompt"]) == ("finished", "a mill in fog <lora:haze:0.5>")
        assert job["spec"]["origins"]["txt2img.steps"] == "a1111 old/mill.png"
        (stage,) = job["stages"]
        assert (stage["state"], stage["backend"], stage["effective"]["steps"]) == ("done", "a1111", 24)
        assert stage["reported"] == {"Odd": "kept", "file": "old/mill.png"}
        run = (await it.get(f"/v1/runs/{done['run']}"))["row"]
        assert (run["name"], run["state"], run["jobs"], run["finished"]) == ("winter", "finished", 2, 2)
        assert not it.ledger.scene().runs


async def test_a_picture_is_kept_once_however_often_it_comes(tmp_path: Path):
    async with reading(tmp_path) as it:
        one = await sent(it, png(TEXT.format(seed=1)), "a.png")
        same = {**one, "name": "copy.png"}

        first = await it.post("/v1/images/import", {"files": [one, same]}, "k1")
        again = await it.post("/v1/images/import", {"files": [one, same]}, "k1")
        later = await it.post("/v1/images/import", {"files": [same]})

        assert (len(first["images"]), first["known"]) == (1, ["copy.png"])
        assert (again["images"], again["repeated"]) == (first["images"], True)
        assert (later["images"], later["known"], later["run"]) == ([], ["copy.png"], None)


async def test_a_text_beside_a_picture_counts_where_it_says_nothing_itself(tmp_path: Path):
    async with reading(tmp_path) as it:
        files = [await sent(it, png(), "a.png", beside=TEXT.format(seed=8))]

        await it.post("/v1/images/import", {"files": files})

        (row,) = (await it.get("/v1/images"))["items"]
        assert row["seed"] == 8


async def test_a_picture_whose_text_cannot_be_read_is_kept_all_the_same(tmp_path: Path):
    async with reading(tmp_path) as it:
        files = [await sent(it, png(), "a.png"), await sent(it, png(TEXT.format(seed=2**64 - 59)), "b.png")]
        read = it.house.foreign._readers.read

        async def failing(content: bytes | Path, name: str, beside: str = "") -> Understood:
            if name == "a.png":
                raise Refused("it made its reader crash.", where=name)
            return await read(content, name, beside)

        it.house.foreign._readers.read = failing

        done = await it.post("/v1/images/import", {"files": files})

        assert (len(done["images"]), done["silent"]) == (2, ["a.png"])
        told = [(await it.get(f"/v1/images/{image}"))["job"]["stages"][0]["reported"] for image in done["images"]]
        assert told[0]["unreadable"] == "it made its reader crash."
        assert told[1]["seed"] == "18446744073709551557"


async def test_what_came_in_is_rated_and_found_and_taken_back(tmp_path: Path):
    async with reading(tmp_path) as it:
        files = [await sent(it, png(TEXT.format(seed=1)), "a.png")]
        (image,) = (await it.post("/v1/images/import", {"files": files}))["images"]

        await it.post("/v1/images/rate", {"select": [image], "stars": 4})
        assert [row["id"] for row in (await it.get("/v1/images", filter="stars:>=4 mill"))["items"]] == [image]

        await it.post("/v1/undo")
        undone = await it.post("/v1/undo")
        assert undone["text"] == "import 1 picture"
        assert (await it.get("/v1/images"))["items"] == []
        await it.post("/v1/redo")
        assert len((await it.get("/v1/images"))["items"]) == 1


async def test_an_imported_job_can_be_made_again(tmp_path: Path):
    async with reading(tmp_path) as it:
        await it.join_node()
        files = [await sent(it, png(TEXT.format(seed=1)), "a.png")]
        done = await it.post("/v1/images/import", {"files": files})

        await it.post("/v1/jobs/rerun", {"select": [f"{done['run']}.1"], "stage": "txt2img"})
        await it.finish_all()

        rows = (await it.get("/v1/images"))["items"]
        assert len(rows) == 2
        assert {row["job"] for row in rows} == {f"{done['run']}.1"}


async def test_views_that_are_made_again_tell_the_same(tmp_path: Path):
    async with reading(tmp_path) as it:
        files = [await sent(it, png(TEXT.format(seed=1)), "a.png")]
        await it.post("/v1/images/import", {"files": files, "tags": ["x"]})
        before = await it.get("/v1/images")

        from daemon.views.views import Views

        again = await Views.open(tmp_path / "other.db", it.log, results=tmp_path / "results", clock=lambda: 0.0)
        page = await again.images()
        await again.close()

        assert [(row.id, row.tags, row.model) for row in page.items] == [
            (row["id"], tuple(row["tags"]), row["model"]) for row in before["items"]
        ]
