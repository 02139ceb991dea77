"""The planner with its folders: what no known node can do is refused, and workflows are put in from their files."""

import json
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from daemon.cards import Cards
from daemon.core.state import Node, State
from daemon.core.vitals import Vitals
from daemon.library.shelf import FolderShelf
from daemon.planner import Planner
from daemon.prompting.recipe import LastRun
from daemon.scheduling.able import Known
from schema.errors import Refused
from schema.orders import BackendCard, Card
from schema.pipeline import PipelineConfig
from schema.places import places
from schema.requests import RunRequest, Selection, TextFile
from schema.settings import Settings

FORGE = BackendCard(
    kind="webui", kinds=("txt2img", "img2img", "detail", "upscale"), models=("toy-xl.safetensors",),
    samplers=("Euler a",), detectors=("face_yolov8n.pt",), embeddings=("calm-water",),
)  # fmt: skip
BARE = ("txt2img", "upscale")
GRAPH = {"1": {"class_type": "KSampler", "inputs": {"seed": "%seed%"}}}


def card(*backends: BackendCard) -> Card:
    return Card(node="forge", name="forge-pc", instance="i", version="1", backends=backends)


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: tuple[Known, ...] = (Known("forge", "forge-pc", card(FORGE)),)
        self.places = places({"STABLENEW_HOME": str(folder)})
        self.planner = Planner(
            FolderShelf(self.places), Settings(), lambda: 1.8e9, lambda most: 42, lambda: self.known, self.path
        )

    def shelf_of(self, plan) -> None:
        """From now on this plan is the last run."""
        last = LastRun(plan.base, {}, plan.spec.pipeline)
        self.planner = Planner(
            FolderShelf(self.places, lambda: last), Settings(), lambda: 1.8e9, lambda most: 42, lambda: self.known
        )

    def path(self, sha256: str) -> Path:
        if not (self.folder / sha256).exists():
            raise Refused(f"no file {sha256[:8]}")
        return self.folder / sha256

    def picture(self, name: str, size: tuple[int, int]) -> str:
        Image.new("RGB", size).save(self.folder / (name * 64), "PNG")
        return name * 64

    def workflow(self, name: str, graph: object = GRAPH) -> None:
        self.places.workflows.mkdir(parents=True, exist_ok=True)
        (self.places.workflows / f"{name}.json").write_text(json.dumps(graph))

    def plan(self, *sets: str, prompt: str = "a boat", **more: object):
        return self.planner.plan(RunRequest(prompt=prompt, set=sets, **more), "r1")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_the_fleet_has_is_planned_and_what_it_lacks_is_refused(house: House):
    assert house.plan("txt2img.model=toy-xl").jobs[0].stages is None
    with pytest.raises(Refused, match=r"txt2img.model: no node has 'toyxl'. Nearest: toy-xl.safetensors \(forge-pc\)"):
        house.plan("txt2img.model=toyxl")
    with pytest.raises(Refused, match="prompt: no node has the LoRA 'haze'"):
        house.plan(prompt="a boat <lora:haze:1>")
    with pytest.raises(Refused, match="no webui has 'toyxl'"):
        house.plan("txt2img.model=toyxl", backend="webui")
    with pytest.raises(Refused, match="no backend of forge-pc has 'toyxl'"):
        house.plan("txt2img.model=toyxl", node="forge")


def test_the_standard_pipeline_fits_what_is_there_and_says_so(house: House):
    whole = house.plan()
    plain = msgspec.structs.replace(FORGE, kinds=("txt2img", "img2img", "upscale"))
    house.known = (Known("forge", "forge-pc", card(plain)),)

    fitted = house.plan()

    assert [stage.id for stage in whole.spec.stages] == ["txt2img", "detail", "upscale"]
    assert [stage.id for stage in fitted.spec.stages] == ["txt2img", "upscale"]
    assert fitted.warnings == ("detail is left out: no node can run it. --set detail.enabled=true insists.",)
    assert fitted.plan_hash != whole.plan_hash, "another config is another plan"
    assert (fitted.seed, fitted.jobs[0].seed) == (whole.seed, whole.jobs[0].seed)
    assert house.plan(seed=42, plan_hash=fitted.plan_hash).plan_hash == fitted.plan_hash, "what was shown is what runs"
    with pytest.raises(Refused, match="the plan is another one by now"):
        house.plan(seed=42, plan_hash=whole.plan_hash)


def test_a_stage_that_somebody_spoke_of_is_never_left_out(house: House):
    house.known = (Known("forge", "forge-pc", card(msgspec.structs.replace(FORGE, kinds=("txt2img", "upscale")))),)

    with pytest.raises(Refused, match="detail: no node can run detail"):
        house.plan("detail.denoise=0.3")
    for text in ("#! detail.enabled=true\na boat", "a pier\n\n#! detail.denoise=0.4\na boat"):
        with pytest.raises(Refused, match="detail: no node can run detail"):
            house.plan(prompt=None, packs=(TextFile(name="p.txt", text=text),))
    presets = house.places.config / "presets"
    presets.mkdir(parents=True)
    (presets / "faces.json").write_text('{"detail": {"denoise": 0.4}}')
    with pytest.raises(Refused, match="detail: no node can run detail"):
        house.plan(preset="faces")
    own = json.dumps([{"type": "txt2img"}, {"type": "detail"}])
    with pytest.raises(Refused, match="detail: no node can run detail"):
        house.plan(pipeline=TextFile(name="own.json", text=own))


def test_what_the_last_run_had_is_not_left_out_and_what_it_left_out_is_told(house: House):
    full, house.known = house.known, (Known("forge", "forge-pc", card(msgspec.structs.replace(FORGE, kinds=BARE))),)
    fitted = house.plan()
    house.shelf_of(fitted)

    house.known = full
    again = house.plan(last=True)
    assert [stage.id for stage in again.spec.stages] == ["txt2img", "upscale"]
    assert again.warnings == ("detail is left out, as in the last run. --set detail.enabled=true brings it back.",)
    insisting = house.plan("detail.enabled=true", last=True)
    assert ([stage.id for stage in insisting.spec.stages][1], insisting.warnings) == ("detail", ())

    house.shelf_of(house.plan())
    house.known = (Known("forge", "forge-pc", card(msgspec.structs.replace(FORGE, kinds=BARE))),)
    with pytest.raises(Refused, match="detail: no node can run detail"):
        house.plan(last=True)


def test_the_stand_in_takes_any_name_but_no_stage_of_another_kind(house: House):
    sketch = BackendCard(kind="sketch", kinds=("txt2img", "detail", "upscale"), open_lists=True)
    house.known = (Known("here", "here", card(sketch)),)
    assert house.plan("txt2img.model=anything", "txt2img.width=500").jobs
    for kind in ("score", "interrogate"):
        own = json.dumps([{"type": "txt2img"}, {"type": kind}])
        with pytest.raises(Refused, match=f"no node can run {kind}. Switch it off with --set {kind}.enabled=false, or"):
            house.plan(pipeline=own)
        with pytest.raises(Refused, match=f"no sketch can run {kind}"):
            house.plan(pipeline=own, backend="sketch")


def test_a_size_that_servers_do_not_make_is_refused_though_too_little_is_known_of_somebody(house: House):
    house.known = (*house.known, Known("new", "new-pc", None))
    assert house.plan("txt2img.model=toyxl").jobs, "the new one may have it"
    with pytest.raises(Refused, match=r"txt2img.width: 500 is not divisible by 8.* Take 496 or 504"):
        house.plan("txt2img.width=500")
    assert house.plan("txt2img.width=500", backend="sketch").jobs


def test_a_bare_word_binds_a_job_to_nobody_though_somebody_has_an_embedding_of_that_name(house: House):
    there = house.plan(prompt="a boat, calm-water")
    house.known = ()
    alone = house.plan(prompt="a boat, calm-water")

    assert there.plan_hash == alone.plan_hash
    assert there.jobs[0].needs == alone.jobs[0].needs == ()


def test_an_embedding_that_is_marked_as_one_must_be_there(house: House):
    assert house.plan(prompt="a boat, embedding:calm-water <calm-water>").jobs[0].needs == ("embeddings:calm-water",)
    with pytest.raises(Refused, match="prompt: no node has the embedding 'fog'"):
        house.plan(prompt="a boat, embedding:fog")


def test_a_run_says_whether_the_stand_in_may_draw_it(house: House, tmp_path: Path):
    sketch = BackendCard(kind="sketch", kinds=("txt2img", "detail", "upscale"), open_lists=True)
    absent = BackendCard(kind="webui", kinds=(), state="disconnected", trouble="no such address")

    assert not house.plan().spec.stand_in
    house.known = (Known("forge", "forge-pc", card(sketch)),)
    assert house.plan().spec.stand_in
    house.known = (Known("forge", "forge-pc", card(sketch, absent)),)
    assert not house.plan().spec.stand_in, "what cannot be reached is known all the same"
    house.known = ()
    assert house.plan().spec.stand_in
    named = Settings.model_validate({"agent": {"webui": "http://127.0.0.1:7860"}})
    planner = Planner(FolderShelf(house.places), named, lambda: 1.8e9, lambda most: 42)
    assert not planner.plan(RunRequest(prompt="a boat"), "r1").spec.stand_in


def test_an_edit_is_checked_like_a_submit(house: House):
    plan = house.plan()
    run, job = plan.spec, plan.jobs[0]

    edited = house.planner.edit(job, plan.base, Selection(select=("x",), backend="webui", prompt="<calm-water>"), run)
    assert (edited.backend, edited.needs) == ("webui", ("embeddings:calm-water",))
    with pytest.raises(Refused, match="no webui has 'toyxl'"):
        house.planner.edit(edited, plan.base, Selection(select=("x",), set=("txt2img.model=toyxl",)), run)
    again = house.planner.edit(edited, plan.base, Selection(select=("x",), backend=""), run)
    assert again.backend == ""


def test_a_mask_must_be_as_large_as_its_picture(house: House):
    image, mask = house.picture("a", (512, 512)), house.picture("b", (256, 256))
    with pytest.raises(Refused, match=r"img2img.mask: the mask has 256x256 pixels and its picture 512x512"):
        house.plan(f"img2img.mask={mask}", image=image, pipeline='[{"type": "img2img"}]')
    house.plan(f"img2img.mask={house.picture('c', (512, 512))}", image=image, pipeline='[{"type": "img2img"}]')


@pytest.mark.parametrize(
    ("sets", "where"),
    [
        ((f"img2img.mask={'e' * 64}",), "img2img.mask"),
        (('img2img.controls=[{"model": "edge", "image": "' + "e" * 64 + '"}]',), "img2img.controls"),
    ],
)
def test_a_picture_that_was_never_uploaded_is_refused(house: House, sets: tuple[str, ...], where: str):
    image = house.picture("a", (64, 64))
    with pytest.raises(Refused, match=f"{where}: there is no picture eeeeeeeeeeee. Upload it"):
        house.plan(*sets, image=image, pipeline='[{"type": "img2img"}]')
    with pytest.raises(Refused, match=r"img2img.image: there is no picture"):
        house.plan(image="f" * 64, pipeline='[{"type": "img2img"}]')


def test_a_workflow_is_put_in_from_its_file_when_the_run_is_planned(house: House):
    house.known = ()
    house.workflow("mine")

    plan = house.plan("txt2img.workflow=mine")

    stage = PipelineConfig.model_validate_json(plan.base).stages[0]
    assert json.loads(stage.workflow.graph) == GRAPH
    assert house.planner.config(plan.base, {})["txt2img"]["workflow.name"] == "mine"
    assert "workflow.graph" not in house.planner.config(plan.base, {})["txt2img"]
    house.workflow("mine", {"1": {"class_type": "Other", "inputs": {}}})
    assert house.plan("txt2img.workflow=mine").plan_hash != plan.plan_hash


def test_a_workflow_that_is_not_there_or_none_is_refused(house: House):
    house.workflow("mine")
    house.workflow("editor", {"nodes": [{"id": 1, "type": "KSampler"}], "links": []})
    house.workflow("empty", {"nodes": [], "links": []})
    house.workflow("list", [1])
    house.known = ()

    with pytest.raises(Refused, match=r"txt2img.workflow: there is no workflow 'mime' in .*Did you mean 'mine'"):
        house.plan("txt2img.workflow=mime")
    for name in ("empty", "list"):
        with pytest.raises(Refused, match=rf"{name}.json: holds no ComfyUI workflow. Save it in ComfyUI"):
            house.plan(f"txt2img.workflow={name}")
    assert house.plan("txt2img.workflow=editor").jobs


def test_only_a_backend_that_runs_workflows_is_given_one(house: House):
    house.workflow("mine")
    with pytest.raises(Refused, match=r"txt2img.workflow.name: no node runs the workflow 'mine'"):
        house.plan("txt2img.workflow=mine", pipeline='[{"type": "txt2img"}]')


def test_nodes_that_are_away_count_with_their_last_card(tmp_path: Path):
    kept = tmp_path / "kept"
    kept.write_bytes(msgspec.json.encode(card(FORGE)))
    state, vitals = State(), Vitals()
    state.nodes["away"] = Node(id="away", name="away-pc", instance="i", card="f" * 64, lost=True)
    state.nodes["bare"] = Node(id="bare", name="bare-pc", instance="i", card="0" * 64)
    state.nodes["here"] = Node(id="here", name="here-pc", instance="i", card="f" * 64)
    vitals.cards["here"] = card()

    def path_of(sha256: str) -> Path:
        if sha256 != "f" * 64:
            raise Refused("not there")
        return kept

    assert Cards(state, vitals, path_of).known() == (
        Known("away", "away-pc", card(FORGE)), Known("bare", "bare-pc", None), Known("here", "here-pc", card()),
    )  # fmt: skip


def test_a_broken_file_that_is_called_as_the_missing_wildcard_is_told_first(house: House):
    folder = house.places.packs.parent / "wildcards"
    folder.mkdir(parents=True)
    for name in ("a", "b", "c", "sky"):
        (folder / f"{name}.yaml").write_text("x: [")
    told = [warning for warning in house.plan(prompt="under __sky__").warnings if "broken YAML" in warning]
    assert len(told) == 3 and told[0].startswith("sky.yaml:")
