"""What is read of a picture, made again and read again, is the same; what has no field here is kept to the letter."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.artifacts import infotext
from daemon.artifacts.foreign.infotexts import from_text
from daemon.artifacts.foreign.reading import Carried, read_bytes
from daemon.artifacts.foreign.requests import understood
from daemon.artifacts.foreign.told import described
from daemon.prompting.effective import job_config
from daemon.prompting.steps import steps_of
from schema.dialects import SAMPLERS, SCHEDULERS, sampling
from schema.foreign import Foreign
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec

SIDES = st.integers(8, 200).map(lambda n: n * 8)
SETTINGS = st.fixed_dictionaries(
    {
        "txt2img.steps": st.integers(1, 150),
        "txt2img.cfg": st.integers(0, 60).map(lambda n: n / 2 if n else 1.0).filter(lambda cfg: cfg <= 30),
        "txt2img.sampler": st.sampled_from(sorted(SAMPLERS)),
        "txt2img.scheduler": st.sampled_from(sorted(SCHEDULERS)),
        "txt2img.width": SIDES,
        "txt2img.height": SIDES,
    },
    optional={
        "txt2img.model": st.sampled_from(["toy_v1", "Mill, old: 2", "a b-c.d"]),
        "txt2img.clip_skip": st.integers(2, 12),
        "txt2img.guidance": st.sampled_from([1.0, 3.5]),
        "txt2img.vae": st.just("soft"),
        "detail.detector": st.sampled_from(["face_yolov8n.pt", "hand"]),
        "upscale.upscaler": st.just("4x-sharp"),
    },
)
HIRES = st.none() | st.fixed_dictionaries(
    {
        "txt2img.hires.scale": st.sampled_from([1.25, 1.5, 2.0]),
        "txt2img.hires.denoise": st.sampled_from([0.0, 0.35, 1.0]),
        "txt2img.hires.upscaler": st.sampled_from(["Latent", "4x-sharp"]),
    }
)
WORDS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=40).map(str.strip)
PROMPTS = WORDS.filter(lambda text: text and ":" not in text and not text.startswith(("{", "[", "Negative prompt")))


@settings(max_examples=60, deadline=None)
@given(SETTINGS, HIRES, PROMPTS, PROMPTS | st.just(""), st.integers(0, 2**63 - 1))
def test_read_planned_written_and_read_again(fields: dict, hires: dict | None, prompt: str, negative: str, seed: int):
    foreign = Foreign(
        name="x", program="a1111", prompt=prompt, negative=negative, seed=seed, fields=fields | (hires or {})
    )
    request = understood(foreign).run
    pipeline = PipelineConfig.model_validate(json.loads(request.pipeline.text))
    configs = job_config(pipeline.canonical(), {})
    done = [(step, configs[step.id]) for step in steps_of(pipeline)]
    job = JobSpec(name="x", prompt=request.prompt or "", negative=request.negative or "")

    text = infotext.parameters(job, done, 640, 512, request.seed or 0, "0.1.0")
    again = from_text(text).told("x", "png", "image/png")

    assert (again.prompt, again.negative, again.seed) == (prompt, negative, seed)
    wanted = {**fields, **(hires or {})}
    assert {field: again.fields.get(field) for field in wanted} == wanted


KEYS = st.from_regex(r"[A-Z][a-z]{2,8}( [a-z]{2,6})?", fullmatch=True).filter(lambda key: key not in KNOWN)
KNOWN = {"Steps", "Seed", "Size", "Model", "Sampler", "Scheduler", "Version", "Tiling", "Hypernet", "Refiner", "App",
         "Backend", "Mimic", "Template"}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, WORDS), max_size=8, unique_by=lambda pair: pair[0]))
def test_what_nobody_knows_stays_verbatim_and_in_order(unknown: list[tuple[str, str]]):
    pairs = [(key, value) for key, value in unknown if value and key != value]
    text = infotext.text("a mill", "", [("Steps", 20), ("Sampler", "Euler"), ("Seed", 1), *pairs])

    assert list(from_text(text).told("x", "png", "").rest) == pairs


def test_what_is_told_as_json_is_read_as_a_prompt_file():
    """`image params --json` of any program makes such a picture again."""
    swarm = {"sui_image_params": {"prompt": "a mill", "seed": 7, "steps": 22, "sampler": "dpmpp_2m", "cfgscale": 5}}
    carried = Carried("application/json", "json", {"parameters": json.dumps(swarm)})
    first = read_bytes(json.dumps(swarm).encode(), "a.json")

    again = read_bytes(json.dumps(described(Path("a.json"), carried, first)).encode(), "told.json")

    assert (again.prompt, again.seed, again.fields) == ("a mill", 7, first.fields)


def test_of_a_record_in_parts_nothing_is_lost():
    """What was taken out of an object in part keeps the whole object among the rest."""
    model = {"key": "k", "hash": "blake3:ab", "name": "toy"}
    said = {"positive_prompt": "a mill", "cfg_scale": 7, "model": model, "vae": {"name": "s"}}
    asked = {"prompt": "a mill", "steps": 20, "odd": [1], "override_settings": {"sd_vae": "s", "x": 1}}
    invoke, request = (read_bytes(json.dumps(record).encode(), "x") for record in (said, asked))

    assert [(key, json.loads(value)) for key, value in invoke.rest] == [("model", model)]
    assert request.rest == (("odd", "[1]"), ("override_settings", '{"sd_vae":"s","x":1}'))


def test_our_own_manifest_and_sidecar():
    job = {"id": "r.1", "prompt": "a mill", "negative": "rain", "seed": 7, "prompt_number": 1, "overlay": {},
           "stages": [{"id": "txt2img", "kind": "txt2img", "effective": {"steps": 9, "vae": "built in", "hires": None}},
                      {"id": "upscale", "kind": "upscale", "effective": {"factor": 2.0}}]}  # fmt: skip
    for record in (job, {"format": "stablenew-manifest-1", "jobs": [job, job]}):
        found = read_bytes(json.dumps(record).encode(), "manifest.json")

        assert (found.program, found.prompt, found.seed) == ("stablenew", "a mill", 7)
        assert found.fields == {"txt2img.steps": 9, "upscale.factor": 2.0}
        assert bool(found.warnings) == ("jobs" in record)


def test_every_name_of_a_sampler_in_any_program_is_one_of_ours():
    for label, others in SAMPLERS.items():
        for name in (label, *others):
            found = from_text(f"a\nSteps: 1, Sampler: {name}, Seed: 1").fields["txt2img.sampler"]
            assert found == sampling(name).sampler == label
