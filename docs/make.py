"""Writes the pages that are made from the code: `python docs/make.py`. A test checks that they are current."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]

HEAD = """# Pipelines

A pipeline is a linear list of stages, written in JSON or YAML: an object with `name` and `stages`, or the plain array
of steps. Every stage has a `type`; its `id` is the type's name where none is written, with a number from the second
on, and names it in `--set ID.FIELD=VALUE`. `enabled: false` leaves a stage out without deleting it.

    - {id: paint, type: txt2img, width: 768, height: 512, steps: 30}
    - {type: detail, detector: face}
    - {type: upscale, factor: 2}
    - {type: video, fps: 12}

The order is: generatePrompt, llmEnhance and selectLoras in any order, dispatch, txt2img, refiner, img2img, detail (up
to three), upscale, then face_restore, refine and post in any order, resize, video. interrogate and score only look at
a picture and may stand anywhere after one. What comes first of those that are about pictures must make one: txt2img,
or img2img with an `image`. `video` is not run per job: it is the film of the whole run, made once after its last job.

## Stages that make words

They stand before the first picture, and each works on what the one before it made of the prompt.

    - {id: wildcardGen, type: generatePrompt}
    - {id: enhancePrompt, type: llmEnhance, ask: continue, memory: 8}
    - {id: matchLORA, type: selectLoras, most: 2}
    - {id: submitToForge, type: dispatch, backend: forge, review: true}
    - {type: txt2img, width: 768, height: 512}

`generatePrompt` and `llmEnhance` need a language model: any server with an OpenAI-compatible chat, whose address is
`agent.llm` in config.toml or `stablenew agent run --backend llm=URL`. Where such a server lists no models but loads
what it is asked for, the stage has to name one (`--set enhancePrompt.model=NAME`). `selectLoras` runs on every agent.
They run wherever somebody can, whatever node or backend the run's pictures are for. A server that goes away in the
middle of a stage costs that attempt alone: the job waits until it is back.

What a stage made is in the job's record (`prompt`, `negative` and, of `selectLoras`, `loras` and `why` of its
`reported`) before any picture is begun; `stablenew job show` and the job's card in `stablenew ui` show it. `dispatch`
is done by the daemon itself. With `review` the job is held there: `stablenew job edit JOB --prompt ...` (in the
queue: `e`) writes over the words, `stablenew job release JOB` has pictures made of them, `stablenew job rerun JOB
--from enhancePrompt` makes them anew. A stage is left out with `--set ID.enabled=false`, and passed over with
`stablenew job skip` when it fails. Prompts that were expanded, edited or enhanced stand in manifest and pictures as
they were in the end; `planned_prompt` of the manifest is what the first of these stages began from. A pipeline that
ends with `dispatch` goes on with a txt2img; one that ends before it makes words and no pictures.

`memory` is how many earlier prompts the model is told: those of the same profile, else of the same pack, else of runs
of the same name (`--name`), with the stars and tags of their pictures, and behind what the profile says of character,
setting, style and backstory. Prompts with `<lora:...>` keep these tags, and no model may add one. An answer that is
empty, a refusal, or no text at all is a failed attempt, with the model's own words in the reason.

`selectLoras` chooses among the LoRAs that some node has and that are known to be for the checkpoint's family. A trigger
word in the prompt counts most, then tags, then words of the name; stars, favourites, mean ratings and use bend the
score; a LoRA of which the negative prompt speaks hardly counts. `stablenew model list list:loras` shows what is known.

No stage may ask for a picture of more than 64 megapixels. A field written as `null` is the backend's own choice; what
was really used stands in the job's record. This page is made by `docs/make.py`.
"""


def pipelines() -> str:
    """docs/pipelines.md, from the classes of schema/stages.py and schema/parts.py."""
    tree = ast.parse((ROOT / "schema/stages.py").read_text())
    aliases = _aliases() | {node.targets[0].id: _limits(node.value) for node in tree.body if _is_alias(node)}  # type: ignore[attr-defined]
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    parts = [HEAD]
    for node in classes.values():
        kind = next((_literal(item) for item in node.body if _names(item) == "type"), None)
        if kind is None:
            continue
        parts.append(f"## {kind}\n")
        if told := ast.get_docstring(node):
            parts.append(" ".join(told.split()) + "\n")
        parts.append("| field | default | may be | |\n|---|---|---|---|")
        rows = [row for base in _line(node, classes) for row in _rows(base, aliases)]
        parts.append("\n".join(rows) + "\n")
    parts += _parts(aliases)
    return "\n".join(parts).rstrip() + "\n"


PARTS_HEAD = """## Parts of stages

`hires` and `refiner` are set field by field (`--set txt2img.hires.scale=1.5`) or switched on as they are by default
(`hires=true`). Lists of `controls` and `mask_shapes` are written as lists in a file and as JSON text behind `--set`.
A picture is named by the SHA-256 of its upload; the command line uploads `@FILE` for you.
"""


def _parts(aliases: dict[str, str]) -> list[str]:
    """The nested pieces, from schema/parts.py."""
    tables = [PARTS_HEAD]
    for node in ast.parse((ROOT / "schema/parts.py").read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name != "Part":
            told = " ".join((ast.get_docstring(node) or "").split())
            tables.append(f"### {node.name}\n\n{told}\n\n| field | default | may be | |\n|---|---|---|---|")
            tables.append("\n".join(_rows(node, aliases)) + "\n")
    return tables


def _aliases() -> dict[str, str]:
    """The named kinds of values of schema/parts.py, in words."""
    found = {
        node.targets[0].id: _limits(node.value)
        for node in ast.parse((ROOT / "schema/parts.py").read_text()).body
        if _is_alias(node)
    }  # type: ignore[attr-defined]
    return found | {"Controls": "list of Control", "Shapes": "list of Shape", "Names": "names, separated by commas"}


SETTINGS_HEAD = """# Settings

`config.toml`, in the folder that `stablenew config path` names. Every value has a default, so the file may be missing.
Each can be overridden in the environment: `STABLENEW_SECTION__NAME=VALUE`, for example
`STABLENEW_SKETCH__STEP_SECONDS=0.5`. `stablenew config show` prints what is in force and where each value came from,
of keys and passwords only that they are set; `stablenew config validate` says with file and line what is wrong.
`stablenew config set daemon.retries 5` and `stablenew config unset daemon.retries` change one line and leave remarks
and order of the others as they are; so does the Settings area of `stablenew ui`, which also tells when a change counts.
This page is made by `docs/make.py`.

`[video]` holds the fields of the stage `video` (docs/pipelines.md), as they are used by `--video`.
`[refine.presets.NAME]` names settings of the stage `refine`; `[refine.models]` gives a model its preset by name.
"""


def settings() -> str:
    """docs/settings.md, from the classes of schema/settings.py."""
    tree = ast.parse((ROOT / "schema/settings.py").read_text())
    stages = ast.parse((ROOT / "schema/stages.py").read_text())
    aliases = _aliases() | {n.targets[0].id: _limits(n.value) for n in [*stages.body, *tree.body] if _is_alias(n)}  # type: ignore[attr-defined]
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    aliases["Address"] = "address of a server, `http://HOST:PORT`"
    aliases |= {"Secret": "text, never shown", "Key": "text without spaces, never shown"}
    aliases |= {"TimeOfDay": "HH:MM", "ListenAt": "HOST:PORT", "Folders": "texts, separated by commas"}
    parts = [SETTINGS_HEAD]
    for item in classes["Settings"].body:
        if not isinstance(item, ast.AnnAssign):
            continue
        by_name = isinstance(item.annotation, ast.Subscript)
        kind = item.annotation.slice.elts[1] if isinstance(item.annotation, ast.Subscript) else item.annotation  # type: ignore[attr-defined]
        section = classes.get(kind.id)
        if section is None or kind.id == "RefineSettings":
            continue
        parts.append(f"## [{_names(item)}{'.NAME' * by_name}]\n")
        if told := ast.get_docstring(section):
            parts.append(" ".join(told.split()) + "\n")
        parts.append("| name | default | may be | |\n|---|---|---|---|")
        parts.append("\n".join(_rows(section, aliases)) + "\n")
    parts.append("## [refine.presets.NAME]\n\n| name | default | may be | |\n|---|---|---|---|")
    parts.append("\n".join(_rows(classes["RefinePreset"], aliases)))
    return "\n".join(parts).rstrip() + "\n"


def _line(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """The class and what it inherits, its own fields first; without what every stage has."""
    bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in classes]
    return [node] + [part for base in bases if base != "_Stage" for part in _line(classes[base], classes)]


def _rows(node: ast.ClassDef, aliases: dict[str, str]) -> list[str]:
    rows = []
    for item, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(item, ast.AnnAssign) or _names(item) in ("type", None):
            continue
        default = ast.unparse(item.value) if item.value else "required"
        default = {"None": "`null`", "{}": "`{}`"}.get(default, default if default == "required" else f"`{default}`")
        told = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        told = " ".join(str(told).split()).replace("|", "\\|")
        rows.append(f"| `{_names(item)}` | {default} | {_limits(item.annotation, aliases)} | {told} |")
    return rows


def _limits(node: ast.expr, aliases: dict[str, str] | None = None) -> str:
    """An annotation in words: its type and its range."""
    match node:
        case ast.BinOp(left=left, right=right):
            told = [part for part in (_limits(left, aliases), _limits(right, aliases)) if part != "null"]
            return " or ".join(told)
        case ast.Constant(value=None):
            return "null"
        case ast.Name(id=name):
            known = {"int": "integer", "float": "number", "bool": "true, false", "str": "text"}
            known |= dict.fromkeys(("Hires", "Switch", "Workflow"), "a part, see below")
            return (aliases or {}).get(name) or known.get(name, name)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=part):
            options = part.elts if isinstance(part, ast.Tuple) else [part]
            return ", ".join(str(ast.literal_eval(option)) for option in options)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, ast.Call(keywords=marks)])):
            bounds = {mark.arg: ast.unparse(mark.value) for mark in marks}
            return f"{_limits(kind, aliases)} {_range(bounds)}".strip()
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, *_])):
            return _limits(kind, aliases)
        case _:
            return "values by name"


def _range(bounds: dict[str | None, str]) -> str:
    most = {"MAX_SIDE": "16384"}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if "max_length" in bounds:
        return f"of at most {bounds['max_length']} characters"
    if "pattern" in bounds:
        return "a SHA-256 of an upload" if "64" in bounds["pattern"] else f"like {ast.literal_eval(bounds['pattern'])}"
    if low is None or high is None:
        return ""
    return f"{'above ' if 'gt' in bounds else ''}{low} to {most.get(high, high)}"


def _is_alias(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and isinstance(node.targets[0], ast.Name)
    )


def _names(item: ast.stmt) -> str | None:
    return item.target.id if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) else None


def _literal(item: ast.stmt) -> str | None:
    return str(ast.literal_eval(item.value)) if isinstance(item, ast.AnnAssign) and item.value else None


def commands() -> str:
    """docs/cli.md, from the commands' own help."""
    from tui.cli.reference import reference

    return reference()


def manual() -> str:
    """docs/stablenew.1, the man page, from the commands' own help."""
    from tui.cli.manual import manual

    return manual()


def keymap() -> str:
    """docs/keymap.md, from the table of keys."""
    from tui.keys import page

    return page()


def manifest() -> str:
    """docs/manifest.schema.json, from the structs that are written."""
    from daemon.artifacts.manifest import schema_document

    return schema_document().decode()


PAGES = {
    "docs/cli.md": commands,
    "docs/keymap.md": keymap,
    "docs/manifest.schema.json": manifest,
    "docs/pipelines.md": pipelines,
    "docs/settings.md": settings,
    "docs/stablenew.1": manual,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (ROOT / name).write_text(make())
        print(name)
