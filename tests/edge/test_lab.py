"""Experiments as a daemon's clients ask for them: what varies, within what nodes offer, and what is proposed."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))  # for `plan_world`

from plan_world import Shelf, plan, txt

from daemon import proposing
from daemon.learner.desk import Desk
from daemon.learner.lab import Lab, offers_of
from daemon.prompting.effective import job_config
from daemon.scheduling.able import Known
from daemon.views.verdicts import Verdicts
from schema.errors import Refused
from schema.ids import NodeId
from schema.orders import BackendCard, Card
from schema.records import Record
from schema.requests import Mix, RunRequest

BOATS = txt("boats", "a boat\n\na ship\n")
LIBRARY = Shelf(packs=[BOATS])


def planned(request: RunRequest, run: str) -> Any:
    asked = {name: getattr(request, name) for name in ("mixes", "experiment", "set", "limit", "count", "seed")}
    return plan(*request.packs, library=LIBRARY, **asked)


def node(name: str, *backends: BackendCard) -> Known:
    return Known(NodeId(name), name, Card(node=NodeId(name), name=name, instance="i", version="1", backends=backends))


def card(kind: str, samplers: tuple[str, ...]) -> BackendCard:
    return BackendCard(kind=kind, kinds=("txt2img",), samplers=samplers, schedulers=("normal",))


def lab(*known: Known) -> Lab:
    return Lab(planned, job_config, lambda: known)


def desk(records: tuple[Record, ...] = ()) -> Desk:
    found = Desk()
    found.take(Verdicts(len(records), records, afresh=True))
    return found


def rated(number: int, stars: int, **params: Any) -> Record:
    return Record(
        id=f"im{number:03}", at=f"2026-05-01T20:{number // 60:02}:{number % 60:02}Z", session="s", pack="boats",
        prompt="a boat", seed=number // 5, run="r", params=params, stars=stars, backend="sketch",
    )  # fmt: skip


def test_what_varies_is_what_the_stages_have_within_what_all_nodes_offer() -> None:
    nodes = (node("a", card("webui", ("Euler a", "DDIM", "Heun"))), node("b", card("webui", ("DDIM", "Euler a"))))
    mixes = lab(*nodes).mixes(desk(), RunRequest(packs=("boats",)), 10)
    assert len(mixes.images) == 10 and set(mixes.images[0].params) == set(mixes.variables)
    assert mixes.variables["txt2img.sampler"] == ("Euler a", "DDIM")
    assert "txt2img.scheduler" not in mixes.variables  # there is but one
    assert {"txt2img.steps", "txt2img.cfg", "detail.denoise"} <= set(mixes.variables)
    assert mixes.why.startswith("Varies denoising in detail (0.2, 0.3, 0.4, 0.5), ")


def test_what_only_stands_in_offers_nothing_where_others_are() -> None:
    sketch, real = card("sketch", ("ink", "chalk")), card("webui", ("DDIM",))
    assert offers_of([node("a", sketch)], None, None)["samplers"] == ("ink", "chalk")
    assert offers_of([node("a", sketch, real)], None, None)["samplers"] == ("DDIM",)
    assert offers_of([node("a", sketch, real)], None, "sketch")["samplers"] == ("ink", "chalk")
    assert offers_of([node("a", sketch), node("b", real)], "a", None)["samplers"] == ("ink", "chalk")


def test_the_mixes_make_a_plan_as_they_are() -> None:
    request = RunRequest(packs=("boats",), seed=4)
    mixes = lab().mixes(desk(), request, 7)
    of = tuple(Mix(set=one.params, group=one.seed_group) for one in mixes.images)
    made = planned(msgspec.structs.replace(request, experiment="explore", mixes=of), "r")
    assert len(made.jobs) == 7 and {job.seed for job in made.jobs} == {4, 5}
    for job, mix in zip(made.jobs, of, strict=True):
        config = job_config(made.base, job.overlay)
        assert {key: config[key.partition(".")[0]][key.partition(".")[2]] for key in mix.set} == mix.set


def test_what_is_named_varies_and_nothing_else() -> None:
    asked = RunRequest(packs=("boats",), vary=("txt2img.steps=10, 20, .., 40", "lora:film=none,0.5"))
    mixes = lab().mixes(desk(), asked, 8)
    assert mixes.variables == {"lora:film": (None, 0.5), "txt2img.steps": (10, 20, 30, 40)}
    held = lab().mixes(desk(), RunRequest(packs=("boats",), set=("txt2img.steps=9",)), 5)
    assert "txt2img.steps" not in held.variables
    for vary, said in (("seed=1,2", "nothing that an explore run can mix"), ("txt2img.stepz=1,2", "steps")):
        with pytest.raises(Refused) as refused:
            lab().mixes(desk(), RunRequest(packs=("boats",), vary=(vary,)), 8)
        assert said in refused.value.told()


def test_what_lost_is_not_mixed_in_again() -> None:
    records = tuple(rated(at, 5 if at % 3 else 1, **{"txt2img.cfg": (4.0, 7.0, 10.0)[at % 3]}) for at in range(60))
    mixes = lab().mixes(desk(records), RunRequest(packs=("boats",), vary=("txt2img.cfg=4,7,10",)), 10)
    assert mixes.variables == {"txt2img.cfg": (7.0, 10.0)}
    assert lab().mixes(desk(records), RunRequest(packs=("boats",), vary=("txt2img.cfg=4,7,10",)), 10) == mixes


@pytest.mark.parametrize("images", [0, -1, 5001])
def test_so_many_pictures_are_not_explored(images: int) -> None:
    with pytest.raises(Refused, match="cannot be explored"):
        lab().mixes(desk(), RunRequest(packs=("boats",)), images)


def test_proposals_are_of_packs_that_are_there() -> None:
    found = lab().proposals(desk(), ("boats", "gone"), {"boats": 12.0})
    assert len(found) == 3 and {one.pack for one in found} == {"boats"}
    assert found[0].kind == "explore" and found[0].seconds == 240.0
    assert all(one.why.endswith("stars better.") for one in found)


# The same from files --------------------------------------------------------------------------------


def proposed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert proposing.main(["learn-propose", *words, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("}\n") and out.count("\n") == 1
    images: list[dict[str, Any]] = json.loads(out)["images"]
    return images


def files(folder: Path, space: object, records: str = "") -> tuple[str, ...]:
    (folder / "space.json").write_text(space if isinstance(space, str) else json.dumps(space))
    (folder / "records.jsonl").write_text(records)
    return "--records", str(folder / "records.jsonl"), "--space", str(folder / "space.json"), "--pack", "boats"


def test_files_alone_are_enough_and_may_be_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = {"steps": [30, 20], "cfg": [7.5], "hires": [True, False], "who": ["a", None]}
    images = proposed(capsys, *files(tmp_path, space), "--images", "6")
    assert len(images) == 6 and [one["seed_group"] for one in images] == [0, 0, 0, 1, 1, 1]
    for one in images:
        assert all(one["params"][knob] in levels for knob, levels in space.items()) and set(one) == {
            "params", "seed_group",
        }  # fmt: skip


def test_records_may_hold_knobs_and_levels_that_the_space_has_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [rated(at, 1 + at % 5, steps=10 + at % 3, other="x" if at % 2 else "y", none=None) for at in range(20)]
    text = b"\n".join(map(msgspec.json.encode, lines)).decode()
    images = proposed(capsys, *files(tmp_path, {"steps": [11, 99]}, text), "--images", "10")
    assert {one["params"]["steps"] for one in images} <= {11, 99} and len(images) == 10


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("[1, 2]", "no space of knobs and levels"),
        ("{", "no space of knobs and levels"),
        ("{}", "0 knobs"),
        ({"steps": []}, "'steps' has 0 levels"),
        ({"steps": [[1]]}, "no space of knobs and levels"),
        ({"steps": [1e301]}, "too large a number"),
    ],
)
def test_a_wrong_space_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], space: object, said: str
) -> None:
    words = files(tmp_path, space)
    assert proposing.main(["learn-propose", *words]) == 2
    err = capsys.readouterr().err
    assert said in err and "space.json" in err and err.count("\n") == 1


def test_wrong_words_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = files(tmp_path, {"steps": [1, 2]})
    for more in (("--images", "0"), ("--images", "many"), ("--nonsense",)):
        assert proposing.main(["learn-propose", *words, *more]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert proposing.main(["learn-propose", "--records", str(tmp_path / "no"), *words[2:]]) == 2
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "records.jsonl").write_text('{"id": "a", "params": {}, "stars": 9, "at": "2026-05-01T20:00:00Z"}\n')
    assert proposing.main(["learn-propose", *words]) == 2
    assert "records.jsonl:1:" in capsys.readouterr().err
