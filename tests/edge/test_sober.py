"""Bounds for what an agent says: what is beyond them is refused or mended before anything is written."""

import msgspec
import pytest

from daemon.fleet.sober import Unsound, sober_card, sober_news, sober_report
from schema.orders import AttemptReport, BackendCard, Card, Ended, Load, Preview, Product, Progress, Result
from schema.plans import Measures

NAN, INF = float("nan"), float("inf")
CARD = Card(node="odd2222", name="rig2", instance="one", version="1", backends=(BackendCard(kind="sketch", kinds=()),))
GOOD = Result(backend="sketch", products=(Product(sha256="ab" * 32, bytes=9),), effective={"steps": 4})


def report(**more: object) -> AttemptReport:
    return AttemptReport(**{"job": "r.1", "stage": "paint", "token": 5, "state": "done", "result": GOOD, **more})


def test_what_is_sound_stays_as_it_is():
    assert sober_card(CARD) == CARD and sober_report(report()) == report()
    news = Ended(report=report())
    assert sober_news(news) == news


def test_names_are_made_fit_to_be_shown():
    card = sober_card(
        msgspec.structs.replace(CARD, name="\x1b[2Jrig\u202e", version="1\n", host="\x07", boot="a" * 999)
    )
    assert (card.name, card.version, card.host) == ("[2Jrig", "1", "") and len(card.boot) <= 64
    assert sober_card(msgspec.structs.replace(CARD, name="\x00")).name == "odd2222"


@pytest.mark.parametrize(
    "lie",
    [
        {"vram_gb": NAN}, {"vram_gb": INF}, {"vram_gb": -1.0}, {"ram_gb": NAN}, {"speed": 0.0}, {"speed": NAN},
        {"speed": -1.0}, {"node": "../x"}, {"node": ""}, {"epoch": 2**63}, {"instance": "x" * 100_000},
        {"backends": (BackendCard(kind="../x", kinds=()),)}, {"backends": (BackendCard(kind="x", kinds=("\x1b",)),)},
        {"backends": (BackendCard(kind="x", kinds=(), models=("m",) * 60_000),)},
    ],
    ids=lambda lie: str(lie)[:40],
)  # fmt: skip
def test_a_card_that_no_machine_has_is_refused(lie):
    with pytest.raises(Unsound):
        sober_card(msgspec.structs.replace(CARD, **lie))


@pytest.mark.parametrize(
    "lie",
    [
        {"products": (Product(sha256="../x", bytes=1),)}, {"products": (Product(sha256="ab" * 32, bytes=0),)},
        {"products": (Product(sha256="ab" * 32, bytes=2**40),)}, {"effective": {"steps": 2**63}},
        {"products": (Product(sha256="ab" * 32, bytes=1, seed=2**63),)}, {"reported": {"x": "y" * 100_000}},
        {"reported": {f"n{number}": "y" * 1000 for number in range(300)}},
    ],
    ids=lambda lie: str(lie)[:40],
)  # fmt: skip
def test_a_result_out_of_all_bounds_is_one_that_broke(lie):
    told = sober_report(report(result=msgspec.structs.replace(GOOD, **lie)))
    assert (told.state, told.result, told.trouble) == ("broke", None, "backend") and "not sound" in told.reason


def test_numbers_that_are_none_are_left_out_of_a_good_result():
    lie = msgspec.structs.replace(GOOD, effective={"cfg": NAN}, measures=Measures(executed_s=NAN, loaded_s=-1.0))
    told = sober_report(report(result=lie)).result
    assert told is not None and told.effective == {"cfg": None} and told.measures == Measures()


@pytest.mark.parametrize("lie", [{"job": "../x"}, {"job": ""}, {"stage": "a\r\nb"}, {"token": -1}, {"token": 2**63}])
def test_a_report_of_nothing_is_not_heard(lie):
    with pytest.raises(Unsound):
        sober_report(report(**lie))
    assert sober_news(Ended(report=report(**lie))) is None


def test_news_that_need_not_be_heard_are_dropped():
    of_it = {"job": "r.1", "stage": "paint", "token": 5}
    assert sober_news(Progress(**of_it, step=1, steps=4, eta_s=NAN)) is None
    assert sober_news(Preview(**of_it, jpeg=bytes(3 << 20))) is None
    assert sober_news(Load(busy=True, gpu_percent=INF)) is None
    assert sober_news(Load(busy=True)) == Load(busy=True)
    assert len(sober_report(report(state="broke", result=None, reason="x" * 10**6)).reason) <= 2000
