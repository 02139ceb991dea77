"""Posting to a gallery and keeping favourites in step, through the daemon's socket, against a gallery of our own."""

import gzip
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`, `gallery_fake`

from api_world import World, world
from gallery_fake import FakeGallery, gallery

from daemon.gallery import client
from daemon.gallery.posting import Galleries
from schema.settings import GallerySettings


class Waits:
    """Nobody waits here; how long it would have been is kept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def posting(
    folder: Path, token: str | None = None, **settings: object
) -> AsyncIterator[tuple[World, FakeGallery, Waits]]:
    async with gallery(token) as there, world(folder) as here:
        waits = Waits()
        named = GallerySettings(url=there.url, **{"token": token, **settings})
        here.house.gallery = Galleries(lambda: named, here.views, here.blob, wait=waits)
        await here.join_node()
        yield here, there, waits


async def finished(here: World, count: int = 1) -> list[str]:
    """Ids of so many pictures, oldest first."""
    await here.submit(count=count, seed=5, set=["detail.enabled=false", "upscale.enabled=false"])
    await here.finish_all()
    return [row["id"] for row in reversed((await here.get("/v1/images"))["items"])]


async def test_a_picture_goes_with_what_is_known_of_it(tmp_path: Path):
    async with posting(tmp_path, token="s3cret") as (here, there, _):
        (image,) = await finished(here)
        await here.post("/v1/images/rate", {"select": [image], "stars": 4, "add": ["favourite"]})

        done = await here.post("/v1/images/post", {"select": [image]})

        assert done == {"posted": [image], "known": [], "failed": {}}
        row = (await here.get(f"/v1/images/{image}"))["image"]
        assert there.pictures == {"g1": (tmp_path / row["sha256"]).read_bytes()}
        told = there.metadata["g1"]
        assert (told["prompt"], told["seed"], told["stars"], told["favourite"]) == ("a red fox", 5, 4, True)
        assert told["settings"] == {"txt2img": {"steps": 20, "started": 1.5}}
        log = await here.get("/v1/log", after=0, limit=1000)
        posted = [line["event"] for line in log if line["type"] == "ImagePosted"]
        assert posted == [{"type": "ImagePosted", "image": image, "gallery": there.url, "entry": "g1"}]


async def test_nothing_is_sent_twice(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        images = await finished(here, 2)
        await here.post("/v1/images/post", {"select": images[:1]})

        done = await here.post("/v1/images/post", {"select": images})

        assert (done["posted"], done["known"]) == ([images[1]], [images[0]])
        assert len(there.pictures) == 2
        assert [method for method, _ in there.asked].count("POST") == 2


async def test_a_post_that_was_not_noted_is_the_same_picture_there(tmp_path: Path):
    """As after a daemon that died behind the answer: the gallery knows the key."""
    async with posting(tmp_path) as (here, there, _):
        (image,) = await finished(here)
        there.keys[f"stablenew-{image}"] = "g7"
        there.pictures["g7"] = b"that one"

        done = await here.post("/v1/images/post", {"select": [image]})

        assert done["posted"] == [image]
        assert list(there.pictures) == ["g7"]


async def test_what_may_pass_by_is_tried_again_after_a_while(tmp_path: Path):
    async with posting(tmp_path) as (here, there, waits):
        (image,) = await finished(here)
        there.failures = [
            web.Response(status=503),
            web.Response(status=429, headers={"Retry-After": "7"}),
            web.Response(status=500),
        ]

        done = await here.post("/v1/images/post", {"select": [image]})

        assert done["posted"] == [image]
        assert waits.seconds == [0.5, 7.0, 2.0]


async def test_a_gallery_that_stays_away_is_one_sentence_and_what_went_is_noted(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        images = await finished(here, 2)
        await here.post("/v1/images/post", {"select": images[:1]})
        there.failures = [web.Response(status=502) for _ in range(4)]

        refused = await here.post("/v1/images/post", {"select": images})

        assert (refused["status"], refused["exit"]) == (503, 1)
        assert refused["error"] == "the gallery cannot be reached: it answers 502."
        assert "not sent twice" in refused["remedy"]
        assert (await here.post("/v1/images/post", {"select": images}))["known"] == images[:1]


async def test_a_picture_that_is_declined_does_not_hold_the_others_up(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        images = await finished(here, 2)
        there.failures = [web.json_response({"error": "too\x1b large"}, status=413)]

        done = await here.post("/v1/images/post", {"select": images})

        assert done["posted"] == [images[1]]
        assert "413" in done["failed"][images[0]]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (web.Response(status=401), "the gallery does not accept the token."),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}), "the gallery sends one elsewhere."),
    ],
)
async def test_a_gallery_that_will_not_be_spoken_to_is_left_alone(tmp_path: Path, answers: web.Response, sentence: str):
    """A redirect is not followed: the token is for this gallery alone."""
    async with posting(tmp_path) as (here, there, waits):
        images = await finished(here, 2)
        there.failures = [answers]

        refused = await here.post("/v1/images/post", {"select": images})

        assert refused["error"] == sentence
        assert len(there.asked) == 1
        assert waits.seconds == []


async def test_nothing_goes_anywhere_until_a_gallery_is_named(tmp_path: Path):
    async with world(tmp_path) as here:
        here.house.gallery = Galleries(GallerySettings, here.views, here.blob)

        refused = await here.post("/v1/images/sync")

        assert (refused["where"], refused["error"]) == ("gallery.url", "no gallery is named in the settings.")


async def favourites(here: World) -> set[str]:
    rows = (await here.get("/v1/images"))["items"]
    return {row["id"] for row in rows if "favourite" in row["tags"]}


async def test_favourites_go_both_ways_and_then_nothing_does(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        one, two, three = await finished(here, 3)
        await here.post("/v1/images/post", {"select": [one, two, three]})
        await here.post("/v1/images/tag", {"select": [one], "add": ["favourite"]})
        there.favourites = {"g2"}

        done = await here.post("/v1/images/sync")

        assert (done["sent"], done["taken"], done["gone"]) == ([one], [two], [])
        assert there.favourites == {"g1", "g2"}
        assert await favourites(here) == {one, two}
        seq = (await here.get("/v1/status"))["head"]
        assert (await here.post("/v1/images/sync"))["sent"] == []
        assert (await here.get("/v1/status"))["head"] == seq

        await here.post("/v1/images/tag", {"select": [two], "remove": ["favourite"]})
        there.favourites = {"g2"}
        done = await here.post("/v1/images/sync")

        assert (done["sent"], done["taken"]) == ([two], [one])
        assert (there.favourites, await favourites(here)) == (set(), set())


async def test_both_sides_changed_it_alike(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        (image,) = await finished(here)
        await here.post("/v1/images/post", {"select": [image]})
        await here.post("/v1/images/tag", {"select": [image], "add": ["favourite"]})
        there.favourites = {"g1"}

        done = await here.post("/v1/images/sync")
        there.favourites = set()
        after = await here.post("/v1/images/sync")

        assert (done["sent"], done["taken"]) == ([], [])
        assert after["taken"] == [image]
        assert await favourites(here) == set()


async def test_stars_can_say_what_a_favourite_is(tmp_path: Path):
    async with posting(tmp_path, favourite_stars=4) as (here, there, _):
        one, two, three = await finished(here, 3)
        await here.post("/v1/images/post", {"select": [one, two, three]})
        await here.post("/v1/images/rate", {"select": [one], "stars": 5})
        there.favourites = {"g3"}

        done = await here.post("/v1/images/sync")
        there.favourites = {"g3"}
        after = await here.post("/v1/images/sync")

        assert (done["sent"], done["taken"], after["taken"]) == ([one], [three], [one])
        stars = {row["id"]: row["stars"] for row in (await here.get("/v1/images"))["items"]}
        assert stars == {one: 0, two: 0, three: 4}


async def test_what_is_gone_there_is_told_and_stays_here(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        images = await finished(here, 2)
        await here.post("/v1/images/post", {"select": images})
        del there.pictures["g1"]

        done = await here.post("/v1/images/sync")

        assert done["gone"] == [images[0]]
        assert len((await here.get("/v1/images"))["items"]) == 2


HOSTILE_ENTRIES = [
    "", "x" * 201, "a\x1b[2J", "rig\u202egnp", "\ud800", "a\0b", None, True, 1.5, ["g1"], {"id": "g1"}, "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("entry", HOSTILE_ENTRIES, ids=ascii)
async def test_what_a_gallery_calls_a_picture_is_a_plain_short_name(tmp_path: Path, entry: object):
    async with posting(tmp_path) as (here, there, _):
        images = await finished(here, 2)
        there.failures = [web.json_response({"id": entry})]

        done = await here.post("/v1/images/post", {"select": images})

        assert done["failed"] == {images[0]: f"{there.url}: the gallery's answer names no id."}
        assert done["posted"] == [images[1]]


async def test_a_refusal_of_a_stranger_is_told_without_what_drives_a_terminal(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        (image,) = await finished(here)
        there.failures = [web.json_response({"error": "no\x1b]0;x\x07 \u202e\ud800" + "w" * 9000}, status=400)]

        done = await here.post("/v1/images/post", {"select": [image]})

        assert done["failed"][image].isprintable() and len(done["failed"][image]) < 400


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"{}", b'{"items": null}', b"\xff\xfe", b'{"items": {"0": 1}}', b"x" * (9 << 20), b"1" * 6000],
    ids=["deep", "empty", "null", "no text", "map", "9 MB", "a huge number"],
)
async def test_a_list_that_is_none_is_refused_and_changes_nothing(tmp_path: Path, body: bytes):
    async with posting(tmp_path) as (here, there, _):
        images = await finished(here)
        await here.post("/v1/images/post", {"select": images})
        await here.post("/v1/images/tag", {"select": images, "add": ["favourite"]})
        there.failures = [web.Response(body=body)]

        refused = await here.post("/v1/images/sync")

        assert refused["error"] == "the gallery answers with no list."
        assert await favourites(here) == set(images) and there.favourites == set()


async def test_a_list_that_comes_in_many_pieces_is_read_whole_and_a_strangers_pictures_are_passed_over(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        (image,) = await finished(here)
        await here.post("/v1/images/post", {"select": [image]})
        others: list[object] = [{"id": f"other-{number}" * 20, "favourite": True} for number in range(3000)]
        items = [*others, None, 5, {"id": ["g1"]}, {"id": "g1", "favourite": True}]
        there.failures = [web.json_response({"items": items, "total": len(items)})]

        done = await here.post("/v1/images/sync")

        assert (done["taken"], done["gone"]) == ([image], [])
        assert await favourites(here) == {image}


async def test_a_list_that_never_ends_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "MOST_PAGES", 5)
    async with posting(tmp_path) as (here, there, _):
        (image,) = await finished(here)
        await here.post("/v1/images/post", {"select": [image]})
        page = {"items": [{"id": "g1", "favourite": False}], "total": 10**12}
        there.failures = [web.json_response(page) for _ in range(9)]

        done = await here.post("/v1/images/sync")

        assert done["failed"] == {} and len(there.failures) == 4


async def test_an_answer_that_unpacks_itself_is_not_unpacked(tmp_path: Path):
    async with posting(tmp_path) as (here, there, _):
        (image,) = await finished(here)
        await here.post("/v1/images/post", {"select": [image]})
        bomb = gzip.compress(b'{"items": [' + b" " * (1 << 20) + b"]}")
        there.failures = [web.Response(body=bomb, headers={"Content-Encoding": "gzip"})]

        assert (await here.post("/v1/images/sync"))["error"] == "the gallery answers with no list."


@pytest.mark.parametrize("pause", ["\u00b2", "-5", "9" * 400, "soon", "1e9"])
async def test_no_gallery_makes_one_wait_for_long(tmp_path: Path, pause: str):
    async with posting(tmp_path) as (here, there, waits):
        (image,) = await finished(here)
        there.failures = [web.Response(status=429, headers={"Retry-After": pause})]

        assert (await here.post("/v1/images/post", {"select": [image]}))["posted"] == [image]
        assert 0 < waits.seconds[0] <= 30.0


async def test_the_token_is_in_no_event_no_answer_and_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    async with posting(tmp_path, token="s3cret-key") as (here, there, _):
        images = await finished(here, 2)
        answers = [await here.post("/v1/images/post", {"select": images[:1]})]
        there.failures = [web.Response(status=status) for status in (503, 503, 503, 503, 401)]
        answers += [await here.post("/v1/images/post", {"select": images}) for _ in range(2)]
        answers += [await here.post("/v1/images/sync"), await here.get("/v1/log", after=0, limit=1000)]

        assert "s3cret-key" not in str(answers) + caplog.text
