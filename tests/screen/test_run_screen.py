"""The Run area: written, planned, sent and watched in one place, whole at three sizes."""

import json

import msgspec
import pytest
from textual.widgets import TextArea

from schema.errors import NoDaemon
from schema.ids import RunId
from schema.pages import RunRow
from schema.scenes import Delta
from tui.keys import AREAS
from tui.screens.draft import Draft
from tui.screens.runplan import over

SEA = "a harbour in {dawn|dusk} light, __sky__"


async def to_run(eyes):
    await eyes.app.action_go("run")
    await eyes.sees("[Generate]")
    await eyes.until(lambda: eyes.app.screen.cards.form.stages)


def focus(eyes, name):
    screen = eyes.app.screen
    screen.set_focus({"head": screen.head, "stages": screen.cards, "variants": screen.samples}[name])


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(200, 60), (120, 36), (80, 24)])
async def test_a_run_with_places_to_vary_at_three_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_run(eyes)
        await eyes.press(*SEA)
        await eyes.sees("6 variants" if width < 100 else "6 variants · 6 jobs · seed 7", "~4.5 MB")
        if width >= 100:
            await eyes.sees("dawn · ", "done ~12:03", "studio 2, attic 1")
        await eyes.quiet()
        picture_of(eyes, f"run-{width}x{height}")


@pytest.mark.slow
async def test_panes_are_gone_through_also_while_one_types(show, picture_of):
    async with show(80, 24) as eyes:
        await to_run(eyes)
        await eyes.sees("[Prompt]")
        await eyes.press(*"a[b]", "ctrl+pagedown")
        await eyes.sees("[Variants 1]", "Plan")
        picture_of(eyes, "run-variants-80x24")
        await eyes.press("right_square_bracket")
        await eyes.sees("[Stages]", "[x] 1 txt2img")
        picture_of(eyes, "run-stages-80x24")
        await eyes.press("right_square_bracket")
        await eyes.sees("[Prompt]", "a[b]")
        await eyes.pilot.click("#run-tabs", offset=(3, 0))
        await eyes.sees("[Stages]")


@pytest.mark.slow
async def test_with_a_pack_alone_one_key_runs_it(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.app.write(Draft(pack="knights"))
        await eyes.sees("pack knights", "Variants")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        assert daemon.sent("/v1/runs")[0]["packs"] == ["knights"]


@pytest.mark.slow
async def test_nothing_is_sent_while_nothing_is_written(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press("ctrl+j")
        await eyes.sees("write a prompt or take a pack")
        assert not daemon.sent("/v1/runs")


async def test_what_was_written_before_is_had_back(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a red kite")
        await eyes.until(lambda: eyes.app.draft is not None and eyes.app.draft.prompt == "a red kite")
        await eyes.app.write(Draft(prompt="a blue boat", seed="5"))
        await eyes.sees("a blue boat", "seed 5")
        await eyes.press("ctrl+g")
        await eyes.sees("a red kite", "seed drawn")
        await eyes.press("ctrl+g")
        await eyes.sees("a blue boat")
        await eyes.press("ctrl+g", "ctrl+g")
        await eyes.sees("a blue boat")


async def test_a_run_is_watched_and_stopped(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.sees("knights", "26/40", "txt2img 1/3 on studio", "19/30")
        await eyes.press("escape", "x")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))
        assert daemon.sent("/v1/jobs/cancel") == [{"select": ["kn00gt7a"]}]
        await eyes.press("p")
        await eyes.until(lambda: daemon.sent("/v1/queue/pause"))
        await eyes.press("M")
        await eyes.sees("batches lose nothing")
        await eyes.press("escape", "z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))


@pytest.mark.slow
async def test_the_bar_is_clicked(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        await eyes.sees("1 job · seed 7")
        line = eyes.text().split("\n")[1]
        await eyes.pilot.click("#run-bar", offset=(line.index("Enhance") + 2, 0))
        await eyes.sees("[Enhance]", "picture none yet")
        await eyes.pilot.click("#run-bar", offset=(eyes.text().split("\n")[1].index("Generate") + 2, 0))
        await eyes.sees("[Generate]", "1 job · seed 7")
        await eyes.pilot.click("#run-bar", offset=(eyes.text().split("\n")[1].index(" Run ") + 2, 0))
        await eyes.until(lambda: daemon.sent("/v1/runs"))


@pytest.mark.slow
async def test_many_packs_for_the_night_stand_in_the_batch_lane(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press("escape", "m", "m")
        await eyes.sees("[Batch]", "packs none yet", "window any", "done by any")
        for wanted in ("knights", "city"):
            await eyes.app.screen.choose("pack")
            await eyes.sees("type to narrow")
            await eyes.press(*wanted, "enter")
        await eyes.sees("packs knights, city [bold]")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        sent = daemon.sent("/v1/runs")[0]
        assert (sent["packs"], sent["lane"]) == (["knights", "city [bold]"], "batch")


@pytest.mark.slow
async def test_a_fault_in_the_words_is_told_with_its_place(show):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a {dawn|dusk")
        await eyes.sees("prompt:1:3: a brace is not closed.", "1 fault")
        await eyes.press(*"} sea")
        await eyes.sees("2 variants", "none")


@pytest.mark.slow
async def test_a_sign_that_closes_nothing_is_a_warning_and_the_run_may_go(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a (paper boat:1.2", "ctrl+pagedown")
        await eyes.sees("1 warning", "‘(paper boat:1.2’ is")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))


@pytest.mark.slow
async def test_variants_are_held_drawn_anew_written_over_and_shown_as_they_are_sent(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*SEA)
        await eyes.sees("6 variants")
        await eyes.press("ctrl+t")
        await eyes.sees("What is sent", "steps 20")
        await eyes.press("ctrl+t", "ctrl+r")
        await eyes.until(lambda: daemon.sent("/v1/prompt")[-1]["run"].get("matrix") == "random")
        focus(eyes, "variants")
        await eyes.press("h")
        await eyes.until(lambda: daemon.sent("/v1/prompt")[-1]["run"].get("lock"))
        await eyes.press("enter")
        await eyes.sees("into the run", "Variants")


@pytest.mark.slow
async def test_what_the_stages_are_told_reaches_the_request(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        focus(eyes, "stages")
        eyes.app.screen.cards.stand("txt2img.steps")
        await eyes.press("plus", "plus")
        await eyes.until(lambda: eyes.app.draft.set == ("txt2img.steps=22",))
        await eyes.sees("1 job · seed 7")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        assert daemon.sent("/v1/runs")[0]["set"] == ["txt2img.steps=22"]


@pytest.mark.slow
async def test_another_run_after_the_first_draws_a_seed_of_its_own(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        await eyes.sees("1 job · seed 7")
        await eyes.press("ctrl+j")
        await eyes.sees("newrun22: 1 job queued")
        await eyes.until(lambda: "seed" not in daemon.sent("/v1/prompt")[-1]["run"])
        assert eyes.app.screen.draft.prompt == "a kite"
        scene = daemon.scene()
        mine = msgspec.structs.replace(scene.runs[0], run=RunId("newrun22"), name="mine")
        await daemon.tell(Delta(head=4212, runs=(*scene.runs, mine)))
        await eyes.sees("mine", "26/40")
        daemon.latest = {"effective": {"txt2img": {"steps": 30}}, "run": "newrun22", "seed": 43}
        await daemon.tell(Delta(head=4213, runs=scene.runs))
        await eyes.sees("drawn; last 43")
        tried = len(daemon.sent("/v1/prompt"))
        await daemon.tell(Delta(head=4214, queue=msgspec.structs.replace(scene.queue, paused=True)))
        await eyes.sees("p Resume")
        await eyes.until(lambda: len(daemon.sent("/v1/prompt")) > tried)


@pytest.mark.slow
async def test_a_run_that_has_ended_says_what_came_of_it(show, daemon):
    daemon.came = {"finished": 38, "failed": 2}
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        await eyes.sees("1 job · seed 7")
        await eyes.press("ctrl+j")
        await eyes.sees("newrun22: 1 job queued")
        scene = daemon.scene()
        mine = msgspec.structs.replace(scene.runs[0], run=RunId("newrun22"), name="mine")
        await daemon.tell(Delta(head=4212, runs=(mine,)))
        await eyes.sees("26/40")
        await daemon.tell(Delta(head=4213, runs=()))
        await eyes.sees("✗ knights: 38 of 40 done, 2 failed")
        await daemon.tell(Delta(head=4214, runs=(mine,)))
        await eyes.sees("26/40")
        daemon.came = {"finished": 40}
        await daemon.tell(Delta(head=4215, runs=()))
        await eyes.sees("✓ knights is done")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"finished": 7}, "✓ boats is done"),
        ({"cancelled": 7}, "⊘ boats: 0 of 7 done, 7 cancelled"),
        ({"failed": 7}, "✗ boats: 0 of 7 done, 7 failed"),
        ({"finished": 3, "failed": 1, "cancelled": 3}, "✗ boats: 3 of 7 done, 1 failed, 3 cancelled"),
    ],
)
def test_only_a_run_that_was_made_whole_is_told_as_done(counts, told):
    run = RunRow(id=RunId("r"), name="boats", state="finished", created=0.0, jobs=7, ended=1.0, **counts)
    assert "".join(piece.text for piece in over(run)) == told


@pytest.mark.slow
async def test_a_run_that_has_ended_can_still_be_gone_to(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await daemon.tell(Delta(head=4212, running=(), runs=()))
        await eyes.until(lambda: eyes.app.screen.run_shown() == (None, None))
        await eyes.press("escape", "J")
        await eyes.sees("no run is shown: none was sent from here")
        eyes.app.screen.followed = RunId("kn01gt7a")
        await eyes.press("J")
        await eyes.sees("run:kn01gt7a")


@pytest.mark.slow
async def test_as_last_time_is_had_back_with_the_words(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        eyes.app.screen.change(Draft(last=True, prompt="a kite"))
        await eyes.sees("[x] as last time")
        await eyes.press("escape", "m")
        await eyes.sees("[Enhance]", "[ ] as last time")
        await eyes.press("escape", "m")
        await eyes.sees("[Batch]", "[x] as last time")


@pytest.mark.slow
async def test_letters_are_letters_in_the_prompt_and_keys_after_escape(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"xpMm[g]")
        assert eyes.app.screen.query_one("#prompt", TextArea).text == "xpMm[g]"
        await eyes.press("escape", "g", "q")
        await eyes.sees("131 jobs")
        assert not daemon.sent("/v1/queue/pause")


@pytest.mark.slow
async def test_the_function_keys_go_to_every_area_also_while_one_types(show):
    async with show() as eyes:
        for area in AREAS:
            await to_run(eyes)
            eyes.app.screen.set_focus(eyes.app.screen.query_one("#prompt"))
            await eyes.press(area.function)
            await eyes.sees(f"[{area.title}]")


@pytest.mark.slow
async def test_without_a_daemon_what_is_written_stays(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await daemon.end()
        await eyes.press(*"a kite")
        await eyes.sees("disconnected", "the daemon does not answer")
        await daemon.begin()
        await eyes.sees("1 job · seed 7", "a kite")


@pytest.mark.slow
async def test_words_are_written_in_the_persons_own_editor(show, monkeypatch):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")

        def edit(app, path, line=0):
            path.write_text(path.read_text() + " over {sea|land}\n")
            return ""

        monkeypatch.setattr("tui.editor.edit", edit)
        await eyes.press("f10")
        await eyes.sees("a kite over {sea|land}", "2 variants")


@pytest.mark.slow
async def test_the_palette_and_the_last_line_do_what_the_keys_of_a_pane_do(show):
    async with show() as eyes:
        await to_run(eyes)
        focus(eyes, "stages")
        await eyes.sees("S save")
        await eyes.press("colon")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "Palette")
        await eyes.press(*"add a stage")
        await eyes.sees("Cards of the stages")
        await eyes.press("down", "enter")
        await eyes.sees("a small copy for the web")
        await eyes.press("escape")
        await eyes.sees("S save")
        await eyes.pilot.click("Foot", offset=(eyes.text().splitlines()[-1].index("S save"), 1))
        await eyes.sees("Save as a pipeline")


@pytest.mark.slow
async def test_how_long_a_run_takes_does_not_shrink_while_nobody_sends_it(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await eyes.press(*"a kite")
        await eyes.sees("done ~")
        screen, begun = eyes.app.area_screen, daemon.now
        daemon.now += 45
        screen.tick()
        assert screen.plan().now == begun
        daemon.now += 45
        screen.tick()
        await eyes.until(lambda: screen.plan().now == daemon.now)


def test_a_request_is_a_draft_again():
    from schema.requests import RunRequest
    from tui.screens.draft import draft_like, request

    wish = RunRequest(packs=("knights", "city"), prompt="a", seed=3, learning="active", set=("txt2img.cfg=6",), count=2)
    assert request(draft_like(wish, "")) == wish
    held = RunRequest(prompt="an {f=2|f=8}, {a|b}", count=1, lock=("{f=2|f=8}=f=8",), reroll=("{a|b}=3",))
    assert request(draft_like(held, "")) == held
    assert json.loads(msgspec.json.encode(request(Draft(prompt="a", priority="-2"))))["priority"] == -2


@pytest.mark.parametrize(("width", "pane", "toasts"), [(120, "words", 0), (80, "words", 0), (80, "stages", 1)])
async def test_that_no_daemon_answers_is_told_once_and_covers_nothing(show, monkeypatch, width, pane, toasts):
    async def gone(*wish):
        raise NoDaemon("none runs")

    async with show(width, 24) as eyes:
        await to_run(eyes)
        await eyes.press(*"a bay")
        eyes.app.screen.action_pane_of(pane)
        monkeypatch.setattr(eyes.app.asker, "command", gone)
        await eyes.press("ctrl+j")
        await eyes.sees("the daemon does not answer")
        assert len(eyes.app._notifications) == toasts
