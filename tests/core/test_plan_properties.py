"""What holds for every plan: preview is submit, hashes cover what matters and nothing else, limits are exact."""

import json
import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.effective import effective, job_config, stage_config
from daemon.prompting.plan import make_plan
from daemon.prompting.steps import steps_of
from daemon.prompting.variation.tables import WordTables
from schema.errors import Refused
from schema.pipeline import STANDARD
from schema.requests import RunRequest, TextFile
from schema.settings import Settings


class Books:
    """A library that has only the standard pipeline."""

    def pack(self, name):
        raise Refused(f"there is no pack '{name}' in the library.")

    profile = preset = workflow = pack

    def pipeline(self, name):
        return TextFile(name=name, text=STANDARD.canonical().decode())

    def tables(self):
        return WordTables({})

    def last(self):
        return None


def plan(request, drawn_seed=3, now=1.8e9, drawn_folder="f"):
    return make_plan(
        request,
        library=Books(),
        settings=Settings(),
        drawn_seed=drawn_seed,
        now=now,
        drawn_folder=drawn_folder,
    )


plenty = settings(deadline=None, max_examples=60)

line = st.text(alphabet="abcde ", min_size=1, max_size=12).filter(lambda text: text.strip())
override = st.sampled_from(
    ["", "#! txt2img.steps=7\n", "#! txt2img.model=toy\n", "#! weight=4\n", "#! upscale.factor=3\n"]
)


@st.composite
def packs(draw, name="p"):
    blocks = draw(st.lists(st.tuples(override, line), min_size=1, max_size=6))
    return TextFile(name=f"{name}.txt", text="\n\n".join(first + text for first, text in blocks))


maybe = st.none() | st.integers(1, 8)


@st.composite
def requests(draw):
    return RunRequest(
        packs=tuple(draw(st.lists(packs(), max_size=3))),
        prompt=draw(st.none() | line),
        negative=draw(st.none() | line),
        seed=draw(st.none() | st.integers(0, 2**40)),
        count=draw(st.integers(1, 4)),
        limit=draw(maybe),
        max_images=draw(maybe),
        max_prompts=draw(maybe),
        order=draw(st.sampled_from(["sequential", "random", "weighted"])),
        set=tuple(draw(st.lists(st.sampled_from(["txt2img.steps=9", "detail.enabled=no", "upscale.factor=4"])))),
        video=draw(st.sampled_from([None, True, False])),
    )


def planned(request, **drawn):
    try:
        return plan(request, **drawn)
    except Refused as refused:
        return refused.told()


@plenty
@given(requests())
def test_the_preview_is_the_plan(request):
    preview = planned(request)
    if isinstance(preview, str):
        assert planned(request) == preview
        return
    asked = msgspec.structs.replace(request, seed=preview.seed, plan_hash=preview.plan_hash)
    submitted = plan(asked, drawn_seed=12345, now=1.9e9, drawn_folder="other")
    assert [(job.prompt, job.negative, job.seed, job.overlay, job.stages) for job in submitted.jobs] == [
        (job.prompt, job.negative, job.seed, job.overlay, job.stages) for job in preview.jobs
    ]
    assert submitted.base == preview.base and submitted.plan_hash == preview.plan_hash
    assert submitted.spec.jobs == len(preview.jobs)


@plenty
@given(requests())
def test_every_job_is_whole_and_its_name_is_its_own(request):
    made = planned(request)
    if isinstance(made, str):
        return
    names = [job.name.casefold() for job in made.jobs]
    assert len(set(names)) == len(names) == made.spec.jobs > 0
    assert sum(pack.jobs for pack in made.spec.packs) == sum(job.pack is not None for job in made.jobs)
    for job in made.jobs:
        steps = made.spec.stages if job.stages is None else job.stages
        assert steps == steps_of(effective(made.base, job.overlay, inherit=False))
        config = job_config(made.base, job.overlay)
        for step in steps:
            assert stage_config(made.base, step.id, job.overlay).type == step.kind == config[step.id]["type"]
        assert {"prompt", "seed", *job.overlay} <= job.origins.keys()
        msgspec.json.encode(job)


@plenty
@given(requests())
def test_limits_agree_with_counting_by_hand(request):
    made = planned(request)
    if isinstance(made, str):
        return
    whole = plan(
        msgspec.structs.replace(
            request, count=1, limit=None, max_images=None, max_prompts=None, seed=made.seed, plan_hash=None
        )
    )
    prompts, images, variants, expected = {}, {}, 0, []
    for job in whole.jobs:
        pack = job.name.rsplit("-", 3)[0]
        prompts[pack] = prompts.get(pack, 0) + 1
        if request.max_prompts and prompts[pack] > request.max_prompts:
            continue
        variants += 1
        if request.limit and variants > request.limit:
            continue
        for copy in range(request.count):
            if not request.max_images or images.get(pack, 0) < request.max_images:
                images[pack] = images.get(pack, 0) + 1
                expected.append((pack, job.prompt_number, made.seed + copy))
    assert [(job.name.rsplit("-", 3)[0], job.prompt_number, job.seed) for job in made.jobs] == expected


@plenty
@given(
    st.integers(0, 2**40),
    st.integers(1, 6),
    st.integers(1, 16),
    st.lists(st.sampled_from(["", "#! txt2img.batch=3\n", "#! txt2img.enabled=no\n"]), min_size=1, max_size=3),
)
def test_no_prompt_is_painted_twice_with_one_seed(seed, count, batch, overrides):
    """Each job of a batch takes as many seeds as it makes pictures, the first of them its own."""
    pack = "\n\n".join(f"{one}prompt {number}" for number, one in enumerate(overrides))
    pipeline = json.dumps([{"type": "txt2img"}, {"type": "img2img", "image": "a" * 64}])
    made = plan(
        RunRequest(
            packs=(TextFile(name="p.txt", text=pack),), pipeline=TextFile(name="p.json", text=pipeline),
            seed=seed, count=count, set=() if "txt2img.enabled=no" in pack else (f"txt2img.batch={batch}",),
        )
    )  # fmt: skip
    for number in range(1, len(overrides) + 1):
        jobs = [job for job in made.jobs if job.prompt_number == number]
        batches = [job_config(made.base, job.overlay).get("txt2img", {}).get("batch", 1) for job in jobs]
        seeds = [job.seed + at for job, size in zip(jobs, batches, strict=True) for at in range(size)]
        assert seeds == list(range(seed, seed + sum(batches)))
        assert [job.name.rpartition("-s")[2] for job in jobs] == [str(job.seed) for job in jobs]


PACK = "a boat\nneg: fog\n\na buoy"
PIPELINE = {"name": "mine", "stages": [{"id": "base", "type": "txt2img"}, {"id": "up", "type": "upscale"}]}


def asked(pack=PACK, file="h.txt", pipeline=PIPELINE, **flags):
    return RunRequest(
        packs=(TextFile(name=file, text=pack),),
        pipeline=TextFile(name="p.json", text=json.dumps(pipeline)),
        seed=flags.pop("seed", 5),
        **flags,
    )


def renamed_stages():
    return {"name": "yours", "stages": [{"id": "first", "type": "txt2img"}, {"id": "second", "type": "upscale"}]}


def with_idle_stage():
    stages = [PIPELINE["stages"][0], {"type": "detail", "enabled": False}, PIPELINE["stages"][1]]
    return {"name": "mine", "stages": stages}


def test_the_hash_does_not_change_with_what_makes_no_other_picture():
    plain = plan(asked()).plan_hash
    for same in (
        asked(file="folder/other.txt"),
        asked(pack="# a note\n\n" + PACK.replace("\n", "\r\n")),
        asked(pipeline=renamed_stages()),
        asked(pipeline=with_idle_stage()),
        asked(node="attic", backend="sketch", lane="interactive", hold=True, name="evening", learning="off"),
        asked(window="22:00-06:00", at="2h", deadline="3d"),
        asked(set=("base.steps=20",)),
        asked(limit=2, max_images=9),
    ):
        assert plan(same, now=1.85e9, drawn_folder="g").plan_hash == plain


def test_the_hash_changes_with_everything_that_makes_another_picture():
    hashes = [
        plan(request).plan_hash
        for request in (
            asked(),
            asked(seed=6),
            asked(count=2),
            asked(pack=PACK.replace("fog", "rain")),
            asked(pack=PACK.replace("boat", "ship")),
            asked(pack="a buoy\n\na boat\nneg: fog"),
            asked(pack=PACK + "\n\na pier"),
            asked(pack="#! base.steps=9\n" + PACK),
            asked(negative="people"),
            asked(limit=1),
            asked(set=("base.steps=21",)),
            asked(set=("up.factor=3",)),
            asked(set=("up.enabled=no",)),
            asked(video=True),
            asked(video=True, set=("video.fps=9",)),
        )
    ]
    assert len(set(hashes)) == len(hashes)


def test_a_prompt_cannot_pass_for_its_negative():
    one = plan(asked(pack="a\nneg: b")).plan_hash
    assert one not in {plan(asked(pack=text)).plan_hash for text in ("b\nneg: a", "a b", "a\n\nb")}


def test_weights_make_heavy_prompts_come_first_as_often_as_they_should():
    weights = [1, 2, 5]
    pack = "\n\n".join(f"#! weight={weight}\nprompt {weight}" for weight in weights)
    draws = random.Random(1)
    firsts = [
        plan(asked(pack=pack, order="weighted", max_prompts=1, seed=draws.randrange(2**40))).jobs[0].prompt
        for _ in range(2000)
    ]
    for weight in weights:
        assert abs(firsts.count(f"prompt {weight}") / 2000 - weight / 8) < 0.04
