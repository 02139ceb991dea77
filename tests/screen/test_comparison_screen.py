"""A learning run side by side: judged blind, its values told when a prompt and seed are rated."""

import msgspec
import pytest

from schema.experiments import LearningRunResult, LearningRunRow
from schema.plans import LearningPlan
from tui.link import learn
from tui.screens.alone import Alone
from tui.screens.comparison import ComparisonScreen, arranged

RUN = "kn00gt7a"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Alone, "look", 0.0)


@pytest.fixture(autouse=True)
def learning_run(daemon, monkeypatch):
    """Three values of cfg with two seeds."""

    async def result(asker, run):
        plan = LearningPlan(kind="learning", variables={"txt2img.cfg": (4.0, 5.5, 7.0)}, seeds=2)
        row = LearningRunRow(run=run, name="cfg", packs=("knights",), created=0.0, state="to rate", plan=plan,
                             images=6, made=6, rated=0)  # fmt: skip
        return LearningRunResult(row=row, knobs=(), claims=(), text="", fixed={})

    monkeypatch.setattr(learn, "result", result)
    daemon.images = [msgspec.structs.replace(image, stars=0, tags=()) for image in daemon.images[:6]]
    daemon.learned.levels = {f"im{n:06d}": (("4", "5.5", "7")[n % 3], 40 + n // 3) for n in range(6)}


async def to_comparison(eyes):
    await eyes.sees("kn00gt7a.3")
    await eyes.app.push_screen(ComparisonScreen(eyes.app, RUN))
    await eyes.until(lambda: isinstance(eyes.app.screen, ComparisonScreen))
    await eyes.until(lambda: eyes.app.screen.groups)


async def rate(eyes, *keys):
    for key in keys:
        await eyes.until(lambda: all(slot.seen for slot in eyes.app.screen.pictures()))
        await eyes.press(key)


@pytest.mark.parametrize(("width", "height"), [(120, 36), pytest.param(80, 24, marks=pytest.mark.long)])
async def test_values_are_told_when_all_of_a_seed_are_rated(show, daemon, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_comparison(eyes)
        await eyes.sees("1 of 2", "▀▀▀")
        await eyes.until(lambda: all(slot.seen for slot in eyes.app.screen.slots if slot.display))
        assert "cfg" not in eyes.text()
        await rate(eyes, "4", "2")
        assert "cfg" not in eyes.text()
        await rate(eyes, "5")
        await eyes.sees("1 of 2", "cfg ")
        await eyes.until(lambda: all(slot.seen for slot in eyes.app.screen.slots if slot.display))
        picture_of(eyes, f"comparison-{width}x{height}")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 3)
        stars = {body["select"][0]: body["stars"] for body in daemon.sent("/v1/images/rate")}
        group = eyes.app.screen.groups[0]
        assert [stars[one.image.id] for one in group.seen] == [4, 2, 5]


@pytest.mark.long
async def test_the_next_seed_and_back_by_z(show, daemon):
    async with show() as eyes:
        await to_comparison(eyes)
        await rate(eyes, "4", "4", "4", "space", "1", "2", "3")
        await eyes.sees("2 of 2  2 rated", "All are rated", "On average")
        await eyes.press("z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))
        await eyes.sees("1 rated")
        assert "cfg" not in eyes.text()


@pytest.mark.slow
async def test_in_a_larger_terminal_those_come_into_view_that_were_out_of_it(show):
    async with show(80, 24) as eyes:
        await to_comparison(eyes)
        await eyes.sees("picture 1/3")
        await rate(eyes, "4", "2", "5")
        await eyes.sees("picture 3/3", "cfg ")
        await eyes.pilot.resize_terminal(120, 36)
        await eyes.until(lambda: eyes.text().count("cfg ") == 3, "each with its value")


@pytest.mark.parametrize(
    ("many", "size", "aspect", "shape"),
    [
        (1, (120, 32), 1.0, (1, 1)),
        (3, (120, 32), 1.0, (3, 1)),
        (5, (120, 32), 1.0, (3, 2)),  # 40 columns of 16 lines are more than 24 of 32
        (5, (120, 32), 0.68, (5, 1)),  # upright ones fill a column
        (5, (200, 56), 1.0, (3, 2)),
        (5, (120, 22), 1.0, (5, 1)),  # no room for two rows
        (8, (120, 22), 1.0, (5, 1)),  # more would be too small to be judged
        (8, (120, 32), 1.0, (4, 2)),
    ],
)
def test_pictures_stand_as_large_as_they_can_be_together(many, size, aspect, shape):
    assert arranged(many, *size, aspect) == shape
