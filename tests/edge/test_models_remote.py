"""Search and download against a small site on this machine: resumed, checked, bounded, and never sent astray."""

import asyncio
import gzip
import json
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))
from models_made import KOHYA, safetensors
from site_fake import serving

from daemon.library.models.remote import door as doors
from daemon.library.models.remote import download as downloads
from daemon.library.models.remote.remote import Remote
from schema.errors import Refused
from schema.models import ModelWanted
from schema.settings import LibrarySettings


@pytest.fixture
async def site(tmp_path):
    content = safetensors(tmp_path / "made.safetensors", KOHYA, tensors=400).read_bytes()
    async with serving(content) as it:
        yield it


@pytest.fixture
def root(tmp_path):
    (tmp_path / "models/Lora").mkdir(parents=True)
    return tmp_path / "models"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0.0)


class Asker:
    def __init__(self, site, root, **settings):
        told = {"remote": True, "civitai": site.url, "huggingface": site.url, "civitai_token": "secret", **settings}
        self.came = 0
        self.here = {}
        self.remote = Remote(LibrarySettings(**told), [root], floor=1 << 20, hash_of=self.hash_of, came=self.has_come)

    async def hash_of(self, name):
        return self.here[name]

    async def has_come(self):
        self.came += 1

    async def get(self, id="civitai:21", **more):
        states = [state async for state in self.remote.fetch(ModelWanted(id=id, **more))]
        assert all(state.state == "running" for state in states[:-1])
        return states[-1]


@pytest.fixture
async def asker(site, root):
    it = Asker(site, root)
    yield it
    await it.remote.close()


def left(root):
    return sorted(path.name for path in root.rglob("*") if path.is_file())


# Search ----------------------------------------------------------------------------------------------


async def test_both_sites_are_searched(asker):
    one, two = await asker.remote.search("haze", "", "loras", 10)

    assert (one.id, one.name, one.list, one.base, one.triggers) == (
        "civitai:21",
        "Sea Haze v2",
        "loras",
        "sdxl",
        ("haze",),
    )
    assert (two.id, two.list, two.base, two.author) == ("hf:artist/haze/haze.safetensors", "loras", "sdxl", "artist")


async def test_a_site_that_fails_leaves_the_other(asker, site, root):
    half = Asker(site, root, huggingface="http://127.0.0.1:1")

    assert [one.source for one in await half.remote.search("haze", "", "", 10)] == ["civitai"]
    with pytest.raises(Refused, match="cannot be reached"):
        await half.remote.search("haze", "huggingface", "", 10)
    await half.remote.close()


async def test_nobody_is_asked_unless_a_person_switched_it_on(site, root):
    off = Asker(site, root, remote=False)

    with pytest.raises(Refused, match="remote = true"):
        await off.remote.search("haze", "", "", 10)
    with pytest.raises(Refused, match="remote = true"):
        await off.get()
    assert site.asked == []
    await off.remote.close()


@pytest.mark.parametrize(("status", "words"), [(401, "civitai_token"), (429, "Wait"), (503, "503"), (404, "no such")])
async def test_a_sites_refusal_is_told_with_the_remedy(asker, site, status, words):
    site.status = status

    with pytest.raises(Refused, match=words):
        await asker.remote.search("haze", "civitai", "", 10)
    assert words in (await asker.get()).reason


# Download --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["civitai:21", "hf:artist/haze/haze.safetensors", "hf:artist/haze"])
async def test_a_file_comes_whole_and_checked(asker, site, root, id):
    done = await asker.get(id, list="loras")

    path = root / "Lora/haze.safetensors"
    assert (done.state, done.path, done.reason) == ("done", str(path), "")
    assert (path.read_bytes(), done.bytes, asker.came) == (site.content, len(site.content), 1)
    beside = ["haze.civitai.info", "haze.preview.png"] if id.startswith("civitai") else []
    assert left(root) == [*beside, "haze.safetensors"] if beside else left(root) == ["haze.safetensors"]


async def test_a_broken_line_is_taken_up_where_it_broke(asker, site, root):
    site.break_after = 1_500_000

    done = await asker.get()

    assert done.state == "done" and (root / "Lora/haze.safetensors").read_bytes() == site.content
    [first, second] = site.downloads
    assert first == "" and 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 1_500_000


async def test_another_day_goes_on_where_the_last_one_ended(asker, site, root, monkeypatch):
    monkeypatch.setattr(downloads, "TRIES", 1)
    site.break_after = 1_500_000
    broken = await asker.get()
    assert broken.state == "failed" and "it goes on there" in broken.reason
    assert not (root / "Lora/haze.safetensors").exists()

    done = await asker.get()

    assert done.state == "done" and site.downloads[-1].startswith("bytes=")


@pytest.mark.parametrize("change", ["no ranges", "another content"])
async def test_what_cannot_be_gone_on_with_begins_anew(asker, site, root, monkeypatch, change):
    monkeypatch.setattr(downloads, "TRIES", 1)
    site.break_after = 1_500_000
    await asker.get()
    if change == "no ranges":
        site.ranges = False
    else:
        site.etag = '"two"'

    assert (await asker.get()).state == "done"
    assert (root / "Lora/haze.safetensors").read_bytes() == site.content


async def test_another_content_than_was_promised_is_thrown_away(asker, site, root):
    site.told_sha256 = "ab" * 32

    done = await asker.get()

    assert done.state == "failed" and "its hash is not the one" in done.reason and left(root) == []


async def test_what_is_no_model_is_thrown_away_even_where_no_hash_is_told(asker, site, root):
    site.content, site.told_sha256 = b"<html>log in first</html>" * 50, ""

    done = await asker.get()

    assert done.state == "failed" and "its header" in done.reason and left(root) == []


@pytest.mark.parametrize("told", [True, False])
async def test_more_than_the_limit_is_not_taken(site, root, told):
    site.content += bytes(2 << 20)
    site.chunked, site.told_size = not told, len(site.content) if told else 10
    small = Asker(site, root, largest_mb=1)

    done = await small.get()

    assert done.state == "failed" and "larger than 1 MB" in done.reason and "largest_mb" in done.reason
    assert not (root / "Lora/haze.safetensors").exists()
    await small.remote.close()


async def test_the_floor_of_the_disk_is_kept(asker, root, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(1, 1, 1 << 20))

    done = await asker.get()

    assert done.state == "failed" and "Free some space" in done.reason and left(root) == []


async def test_a_file_that_is_there_is_left_alone(asker, root):
    mine = root / "Lora/haze.safetensors"
    mine.write_bytes(b"mine")

    done = await asker.get()

    assert done.state == "failed" and "is there already" in done.reason and mine.read_bytes() == b"mine"
    assert (await asker.get(name="other.safetensors")).path == str(root / "Lora/other.safetensors")
    assert (await asker.get(name="other.safetensors")).state == "done"  # it is the very file


async def test_two_who_want_the_same_wait_for_one_download(asker, site):
    one, two = await asyncio.gather(asker.get(), asker.get())

    assert one.state == two.state == "done" and len(site.downloads) == 1


async def test_who_stops_listening_does_not_stop_the_download(asker, root):
    async for _ in asker.remote.fetch(ModelWanted(id="civitai:21")):
        break

    assert (await asker.get()).state == "done"


async def test_what_a_site_says_of_a_file_here_is_put_beside_it(asker, site, root):
    path = root / "Lora/mine.safetensors"
    path.write_bytes(site.content)
    asker.here = {"mine": (path, site.sha256)}

    done = await asker.get("about:mine")

    assert done.state == "done" and left(root) == ["mine.civitai.info", "mine.preview.png", "mine.safetensors"]


# Where it must not go --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/latest", "https://127.0.0.1/x", "https://10.0.0.1/x", "https://[::1]/x",
        "https://0x7f.1/x", "https://2130706433/x", "https://[::ffff:192.168.0.1]/x", "https://localhost/x",
        "https://nas.local/x", "ftp://example.org/x", "http://example.org/x", "https://user:word@example.org/x",
        "file:///etc/passwd", "https://metadata.internal/x", "https://192.168.1.1/x", "https://[64:ff9b::7f00:1]/x",
        "https://[::127.0.0.1]/x", "https://[fec0::1]/x", "https://\uff11\uff12\uff17.0.0.1/x",
        "https://127.0.0.1.:1/x", "https:///x", "//127.0.0.1/x", "https://LOCALHOST./x", "https://0177.0.0.1/x",
        "data:text/plain,x", "https://[fe80::1%25eth0]/x", "https://[fd00::1]/x", "https://0.0.0.0/x",
        "http://[broken",
    ],
)  # fmt: skip
async def test_no_redirect_leads_into_a_private_network(asker, site, root, where):
    site.elsewhere = where

    done = await asker.get()

    assert done.state == "failed" and left(root) == []
    assert len(site.downloads) == 0


async def test_a_name_that_resolves_to_a_private_address_is_not_asked(asker, site, monkeypatch):
    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": "192.168.7.7", "port": port, "family": 2, "proto": 6, "flags": 0}]

    monkeypatch.setattr(doors.aiohttp.ThreadedResolver, "resolve", resolve)
    site.elsewhere = "https://cdn.example.org/x"

    assert "cannot be reached" in (await asker.get()).reason


async def test_a_name_that_was_public_a_moment_ago_is_looked_up_again(asker, site, monkeypatch):
    """What was checked is what is connected to: the resolver's own answer, asked anew for each connection."""
    answers = iter(["93.184.215.14", "127.0.0.1"])
    asked = []

    async def resolve(self, host, port=0, family=0):
        asked.append(next(answers))
        return [{"hostname": host, "host": asked[-1], "port": port, "family": 2, "proto": 6, "flags": 0}]

    monkeypatch.setattr(doors.aiohttp.ThreadedResolver, "resolve", resolve)
    resolver = doors._Public(())
    assert [one["host"] for one in await resolver.resolve("cdn.example.org", 443)] == ["93.184.215.14"]
    with pytest.raises(OSError, match="no public one"):
        await resolver.resolve("cdn.example.org", 443)
    assert len(asked) == 2


async def test_another_port_of_the_sites_own_machine_is_as_private_as_any(monkeypatch):
    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": "10.0.0.2", "port": port, "family": 2, "proto": 6, "flags": 0}]

    monkeypatch.setattr(doors.aiohttp.ThreadedResolver, "resolve", resolve)
    resolver = doors._Public((doors.Site("http://mirror:8080", None),))
    assert await resolver.resolve("mirror", 8080)
    with pytest.raises(OSError, match="no public one"):
        await resolver.resolve("mirror", 22)


async def test_the_key_of_a_site_goes_to_that_site_only(asker, site, root, monkeypatch):
    async with serving(site.content) as other:
        monkeypatch.setattr(doors.Door, "_check", lambda self, url: None)
        site.elsewhere = f"{other.url}/files/21"

        done = await asker.get()

        assert done.state == "done"
        assert {token for _, _, token in site.asked} == {"Bearer secret"}
        assert {token for _, _, token in other.asked} == {""}


async def test_a_circle_of_redirects_ends(asker, site):
    site.elsewhere = "/api/download/models/21"

    assert "circles" in (await asker.get()).reason


HOSTILE = {
    "nothing": b"",
    "no JSON": b"<html>",
    "deep": b"[" * 200_000,
    "deep within": b'{"a":' * 900 + b"1" + b"}" * 900,
    "a huge number": b'{"items": [' + b"9" * 5000 + b"]}",
    "no UTF-8": b"\xff\xfe\x00",
    "a list": [1, None, "x", [[]]],
    "other types": {"items": {"0": 1}, "files": 5, "model": [], "images": "x", "downloadUrl": ["x"]},
    "no address": {
        "downloadUrl": "http://[broken",
        "files": [{"name": "haze.safetensors", "downloadUrl": "http://[x"}],
    },
    "a private address": {"downloadUrl": "http://169.254.169.254/", "files": [{"name": "a.safetensors"}]},
    "not finite": b'{"files": [{"name": "a.safetensors", "sizeKB": 1e999, "downloadUrl": "/none"}]}',
    "half letters": b'{"items": [{"id": 7, "name": "\\ud800", "tags": ["\\udfff"], "creator": {"username": "\\ud800"},'
    b' "modelVersions": [{"id": 1, "name": "\\ud800", "files": [{"name": "\\ud800.safetensors"}]}]}]}',
    "many": [{"id": "a/b", "tags": ["x" * 1000] * 300, "siblings": [{"rfilename": "y" * 100_000}] * 20}] * 3,
}


@pytest.mark.parametrize("told", HOSTILE.values(), ids=HOSTILE)
async def test_whatever_a_site_answers_is_a_list_or_a_sentence(asker, site, root, told):
    site.hostile["*"] = told
    for source in ("civitai", "huggingface"):
        try:
            offers = await asker.remote.search("haze", source, "", 10)
        except Refused as refused:
            assert refused.sentence
        else:
            assert len(msgspec.json.encode(offers)) < 1 << 20
    for id in ("civitai:21", "hf:artist/haze", "hf:artist/haze/haze.safetensors"):
        done = await asker.get(id, list="loras")
        assert done.state == "failed" and done.reason
    assert left(root) == [] and asker.came == 0


async def test_a_record_too_deep_to_be_written_keeps_no_file_from_coming(asker, site, root):
    version = json.loads(site._told("/api/v1/model-versions/21").body)
    deep = json.dumps(version)[:-1] + ', "deep": ' + "[" * 900 + "]" * 900 + "}"
    site.hostile["/api/v1/model-versions/21"] = deep

    assert (await asker.get()).state == "done"
    assert (root / "Lora/haze.safetensors").read_bytes() == site.content


async def test_an_answer_that_is_packed_is_not_unpacked(asker, site, root):
    bomb = gzip.compress(b" " * (32 << 20), 1)
    packed = {"Content-Encoding": "gzip"}
    site.hostile["*"] = web.Response(body=bomb, headers=packed)
    with pytest.raises(Refused, match="packs its answers"):
        await asker.remote.search("haze", "civitai", "", 10)
    del site.hostile["*"]
    site.hostile["/files/21"] = web.Response(body=bomb, headers=packed)

    done = await asker.get()

    assert done.state == "failed" and "packs its answers" in done.reason and left(root) == []


async def test_a_site_that_never_answers_is_left_after_a_while(site, root, monkeypatch):
    monkeypatch.setattr(doors, "PATIENCE", 0.05)

    async def hold(reader, writer):
        await reader.read()  # until the other side gives up
        writer.close()
        await writer.wait_closed()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    slow = Asker(site, root, civitai=f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}")

    with pytest.raises(Refused, match="cannot be reached"):
        await slow.remote.search("haze", "civitai", "", 10)

    await slow.remote.close()
    silent.close()
    await silent.wait_closed()


@pytest.mark.parametrize(
    "id",
    [
        "civitai:\u00b2", "civitai:\u0663", "civitai:../../x", "civitai:" + "9" * 30, "hf:../..", "hf:../../x", "hf:a",
        "hf:./x/y.safetensors", "hf:\u00e9/x", "hf:a/b\x00/c", "about:../../etc/passwd", "hf:a/b?x=/c", "hf:\ud800/x",
    ],
    ids=ascii,
)  # fmt: skip
async def test_a_name_that_is_a_path_or_no_name_leaves_nothing(asker, site, root, id):
    asker.here = {}
    asker.remote._hash_of = refusing

    done = await asker.get(id)

    assert done.state == "failed" and left(root) == []
    assert all(path.startswith("/api/models/a/b") for path, _, _ in site.asked)


async def refusing(name):
    raise Refused(f"there is no model '{name}'.")


async def test_no_key_is_in_what_is_told_of_a_failure(site, root, caplog):
    caplog.set_level("DEBUG")
    told = []
    for status in (401, 403, 404, 429, 500, 302):
        site.status = status
        asker = Asker(site, root, civitai_token="s3cret-key", huggingface_token="s3cret-key")
        told += [await asker.get(), await asker.get("hf:artist/haze")]
        await asker.remote.close()
    assert "s3cret-key" not in str(told) + caplog.text


async def test_an_answer_without_end_is_not_read(asker):
    with pytest.raises(Refused, match="more than 8 MB"):
        await asker.remote._door.json(asker.remote._sources["civitai"]._site.at("/api/huge"))


async def test_nothing_is_put_beside_a_file_that_a_link_leads_out_to(asker, site, root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (root / "Lora/out").symlink_to(tmp_path / "elsewhere")
    path = root / "Lora/out/mine.safetensors"
    path.write_bytes(site.content)
    asker.here = {"mine": (path, site.sha256)}

    done = await asker.get("about:mine")

    assert done.state == "failed" and "leads out of" in done.reason
    assert left(tmp_path / "elsewhere") == ["mine.safetensors"]


async def test_one_target_is_written_by_one_download(asker, site):
    one, two = await asyncio.gather(asker.get(), asker.get("https://civitai.com/models/7?modelVersionId=21"))

    assert {one.state, two.state} <= {"done", "failed"} and "done" in (one.state, two.state)
    assert "failed" not in (one.state, two.state) or "already" in (one.reason or two.reason)
