"""An evening, a night, a morning: nodes explore, a person rates what is on the screen, and what is told is true.

The person likes strong colours and judges by nothing else: by the very dots that stand in the terminal. What of it is
true is asked of the renderer itself.
"""

import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `terminals`

from terminals import Terminal

from agent.backends.sketch.composition import Painting, Wish

pytestmark = [
    pytest.mark.story,
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the terminal of these stories, is not installed"),
]

PROMPTS = ("a harbour at dusk, boats on quiet water", "a lighthouse at dusk, birds", "pine trees and mountains at dusk")

CUTS = (0.113, 0.139, 0.161, 0.194)
"""Colourfulness from which on this person gives a star more: fifths of such pictures."""

OVERNIGHT = 60
FINGER = 0.5
"""Seconds between two keys of a person: what is held down is no verdict."""

LONG = 6.0
"""Seconds after which a second key was surely not seen either: a third one too soon would be about the next picture."""

SIDE = 192

Dot = tuple[int, ...]

_COLOUR = re.compile(r"\x1b\[([0-9;]*)m")


# The person -------------------------------------------------------------------------------------


def colourful(dots: Sequence[Dot]) -> float:
    """How strong the colours are: Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003); 0 to 1."""
    red_green = [r - g for r, g, b in dots]
    yellow_blue = [(r + g) / 2 - b for r, g, b in dots]
    spread = math.hypot(statistics.pstdev(red_green), statistics.pstdev(yellow_blue))
    return (spread + 0.3 * math.hypot(statistics.fmean(red_green), statistics.fmean(yellow_blue))) / 255


def stars_for(dots: Sequence[Dot]) -> int:
    strength = colourful(dots)
    return 1 + sum(strength > cut for cut in CUTS)


def dots_of(picture: Image.Image) -> list[Dot]:
    small = picture.convert("RGB").resize((64, 64), Image.Resampling.BOX)
    content = small.tobytes()
    return [tuple(content[at : at + 3]) for at in range(0, len(content), 3)]


def dots_on(screen: str) -> list[Dot]:
    """Of the half cells of a picture: the upper dot is the ink, the lower one the paper."""
    found: list[Dot] = []
    for line in screen.split("\n"):
        ink = paper = None
        for at, part in enumerate(_COLOUR.split(line)):
            if at % 2 == 0:
                found += [dot for dot in (ink, paper) if dot] * part.count("▀")
                continue
            numbers = [int(word or 0) for word in part.split(";")]
            for place, number in enumerate(numbers):
                if number in (38, 48) and numbers[place + 1 : place + 2] == [2]:
                    dot = tuple(numbers[place + 2 : place + 5])
                    ink, paper = (dot, paper) if number == 38 else (ink, dot)
    return found


class Rater:
    """Sits before the inbox and presses one key per picture."""

    def __init__(self, home, terminal: Terminal) -> None:
        self.home, self.terminal = home, terminal
        self.again = 0.0

    def rate_all(self) -> None:
        number = "0"
        while (seen := self.home.until(lambda before=number: self.looks(before), f"a picture after {number}")) != "all":
            number, stars = seen
            self.again = time.monotonic() + FINGER
            self.terminal.keys(str(stars))
            self.home.until(lambda now=number, same=stars: self.is_taken(now, same), f"picture {number} has its stars")

    def looks(self, before: str) -> tuple[str, int] | str | None:
        """The number of the picture that stands there whole and what it deserves; None: not yet."""
        screen = self.terminal.tmux("capture-pane", "-epN")
        words = _COLOUR.sub("", screen)
        if re.search(r"All \d+ are rated|Nothing waits", words):
            return "all"
        where, dots = re.search(r" (\d+) of \d+ ", words), dots_on(screen)
        if where is None or where[1] == before or len(dots) < 800:
            return None
        return (where[1], stars_for(dots)) if self.terminal.tmux("capture-pane", "-epN") == screen else None

    def is_taken(self, number: str, stars: int) -> bool:
        """A key that came before the eye did is not counted, and says so: it is pressed again."""
        words = self.terminal.tmux("capture-pane", "-p")
        if "came before this could be seen" in words and time.monotonic() > self.again:
            self.again = time.monotonic() + LONG
            self.terminal.keys(str(stars))
        return f" {number} of " not in words or "are rated" in words


# The house --------------------------------------------------------------------------------------


@contextmanager
def local_agent(home, name: str) -> Iterator[None]:
    process = subprocess.Popen(
        [*home.command, "agent", "run", "--local", "--name", name, "--backend", "sketch"],
        env=home.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home.root,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def terminal(home) -> Iterator[Terminal]:
    config = home.root / "home/config"
    (config / "pipelines").mkdir(parents=True)
    (config / "packs").mkdir()
    (config / "config.toml").write_text('[run]\npipeline = "plain"\n')
    (config / "pipelines/plain.json").write_text(json.dumps([{"type": "txt2img", "width": SIDE, "height": SIDE}]))
    (config / "packs/harbour.txt").write_text("\n\n".join(PROMPTS) + "\n")
    assert home.run("daemon", "start").returncode == 0
    with local_agent(home, "barn"), local_agent(home, "attic"):
        home.until(lambda: len(nodes(home)) == 3, "three nodes are ready")
        pane = Terminal(home, 120, 36)
        pane.sees("makes the first picture")
        pane.keys("Escape")
        yield pane
        pane.close()


def nodes(home) -> list[dict]:
    return [node for node in home.json("node", "list")["items"] if node["state"] == "ready"]


def of_type(home, kind: str) -> list[dict]:
    return [event for event in home.events() if event["type"] == kind]


def ended(home, run: str) -> None:
    home.until(lambda: any(one["run"] == run for one in of_type(home, "RunFinished")), f"{run} is made", seconds=240)


def choose(terminal: Terminal, what: str) -> None:
    """The choice after the one that stands, in the list that has the focus."""
    terminal.keys("Enter")
    terminal.sees(f"▲.*{what}")
    terminal.keys("Down", "Enter")
    terminal.sees(f"{what} +[▼▾]")


def given(home, run: str) -> dict[str, int]:
    """Stars by the picture's id, from the log alone; taken back ones are gone."""
    mine = {image["id"] for image in finals(home, run)}
    last = {event["image"]: event["stars"] for event in of_type(home, "ImageRated") if event["image"] in mine}
    return {image: stars for image, stars in last.items() if stars}


def finals(home, run: str) -> list[dict]:
    found = home.json("image", "list", f"run:{run}", "--limit", "500")["items"]
    return [image for image in found if image["final"]]


def overlays(home, seed: int) -> list[dict]:
    """What the next plan of the pack sets, and where each value comes from."""
    done = home.run("plan", "harbour", "--seed", str(seed))
    jobs = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    return [{name: (value, job["origins"][name]) for name, value in job["overlay"].items()} for job in jobs]


def drawn(prompt: str, seed: int, cfg: float) -> float:
    """How colourful the renderer itself makes it, nothing else of the program being asked."""
    wish = Wish(prompt, "", seed, 20, cfg, "sketch-1", "pencil", "even")
    painting = Painting(wish, (SIDE, SIDE))
    for _, stroke in painting.strokes:
        stroke(painting.canvas)
    return colourful(dots_of(painting.finished()))


# The story --------------------------------------------------------------------------------------


def test_the_morning_after_a_night_of_exploring_three_nodes(home, terminal):
    night = explore_overnight(home, terminal)
    rate_what_waits(home, terminal, night)
    claim = told_what_is_true(home, terminal)
    by_hand = home.json("run", "harbour", "--count", "3", "--seed", "77", "--no-wait")["run"]
    ended(home, by_hand)
    terminal.sees("9 wait")
    rate_all_of(home, terminal, by_hand)
    terminal.keys("Escape")
    terminal.sees("69 ratings.*69 ratings")
    liked = take_over_and_back_and_again(home, terminal, claim)
    learned = make_the_next_run(home, terminal)
    for run, cfg, origin in ((by_hand, 7.0, None), (learned, liked, "learned for harbour")):
        jobs = manifest(home, run)["jobs"]
        assert {job["stages"][0]["effective"]["cfg"] for job in jobs} == {cfg}
        assert {job["origins"].get("txt2img.cfg") for job in jobs} == {origin}

    terminal.keys("F5")
    terminal.sees("9 wait")
    rate_all_of(home, terminal, learned)
    before, after, first = (statistics.fmean(given(home, run).values()) for run in (by_hand, learned, night))
    assert after > before, "the same prompts and seeds, with the preset and without"
    assert after > first, "the next run, against the night's"
    assert home.json("log", "verify")["ok"]
    assert home.run("log", "replay", "--check").returncode == 0


def rate_all_of(home, terminal: Terminal, run: str) -> None:
    terminal.keys("r")
    Rater(home, terminal).rate_all()
    home.until(lambda: len(given(home, run)) == len(finals(home, run)), "all verdicts are in the log")


def explore_overnight(home, terminal: Terminal) -> str:
    terminal.sees(r"Queue.*Gallery.*\? help")
    terminal.keys("g", "l")
    terminal.sees("Nothing is rated yet")
    terminal.keys("n")
    terminal.sees("New experiment.*learning run")
    terminal.keys("BTab", "BTab", "BTab")
    choose(terminal, "to find the best: an explore run")
    terminal.keys("Tab")
    choose(terminal, "harbour")
    terminal.sees("40 pictures")
    terminal.keys("Tab", "Tab", "BSpace", "BSpace")
    terminal.write(str(OVERNIGHT))
    terminal.sees(f"{OVERNIGHT} pictures · seed")
    terminal.keys("C-j")
    [submitted] = home.until(lambda: of_type(home, "RunSubmitted"), "the run is queued")
    run, plan = submitted["run"], submitted["spec"]["learning_plan"]
    assert plan["kind"] == "explore" and set(plan["variables"]["txt2img.cfg"]) > {7.0}
    assert len(plan["variables"]) > 2, "an explore run varies several"
    ended(home, run)
    assert len(of_type(home, "JobFinished")) == OVERNIGHT
    assert len({event["node"] for event in of_type(home, "StageFinished")}) == 3
    return run


def rate_what_waits(home, terminal: Terminal, night: str) -> None:
    """Blind, a key per picture; each key was about the picture that stood there."""
    terminal.sees(f"{OVERNIGHT} wait")
    terminal.keys("r")
    assert "cfg" not in terminal.sees(f" 1 of {OVERNIGHT} .*rate").lower()
    Rater(home, terminal).rate_all()
    home.until(lambda: len(given(home, night)) == OVERNIGHT, "all verdicts are in the log")
    stars = given(home, night)
    deserved = {image["id"]: stars_for(dots_of(Image.open(image["path"]))) for image in finals(home, night)}
    assert statistics.fmean(abs(deserved[image] - stars[image]) for image in stars) < 0.25
    terminal.keys("Escape")


def told_what_is_true(home, terminal: Terminal) -> dict:
    terminal.sees(r"CFG [\d.]+( to [\d.]+)? (clearly|tends to)")
    home.until(lambda: of_type(home, "InsightShown"), "that it was told is in the log")
    found = home.json("learn", "insights", "--pack", "harbour")
    [claim] = [one for one in found["claims"] if one["param"] == "txt2img.cfg"]
    assert claim["confidence"] >= 0.95 and claim["pack"] == "harbour"
    assert {one["claim"]["param"] for one in of_type(home, "InsightShown")} == {one["param"] for one in found["claims"]}
    for prompt in PROMPTS:
        for seed in (5, 6, 7):
            better, worse = (
                statistics.fmean(drawn(prompt, seed, cfg) for cfg in claim[side]) for side in ("better", "worse")
            )
            assert better > worse, (prompt, seed)
    return claim


def take_over_and_back_and_again(home, terminal: Terminal, claim: dict) -> float:
    """The CFG that was taken over."""
    assert not any(overlays(home, 1)), "nothing is learned before it is wished"
    terminal.keys("a")
    [adopted] = home.until(lambda: of_type(home, "AdviceAdopted"), "the preset is taken over")
    cfg = adopted["now"]["settings"]["txt2img.cfg"]
    assert cfg in claim["better"] and not adopted["was"].get("settings")
    assert {job["txt2img.cfg"] for job in overlays(home, 1)} == {(cfg, "learned for harbour")}

    terminal.sees("taken over|✓")
    terminal.keys("z")
    home.until(lambda: len(of_type(home, "AdviceAdopted")) == 2, "it is taken back")
    assert not any(overlays(home, 1))
    terminal.keys("Z")
    home.until(lambda: len(of_type(home, "AdviceAdopted")) == 3, "it is taken over again")
    assert {job["txt2img.cfg"] for job in overlays(home, 1)} == {(cfg, "learned for harbour")}
    return cfg


def make_the_next_run(home, terminal: Terminal) -> str:
    """With the seed of the one that was made as the pack says."""
    terminal.keys("g", "q")
    terminal.sees(r"harbour.*\? help")
    terminal.keys("n")
    terminal.sees(r"\[Generate\]")
    terminal.keys("Escape")
    terminal.sees("x stop")
    terminal.keys("Enter")
    terminal.sees("type to narrow")
    terminal.write("harbour")
    terminal.keys("Enter")
    terminal.sees("pack harbour")
    terminal.keys(*["l"] * 6, "+", "+", "l", "Enter")
    terminal.sees("Empty: it is drawn")
    terminal.write("77")
    terminal.keys("Enter")
    terminal.sees("9 jobs · seed 77")
    terminal.keys("C-j")
    home.until(lambda: len(of_type(home, "RunSubmitted")) == 3, "the next run is queued")
    learned = of_type(home, "RunSubmitted")[-1]["run"]
    ended(home, learned)
    return learned


def manifest(home, run: str) -> dict:
    """It is written once the run has ended."""
    results = home.root / "home/results"
    [path] = home.until(lambda: list(results.glob(f"*{run}*/manifest.json")), f"the manifest of {run}")
    return json.loads(path.read_text())
