"""The plan: which jobs, with which prompts, seeds and settings, and where each value came from."""

import copy
import hashlib
import json
from datetime import datetime, timedelta

import msgspec
import pytest

from daemon.prompting.effective import job_config
from daemon.prompting.plan import make_plan
from daemon.prompting.recipe import LastRun
from daemon.prompting.variation.tables import WordTables
from schema.errors import Refused
from schema.pipeline import STANDARD, PipelineConfig
from schema.plans import FilmSpec
from schema.requests import RunRequest, TextFile
from schema.settings import Settings

NOW = datetime(2026, 11, 21, 12, 0).timestamp()

HARBOUR = TextFile(name="packs/harbour.txt", text="# day\na boat\nneg: blurry\n\na buoy\n\na pier\nneg: text")
SEASONS = TextFile(name="seasons.tsv", text="spring\tfog\nsummer\nautumn\nwinter")
ORCHARD = TextFile(
    name="orchard.json",
    text=json.dumps(
        {
            "pack_data": {"slots": [{"text": "apple tree"}, {"text": "pear tree"}]},
            "preset_data": {
                "txt2img": {"steps": 24, "cfg_scale": 6.5, "model": "", "restore_faces": True, "enable_hr": False},
                "upscale": {"upscaling_resize": 1.5},
                "adetailer": {"adetailer_denoise": 0.2},
            },
        }
    ),
)


class Books:
    """A library in memory."""

    def __init__(self, last=None, **pipelines):
        self._packs = {"harbour": (HARBOUR,), "seasons": (SEASONS,), "orchard": (ORCHARD,), "year": (SEASONS, HARBOUR)}
        self._pipelines = {"standard": STANDARD.canonical().decode(), **pipelines}
        self._presets = {"soft": '{"txt2img": {"steps": 40, "sampler_name": "Euler a"}, "detail.denoise": 0.1}'}
        self._last = last
        self.workflows = {"mine": '{"1": {"class_type": "KSampler", "inputs": {"seed": "%seed%"}}}'}

    def pack(self, name):
        if name not in self._packs:
            raise Refused(f"there is no pack '{name}' in the library.")
        return self._packs[name]

    def pipeline(self, name):
        return TextFile(name=name, text=self._pipelines[name])

    def preset(self, name):
        return TextFile(name=f"{name}.json", text=self._presets[name])

    def profile(self, name):
        raise Refused(f"there is no profile '{name}' in the library.")

    def workflow(self, name):
        if name not in self.workflows:
            raise Refused(f"there is no workflow '{name}' in the library.", where="workflow", remedy="There is: mine.")
        return TextFile(name=f"{name}.json", text=self.workflows[name])

    def tables(self):
        return WordTables({})

    def last(self):
        return self._last


def plan(*packs, library=None, settings=None, drawn=7, folder="f1", now=NOW, **flags):
    request = RunRequest(packs=packs, **flags)
    return make_plan(
        request,
        library=library or Books(),
        settings=settings or Settings(),
        drawn_seed=drawn,
        now=now,
        drawn_folder=folder,
    )


def refusal(*packs, **flags):
    with pytest.raises(Refused) as refused:
        plan(*packs, **flags)
    return refused.value.told()


def test_a_prompt_alone_is_enough():
    made = plan(prompt="a boat", negative="fog", seed=42)
    (job,) = made.jobs
    assert (job.name, job.prompt, job.negative, job.seed) == ("prompt-01-v1-s42", "a boat", "fog", 42)
    assert job.origins == {"prompt": "--prompt", "negative": "--negative", "seed": "--seed"}
    assert [step.kind for step in made.spec.stages] == ["txt2img", "detail", "upscale"]
    assert made.spec.lane == "interactive" and made.spec.pipeline == "standard" and made.spec.folder == "f1-a-boat"


def test_every_variant_gets_the_same_seeds():
    made = plan("harbour", seed=42, count=2)
    assert [job.name for job in made.jobs] == [
        f"harbour-0{number}-v1-s{seed}" for number in (1, 2, 3) for seed in (42, 43)
    ]
    assert made.jobs[0].origins == {
        "prompt": "pack packs/harbour.txt:2",
        "negative": "pack packs/harbour.txt:2",
        "seed": "--seed",
    }
    assert made.spec.lane == "batch"
    assert [(pack.name, pack.prompts, pack.jobs) for pack in made.spec.packs] == [("harbour", 3, 6)]


def test_without_a_seed_the_drawn_one_is_told():
    made = plan("harbour", drawn=99)
    assert made.seed == made.spec.seed == made.jobs[0].seed == 99
    assert made.jobs[0].origins["seed"] == "drawn"


def test_limits_hold_in_their_order():
    made = plan("harbour", "seasons", seed=1, max_prompts=3, limit=5, count=2, max_images=5)
    assert [(pack.name, pack.prompts, pack.jobs) for pack in made.spec.packs] == [("harbour", 3, 5), ("seasons", 2, 4)]
    assert made.spec.jobs == len(made.jobs) == 9


def test_the_same_pack_twice_keeps_names_apart():
    made = plan("harbour", HARBOUR, TextFile(name="HARBOUR2.txt", text="a gull"), seed=1)
    names = [job.name.casefold() for job in made.jobs]
    assert len(set(names)) == len(names) == 7
    assert [pack.jobs for pack in made.spec.packs] == [3, 3, 1]


def test_a_list_stands_for_its_packs():
    assert [pack.name for pack in plan("year").spec.packs] == ["seasons", "harbour"]
    file = TextFile(name="lists.json", text='{"evening": ["harbour", "seasons"]}')
    assert [pack.name for pack in plan(file).spec.packs] == ["harbour", "seasons"]


def test_settings_of_the_command_line_are_the_base_and_say_so():
    made = plan(prompt="a boat", set=("txt2img.steps=31", "upscale.enabled=no"), preset="soft")
    config = job_config(made.base, made.jobs[0].overlay)
    assert config["txt2img"]["steps"] == 31 and config["txt2img"]["sampler"] == "Euler a"
    assert list(config) == ["txt2img", "detail"]
    assert made.jobs[0].overlay == {}
    assert made.jobs[0].origins["txt2img.steps"] == "--set"
    assert made.jobs[0].origins["detail.denoise"] == "preset soft"


def test_a_packs_own_settings_are_the_overlay_of_its_jobs_alone():
    made = plan("orchard", "harbour", seed=1)
    first, last = made.jobs[0], made.jobs[-1]
    assert first.overlay == {"txt2img.steps": 24, "txt2img.cfg": 6.5, "detail.denoise": 0.2, "upscale.factor": 1.5}
    assert first.origins["txt2img.cfg"] == "pack orchard.json"
    assert first.stages is not None and first.stages[0].steps == 24
    assert first.stages[2].megapixels == pytest.approx(0.589824)
    assert last.overlay == {} and last.stages is None
    assert "orchard.json: not used here: txt2img.restore_faces." in made.warnings


def test_what_a_person_says_now_stands_above_what_a_pack_says():
    made = plan("orchard", set=("txt2img.cfg=9",), preset="soft")
    assert made.jobs[0].overlay == {"upscale.factor": 1.5}
    assert job_config(made.base, made.jobs[0].overlay)["txt2img"]["steps"] == 40


def test_a_prompts_own_settings_stand_above_a_preset_and_below_set():
    pack = TextFile(name="h.txt", text="#! txt2img.steps=11\n#! txt2img.cfg=3\n#! img2img.denoise=1\na boat\n\na buoy")
    made = plan(pack, preset="soft", set=("txt2img.cfg=9",))
    assert [job.overlay for job in made.jobs] == [{"txt2img.steps": 11}, {}]
    assert made.jobs[0].origins["txt2img.steps"] == "pack h.txt:4"
    assert "h.txt:4: not used, the pipeline has no such stage: img2img.denoise." in " ".join(made.warnings)


def test_a_model_switch_of_one_prompt_brings_its_refine_preset():
    settings = Settings.model_validate(
        {
            "refine": {
                "presets": {"default": {"sharpen": 0.1}, "crisp": {"sharpen": 2.0}},
                "models": {"toy": "crisp"},
            }
        }
    )
    pipeline = TextFile(name="p.json", text='[{"type": "txt2img"}, {"type": "refine", "denoise": 0.9}]')
    pack = TextFile(name="h.txt", text="a boat\n\n#! txt2img.model=toy\na buoy")
    made = plan(pack, pipeline=pipeline, settings=settings)
    configs = [job_config(made.base, job.overlay)["refine"] for job in made.jobs]
    assert [(one["preset"], one["sharpen"], one["denoise"]) for one in configs] == [
        ("default", 0.1, 0.9),
        ("crisp", 2.0, 0.9),
    ]
    assert made.jobs[1].origins["refine.sharpen"] == "refine preset"
    wanted = TextFile(name="p.json", text='[{"type": "txt2img"}, {"type": "refine", "preset": "crips"}]')
    assert "Did you mean 'crisp'?" in refusal("harbour", pipeline=wanted, settings=settings)


def test_the_film_comes_from_the_settings_or_the_pipeline():
    assert plan(prompt="a boat").spec.film is None
    settings = Settings.model_validate({"run": {"video": True}, "video": {"codec": "vp9", "fps": 12}})
    assert plan(prompt="a boat", settings=settings).spec.film == FilmSpec(codec="vp9", fps=12.0, container="webm")
    assert plan(prompt="a boat", settings=settings, video=False).spec.film is None
    made = plan(prompt="a boat", video=True, set=("video.frames=detail", "video.seconds=3"))
    assert made.spec.film == FilmSpec(frames="detail", seconds=3.0)
    assert "video" not in [step.id for step in made.spec.stages]
    assert "are no stage that runs" in refusal(prompt="a boat", video=True, set=("video.frames=refine",))
    own = TextFile(name="p.json", text='[{"type": "txt2img"}, {"type": "video", "fps": 3, "enabled": false}]')
    assert plan(prompt="a boat", pipeline=own).spec.film is None
    assert plan(prompt="a boat", pipeline=own, video=True).spec.film == FilmSpec(fps=3.0)


def test_an_uploaded_picture_takes_the_place_of_txt2img():
    picture = "ab" * 32
    made = plan(image=picture, set=("img2img.denoise=0.2",))
    assert [step.kind for step in made.spec.stages] == ["img2img", "detail", "upscale"]
    assert job_config(made.base, {})["img2img"]["image"] == picture
    assert made.jobs[0].prompt == ""
    written = (
        '[{"type":"txt2img","model":"toy"},{"type":"refiner"},{"type":"img2img","denoise":0.3},{"type":"upscale"}]'
    )
    made = plan(prompt="a boat", image=picture, pipeline=TextFile(name="p.json", text=written))
    assert [step.kind for step in made.spec.stages] == ["img2img", "upscale"]
    assert "is no SHA-256" in refusal(image="../etc")


def test_the_last_runs_settings_are_taken_whole():
    last = LastRun(STANDARD.canonical(), {"txt2img.steps": 33, "upscale.enabled": False}, "standard")
    made = plan("orchard", last=True, library=Books(last=last), set=("txt2img.cfg=4",))
    config = job_config(made.base, made.jobs[0].overlay)
    assert (config["txt2img"]["steps"], config["txt2img"]["cfg"], list(config)) == (33, 4.0, ["txt2img", "detail"])
    assert "left aside, because --last was asked for" in " ".join(made.warnings)
    assert "no last configuration" in refusal("orchard", last=True)
    assert "Give one of the two" in refusal("orchard", last=True, pipeline="standard", library=Books(last=last))


def test_slots_without_values_are_left_as_they_are_and_told_unless_locked():
    pack = TextFile(name="h.txt", text="a boat in [[time-of-day]], __sea__\nneg: fog")
    made = plan(pack)
    assert made.jobs[0].prompt == "a boat in [[time-of-day]], __sea__"
    assert [warning.partition(" There are")[0] for warning in made.warnings] == [
        "h.txt:1:11: there are no values for '[[time-of-day]]'; it is left as it is.",
        "h.txt:1:28: there is no wildcard 'sea'; '__sea__' is left as it is.",
    ]
    locked = plan(pack, lock=("Time of Day=dusk",))
    assert locked.jobs[0].prompt == "a boat in dusk, __sea__"
    assert locked.jobs[0].template == "a boat in [[time-of-day]], __sea__"
    assert locked.spec.randomizer.locks == {"Time of Day": "dusk"}


def test_times_are_read_where_the_daemon_is():
    made = plan(prompt="a boat", at="2h", window="22:00-6:30", deadline="2026-11-23T08:00")
    assert made.spec.not_before == NOW + 7200
    assert made.spec.window == "22:00-06:30"
    assert made.spec.deadline == datetime(2026, 11, 23, 8, 0).timestamp()
    assert plan(prompt="a boat", at="22:30").spec.not_before == datetime(2026, 11, 21, 22, 30).timestamp()
    assert plan(prompt="a boat", at="11:30").spec.not_before == datetime(2026, 11, 22, 11, 30).timestamp()


def test_what_was_asked_is_recorded():
    made = plan(
        "harbour", order="random", matrix="rotate", node="attic", backend="sketch", learning="active", hold=True
    )
    spec = made.spec
    assert (spec.node, spec.backend, spec.learning, spec.hold) == ("attic", "sketch", "active", True)
    assert (spec.randomizer.order, spec.randomizer.matrix) == ("random", "rotate")


def test_drawn_orders_depend_on_the_seed_alone_and_mix_the_packs():
    def order(seed, kind):
        return [job.name.rsplit("-", 1)[0] for job in plan("harbour", "seasons", order=kind, seed=seed).jobs]

    assert order(5, "random") == order(5, "random")
    assert sorted(order(5, "random")) == sorted(order(5, "sequential"))
    assert len({tuple(order(seed, "random")) for seed in range(20)}) > 15
    heavy = TextFile(name="h.txt", text="\n\n".join([f"buoy {n}" for n in range(9)] + ["#! weight=1000\nboat"]))
    firsts = [plan(heavy, order="weighted", seed=seed, max_prompts=1).jobs[0].prompt for seed in range(50)]
    assert firsts.count("boat") > 45


WRONG = [
    ({}, "there is nothing to paint"),
    ({"prompt": "  "}, "--prompt: is empty"),
    ({"prompt": "x" * 20_001}, "--prompt: is longer than"),
    ({"prompt": "a", "count": 0}, "--count: 0 is too small; it must be at least 1."),
    ({"prompt": "a", "limit": 0}, "--limit: 0 is too small"),
    ({"prompt": "a", "max_images": -1}, "--max-images: -1 is too small"),
    ({"prompt": "a", "seed": -1}, "--seed: -1 is no seed"),
    ({"prompt": "a", "seed": 2**63 - 1, "count": 2}, "seeds end at 9223372036854775807"),
    ({"prompt": "a", "count": 10**9}, "1,000,000,000 jobs; run.max_variants allows 100000"),
    ({"prompt": "a", "plan_hash": "00"}, "--plan-hash: needs --seed"),
    ({"prompt": "a", "plan_hash": "00", "seed": 1}, "the plan is another one by now"),
    ({"prompt": "a", "set": ("txt2img.stepz=3",)}, "has no field 'stepz'. Did you mean 'steps'?"),
    ({"prompt": "a", "set": ("detial.denoise=1",)}, "has no stage 'detial'. Did you mean 'detail'?"),
    ({"prompt": "a", "set": ("txt2img.steps=0",)}, "txt2img.steps: '0' is too small; it must be at least 1."),
    ({"prompt": "a", "set": ("txt2img.cfg=nan",)}, "'nan' is no number that can be used"),
    ({"prompt": "a", "set": ("steps",)}, "is not STAGE.FIELD=VALUE"),
    ({"prompt": "a", "set": ("upscale.width=900",)}, "width and height go together"),
    ({"prompt": "a", "set": ("txt2img.width=8000", "upscale.factor=8")}, "the limit is 64"),
    ({"prompt": "a", "set": ("txt2img.enabled=false",)}, "detail ('detail') needs a picture; begin with txt2img"),
    ({"prompt": "a", "lock": ("weather=rain",)}, "no prompt has a slot 'weather'"),
    ({"prompt": "a [[weather]]", "lock": ("whether=rain",)}, "Did you mean 'weather'?"),
    ({"prompt": "a", "lock": ("weather",)}, "is not SLOT=VALUE"),
    ({"prompt": "a", "window": "25:00-26:00"}, "--window: '25:00-26:00' is no window"),
    ({"prompt": "a", "window": "22:00-22:00"}, "begins and ends at the same minute"),
    ({"prompt": "a", "at": "soon"}, "--at: 'soon' is no time"),
    ({"prompt": "a", "at": "2020-01-01"}, "is in the past"),
    ({"prompt": "a", "at": "3d", "deadline": "2d"}, "the deadline is before the run may start"),
    ({"prompt": "a", "profile": "knight"}, "there is no profile 'knight'"),
    ({"prompt": "a", "name": ""}, "--name: must have 1 to 200 characters"),
    ({"prompt": "a", "pipeline": "{"}, "broken JSON"),
    ({"prompt": "a", "pipeline": '{"stages": [{"type": "detail"}]}'}, "needs a picture; begin with txt2img"),
]


@pytest.mark.parametrize(("flags", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_cannot_be_planned_is_one_sentence(flags, told):
    sentence = refusal(**flags)
    assert told in sentence
    assert "pydantic" not in sentence and "\n" not in sentence


@pytest.mark.parametrize("kind", ["generatePrompt", "llmEnhance", "selectLoras", "dispatch"])
def test_stages_that_make_words_stand_before_the_pictures(kind):
    stages = [{"id": "first", "type": kind}, {"id": "p", "type": "txt2img", "width": 64, "height": 64}]
    pipeline = TextFile(name="p.json", text=json.dumps(stages))
    made = plan(prompt="a boat", pipeline=pipeline)
    assert [(step.id, step.megapixels, step.steps) for step in made.spec.stages] == [
        ("first", 0, 0),
        ("p", 0.004096, 20),
    ]
    off = plan(prompt="a boat", pipeline=pipeline, set=("first.enabled=false",))
    assert [step.id for step in off.spec.stages] == ["p"]


def test_a_dispatch_names_who_makes_the_pictures_behind_it():
    text = json.dumps([{"type": "llmEnhance"}, {"type": "dispatch", "backend": "Forge", "review": True}])
    made = plan(prompt="a boat", pipeline=TextFile(name="p.json", text=text))
    assert [(step.kind, step.backend, step.review) for step in made.spec.stages] == [
        ("llmEnhance", None, False), ("dispatch", "webui", True), ("txt2img", "webui", False),
    ]  # fmt: skip


def test_nothing_that_is_handed_in_changes():
    request = RunRequest(packs=("orchard", HARBOUR), set=("txt2img.steps=9",), video=True, lock=(), count=2)
    settings, library = Settings(), Books(last=LastRun(STANDARD.canonical(), {"txt2img.steps": 3}))
    before = copy.deepcopy((request, settings, vars(library)))
    for last in (False, True):
        asked = msgspec.structs.replace(request, last=last)
        make_plan(asked, library=library, settings=settings, drawn_seed=1, now=NOW, drawn_folder="f")
    assert (request, settings, vars(library)) == before


def test_the_base_is_the_pipeline_and_its_name_is_its_hash():
    made = plan("harbour", set=("txt2img.hires=true",))
    assert PipelineConfig.model_validate_json(made.base).stages[0].hires is not None
    assert made.spec.base == hashlib.sha256(made.base).hexdigest()
    assert made.spec.stages[0].megapixels == pytest.approx(0.589824) and made.spec.stages[0].steps == 40


def test_later_stages_take_the_first_ones_model():
    made = plan(prompt="a boat", set=("txt2img.model=toy", "txt2img.sampler=Euler a", "detail.sampler=DDIM"))
    config = job_config(made.base, {})
    assert (config["detail"]["model"], config["detail"]["sampler"], config["upscale"]["model"]) == ("toy", "DDIM", None)
    assert [step.model for step in made.spec.stages] == ["toy", "toy", None]


def test_twenty_thousand_jobs_are_planned_at_once():
    pack = TextFile(name="big.txt", text="\n\n".join(f"boat {number}" for number in range(2000)))
    begun = datetime.now()
    assert len(plan(pack, count=10).jobs) == 20_000
    assert datetime.now() - begun < timedelta(seconds=3)


def test_a_prompt_may_say_who_makes_it_where_the_run_does_not():
    pack = TextFile(name="mixed.txt", text="a boat\n#! backend=comfyui\n\na buoy <lora:sea_haze:0.5>")
    made = plan(pack, seed=1)
    assert [(job.backend, job.origins.get("backend"), job.needs) for job in made.jobs] == [
        ("comfyui", "pack mixed.txt:1", ()), (None, None, ("loras:sea_haze",)),
    ]  # fmt: skip
    assert [job.backend for job in plan(pack, seed=1, backend="webui").jobs] == [None, None]
    plain = TextFile(name="mixed.txt", text="a boat\n\na buoy <lora:sea_haze:0.5>")
    assert plan(plain, seed=1).plan_hash == made.plan_hash


def test_a_prompts_own_workflow_is_put_in_too():
    pack = TextFile(name="mixed.txt", text="a boat\n#! txt2img.workflow=mine\n\na buoy")
    first, second = plan(pack, seed=1).jobs
    assert first.overlay["txt2img.workflow.name"] == "mine" and "KSampler" in str(
        first.overlay["txt2img.workflow.graph"]
    )
    assert first.stages is not None and "workflows:mine" in first.stages[0].needs
    assert second.overlay == {}
    assert "there is no workflow 'other'" in refusal(prompt="a boat", set=("txt2img.workflow=other",))
