"""`export comfyui`: a job, or a prompt through a pipeline, as a workflow that opens and runs in ComfyUI.

The agent's program writes the graph, as it writes those it sends; this asks the daemon for the job and keeps the file.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

from schema.errors import Exit, Refused, why
from tui.cli import ask, output
from tui.cli.tree import JSON, Verb, argument, flag, option, options
from tui.link.doc import Doc
from tui.link.query import named


def comfyui(
    what: str, file: str, negative: str | None, pipeline: str | None, sets: list[str], seed: int | None, api: bool,
    replace: bool, as_json: bool,
) -> int:  # fmt: skip
    from pathlib import Path

    target = Path(file)
    if file != "-" and target.exists() and not replace:
        raise Refused("this file is there already", where=file, remedy="Add --replace, or name another.")
    wish = {**_planned(what, negative, pipeline, sets, seed), "format": "api" if api else "ui"}
    written = _graph(wish)
    if file == "-":
        output.put(written.rstrip("\n"))
        return Exit.DONE
    try:
        beside = target.with_name(f".{target.name}.part")
        beside.write_text(written)
        beside.replace(target)
    except OSError as fault:
        raise Refused(
            f"cannot write this file: {why(fault)}.", where=file, remedy="Check the folder and its space."
        ) from None
    if as_json:
        output.put_json({"file": str(target.absolute()), "format": wish["format"]})
    else:
        output.put(str(target.absolute()))
    return Exit.DONE


def _planned(
    what: str, negative: str | None, pipeline: str | None, sets: list[str], seed: int | None
) -> dict[str, object]:
    """Prompt, seed and stages: of a job where `what` is a job's id, else of a plan with `what` as its prompt."""
    from tui.link.call import Refusal

    daemon = ask.started()
    if "." in what and " " not in what:
        try:
            record = daemon.get(f"/v1/jobs/{named(what, 'the job')}")
        except Refusal as refusal:
            if refusal.status != 404:
                raise
        else:
            return _of_job(record)
    from tui.cli.run import request_of

    asked = {"prompt": what, "negative": negative, "pipeline": pipeline, "sets": sets, "seed": seed}
    first = next(iter(daemon.lines("/v1/plan", body=request_of(asked))))
    return {**{name: first.fields.get(name) for name in ("prompt", "negative", "seed")}, "stages": _stages(first)}


def _of_job(record: Doc) -> dict[str, object]:
    spec = record.doc("spec")
    head: dict[str, object] = {name: record.text(name) for name in ("prompt", "negative")}
    head |= {"seed": spec.whole("seed"), "embeddings": record.texts("embeddings")}
    used = {
        stage.text("id"): {name: value for name, value in stage.doc("effective").fields.items() if value is not None}
        for stage in record.docs("stages")
        if stage.text("state") == "done"
    }
    return {**head, "stages": _stages(record, used)}


def _stages(planned: Doc, used: Mapping[str, Mapping[str, object]] | None = None) -> list[dict[str, object]]:
    """In order; what a finished stage really used wins over what it was planned with."""
    config = planned.doc("config").fields
    stages: list[dict[str, object]] = []
    for name, fields in config.items():
        if isinstance(fields, dict) and fields.get("type") != "video":
            stages.append({"id": name, "config": {**fields, **(used or {}).get(name, {})}})
    return stages


def _graph(wish: Mapping[str, object]) -> str:
    words = [sys.executable, "-P", "-m", "agent", "export-comfyui"]
    done = subprocess.run(words, input=json.dumps(wish), capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        output.tell(output.clean(line))
    if done.returncode != Exit.DONE:
        raise Refused(
            "no workflow could be written of this", where="stablenew export comfyui",
            remedy="The lines above say why; leave those stages out or change them.",
        )  # fmt: skip
    return done.stdout


VERBS = {
    "comfyui": Verb(
        comfyui,
        "Write a job, or a prompt through a pipeline, as a ComfyUI workflow.\n"
        "It runs there unchanged and gives the same picture; stages that ComfyUI has no nodes for are named and left"
        " out.",
        (
            argument("JOB|PROMPT", "A job's id, or the text of a prompt.", dest="what"),
            argument("FILE", "Where to; `-`: stdout."),
            option("--negative", "TEXT", "With a prompt: what should not be in the picture."),
            option("--pipeline", "FILE|NAME", "With a prompt: its stages."),
            options("--set", "STAGE.FIELD=VALUE", "With a prompt: change one field of one stage.", dest="sets"),
            option("--seed", "N", "With a prompt: its seed.", kind=int),
            flag("--api", "The format for programs, instead of the one that the editor opens."),
            flag("--replace", "Take the place of a file that is there."),
            JSON,
        ),
    ),
}
