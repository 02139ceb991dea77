"""Files of other programs on the command line: read by an offline child, or sent to the daemon and kept there."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from schema.bars import so_far
from schema.errors import Exit, Refused, why
from tui.cli import ask, output
from tui.cli.bar import Bar

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE = 200
"""Files of one request."""


def like(file: str) -> tuple[dict[str, object], list[str]]:
    """The run that would make such a picture again, and its first stage's settings for another pipeline.

    Raises Refused, with the reader's own sentence.
    """
    import subprocess
    from pathlib import Path

    from tui.link.endpoint import daemon_command

    done = subprocess.run(daemon_command("image-params", "--json", "--", file), capture_output=True, text=True)
    said = done.stderr.strip().splitlines()
    if done.returncode == Exit.FAILED:
        raise Refused(
            "it says nothing of how it was made.", where=file,
            remedy="`stablenew image enhance` begins from the picture itself.",
        )  # fmt: skip
    if done.returncode != Exit.DONE:
        told = said[-1] if said else "it could not be read."
        raise Refused(told.removeprefix(f"{Path(file).absolute()}: "), where=file)
    found = json.loads(done.stdout)
    for warning in found["warnings"]:
        output.tell(f"Note: {warning}")
    run: dict[str, object] = found["run"]
    fields: dict[str, object] = found["fields"]
    settings = ((name, value) for name, value in fields.items() if name.startswith("txt2img."))
    return run, [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings]


def bring_in(paths: Sequence[str], name: str | None, tags: Sequence[str], key: str | None, as_json: bool) -> int:
    """Keeps pictures, and those in folders, with what they say of how they were made; one can then rate them.

    Raises Refused, naming the file, for what is no picture. What `stablenew import` calls for pictures.
    """
    from pathlib import Path

    from tui.link.files import pictures_in

    files = list(pictures_in([Path(path) for path in paths]))
    if not files:
        raise Refused("there are no pictures in it.", where=paths[0], remedy="PNG, JPEG and WebP can be kept.")
    daemon = ask.started()
    runs, images, known, silent, refused = [], list[str](), list[str](), list[str](), dict[str, str]()
    from tui.cli.uploads import sent

    shown = Bar()
    for number, start in enumerate(range(0, len(files), AT_ONCE)):
        wanted: list[dict[str, object]] = []
        for at, path in enumerate(files[start : start + AT_ONCE], start):
            shown.show(so_far("sending", f"{at:,}", output.plural(len(files), "file"), at / len(files)))
            try:
                wanted.append({"sha256": sent(daemon, path), "name": path.name, "beside": _beside(path)})
            except Refused as fault:
                if len(files) == 1:
                    raise
                refused[str(path)] = fault.told()
                shown.end()
                output.tell(fault.told())
        if not wanted:
            continue
        called = name or Path(paths[0]).absolute().name
        request = {"files": wanted, "name": called, "tags": list(tags)}
        taken = daemon.post("/v1/images/import", request, f"{key}-{number}" if key and number else key, 600.0)
        runs += [taken.text("run")] if taken.text("run") else []
        images += taken.texts("images")
        known += taken.texts("known")
        silent += taken.texts("silent")
    shown.end()
    if as_json:
        output.put_json({"runs": runs, "images": images, "known": known, "silent": silent, "refused": refused})
    else:
        told = [f"{output.plural(len(images), 'picture')} kept"]
        told += [f"{len(known)} were here already"] if known else []
        told += [f"{len(silent)} say nothing of how they were made"] if silent else []
        told += [f"{len(refused)} could not be kept"] if refused else []
        output.tell(", ".join(told) + ".")
        for run in runs:
            output.put(run)
    return Exit.FAILED if refused else Exit.DONE


def _beside(path: "Path") -> str:
    """The text that lies beside a picture."""
    from tui.link.files import text_beside

    try:
        return text_beside(path)
    except OSError as fault:
        output.tell(f"{output.clean(str(path))}: what lies beside it cannot be read: {why(fault)}.")
        return ""


def post(select: list[str], as_json: bool) -> int:
    """Sends pictures to the gallery of the settings, some at a time, so that one sees how far it is."""
    from tui.cli.pictures import selected

    daemon = ask.daemon()
    images = list(dict.fromkeys(row.text("id") for row in selected(daemon, select)))
    if not images:
        raise Refused("no picture matches.", where=" ".join(select), remedy="`stablenew image list` shows all.")
    posted, known, failed = list[str](), list[str](), dict[str, str]()
    with Bar() as shown:
        for start in range(0, len(images), POSTED_AT_ONCE):
            shown.show(so_far("posting", f"{start:,}", output.plural(len(images), "picture"), start / len(images)))
            some = images[start : start + POSTED_AT_ONCE]
            taken = daemon.post("/v1/images/post", {"select": some}, None, 1800.0)
            posted += taken.texts("posted")
            known += taken.texts("known")
            failed |= {image: str(reason) for image, reason in taken.doc("failed").fields.items()}
    if as_json:
        output.put_json({"posted": posted, "known": known, "failed": failed})
    else:
        were = f", {len(known)} were there already" if known else ""
        output.tell(f"{output.plural(len(posted), 'picture')} posted{were}.")
        _tell_failed(failed)
    return Exit.FAILED if failed else Exit.DONE


POSTED_AT_ONCE = 20


def sync(as_json: bool) -> int:
    done = ask.daemon().post("/v1/images/sync", None, None, 1800.0)
    failed = {image: str(reason) for image, reason in done.doc("failed").fields.items()}
    if as_json:
        output.put_json(done.fields)
    else:
        sent, taken, gone = (len(done.texts(name)) for name in ("sent", "taken", "gone"))
        output.tell(f"{output.plural(sent, 'favourite')} sent, {taken} taken over.")
        if gone:
            output.tell(f"{gone} that were posted are no longer in the gallery.")
        _tell_failed(failed)
    return Exit.FAILED if failed else Exit.DONE


def _tell_failed(failed: dict[str, str]) -> None:
    for image, reason in failed.items():
        output.tell(output.clean(f"{image}: {reason}"))
