"""Settings from the file and the environment: every fault names its line or its variable."""

import random

import pytest

from daemon.library.settings import load, load_settings
from schema.errors import Refused
from schema.settings import Settings


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


def refusal(file, text="", **env):
    file.write_text(text)
    with pytest.raises(Refused) as refused:
        load_settings(file, env)
    return refused.value.told().removeprefix(f"{file.parent}/")


def test_no_file_means_defaults(file):
    assert load_settings(file, {"STABLENEW_HOME": "/x", "HOME": "/y"}) == Settings()


def test_the_environment_stands_above_the_file_and_both_say_so(file):
    file.write_text('[daemon]\nretries = 5\nbackoff = 2\n\n[run]\nvideo = true\n\n[ui.keymap]\nquit = "q"\n')
    loaded = load(file, {"STABLENEW_DAEMON__BACKOFF": "9.5", "STABLENEW_REFINE__MODELS__TOY": "default"})
    assert (loaded.settings.daemon.retries, loaded.settings.daemon.backoff, loaded.settings.run.video) == (5, 9.5, True)
    assert loaded.settings.refine.models == {"toy": "default"} and loaded.settings.ui.keymap == {"quit": "q"}
    assert loaded.origins["daemon.retries"] == "config.toml:2"
    assert loaded.origins["daemon.backoff"] == "STABLENEW_DAEMON__BACKOFF"
    assert loaded.origins["ui.keymap.quit"] == "config.toml:9"
    assert "run.pipeline" not in loaded.origins


FAULTS = [
    ("[daemon]\nretries = 50\n", "config.toml:2: daemon.retries: '50' is too large; it must be at most 20."),
    ("[daemon]\n\nretires = 5\n", "config.toml:3: daemon.retires: there is no such setting. Did you mean 'retries'?"),
    ("[deamon]\n", "config.toml:1: deamon: there is no such setting. Did you mean 'daemon'?"),
    ("daemon.retries = 0", "config.toml:1: daemon.retries: '0' is too small; it must be at least 1."),
    ("[daemon]\nretries = \n", "config.toml:2: broken TOML"),
    ("[daemon\n", "config.toml:1: broken TOML"),
    ('[run]\npipeline = "a', "config.toml:2: broken TOML"),
    ("[run]\nvideo = 3\n", "config.toml:2: run.video: '3' is neither true nor false."),
    ("daemon = 3\n", "config.toml:1: daemon: must be a table of names and values."),
    ('[ui]\nimages = "maybe"\n', "config.toml:2: ui.images: 'maybe' is not one of 'auto', 'half'"),
    ("[video]\ntrim_from = 4\ntrim_to = 2\n", "config.toml:1: video: trim_to 2 must be after trim_from 4."),
    (
        "[refine.presets.soft]\nsharpen = 9\n",
        "config.toml:2: refine.presets.soft.sharpen: '9' is too large; it must be at most 5.",
    ),
    ("[daemon]\nbackoff = nan\n", "config.toml:2: daemon.backoff: 'nan' is no number that can be used."),
]


@pytest.mark.parametrize(("text", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_a_broken_file_is_one_sentence_with_its_line(file, text, told):
    sentence = refusal(file, text)
    assert sentence.startswith(told)
    assert "pydantic" not in sentence and "\n" not in sentence


def test_a_broken_variable_is_named(file):
    assert refusal(file, STABLENEW_DAEMON__RETRIES="many").startswith(
        "STABLENEW_DAEMON__RETRIES: daemon.retries: 'many' is no whole number."
    )
    assert "Did you mean 'retries'?" in refusal(file, STABLENEW_DAEMON__RETRIE="3")
    assert "Did you mean 'daemon'?" in refusal(file, STABLENEW_DEAMON__RETRIES="3")


def test_a_file_that_is_no_text_is_told(file):
    file.write_bytes(b"[run]\nvideo = \xff\n")
    with pytest.raises(Refused, match=r"config.toml:2: is no UTF-8 text"):
        load_settings(file, {})


WHOLE = """
[daemon]
retries = 4
backoff = 2.5
[run]
pipeline = "standard"
video = true
[video]
fps = 12
codec = "vp9"
[refine.presets.soft]
sharpen = 0.2
[refine.models]
toy = "soft"
"""


def test_any_damage_is_refused_with_its_place_or_does_no_harm(file):
    draws = random.Random(20)
    letters = '[]="\n.#0a,{}\x00\x1b'
    for _ in range(500):
        text = list(WHOLE)
        for _ in range(draws.randint(1, 6)):
            place = draws.randrange(len(text))
            text[place : place + draws.randint(0, 3)] = draws.choice(letters)
        file.write_text("".join(text))
        try:
            load_settings(file, {})
        except Refused as refused:
            assert str(file) in refused.told() and refused.sentence
            assert not any(ord(sign) < 32 for sign in refused.told())


@pytest.mark.parametrize("address", ["http://[::1", "http://box:x", "http://:80", "https://box:0/", "http://box:99999"])
def test_an_address_that_nobody_can_be_asked_at_is_refused_before_anything_begins(file, address):
    for key in ("gallery.url", "library.civitai", "agent.webui"):
        assert "http://HOST:PORT" in refusal(file, f'{key} = "{address}"\n')
