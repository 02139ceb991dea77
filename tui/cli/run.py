"""`run` and `plan`: the same words, one makes pictures of them, the other shows what they would be."""

import sys
from collections.abc import Iterable, Mapping
from errno import ENAMETOOLONG
from typing import TYPE_CHECKING

from schema.errors import Exit, NoDaemon, Refused
from tui.cli import ask, output
from tui.cli.tree import JSON, JSONL, KEY, Verb, argument, flag, option, options, switch
from tui.link.doc import Doc

if TYPE_CHECKING:
    from tui.link.call import Daemon

LARGEST_FILE = 16_000_000
"""Bytes of a pack or pipeline; more is no text a person wrote."""

REQUEST = (
    argument("PACK", "A pack of the library, or a pack file.", dest="packs", often="*"),
    option("--prompt", "TEXT", "One prompt, instead of packs or before them."),
    option("--negative", "TEXT", "What should not be in the picture; packs keep what they say themselves."),
    option("--pipeline", "FILE|NAME", "The stages; default: what the settings say, `standard`."),
    option("--preset", "NAME", "A saved configuration to start from."),
    option("--profile", "NAME|FILE", "Whom it is about: a profile's words, LoRAs and weights."),
    option("--template", "NAME|FILE", "A genre's frame that every prompt is put into."),
    option(
        "--like", "FILE", "As this picture or prompt file was made, whatever program wrote it; other flags go before."
    ),
    options("--style", "NAME", "A style of the library around every prompt.", dest="style"),
    option("--overlay", "NAME|FILE", "What may vary besides words, within the limits written there."),
    flag("--last", "Start from the last run's effective configuration."),
    options(
        "--set",
        "STAGE.FIELD=VALUE",
        "Change one field of one stage; `@FILE` as the value sends a picture.",
        dest="sets",
    ),
    option("--count", "N", "Jobs of each variant, with seeds seed, seed+1, ...", kind=int),
    option("--seed", "N", "Default: drawn and printed.", kind=int),
    option("--max-images", "N", "At most N jobs of each pack.", kind=int),
    option("--max-prompts", "N", "At most N prompts of each pack.", kind=int),
    option("--order", "ORDER", "Of the prompts in a pack.", choices=("sequential", "random", "weighted")),
    option(
        "--matrix",
        "HOW",
        "How places to vary are combined; default: as the pack says, else all.",
        choices=("all", "rotate", "sequential", "random"),
    ),
    option("--variants", "N", "Of each prompt: an even sample of all, or so many draws (--matrix random).", kind=int),
    option("--limit", "N", "At most N variants, those of all prompts together.", kind=int),
    options("--lock", "SLOT=VALUE", "Hold a slot, __wildcard__ or {choice} at one value.", dest="locks"),
    options("--reroll", "PLACE=N", "Draw this place for the Nth time; the others stay.", dest="reroll"),
    options("--chance", "PLACE=0.4", "How likely this place is filled at all where values are drawn.", dest="chance"),
    options("--search", "RULE", "`WORDS => A | B`: these words become one more place to vary.", dest="search"),
    options(
        "--vary",
        "NAME=V1,V2",
        "An axis of a grid: STAGE.FIELD, `lora`, `lora:NAME`, `style`, `seed` or `words`; all combinations are made.",
        dest="vary",
    ),
    flag("--literal", "Take prompts as they stand: expand nothing."),
    options("--edit", "NAME=TEXT", "Write over the prompt of one variant or job of the plan; NAME:negative=TEXT too."),
    option("--lane", "LANE", "Default: interactive for prompts, batch for packs.", choices=("interactive", "batch")),
    option("--priority", "N", "Of its jobs: higher ones run first within a lane; default 0.", kind=int),
    option("--node", "NAME", "Only on this node."),
    flag("--whole", "Keep all its jobs on one node, whichever takes the first."),
    option("--backend", "NAME", "Only with this backend."),
    option("--at", "TIME", "Not before this ISO time, or in `2h`."),
    option("--window", "HH:MM-HH:MM", "Start stages only in these hours."),
    option(
        "--deadline",
        "TIME",
        "When it should be done: it goes before others where that is needed, and you are told whether it will.",
    ),
    flag("--hold", "Queue it held; `job release` lets it go."),
    switch("--video", "Make a film of the run's pictures; default: what the settings say."),
    option("--learning", "HOW", "What is learned from it.", choices=("off", "passive", "active")),
    option("--plan-hash", "HASH", "Refuse if the plan is not this one any more; needs --seed."),
    option("--name", "NAME", "What the run is called."),
)
WAIT = switch("--wait", "Wait for the end; the default, except with --hold, --at or --window.")


def run(wait: bool | None, key: str | None, as_json: bool, **asked: object) -> int:
    request = request_of(asked)
    waits = wait if wait is not None else not any(request.get(name) for name in ("hold", "at", "window"))
    return submit(ask.started(), request, waits, key, as_json)


def submit(daemon: "Daemon", request: Mapping[str, object], wait: bool, key: str | None, as_json: bool) -> int:
    """Sends a run and, if asked, waits for it. Also what `image enhance` does in the end."""
    taken = daemon.post("/v1/runs", request, key)
    name = taken.text("run")
    output.tell(
        f"Run {name}: {output.plural(taken.whole('jobs'), 'job')}, seed {taken.whole('seed')},"
        f" plan {taken.text('plan_hash')[:12]}"
    )
    if taken.flag("repeated"):
        output.tell("This key was used before: it is the same run.")
    for warning in taken.texts("warnings"):
        output.tell(f"Note: {warning}")
    if request.get("window") or request.get("deadline"):
        from tui.cli.forecast import tell_of

        tell_of(name)
    if not wait:
        return _not_waited(taken, as_json)
    from tui.cli.follow import ended_with, follow, how_to_go_on, summary

    try:
        done = follow([name])
    except KeyboardInterrupt:
        output.tell(how_to_go_on([name]))
        return Exit.INTERRUPTED
    except NoDaemon as absent:
        raise NoDaemon(f"{absent} The run is {name}.") from None
    if as_json:
        output.put_json(_whole(done, taken))
    else:
        output.tell(f"Run {name}: {summary(done)}")
        output.put(done.text("folder"))
    return ended_with(done)


def _not_waited(taken: Doc, as_json: bool) -> int:
    if as_json:
        output.put_json({name: taken.fields.get(name) for name in ("run", "plan_hash", "seed", "jobs")})
    else:
        output.put(taken.text("run"))
    return Exit.DONE


def _whole(done: Doc, taken: Doc) -> dict[str, object]:
    """What scripts rely on, with nothing left out."""
    return {
        "run": taken.text("run"),
        "plan_hash": taken.text("plan_hash"),
        "seed": taken.whole("seed"),
        "jobs": done.whole("jobs", taken.whole("jobs")),
        "finished": done.whole("finished"),
        "failed": done.whole("failed"),
        "cancelled": done.whole("cancelled"),
        "folder": done.fields.get("folder"),
        "manifest": done.fields.get("manifest"),
        "video": done.fields.get("video"),
    }


def plan(as_json: bool, as_jsonl: bool, wait: bool | None, key: str | None, **asked: object) -> int:
    """Lines as they come; `--json` gathers them into one document."""
    request = request_of(asked)
    lines = ask.started().lines("/v1/plan", body=request)
    gathered: list[object] = []
    for line in lines:
        if "plan_hash" in line:
            output.tell(_planned(line))
            for warning in line.texts("warnings"):
                output.tell(f"Note: {warning}")
            if as_json:
                output.put_json({**line.fields, "items": gathered})
                return Exit.DONE
        elif as_json:
            gathered.append(line.fields)
            continue
        output.put_json(line.fields)
    return Exit.DONE


def _planned(line: Doc) -> str:
    """`14 jobs of 1,200 variants, seed 4, plan 82dd6daef085`."""
    space = line.text("space")
    of = f" of {int(space):,} variants" if space.isdigit() and len(space) < 25 and int(space) > 1 else ""
    return (
        f"{output.plural(line.whole('jobs'), 'job')}{of}, seed {line.whole('seed')}, plan {line.text('plan_hash')[:12]}"
    )


FLAGS = ("last", "hold", "whole", "literal")
FILES = ("profile", "template", "overlay")
"""What may be a file on this machine, or a name in the library."""


def request_of(asked: Mapping[str, object]) -> dict[str, object]:
    """The flags as a RunRequest, with the files that they name read."""
    fields = dict(asked)
    model = fields.pop("like", None)
    packs = fields.pop("packs", ())
    pipeline = fields.pop("pipeline", None)
    edits = fields.pop("edit", None)
    flags = {name: value or None for name in FLAGS if (value := fields.pop(name, None)) is not None}
    request = ask.body(**fields, **flags)
    for flag_name, field in (("sets", "set"), ("locks", "lock")):
        if flag_name in request:
            request[field] = request.pop(flag_name)
    for empty in ("prompt", "negative"):
        if asked.get(empty) == "":
            request[empty] = ""
    if isinstance(packs, list | tuple) and packs:
        request["packs"] = [text_or_name(str(pack)) for pack in packs]
    if isinstance(pipeline, str):
        request["pipeline"] = _with_pictures(text_or_name(pipeline))
    for name in FILES:
        if isinstance(word := request.get(name), str):
            request[name] = text_or_name(word)
    if isinstance(edits, list | tuple) and edits:
        request["edits"] = edits_of(map(str, edits))
    if isinstance(sets := request.get("set"), list | tuple) and any("@" in str(text) for text in sets):
        from tui.cli.uploads import in_sets

        request["set"] = in_sets(map(str, sets))
    return request if model is None else _as(str(model), request)


def _as(file: str, request: dict[str, object]) -> dict[str, object]:
    """What a picture says, and what the flags say over it."""
    from tui.cli.foreign import like

    found, settings = like(file)
    if request.get("packs"):
        raise Refused("a picture's prompt and packs do not go together.", where="--like", remedy="Leave one out.")
    if "prompt" in request:
        found.pop("literal", None)
    if "pipeline" in request:
        sets = request.get("set", [])
        request = {**request, "set": [*settings, *(sets if isinstance(sets, list | tuple) else ())]}
    return {**found, **request}


def edits_of(words: Iterable[str]) -> list[dict[str, str]]:
    """`NAME=TEXT` and `NAME:negative=TEXT`, those of one name together. Raises Refused."""
    found: dict[str, dict[str, str]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name, colon, what = name.strip().partition(":")
        if not equals or not name or (colon and what not in ("prompt", "negative")):
            raise Refused(
                f"'{word[:60]}' is not NAME=TEXT.", where="--edit", remedy="Write harbour-03-v2='a boat at dawn'."
            )
        found.setdefault(name, {"name": name})[what or "prompt"] = text
    return list(found.values())


def _with_pictures(pipeline: str | dict[str, object]) -> str | dict[str, object]:
    """A pipeline file may name pictures beside it; they are sent first."""
    if isinstance(pipeline, str) or "@" not in str(pipeline["text"]):
        return pipeline
    from tui.cli.uploads import in_file

    return {**pipeline, "text": in_file(str(pipeline["name"]), str(pipeline["text"]))}


def text_or_name(word: str) -> str | dict[str, object]:
    """A file's name and text where the word names a file, else the word: a name in the library.

    The daemon opens no path that a client names, so the text travels. Raises Refused for what cannot be read.
    """
    if word == "-":
        return {"name": "stdin", "text": _decoded(sys.stdin.buffer.read(LARGEST_FILE + 1), "-")}
    from pathlib import Path

    path = Path(word)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return {"name": word, "text": _decoded(file.read(LARGEST_FILE + 1), word)}
    except OSError as fault:
        if fault.errno == ENAMETOOLONG:
            raise Refused("a file's name ends at 255 bytes", where=f"{word[:40]}...", remedy="Give another.") from None
        raise Refused(f"cannot read this file: {fault.strerror}", where=word, remedy="Check the path.") from None
    except ValueError:
        raise Refused("a file's name has no zero byte in it.", where=ascii(word), remedy="Give another.") from None
    if "/" in word:
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise Refused(what, where=word, remedy="Name a file, or a name that `stablenew pack list` shows.")
    return word


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LARGEST_FILE:
        raise Refused(f"this is larger than {output.size(LARGEST_FILE)}", where=name, remedy="Split it.")
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise Refused(
            f"byte {fault.start} is not UTF-8", where=f"{name}:{line}", remedy="Save the file as UTF-8."
        ) from None


RUN = Verb(
    run,
    "Make pictures from packs or a prompt.\n"
    "Starts the daemon if none runs. Prints the folder of the results; Ctrl-C stops waiting, not the run.",
    (*REQUEST, WAIT, KEY, JSON),
)
PLAN = Verb(
    plan,
    "Show what `run` would make, variant by variant.\n"
    "One JSON line per job with prompt, negative, seed and config; then the number of jobs,\n"
    "the plan hash and the seed.",
    (*REQUEST, WAIT, KEY, JSON, JSONL),
)
