"""Sending what waits to another backend; new pictures from pictures; what stages said of one."""

import hashlib
import io
import json

import msgspec
import pytest
from PIL import Image


@pytest.mark.slow
async def test_waiting_jobs_are_sent_to_another_backend(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.5")
        await eyes.press("j", "j", "space", "space", "b")
        await eyes.sees("Send to", "any that can", "comfyui · ready on attic", "webui · ready on studio")
        await eyes.press("j", "j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/jobs/edit"))
        assert daemon.sent("/v1/jobs/edit") == [{"select": ["kn00gt7a.3", "kn00gt7a.4"], "backend": "comfyui"}]
        await eyes.sees("2 sent to comfyui")
        await eyes.press("z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))


@pytest.mark.slow
async def test_any_backend_is_told_as_such(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.5")
        await eyes.press("j", "j", "b")
        await eyes.sees("Send to")
        await eyes.press("enter")
        await eyes.until(lambda: daemon.sent("/v1/jobs/edit"))
        assert daemon.sent("/v1/jobs/edit") == [{"select": ["kn00gt7a.3"], "backend": ""}]


@pytest.mark.slow
async def test_a_job_that_runs_stays_where_it_is(show, daemon):
    daemon.refuse["/v1/jobs/edit"] = ("kn00gt7a.1 has begun", "Make a new run of it.")
    async with show() as eyes:
        await eyes.sees("kn00gt7a.1 ")
        await eyes.press("b")
        await eyes.sees("kn00gt7a.1 does not wait: c makes a new run like it")
        assert not daemon.sent("/v1/jobs/edit")
        await eyes.press("space", "space", "b")
        await eyes.sees("Send to")
        await eyes.press("enter")
        await eyes.sees("kn00gt7a.1 has begun. Make a new run of it.")


@pytest.mark.slow
async def test_a_picture_of_ours_goes_through_the_stages_that_are_ticked(show, daemon, picture_of):
    async with show() as eyes:
        await eyes.press("g", "i")
        await eyes.sees("318", "cfg 6.0")
        await eyes.press("E")
        await eyes.sees("[Enhance]", "like kn00gt7a.1", "im000000", "[x] paint over", "[x] 1 img2img")
        await eyes.sees("1 job · seed 7")
        picture_of(eyes, "enhance-120x36")
        head = eyes.app.screen.head
        eyes.app.screen.set_focus(head)
        head.go([one.id for one in head.fields].index("through-face_restore"))
        await eyes.press("space")
        await eyes.sees("[x] restore faces", "1 job · seed 7")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        sent = daemon.sent("/v1/runs")[0]
        assert sent["image"] == daemon.images[0].sha256
        assert sent["prompt"].startswith("masterpiece, knight in rain")
        stages = json.loads(sent["pipeline"]["text"])["stages"]
        assert stages == [{"type": "img2img", "denoise": 0.35}, {"type": "upscale"}, {"type": "face_restore"}]


@pytest.mark.slow
async def test_a_picture_file_is_sent_once_and_begun_from(show, daemon, tmp_path):
    kept = io.BytesIO()
    Image.new("RGB", (8, 8), "blue").save(kept, "PNG")
    (tmp_path / "boat.png").write_bytes(kept.getvalue())
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("E")
        await eyes.sees("[Enhance]", "picture none yet", "name a picture")
        await eyes.press("enter")
        await eyes.sees("Begin from a picture")
        await eyes.press(*"nowhere.png", "enter")
        await eyes.sees("this is neither a file")
        eyes.app.screen.put("picture", str(tmp_path / "boat.png"))
        await eyes.sees("1 job · seed 7")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        assert daemon.uploads == [kept.getvalue()]
        sent = daemon.sent("/v1/runs")[0]
        assert sent["image"] == hashlib.sha256(kept.getvalue()).hexdigest()
        assert sent["prompt"] == ""


@pytest.mark.slow
async def test_captions_and_scores_are_told_with_the_picture(show, daemon):
    daemon.said = {"caption": "a knight in the rain", "score": 0.8312}
    async with show() as eyes:
        await eyes.press("g", "i")
        await eyes.sees("caption  a knight in the rain", "score  0.83 of 1")
        await eyes.press("e")
        await eyes.sees("sha256", " caption", "a knight in the rain")


@pytest.mark.slow
async def test_a_suspect_job_says_why_and_what_to_do(show, daemon):
    reason = "the picture is black, twice; look at its model, VAE and sampler, then retry it"
    daemon.rows[2] = msgspec.structs.replace(daemon.rows[2], state="attention", reason=reason)
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j")
        await eyes.sees("the picture is black, twice;", "what to do", "R tries it again.")
