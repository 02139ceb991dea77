"""The cards of the stages under a hand: each key changes the draft at once, and what it means comes back."""

import json
from functools import partial

import pytest
from textual import on
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.background import begin
from tui.messages import StagesEdited
from tui.screens.draft import Draft
from tui.screens.stageform import stage_form
from tui.widgets.stagecards import StageCards


class Bench(ModalScreen):
    """Whoever shows cards: takes each draft they make, and has its stages asked for."""

    def __init__(self, draft, width=120):
        super().__init__()
        self.draft = draft
        self.drafts = []
        self.cards = StageCards()
        self.cards.styles.width = width
        self.cards.title_line = ()
        self.form = None
        self.answers = True

    def compose(self):
        with Vertical():
            yield self.cards

    def on_mount(self):
        self.set_focus(self.cards)
        self.ask()

    def ask(self):
        begin(self, partial(self._ask, self.draft), group="stages", exclusive=True)

    async def _ask(self, draft):
        self.form = await stage_form(self.app, draft, self.form)
        self.cards.show(self.form)

    @on(StagesEdited)
    def edited(self, event):
        self.draft = event.draft
        self.drafts.append(event.draft)
        if self.answers:
            self.ask()

    @property
    def here(self):
        row = self.cards.item()
        return row.key, row.value


@pytest.fixture
def cards(show):
    """`async with cards(draft, ...) as eyes`: cards over everything, with the focus."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def shown(draft=Draft(prompt="a bay"), width=120, height=36, pane=120):  # noqa: B008
        async with show(width, height) as eyes:
            bench = Bench(draft, pane)
            await eyes.app.push_screen(bench)
            await eyes.sees("[x] 1 txt2img")
            eyes.bench = bench
            yield eyes

    return shown


async def to(eyes, key):
    """The cursor on this line."""
    eyes.bench.cards.stand(key)
    assert eyes.bench.here[0] == key


async def test_a_number_is_nudged_typed_refused_and_taken_back(cards):
    async with cards() as eyes:
        bench = eyes.bench
        await to(eyes, "txt2img.steps")
        await eyes.press("plus", "plus", "minus", "plus")
        assert bench.here == ("txt2img.steps", "22"), "seen before anybody has answered"
        await eyes.until(lambda: bench.draft.set == ("txt2img.steps=22",))
        await eyes.press("enter", *"900", "enter")
        await eyes.sees("it may be 1 to 500")
        assert bench.draft.set == ("txt2img.steps=22",)
        await eyes.press("left", "delete", "enter")
        await eyes.until(lambda: bench.draft.set == ("txt2img.steps=90",))
        await eyes.press("enter", *"x1", "escape")
        assert bench.here == ("txt2img.steps", "90")
        await eyes.press(*"41", "enter", "z", "z")
        assert bench.here == ("txt2img.steps", "22"), "a digit writes it anew"
        await eyes.press("u")
        assert bench.here == ("txt2img.steps", "20")
        await eyes.until(lambda: bench.draft.set == ())


@pytest.mark.slow
async def test_what_is_typed_in_one_go_is_in_one_line_and_the_arrow_goes_to_the_next(cards):
    async with cards() as eyes:
        await to(eyes, "txt2img.width")
        await eyes.press("enter", *["backspace"] * 3, *"832", "down", "enter", *["backspace"] * 3, *"1216", "enter")
        await eyes.until(lambda: eyes.bench.draft.set == ("txt2img.width=832", "txt2img.height=1216"))
        await eyes.press("h")
        await eyes.sees("▸ [x] 1 txt2img", "20 st · cfg 7 · 832x1216 ●")


async def test_digits_and_enter_that_come_in_one_burst_are_taken_in_their_order(cards):
    """All keys are in the queue before the first is looked at."""
    from textual import events

    async with cards() as eyes:
        await to(eyes, "txt2img.steps")
        for name, letter in (("4", "4"), ("1", "1"), ("enter", None), ("j", "j"), ("5", "5"), ("down", None)):
            eyes.app.post_message(events.Key(name, letter))
        await eyes.until(lambda: eyes.bench.draft.set == ("txt2img.steps=41", "txt2img.cfg=5"))
        assert eyes.bench.here[0] == "txt2img.width"


@pytest.mark.slow
async def test_an_answer_that_is_older_than_the_last_key_is_not_shown(cards):
    async with cards() as eyes:
        bench = eyes.bench
        bench.answers = False
        await to(eyes, "txt2img.steps")
        old = bench.cards.form
        await eyes.press("plus")
        one = bench.cards.form
        await eyes.press("plus")
        for late in (old, one):
            bench.cards.show(late)
            assert bench.here[1] == "22"
        await eyes.press("minus", "minus")
        bench.cards.show(one)
        assert bench.here[1] == "20"
        bench.cards.show(old)
        assert bench.here[1] == "20"


async def test_cards_say_who_put_a_value_and_what_a_pack_does_best_with(cards, daemon):
    daemon.over = {"txt2img.steps": (25, "pack knights.txt")}
    async with cards(Draft(pack="knights")) as eyes:
        await to(eyes, "txt2img.steps")
        await eyes.sees("★ 25", "by pack knights.txt", "★ 30 to 35 steps clearly score higher", "* takes 30")
        await eyes.press("asterisk")
        await eyes.sees("● 30", "yours; it was 25 by pack knights.txt")
        sent = daemon.sent("/v1/plan")
        assert [one.get("packs") for one in sent] == [None, ["knights"]], "a change of a value asks for nothing"
        assert sent[1]["max_images"] == 1


async def test_a_film_is_offered_and_its_card_has_what_films_have(cards, daemon):
    async with cards(Draft(prompt="a", pipeline="quick")) as eyes:
        await to(eyes, "video.enabled")
        await eyes.sees("▸ [ ]   film  off")
        await eyes.press("space", "enter")
        await eyes.sees("[x] 2 film", "fps", "length", "until", "codec")
        assert eyes.bench.draft.video
        await to(eyes, "video.codec")
        await eyes.press("plus")
        await eyes.until(lambda: eyes.bench.draft.set == ("video.codec=vp9",))
        await eyes.press("d")
        await eyes.until(lambda: (eyes.bench.draft.video, eyes.bench.draft.set) == (False, ()))


async def test_a_stage_is_added_moved_taken_out_and_brought_back(cards, daemon):
    async with cards() as eyes:
        await eyes.press("a")
        await eyes.sees("Add a stage", "faces are restored")
        await eyes.press(*"jjj", "enter")
        await eyes.sees("▾ [x] 4 face_restore", "fidelity")
        await eyes.press("K")
        await eyes.sees("face_restore cannot stand before upscale")
        await eyes.press("K", "d")
        await eyes.until(lambda: "face_restore" not in eyes.text())
        await eyes.press("z")
        await eyes.sees("face_restore")
        await eyes.until(lambda: eyes.bench.form is not None and eyes.bench.form.draft == eyes.bench.draft)
        stages = json.loads(daemon.sent("/v1/plan")[-1]["pipeline"]["text"])["stages"]
        assert [one["id"] for one in stages] == ["txt2img", "detail", "upscale", "face_restore", "video"]


@pytest.mark.slow
async def test_a_field_is_found_by_its_words(cards):
    async with cards() as eyes:
        await eyes.press("slash", *"clip sk")
        await eyes.sees("find clip sk", "clip skip")
        assert eyes.bench.here[0] == "txt2img.clip_skip"
        await eyes.press("enter", "plus")
        await eyes.until(lambda: eyes.bench.draft.set == ("txt2img.clip_skip=2",))
        await eyes.sees("/clip sk  esc: all")
        await eyes.press("escape")
        await eyes.sees("scheduler")
        await eyes.press("slash", *"zzz")
        await eyes.sees("nothing here is named so")
        await eyes.press("escape")
        await eyes.sees("scheduler")


@pytest.mark.slow
async def test_a_setting_of_no_stage_is_seen_and_can_be_dropped(cards):
    async with cards(Draft(prompt="a", set=("txt2img.cfg=6.0", "paint.steps=4"))) as eyes:
        await eyes.sees("paint.steps 4", "no such stage here")
        await eyes.press("end", "u")
        await eyes.until(lambda: eyes.bench.draft.set == ("txt2img.cfg=6.0",))


@pytest.mark.slow
async def test_without_a_daemon_the_cards_say_so_and_stay_as_they_are(cards, daemon):
    async with cards() as eyes:
        await to(eyes, "txt2img.steps")
        await daemon.end()
        eyes.bench.draft = Draft(prompt="a", preset="gone")
        eyes.bench.ask()
        await eyes.sees("the daemon does not answer", "[x] 1 txt2img")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "pane"), [(120, 36, 40), (80, 24, 80), (200, 60, 64)])
async def test_how_cards_look(cards, daemon, picture_of, width, height, pane):
    daemon.over = {"txt2img.cfg": (6.0, "preset fine"), "txt2img.model": ("sdxl/old-mill_v5", "preset fine")}
    draft = Draft(prompt="a", preset="fine", set=("txt2img.steps=31", "detail.denoise=0.3", "upscale.enabled=false"))
    async with cards(draft, width, height, pane) as eyes:
        await eyes.sees("! no node has it" if pane > 46 else " !│")
        await to(eyes, "txt2img.steps")
        await eyes.sees("> ", "● 31", "1 to 500 · yours;")
        picture_of(eyes, f"cards-{width}x{height}")


@pytest.mark.slow
async def test_every_stage_can_be_told_everything(cards, daemon):
    async with cards() as eyes:
        bench = eyes.bench
        await to(eyes, "txt2img.hires")
        await eyes.press("space")
        await eyes.sees("[x] on", "upscaler")
        await to(eyes, "txt2img.more" if bench.cards.pages.find("txt2img.more") is not None else "txt2img.")
        await eyes.press("enter")
        await to(eyes, "txt2img.refiner")
        await eyes.press("space")
        await eyes.sees("juggernautXL_v9.safetensors")
        await eyes.press(*"jugger", "enter")
        await eyes.sees("switch at")
        await to(eyes, "txt2img.controls")
        await eyes.press("enter")
        await eyes.sees("another ControlNet unit", "control_canny")
        await eyes.press("enter")
        await eyes.sees("1 of ControlNet", "unit 1 processor")
        await to(eyes, "txt2img.enabled")
        await eyes.press("space")
        await eyes.until(
            lambda: (
                bench.draft.set
                == (
                    "txt2img.hires=true",
                    "txt2img.refiner=juggernautXL_v9.safetensors",
                    'txt2img.controls=[{"model":"control_canny.safetensors"}]',
                    "txt2img.enabled=false",
                )
            )
        )
        bench.cards.unfold("detail", True)
        await to(eyes, "detail.prompt")
        await eyes.press("enter")
        await eyes.sees("detail.prompt")
        await eyes.press(*"a calm face", "enter")
        await eyes.until(lambda: "detail.prompt=a calm face" in bench.draft.set)


@pytest.mark.slow
async def test_a_workflow_is_chosen_of_those_the_library_has(cards, daemon):
    daemon.shelf.names["workflows"] = ("ink", "oils")
    async with cards() as eyes:
        eyes.bench.cards.whole = frozenset(("txt2img",))
        eyes.bench.cards.lay_out()
        await to(eyes, "txt2img.workflow")
        await eyes.press("space")
        await eyes.sees("txt2img · workflow", "ink", "oils")
        await eyes.press(*"oi", "enter")
        await eyes.until(lambda: eyes.bench.draft.set == ("txt2img.workflow=oils",))
        await to(eyes, "txt2img.workflow.name")
        await eyes.press("enter")
        await eyes.sees("txt2img · workflow.name", "ink")


@pytest.mark.slow
async def test_stages_are_saved_as_a_pipeline_loaded_renamed_and_deleted(cards, daemon):
    daemon.shelf.names["pipelines"] = ("standard", "quick")
    async with cards(Draft(prompt="a", set=("txt2img.steps=31",))) as eyes:
        await eyes.press("S")
        await eyes.sees("Save as a pipeline")
        await eyes.press(*"mine", "enter")
        await eyes.sees("mine saved")
        noun, name, text = daemon.shelf.saved[-1]
        assert (noun, name, json.loads(text)["stages"][0]["steps"]) == ("pipelines", "mine", 31)
        assert (eyes.bench.draft.pipeline, eyes.bench.draft.set) == ("mine", ())
        await eyes.press("o")
        await eyes.sees("Pipelines", "quick")
        await eyes.press(*"quick", "enter")
        await eyes.until(lambda: eyes.bench.draft.pipeline == "quick")
        await eyes.press("z")
        await eyes.until(lambda: eyes.bench.draft.pipeline == "mine")
        daemon.shelf.names["pipelines"] = ("standard", "quick", "mine")
        await eyes.press("o")
        await eyes.sees("Pipelines", "now: mine")
        await eyes.press(*"mine", "ctrl+r")
        await eyes.sees("Rename mine")
        await eyes.press("2", "enter")
        await eyes.until(lambda: eyes.bench.draft.pipeline == "mine2")
        await eyes.press("escape", "z")
        await eyes.until(lambda: eyes.bench.draft.pipeline == "mine" in daemon.shelf.names["pipelines"])
        await eyes.press("o")
        await eyes.sees("Pipelines", "now: mine")
        await eyes.press(*"mine", "ctrl+d")
        await eyes.until(lambda: not eyes.bench.draft.pipeline and eyes.bench.draft.own)
        await eyes.press("escape", "z")
        await eyes.until(lambda: "mine" in daemon.shelf.names["pipelines"])


@pytest.mark.slow
async def test_the_mouse_folds_switches_and_chooses(cards):
    async with cards(width=80, height=24, pane=80) as eyes:
        await eyes.pilot.click("StageCards", offset=(2, 1))
        await eyes.sees("▸ [x] 1 txt2img")
        await eyes.pilot.click("StageCards", offset=(5, 2))
        await eyes.sees("▸ [ ]   detail")
        assert eyes.bench.draft.set == ("detail.enabled=false",)
        await eyes.pilot.click("StageCards", offset=(20, 3))
        assert eyes.bench.here[0] == "upscale.enabled"
