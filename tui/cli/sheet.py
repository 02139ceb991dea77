"""`image sheet`: the pictures of a run on one page, ordered by what was varied."""

from schema.errors import Exit, Refused, why
from tui.cli import ask, output
from tui.cli.tree import JSON, Verb, argument, option
from tui.link.query import named


def sheet(run: str, file: str | None, x: str | None, y: str | None, cell: int | None, as_json: bool) -> int:
    from pathlib import Path

    if file is not None and not file.lower().endswith(".png"):
        raise Refused("a sheet is a PNG", where="-o", remedy="Let the name end in .png.")
    name = named(run, "the run")
    target = Path(file if file is not None else f"sheet-{name}.png").absolute()
    content = ask.daemon().content(f"/v1/runs/{name}/sheet", {"x": x, "y": y, "cell": cell})
    beside = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as fault:
        raise Refused(
            f"cannot be written: {why(fault)}.", where=str(target), remedy="Check permissions and space."
        ) from None
    if as_json:
        output.put_json({"file": str(target), "bytes": len(content)})
    else:
        output.put(str(target))
    return Exit.DONE


SHEET = Verb(
    sheet,
    "The pictures of a run on one page, labelled by axis and level of its grid.\n"
    "Any run will do: its prompts, places to vary, seeds and styles are axes too. A grid gets one by itself.",
    (
        argument("RUN", "A run's id or a unique prefix of it."),
        option("-o --to", "FILE", "A PNG; default: sheet-RUN.png here.", dest="file"),
        option("--x", "AXIS", "What the columns stand for: `txt2img.cfg`, `lora`, `weather`, `prompt`, `seed` ..."),
        option("--y", "AXIS", "What the rows stand for; what is left makes a panel each."),
        option("--cell", "N", "Longer side of each picture, in pixels; default: as large as suits.", kind=int),
        JSON,
    ),
)
