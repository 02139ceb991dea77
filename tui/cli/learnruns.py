"""`learn run`, `learn explore`, `learn propose`: experiments, one variable at a time or several at once."""

from schema.errors import Exit, Refused
from tui.cli import ask, output
from tui.cli.child import become
from tui.cli.run import REQUEST, WAIT, request_of, submit
from tui.cli.tree import JSON, KEY, Take, Verb, argument, option, options
from tui.link.doc import Doc

EXPLORED = 20
"""Pictures of an explore run, where nobody says how many."""

SEEDS = 2

_SENSIBLE = (
    "--negative", "--pipeline", "--preset", "--profile", "--template", "--style", "--overlay", "--last", "--set",
    "--seed", "--order", "--lock", "--chance", "--literal", "--lane", "--priority", "--node", "--whole", "--backend",
    "--at", "--window", "--deadline", "--hold", "--video", "--plan-hash", "--name",
)  # fmt: skip
"""Flags of `run` that hold for all pictures of an experiment alike."""

COMMON: tuple[Take, ...] = tuple(take for take in REQUEST if take.flags and take.flags[0] in _SENSIBLE)


def run(
    packs: tuple[str, ...],
    vary: tuple[str, ...],
    seeds: int,
    prompts: int | None,
    wait: bool | None,
    key: str | None,
    as_json: bool,
    **asked: object,
) -> int:
    """The plan is that of `run --vary`, held still but for one thing."""
    if not vary:
        raise Refused(
            "a learning run varies one thing, and none is named.",
            where="--vary",
            remedy="Give one, for example --vary txt2img.steps=15,20,..,35.",
        )
    request = _of_packs(packs, prompts, asked)
    request |= {"vary": list(vary), "count": seeds, "experiment": "learning"}
    return submit(ask.started(), request, _waits(wait, request), key, as_json)


def explore(
    packs: tuple[str, ...],
    images: int,
    vary: tuple[str, ...],
    prompts: int | None,
    wait: bool | None,
    key: str | None,
    as_json: bool,
    **asked: object,
) -> int:
    """What varies is told first; the daemon mixes it anew when the run is submitted, unless the key was used before."""
    daemon = ask.started()
    request = _of_packs(packs, prompts, asked, all_of_them=True)
    request |= {"vary": list(vary)} if vary else {}
    output.tell(daemon.post("/v1/learn/mixes", {"run": request, "images": images}).text("why"))
    request |= {"experiment": "explore", "max_images": images}
    return submit(daemon, request, _waits(wait, request), key, as_json)


def _of_packs(
    packs: tuple[str, ...], prompts: int | None, asked: dict[str, object], *, all_of_them: bool = False
) -> dict[str, object]:
    """A learning run takes one prompt of each pack, an explore run all, where nobody says how many."""
    most = prompts if prompts is not None or all_of_them else 1
    return request_of({**asked, "packs": packs, **({} if most is None else {"max_prompts": most})})


def _waits(wait: bool | None, request: dict[str, object]) -> bool:
    return wait if wait is not None else not any(request.get(name) for name in ("hold", "at", "window"))


def propose(
    pack: str | None, flagged: str | None, records: str | None, space: str | None, images: int | None, as_json: bool
) -> int:
    """Of files alone, or of what the daemon knows."""
    wanted = flagged if flagged is not None else pack
    if records is None and space is None:
        return _proposed(wanted, as_json)
    missing = next(
        (name for name, one in (("--records", records), ("--space", space), ("--pack", wanted)) if not one), None
    )
    if missing is not None:
        raise Refused("proposing from files needs --records, --space and --pack.", where=missing, remedy="Add it.")
    words = ["--records", records or "", "--space", space or "", "--pack", wanted or ""]
    words += ["--images", str(images)] if images is not None else []
    return become("learn-propose", *words, *(("--json",) if as_json else ()))


def _proposed(pack: str | None, as_json: bool) -> int:
    answer = ask.daemon().get("/v1/learn/proposals", {"pack": pack})
    if as_json:
        output.put_json(answer.fields)
        return Exit.DONE
    items = answer.docs("items")
    if not items:
        output.put(
            "Nothing to propose yet: make some pictures first, or say what to vary: `stablenew learn run --help`."
        )
    for number, one in enumerate(items, 1):
        output.put(f"{number}. {one.text('pack')}: {one.text('why')}")
        output.put(f"   {_cost(one)}")
        output.put(f"   {one.text('command')}")
    return Exit.DONE


def _cost(one: Doc) -> str:
    pictures = output.plural(one.whole("images"), "picture")
    seconds = one.real("seconds")
    kind = "a learning run" if one.text("kind") == "learning" else "an explore run"
    return f"{kind} of {pictures}" + (f", about {output.duration(seconds)} on one machine" if seconds else "")


VERBS = {
    "run": Verb(
        run,
        "Learn what one setting does: everything else stays as it is.\n"
        "Each level is made with the same prompt and the same seeds; rate the pictures blind, then `learn insights`.",
        (
            argument("PACK", "A pack of the library, or a pack file.", dest="packs", often="+"),
            options("--vary", "FIELD=V1,V2,...", "The one thing to vary: txt2img.steps=15,20,..,35.", dest="vary"),
            option("--seeds", "N", "Seeds that all levels share, 1 to 3.", kind=int, default=SEEDS),
            option("--prompts", "N", "Prompts of the pack to try it on; default: the first alone.", kind=int),
            *COMMON, WAIT, KEY, JSON,
        ),
    ),
    "explore": Verb(
        explore,
        "Vary all that is undecided at once: the quickest way to a better preset, overnight for instance.\n"
        "Five pictures share a prompt and a seed. Not for understanding one setting: that is `learn run`.",
        (
            argument("PACK", "A pack of the library, or a pack file.", dest="packs", often="+"),
            option("--images", "N", "Pictures to make.", kind=int, default=EXPLORED),
            options("--vary", "FIELD=V1,V2,...", "Vary this, and nothing that is not named; may be given often.",
                    dest="vary"),
            option("--prompts", "N", "At most so many prompts of the pack.", kind=int),
            *COMMON, WAIT, KEY, JSON,
        ),
    ),
    "propose": Verb(
        propose,
        "What to try next, and why: the runs that would teach most for a minute of a GPU.\n"
        "With --records and --space: the pictures to rate next, from files alone; needs no daemon.",
        (
            argument("PACK", "Of this pack; else of all.", often="?"),
            option("--pack", "PACK", "The same.", dest="flagged"),
            option("--records", "FILE", "Of a file of records, JSON lines; it may be empty."),
            option("--space", "FILE", "The knobs and their levels, {param: [levels, ...]}."),
            option("--images", "N", "How many pictures, from files; default 10.", kind=int),
            JSON,
        ),
    ),
}  # fmt: skip
