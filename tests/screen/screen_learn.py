"""What the pretended daemon of these tests has learned: three packs, an experiment, proposals, a report."""

import msgspec
from aiohttp import web
from screen_things import NOON

from schema.experiments import LearningRunResult, LearningRunRow, Proposal, ProposedImage
from schema.insights import (
    Change,
    Claim,
    Evidence,
    Insights,
    Knob,
    Level,
    PackInsight,
    PresetAdvice,
    Report,
    ReportLine,
    TagAdvice,
    TrackRecord,
    Withdrawn,
)
from schema.lessons import Adopted, Shown, Suggestion
from schema.plans import LearningPlan
from schema.requests import RunRequest
from schema.requests_learning import (
    Answered,
    LearnStatus,
    Mixes,
    PackCount,
    Question,
    SuggestionChange,
    SuggestionShown,
)


def knob(param, *levels, ordered=True, matters=0.97):
    """`levels`: value, ratings, mean, half of the interval."""
    return Knob(param=param, ordered=ordered, matters=matters, levels=tuple(
        Level(values=(value,), label=str(value), n=n, mean=mean, low=mean - half, high=mean + half, best=0.2)
        for value, n, mean, half in levels))  # fmt: skip


STEPS = knob("txt2img.steps", (15, 31, 2.9, 0.4), (20, 28, 3.2, 0.3), (30, 24, 3.9, 0.35), (35, 12, 3.95, 0.5))
SAMPLER = knob("txt2img.sampler", ("Euler a", 60, 3.4, 0.2), ("DPM++ 2M Karras", 35, 3.6, 0.3), ordered=False,
               matters=0.55)  # fmt: skip


def claim(pack, param, better, worse, text, confidence=0.97):
    evidence = Evidence(better_n=24, worse_n=31, same_seed=12, stars=0.6, low=0.2, high=1.0, matters=0.98, ratings=95,
                        only={"txt2img.sampler": "Euler a"})  # fmt: skip
    return Claim(key=f"{pack}:{param}", pack=pack, param=param, better=better, worse=worse, confidence=confidence,
                 strength="clearly" if confidence >= 0.95 else "tends to", text=text, evidence=evidence)  # fmt: skip


KNIGHTS = PackInsight(
    pack="knights", backend="", ratings=95, duels=4, enough=True, mean=3.4,
    text="More steps are worth it here, and the sampler may be.",
    claims=(
        claim("knights", "txt2img.steps", (30, 35), (15, 20),
              "30 to 35 steps clearly score higher than 15 to 20 (24 against 31 ratings; about 0.6 stars)."),
        claim("knights", "txt2img.sampler", ("DPM++ 2M Karras",), ("Euler a",),
              "The sampler DPM++ 2M Karras tends to score higher than Euler a (about 0.2 stars).", 0.91),
    ),
    withdrawn=(), knobs=(SAMPLER, STEPS), unproven=("txt2img.cfg", "detail.denoise"),
    preset=PresetAdvice(
        pack="knights", params={"txt2img.steps": 30}, p_better_than_current=0.97, current={"txt2img.steps": 20},
        changes=(Change(param="txt2img.steps", was=20, now=30, stars=0.7, better=0.98),), stars=0.7, offered=True,
        cautious={"txt2img.steps": 30}, p_cautious=0.98, text="With 30 steps it is very likely better than now.",
    ),
    advice=(TagAdvice(pack="knights", tag="too noisy", n=7, text="A few more steps usually help.", learned=False),),
)  # fmt: skip
CITY = PackInsight(
    pack="city", backend="sketch", ratings=12, duels=0, enough=False, mean=3.0, claims=(), withdrawn=(), knobs=(),
    text="Not enough evidence yet: 18 more ratings, and other steps than 20.", unproven=(), preset=None, advice=(),
)  # fmt: skip
GONE = Withdrawn(key="mech:txt2img.cfg", pack="mech", shown=311, confidence=0.6,  # type: ignore[arg-type]
                 text="I told you on 12 May that cfg 6 scores higher than 8 in mech; 20 later ratings do not support "
                      "it.")  # fmt: skip
MECH = PackInsight(
    pack="mech", backend="", ratings=44, duels=0, enough=True, mean=3.1, claims=(), withdrawn=(GONE,),
    text="Nothing that varied here makes a difference that can be told.", knobs=(SAMPLER,), unproven=(),
    preset=None, advice=(),
)  # fmt: skip
PLAN = LearningPlan(kind="learning", variables={"txt2img.steps": (15, 20, 25, 30)}, seeds=3,
                    question="Steps: is 15, 20, 25 or 30 best?")  # fmt: skip
ROWS = (
    LearningRunRow(run="le4rnrun", name="knights-steps", packs=("knights",), created=NOON, state="running", plan=PLAN,  # type: ignore[arg-type]
                   images=60, made=24, rated=9),
    LearningRunRow(run="expl0re1", name="city-explore", packs=("city",), created=NOON - 9000, state="rated",  # type: ignore[arg-type]
                   plan=LearningPlan(kind="explore", seeds=8,
                                     variables={"txt2img.cfg": (4.0, 7.0), "txt2img.steps": (20, 30)}),
                   images=40, made=40, rated=40),
)  # fmt: skip
PROPOSALS = (
    Proposal(kind="learning", pack="knights", variables={"txt2img.cfg": (4.0, 5.5, 7.0)}, seeds=2, images=6,
             seconds=744.0, worth=0.02, why="Nobody knows yet whether cfg matters in knights; six pictures would tell.",
             command="stablenew learn run knights --vary txt2img.cfg=4,5.5,7 --seeds 2"),
    Proposal(kind="explore", pack="city", variables={"txt2img.steps": (20, 30)}, seeds=4, images=20, seconds=0.0,
             worth=0.01, why="All of city is undecided: twenty pictures overnight try everything at once.",
             command="stablenew learn explore city --images 20"),
)  # fmt: skip
IDEA = SuggestionShown(
    suggestion=Suggestion(id="calm-1", pack="knights", settings={"txt2img.cfg": 5.0}, why="calmer light", source="gpt"),
    changes=(SuggestionChange(param="txt2img.cfg", was="7", now="5"),),
)


def line(kind, name, value, n, stars, verdict, factor=None):
    return ReportLine(kind=kind, name=name, value=value, packs=("knights",), n=n, stars=stars, low=stars - 0.3,
                      high=stars + 0.3, verdict=verdict, factor=factor)  # fmt: skip


OIL = msgspec.structs.replace(KNIGHTS, pack="oil", claims=(
    claim("oil", "txt2img.cfg", (5,), (9,),
          "For this style, CFG 5 tends to score higher than 9 (9 against 8 ratings).", 0.9),
))  # fmt: skip
REPORT = Report(
    seq=4211,
    lines=(
        line("style", "oil", "", 41, 0.5, "does well"),
        line("lora", "film_grain", "", 33, -0.8, "underperforms"),
        line("wildcard", "sky", "dawn", 20, 0.4, "does well", 1.7),
    ),
    unproven=(line("lora", "haze", "", 3, 0.9, "unproven"),),
)  # fmt: skip
TRACK = TrackRecord(clearly=40, clearly_standing=38, tends=12, tends_standing=9, withdrawn=5, judged=20,
                    judged_standing=19, text="Of 40 claims at 95 %, 38 still stand.")  # fmt: skip


class Listed(msgspec.Struct):
    items: tuple[msgspec.Struct, ...]
    total: int = 0


DEALT = Mixes(
    images=tuple(ProposedImage(params={"txt2img.steps": steps}, seed_group=0) for steps in (20, 30)),
    variables={"txt2img.steps": (20, 30)},
    why="Steps are undecided.",
)


class Lectern:
    """The learning part of the pretended daemon."""

    def __init__(self) -> None:
        self.packs = (KNIGHTS, CITY, MECH)
        self.mode = "passive"
        self.adopted: dict[str, Adopted] = {}
        self.shown: tuple[Shown, ...] = ()
        self.proposals = PROPOSALS
        self.seq = 4211
        self.listens = False
        """What was told to have been taken back is not taken back again."""
        self.asked: list[str] = []
        self.nonsense = ""
        """What is wrong with a language model's answer."""

    def status(self) -> LearnStatus:
        return LearnStatus(
            seq=self.seq, mode=self.mode, algorithm=1, ratings=sum(pack.ratings for pack in self.packs), inbox=14,  # type: ignore[arg-type]
            asked=6, runs=1, adopted=self.adopted, shown=self.shown,
            packs=tuple(PackCount(pack=one.pack, backend=one.backend, ratings=one.ratings) for one in self.packs),
        )  # fmt: skip

    def insights(self, request: web.Request) -> object:
        self.asked.append(request.path_qs)
        past = request.query.get("as_of", "")
        packs = (CITY,) if past else self.packs
        return Insights(seq=100 if past else self.seq, algorithm=1, packs=packs)  # type: ignore[arg-type]

    def done(self, path: str, body: dict[str, object]) -> None:
        """Turns to what follows from a wish."""
        self.seq += 1
        if path == "/v1/learn/adopt" and body.get("take") == ["preset"]:
            self.adopted = {str(body["pack"]): Adopted(settings={"txt2img.steps": 30})}
        if path == "/v1/learn/told" and self.listens:
            self.packs = (KNIGHTS, CITY, *(one for one in self.packs if one.pack == "mech" and not body["withdrawn"]))

    def add_routes(self, app: web.Application) -> None:
        from screen_daemon import reply

        def tells(make):
            async def answer(request: web.Request) -> web.Response:
                return reply(make(request))

            return answer

        for path, make in {
            "": lambda request: self.status(),
            "/insights": self.insights,
            "/report": lambda request: REPORT,
            "/profiles": lambda request: Insights(seq=4211, algorithm=1, packs=(OIL,)),  # type: ignore[arg-type]
            "/track": lambda request: TRACK,
            "/runs": lambda request: Listed(ROWS),
            "/runs/{run}": lambda request: result(request.match_info["run"]),
            "/proposals": lambda request: Listed(
                tuple(one for one in self.proposals if request.query.get("pack") in (None, one.pack))
            ),
            "/suggestions": lambda request: Listed((IDEA,)),
        }.items():  # fmt: skip
            app.router.add_get(f"/v1/learn{path}", tells(make))
        app.router.add_get("/v1/learn/bundle", self.bundle)
        app.router.add_post("/v1/learn/question", self.question)
        app.router.add_post("/v1/learn/answer", self.answer)

    async def question(self, request: web.Request) -> web.Response:
        from screen_daemon import reply

        asked = msgspec.json.decode(await request.read())
        run = RunRequest(prompt=asked["wish"], literal=True, name=f"ask {asked['pack']}")
        return reply(Question(run=run, told="You tune."))

    async def answer(self, request: web.Request) -> web.Response:
        from screen_daemon import reply

        asked = msgspec.json.decode(await request.read())
        self.asked.append(f"{asked['pack']} {asked['run']}")
        if self.nonsense:
            fault = {"error": self.nonsense, "where": "", "remedy": "Ask again."}
            return web.Response(status=400, body=msgspec.json.encode(fault), content_type="application/json")
        return reply(Answered(command="c9", seq=self.seq, run=asked["run"], items=(IDEA,)))  # type: ignore[arg-type]

    async def bundle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        return web.Response(body=b"PK-a-bundle", content_type="application/zip")


def result(run: str) -> LearningRunResult:
    row = next(row for row in ROWS if row.run == run)
    return LearningRunResult(row=row, knobs=(STEPS,), claims=(), text="25 to 30 steps look best so far.",
                             fixed={"txt2img.sampler": "Euler a"})  # fmt: skip
