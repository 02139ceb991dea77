"""The Learn area: words first, what was taken back on top, advice that is taken over with one key."""

import asyncio

import msgspec
import pytest
from screen_learn import CITY, KNIGHTS, PROPOSALS
from textual.widgets import OptionList, Select

from schema.errors import Refused
from schema.scenes import Delta
from tui.screens.experiment import NewExperiment
from tui.screens.levels import levels, list_of, one_more


async def to_learn(eyes):
    await eyes.press("g", "l")
    await eyes.sees("[Insights]", "30 to 35 steps clearly score higher", "Would change", "2.9★", "I told you on 12 May")
    await eyes.sees("Nobody knows yet")


async def test_the_morning_after_at_two_sizes(show, picture_of):
    async with show() as eyes:
        await to_learn(eyes)
        assert "a apply" in eyes.text() and "c compare" not in eyes.text()  # it is of experiments
        picture_of(eyes, "learn-120x36")
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.sees("15 to 20. And 1 more.")
        picture_of(eyes, "learn-80x24")
        await eyes.press("enter")
        await eyes.sees("30 to 35 steps clearly", "2.9★")
        picture_of(eyes, "learn-words-80x24")


@pytest.mark.slow
async def test_what_was_seen_is_told_once_and_what_was_taken_back_stays_until_it_is_put_away(show, daemon):
    daemon.lectern.listens = True
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.until(lambda: daemon.sent("/v1/learn/told"))
        told = daemon.sent("/v1/learn/told")
        assert [one["key"] for one in told[0]["claims"]] == ["knights:txt2img.steps", "knights:txt2img.sampler"]
        assert [one["key"] for one in told[0]["withdrawn"]] == ["mech:txt2img.cfg"]
        assert told[0]["upto"] == 4211
        await daemon.tell(
            Delta(head=4300, images=("im000001",))
        )  # the daemon has nothing more to take back; the person still reads it
        await eyes.until(lambda: daemon.lectern.asked.count("/v1/learn/insights") > 1)
        await eyes.sees("I told you on 12 May")
        await eyes.press("j", "k", "escape")
        await eyes.until(lambda: "I told you" not in eyes.text())
        assert len(daemon.sent("/v1/learn/told")) == 1


@pytest.mark.slow
async def test_what_is_surely_better_is_taken_over_at_once(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("a")
        await eyes.sees("new runs take over: steps 30")
        assert daemon.sent("/v1/learn/adopt") == [{"pack": "knights", "take": ["preset"]}]
        await eyes.sees("Taken over by new runs", "✓ steps")
        await eyes.press("z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))


@pytest.mark.long
async def test_what_is_not_sure_is_not_taken_over(show, daemon):
    unsure = msgspec.structs.replace(KNIGHTS.preset, offered=False, p_better_than_current=0.7)
    daemon.lectern.packs = (msgspec.structs.replace(KNIGHTS, preset=unsure, claims=()), CITY)
    async with show() as eyes:
        await eyes.press("g", "l")
        await eyes.sees("Not sure enough yet", "Nobody knows")
        await eyes.press("a")
        await eyes.sees("better in 70 in 100")
        await eyes.press("A")
        await eyes.sees("New runs of knights take over", "only what is sure by itself: steps 30")
        assert "all that is recommended" not in eyes.text()
        await eyes.press("escape")
        assert not daemon.sent("/v1/learn/adopt")


@pytest.mark.long
async def test_what_is_clear_in_itself_is_taken_over_though_the_whole_is_not_sure(show, daemon):
    unsure = msgspec.structs.replace(KNIGHTS.preset, offered=False, p_better_than_current=0.7)
    daemon.lectern.packs = (msgspec.structs.replace(KNIGHTS, preset=unsure), CITY)
    async with show() as eyes:
        await eyes.press("g", "l")
        await eyes.sees("Not sure enough yet", "Clearly better in itself: steps 30")
        await eyes.press("a")
        await eyes.until(lambda: daemon.sent("/v1/learn/adopt"))


@pytest.mark.long
async def test_words_first_and_numbers_one_key_away(show):
    async with show() as eyes:
        await to_learn(eyes)
        assert "in 100" not in eyes.text()
        await eyes.press("i")
        await eyes.sees("sure to 97 in 100", "12 pairs of the same seed", "sampler Euler a")
        await eyes.press("i")
        await eyes.until(lambda: "in 100" not in eyes.text())


@pytest.mark.long
async def test_another_knob_is_plotted_and_what_is_claimed_of_it_is_not_told_again(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("full_stop")
        await eyes.sees("Sampler  may matter", "DPM++ 2M Karras", "2 of 2")
        await eyes.press("d")
        await eyes.until(lambda: daemon.sent("/v1/learn/dismiss") == [{"key": "knights:txt2img.sampler"}])
        await eyes.press("comma")
        await eyes.sees("Steps  matters", "now", "better")


@pytest.mark.long
async def test_the_proposed_experiment_is_queued_with_one_key(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("f")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        assert daemon.sent("/v1/runs") == [
            {"packs": ["knights"], "vary": ["txt2img.cfg=4,5.5,7"], "count": 2, "max_prompts": 1, "learning": "active",
             "experiment": "learning"}
        ]  # fmt: skip
        await eyes.sees("newrun22", "queued")


@pytest.mark.long
async def test_an_explore_run_is_queued_as_the_daemon_deals_it(show, daemon):
    async with show() as eyes:
        daemon.lectern.proposals = PROPOSALS[1:]
        await eyes.press("g", "l")
        await eyes.sees("30 to 35 steps")
        await eyes.press("j")
        await eyes.sees("All of city is undecided")
        await eyes.press("f")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        [wish] = daemon.sent("/v1/runs")
        assert wish["experiment"] == "explore"
        assert daemon.sent("/v1/learn/mixes") == [{"run": {"packs": ["city"]}, "images": 20}]
        assert wish["mixes"] == [{"set": {"txt2img.steps": 20}}, {"set": {"txt2img.steps": 30}}]


@pytest.mark.long
async def test_experiments_show_how_far_they_are_and_are_stopped(show, daemon, picture_of):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("right_square_bracket")
        await eyes.sees("[Experiments]", "24/60 made", "Steps: is 15, 20, 25 or 30 best?", "25 to 30 steps look best")
        await eyes.sees("city: All of city is undecided", "c compare", "x stop")
        assert "a apply" not in eyes.text()
        picture_of(eyes, "learn-experiments-120x36")
        await eyes.press("x")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel") == [{"select": ["le4rnrun"]}])
        await eyes.press("j", "x")
        await eyes.sees("all of it is made already")


@pytest.mark.long
async def test_the_report_keeps_the_unproven_apart(show):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("left_square_bracket")
        await eyes.sees(
            "[Report]",
            "Of 40 claims at 95 %, 38 still stand.",
            "▲ oil",
            "▼ film_grain",
            "sky: dawn",
            "oil: CFG 5 tends",
        )
        text = eyes.text()
        assert text.index("film_grain") < text.index("Not enough evidence yet") < text.index("haze (3)")


@pytest.mark.long
async def test_the_past_is_shown_and_nothing_is_done_in_it(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.until(lambda: daemon.sent("/v1/learn/told"))
        await eyes.press("t")
        await eyes.sees("As of")
        await eyes.press(*"2026-05-01", "enter")
        await eyes.sees("as of 2026-05-01", "18 more ratings")
        await eyes.until(lambda: "30 to 35 steps clearly" not in eyes.text())
        assert "/v1/learn/insights?as_of=2026-05-01" in daemon.lectern.asked
        await eyes.press("a", "f")
        await eyes.sees("this is how it stood")
        assert not daemon.sent("/v1/learn/adopt") and not daemon.sent("/v1/runs")
        assert len(daemon.sent("/v1/learn/told")) == 1


@pytest.mark.long
async def test_the_mode_is_chosen(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("M")
        await eyes.sees("active: the same, and pictures")
        await eyes.press("j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/learn/mode") == [{"mode": "active"}])


@pytest.mark.long
async def test_a_suggestion_is_shown_as_a_difference_and_never_applied_by_itself(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.sees("gpt: calmer light", "CFG 7 → 5")
        assert not daemon.sent("/v1/learn/adopt")
        await eyes.press("S")
        await eyes.sees("take over: calmer light", "drop: calmer light")
        await eyes.press("enter")
        await eyes.until(lambda: daemon.sent("/v1/learn/adopt") == [{"suggestion": "calm-1"}])


@pytest.mark.long
async def test_a_language_model_is_asked_and_its_answer_told_when_the_run_has_ended(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        for fault, says in (("", "proposes 1 change of knights"), ("it answered no JSON", "it answered no JSON")):
            daemon.lectern.nonsense = fault
            await eyes.press("S", "end", "enter")
            await eyes.sees("Ask a language model about knights")
            await eyes.press(*"warmer", "enter")
            await eyes.sees(says)
        (run, _) = daemon.sent("/v1/runs")
        assert (run["prompt"], run["literal"]) == ("warmer", True)
        assert daemon.lectern.asked.count("knights newrun22") == 2
        assert not daemon.sent("/v1/learn/adopt")


@pytest.mark.long
async def test_the_bundle_is_saved_without_words_unless_they_are_wanted(show, daemon, tmp_path):
    async with show() as eyes:
        await to_learn(eyes)
        await eyes.press("e")
        await eyes.sees("Save what was learned")
        eyes.app.screen.focused.value = str(tmp_path / "learned.zip")
        await eyes.press("enter")
        await eyes.until((tmp_path / "learned.zip").exists)
        assert (tmp_path / "learned.zip").read_bytes() == b"PK-a-bundle"
        assert "/v1/learn/bundle?redact=prompts" in daemon.lectern.asked


@pytest.mark.long
async def test_a_new_experiment_tells_what_it_comes_to_before_it_is_queued(show, daemon, picture_of, monkeypatch):
    answered = asyncio.Event()

    async def late(*wish):
        answer = await at_once(*wish)
        await answered.wait()
        return answer

    async with show() as eyes:
        at_once = eyes.app.asker.command
        monkeypatch.setattr(eyes.app.asker, "command", late)
        await to_learn(eyes)
        await eyes.press("n")
        await eyes.sees("New experiment", "name the variable")
        await eyes.press(*"txt2img.cfg", "tab", *"4..8/2")
        await eyes.sees("seed 7")
        picture_of(eyes, "experiment-120x36")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        await eyes.press("ctrl+j")  # it is on its way already
        answered.set()
        await eyes.sees("[Insights]")
        [wish] = daemon.sent("/v1/runs")
        assert (wish["vary"], wish["count"], wish["plan_hash"]) == (["txt2img.cfg=4,6,8"], 2, "cafe01")


@pytest.mark.long
async def test_levels_that_are_names_are_chosen_among_those_of_the_nodes(show, daemon):
    async with show(80, 24) as eyes:
        await eyes.press("g", "l")
        await eyes.sees("30 to 35 steps")
        await eyes.press("n")
        await eyes.sees("New experiment", "15, 20, 30 or")
        await eyes.press("ctrl+f")
        await eyes.sees("for variables that are names")
        await eyes.press(*"txt2img.sampler", "tab")
        await eyes.sees("names that the nodes have")
        for moves in ((), ("down",)):
            await eyes.press("ctrl+f")
            await eyes.sees("one level more", "Euler a")
            await eyes.press(*moves, "enter")
            await eyes.sees("New experiment")
        await eyes.sees("done ~")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        [wish] = daemon.sent("/v1/runs")
        assert wish["vary"][0].startswith("txt2img.sampler=") and "," in wish["vary"][0]


async def test_enter_on_the_list_of_packs_takes_the_first_of_them(show):
    async with show() as eyes:
        dialog = NewExperiment(pack="")
        await eyes.app.push_screen(dialog)
        await eyes.sees("choose a pack", "which, like txt2img.steps")
        packs = dialog.query_one("#pack", Select)
        await eyes.until(lambda: dialog.query_one("#pack OptionList", OptionList).option_count > 2)
        dialog.set_focus(packs)
        await eyes.press("enter")
        await eyes.until(lambda: packs.expanded)
        await eyes.press("enter")
        await eyes.sees("name the variable")
        assert packs.value == packs._options[1][1]


@pytest.mark.parametrize(
    ("variable", "found"),
    [("txt2img.sampler", "samplers"), ("upscale.upscaler", "upscalers"), ("lora", "loras"), ("score.model", "scorers"),
     ("txt2img.cfg", ""), ("", "")],
)  # fmt: skip
def test_of_a_variable_that_is_a_name_the_list_is_known(variable, found):
    assert list_of(variable) == found


def test_a_name_becomes_one_level_more():
    assert one_more("", "Euler a", "txt2img.sampler") == "Euler a"
    assert one_more("Euler a, DDIM,", "DDIM", "txt2img.sampler") == "Euler a, DDIM"
    assert one_more("glow:0.4", "glow", "lora") == "glow:0.4, glow:0.8"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("15, 20,20 ,25", ("15", "20", "25")),
        ("15..35/5", ("15", "20", "25", "30", "35")),
        ("4..8", ("4", "5", "6", "7", "8")),
        ("0.2..0.4/0.1, 0.9", ("0.2", "0.3", "0.4", "0.9")),
        ("15,20,..,35", ("15", "20", "..", "35")),
        ("Euler a, DPM++ 2M", ("Euler a", "DPM++ 2M")),
        (" , ", ()),
    ],
)
def test_levels_are_listed_or_ranged(text, found):
    assert levels(text) == found


@pytest.mark.parametrize("text", ["35..15", "1..100/1", "1..2/0", ",".join(map(str, range(40)))])
def test_levels_that_cannot_be_meant_are_refused_with_a_remedy(text):
    with pytest.raises(Refused) as refused:
        levels(text)
    assert refused.value.remedy


@pytest.mark.long
async def test_of_a_pack_in_the_list_only_the_sentence_that_stands_there_was_seen(show, daemon):
    other = tuple(
        msgspec.structs.replace(one, key=one.key.replace("knights", "city"), pack="city") for one in KNIGHTS.claims
    )
    daemon.lectern.packs = (KNIGHTS, msgspec.structs.replace(CITY, claims=other, enough=True))
    async with show() as eyes:
        await eyes.press("g", "l")
        await eyes.sees("30 to 35 steps clearly score higher", "city (sketches)")
        await eyes.until(lambda: daemon.sent("/v1/learn/told"))
        [told] = daemon.sent("/v1/learn/told")
        assert [one["key"] for one in told["claims"]] == [
            "knights:txt2img.steps", "knights:txt2img.sampler", "city:txt2img.steps"]  # fmt: skip
        await eyes.press("j")
        await eyes.until(lambda: len(daemon.sent("/v1/learn/told")) == 2)
        assert [one["key"] for one in daemon.sent("/v1/learn/told")[1]["claims"]] == [
            "city:txt2img.sampler"]  # fmt: skip


@pytest.mark.long
async def test_where_nothing_is_rated_it_says_how_it_goes(show, daemon):
    daemon.lectern.packs, daemon.lectern.proposals = (), ()
    async with show() as eyes:
        await eyes.press("g", "l")
        await eyes.sees("Nothing is rated yet.", "1 to 5 rate a picture in the gallery")
        await eyes.press("a")
        await eyes.sees("nothing is known of any pack yet")
        await eyes.press("f")
        await eyes.sees("nothing is proposed; n begins")
        assert not daemon.sent("/v1/learn/told")


@pytest.mark.long
async def test_the_screen_stays_as_it_is_while_the_daemon_is_away(show, daemon):
    async with show() as eyes:
        await to_learn(eyes)
        await daemon.end()
        await eyes.sees("no daemon", "30 to 35 steps clearly score higher")
        await eyes.press("a")
        await eyes.sees("The daemon does not answer")
        await daemon.begin()
        await eyes.sees("daemon up", "30 to 35 steps clearly score higher")


@pytest.mark.long
async def test_in_a_small_terminal_words_come_before_plots(show):
    async with show(60, 15) as eyes:
        await eyes.press("g", "l")
        await eyes.sees("than 15 to 20. And 1")
        await eyes.press("l")
        await eyes.sees("against 31 ratings; about", "The sampler DPM++ 2M Karras")
        await eyes.press("G")
        await eyes.sees("Not enough evidence yet", "CFG, denoising in detail")
