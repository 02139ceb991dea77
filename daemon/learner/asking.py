"""A person's words about a pack as a question to a language model, and its answer as suggestions.

Asking is a run like any other, with the one stage `generatePrompt`; the answer is in its record. What is told: the
settings that may change, with their bounds and as they are now, and what the verdicts teach. No prompts, no names of
packs, no folders, no machines.
"""

import json
from collections.abc import Callable, Iterable, Sequence

import msgspec

from daemon.api.house import Planned
from daemon.learner.lab import offers_of
from daemon.prompting import tokens
from daemon.prompting.effective import effective
from daemon.prompting.openness import Open, fitted, open_settings
from daemon.prompting.proposed import LORA, check_settings
from daemon.prompting.texts import told
from daemon.records.cloak import without_folders
from daemon.records.suggested import read_presets
from daemon.scheduling.able import Known
from schema.errors import Refused
from schema.ids import RunId
from schema.insights import PackInsight
from schema.lessons import Suggestion
from schema.pages import JobRecord, StageRecord
from schema.pipeline import PipelineConfig
from schema.plans import Scalar
from schema.records import Settings
from schema.requests import RunRequest, TextFile
from schema.requests_learning import Question, QuestionRequest
from schema.stages import GeneratePrompt

KIND = "generatePrompt"
LONGEST_WISH = 1_000
LONGEST = 9_900
"""Characters of all that a stage can be told."""

MOST_CHOICES, MOST_CLAIMS, MOST_PROMPTS = 40, 12, 20
TOKENS = 2_048
"""For models that think before they answer."""

AGAIN = "Nothing is kept of it. Ask again in other words, or another model: --model NAME."

TASK = """You tune the settings of a program that makes pictures. The user says what they want of their pictures. \
Propose settings that serve it: few changes, small ones where you are not sure. Only the settings listed below may \
change, only within their bounds; names exactly as they stand here.

Answer with one JSON object alone, no text before it or after it:
{"settings": {"STAGE.FIELD": value, "STAGE.FIELD": value}, "why": "one or two sentences for the user"}

Settings (name = value now; bounds):
"""
LEARNED = """
What the user's own ratings of earlier pictures say (stand by what is sure, doubt the rest):
"""


class Asker:
    """Plans the pack as a run would, to know what it is made with now. Reads files: called off the loop."""

    def __init__(self, plan: Callable[[RunRequest, RunId], Planned], known: Callable[[], Sequence[Known]]) -> None:
        self._plan, self._known = plan, known

    def question(self, asked: QuestionRequest, insight: PackInsight | None) -> Question:
        """Raises Refused, also where nobody has a language model."""
        wish = told(asked.wish, 2 * LONGEST_WISH)
        if not wish:
            raise Refused("it takes some words to say what you want.", where="wish", remedy="Say: warmer light.")
        if len(wish) > LONGEST_WISH:
            raise Refused(f"a wish has at most {LONGEST_WISH} characters.", where="wish", remedy="Say less.")
        self._check_anybody(asked.node)
        text = told_of(self._open(asked.pack), insight)
        stage = GeneratePrompt(
            id=KIND, preset_for=asked.pack, instructions=text, model=asked.model or None, temperature=0.3,
            max_tokens=TOKENS, max_length=LONGEST, memory=0,
        )  # fmt: skip
        pipeline = PipelineConfig(name="ask", stages=(stage,))
        run = RunRequest(
            prompt=wish, literal=True, pipeline=TextFile(name="ask.json", text=pipeline.canonical().decode()),
            node=asked.node, learning="off", video=False, name=f"ask {asked.pack}"[:80],
        )  # fmt: skip
        try:
            self._plan(run, RunId("ask"))
        except Refused as fault:
            if fault.where != f"{KIND}.model":
                raise
            raise Refused(fault.sentence, where="learn ask", remedy="Name one: --model NAME.") from None
        return Question(run=run, told=text)

    def now(self, pack: str) -> Settings:
        """What the pack is made with now, of what may change; nothing where it cannot be planned."""
        try:
            return {one.name: one.now for one in self._open(pack)}
        except Refused:
            return {}

    def answer(self, job: JobRecord, pack: str = "") -> tuple[Suggestion, ...]:
        """Raises Refused with what is wrong with it, or where another pack was asked about."""
        stage, run = _asked_in(job), f"run {job.run}"
        about = str(stage.effective["preset_for"])
        if pack not in ("", about):
            raise Refused(f"this run asked about {told(about, 60)}.", where=told(pack, 60), remedy="Name that pack.")
        there = self._open(about)
        try:
            found = tuple(_fitted(one, there) for one in read_answer(stage))
            kept = tuple(one for one in found if one.settings)
            for one in kept:
                self._try(about, one.settings)
        except Refused as fault:
            at = f"{fault.where}: " if fault.where else ""
            raise Refused(f"the model's answer cannot be used: {at}{fault.sentence}", where=run, remedy=AGAIN) from None
        if not kept:
            raise Refused("the model proposes nothing that is not so already.", where=run, remedy=AGAIN)
        return kept

    def _open(self, pack: str) -> tuple[Open, ...]:
        planned = self._planned(pack)
        job = planned.jobs[0]
        loras = {
            part.name: part.weight for one in planned.jobs for part in tokens.loras(one.prompt) if _plain(part.name)
        }
        offers = offers_of(self._known(), planned.spec.node, planned.spec.backend)
        shown = {name: tuple(filter(_plain, names))[:MOST_CHOICES] for name, names in offers.items()}
        return open_settings(effective(planned.base, job.overlay), shown, loras)

    def _planned(self, pack: str, sets: tuple[str, ...] = ()) -> Planned:
        planned = self._plan(RunRequest(packs=(pack,), limit=MOST_PROMPTS, set=sets, video=False), RunId("ask"))
        if not planned.jobs:
            raise Refused("there is no prompt in this pack.", where=told(pack, 60), remedy="Name another.")
        return planned

    def _try(self, pack: str, settings: Settings) -> None:
        """Whether they make sense together, and somebody can make pictures with them. Raises Refused."""
        sets = (f"{name}={_written(value)}" for name, value in settings.items() if not name.startswith(LORA))
        self._planned(pack, tuple(sets))

    def _check_anybody(self, node: str | None) -> None:
        there = [one for one in self._known() if node in (None, one.id, one.name)]
        if any(KIND in card.kinds for one in there if one.card for card in one.card.backends):
            return
        raise Refused(
            f"no language model is there to ask{'' if node is None else f' on {told(node, 60)}'}.",
            where="learn ask",
            remedy="Set agent.llm to the address of one (Ollama, llama.cpp, LM Studio) and restart the daemon, or pair"
            " an agent that runs with --backend llm=URL.",
        )


# What is told -------------------------------------------------------------------------------------


def told_of(settings: Sequence[Open], insight: PackInsight | None) -> str:
    """As much of it as a stage can be told; the least sure is left out first."""
    lines = [f"{one.name} = {_written(one.now)}; {one.bounds}" for one in settings]
    names: dict[tuple[str, ...], list[str]] = {}
    for one in settings:
        if one.choices:
            names.setdefault(one.choices, []).append(one.name)
    lines += [f"Names for {', '.join(of)}: {', '.join(choices)}" for choices, of in names.items()]
    text = TASK + "\n".join(map(without_folders, lines)) + "\n"
    return _with(text[:LONGEST], (LEARNED, *map(without_folders, _learned(insight))))


def _with(text: str, lines: Iterable[str]) -> str:
    for line in lines:
        if len(text) + len(line) >= LONGEST:
            break
        text += line if line.endswith("\n") else f"{line}\n"
    return text


def _learned(insight: PackInsight | None) -> list[str]:
    if insight is None or not (insight.claims or insight.advice or insight.ratings):
        return ["- Nothing yet."]
    claims = sorted(insight.claims, key=lambda claim: -claim.confidence)[:MOST_CLAIMS]
    said = [insight.text, *(f"{one.text} ({one.confidence:.0%} sure)" for one in claims)]
    if insight.preset is not None and insight.preset.changes:
        said.append(insight.preset.text)
    said += [one.text for one in insight.advice]
    unproven = ", ".join(insight.unproven[:MOST_CLAIMS])
    return [f"- {' '.join(one.split())}" for one in (*said, *((f"Not known: {unproven}.",) if unproven else ()))]


def _written(value: Scalar) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _plain(name: str) -> bool:
    """A name that says nothing of folders."""
    return without_folders(name) == name


# What is answered ---------------------------------------------------------------------------------


def _asked_in(job: JobRecord) -> StageRecord:
    """The stage that asked. Raises Refused where none did, or where it has not been answered."""
    stage = next((one for one in job.stages if one.kind == KIND), None)
    if stage is None or (stage.state == "done" and not stage.effective.get("preset_for")):
        raise Refused(
            "this run asked for no preset.", where=f"run {job.run}", remedy="Ask: `stablenew learn ask PACK WISH`."
        )
    if stage.state != "done":
        ended = job.state in ("failed", "cancelled", "attention")
        why = stage.reason or ("it was cancelled" if job.state == "cancelled" else "the model has not answered")
        raise Refused(
            f"{told(why, 300)}." if ended else "the model has not answered yet.", where=f"run {job.run}",
            remedy=AGAIN if ended else f"Wait for it: `stablenew job wait {job.run}`.",
        )  # fmt: skip
    return stage


def read_answer(stage: StageRecord) -> tuple[Suggestion, ...]:
    """As `presets.json` is read, of the pack that was asked about whatever the model calls it. Raises Refused."""
    said, pack = stage.reported.get("preset"), str(stage.effective["preset_for"])
    try:
        answer = json.loads(said) if isinstance(said, str) else None
        model = without_folders(str(stage.reported.get("model") or "a language model"))
        presets = _named(answer, pack)
        found = read_presets("the answer", json.dumps({"source": model[:200], "presets": presets}).encode())
    except (ValueError, RecursionError):
        raise Refused("the answer is no JSON.", remedy="Ask again.") from None
    for one in found:
        check_settings(one.settings)
    return found


def _named(answer: object, pack: str) -> list[object]:
    """One preset, or a file of them: each of this pack. What is no such thing stays, to be refused by its shape."""
    if not isinstance(answer, dict):
        return [answer]
    presets = answer.get("presets", [answer])
    if not isinstance(presets, list):
        return [presets]
    return [{**one, "pack": pack} if isinstance(one, dict) else one for one in presets]


def _fitted(one: Suggestion, there: Sequence[Open]) -> Suggestion:
    """With only what it changes, in the fields' own types."""
    return msgspec.structs.replace(one, settings=fitted(one.settings, there))
