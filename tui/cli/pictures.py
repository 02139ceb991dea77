"""`image export` and `image enhance`: pictures leave the store as files, and files come in as pictures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schema.bars import so_far
from schema.errors import Exit, Refused, why
from tui.cli import ask, output
from tui.cli.bar import Bar
from tui.cli.tree import JSON, KEY, option, options, switch
from tui.link.doc import Doc
from tui.link.query import named

if TYPE_CHECKING:
    from pathlib import Path

    from tui.link.call import Daemon

PAGE = 500

OPTIONS = (
    option("--prompt", "TEXT", "What should be in the picture."),
    option("--negative", "TEXT", "What should not."),
    option("--pipeline", "FILE|NAME", "The stages; default: what the settings say."),
    options("--set", "STAGE.FIELD=VALUE", "Change one field of one stage.", dest="sets"),
    option("--seed", "N", "Default: drawn and printed.", kind=int),
    option("--count", "N", "Pictures, with seeds seed, seed+1, ...", kind=int),
    switch("--wait", "Wait for the end; the default."),
    KEY,
    JSON,
)


def export(select: list[str], folder: str, as_json: bool) -> int:
    from pathlib import Path

    target = Path(folder).absolute()
    copied = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        with Bar() as shown:
            images = list(selected(ask.daemon(), select))
            for number, image in enumerate(images):
                part = number / len(images)
                shown.show(so_far("copying", f"{number:,}", output.plural(len(images), "picture"), part))
                copied.append(str(_copy(Path(image.text("path")), target, image)))
    except OSError as fault:
        raise Refused(
            f"cannot copy: {why(fault)}.", where=str(fault.filename or target), remedy="Check permissions and space."
        ) from None
    if as_json:
        output.put_json({"folder": str(target), "files": copied})
    else:
        output.tell(f"{output.plural(len(copied), 'picture')} copied.")
        output.put(str(target))
    return Exit.DONE


def _copy(source: "Path", folder: "Path", image: Doc) -> "Path":
    """Under its job's name, with the stage's where it is not the last; its id too where another has that name."""
    from filecmp import cmp
    from shutil import copyfile

    stem = output.clean(image.text("name")).replace("/", "_").lstrip(".") or image.text("id")
    stem += "" if image.flag("final") else f"-{image.text('stage')}"
    target = folder / f"{stem}{source.suffix}"
    if target.exists() and not cmp(source, target, shallow=False):
        target = folder / f"{stem}-{image.text('id')}{source.suffix}"
    if not target.exists():
        beside = target.with_name(f".{target.name}.part")
        copyfile(source, beside)
        beside.replace(target)
    return target


def selected(daemon: "Daemon", select: list[str]) -> Iterator[Doc]:
    """Image rows: a run or a job stands for its final pictures."""
    from tui.link.call import Refusal

    if any(map(ask.is_pair, select)):
        yield from _matching(daemon, ask.filter_of(select) or "", None)
        return
    for name in select:
        try:
            yield daemon.get(f"/v1/images/{named(name, 'the picture')}").doc("image")
        except Refusal as refusal:
            run = name.partition(".")[0]
            of_run = list(_matching(daemon, f"run:{run}", 1)) if refusal.status == 404 else []
            found = [image for image in of_run if "." not in name or image.text("job") == name]
            if not found:
                raise
            yield from found


def _matching(daemon: "Daemon", text: str, final: int | None) -> Iterator[Doc]:
    offset = 0
    while True:
        query = {"filter": text, "final": final, "offset": offset, "limit": PAGE}
        page = daemon.get("/v1/images", query)
        yield from page.docs("items")
        offset += PAGE
        if offset >= page.whole("total"):
            return


def enhance(
    picture: str,
    prompt: str | None,
    negative: str | None,
    seed: int | None,
    wait: bool | None,
    key: str | None,
    as_json: bool,
    **asked: object,
) -> int:
    from pathlib import Path

    from tui.cli.run import request_of, submit
    from tui.cli.uploads import sent

    daemon = ask.started()
    path, taken = Path(picture), False
    if path.is_file():
        sha = sent(daemon, path)
    else:
        sha, made_with = _made_here(daemon, picture)
        taken = prompt is None
        prompt = made_with.text("prompt") if prompt is None else prompt
        negative = made_with.text("negative") if negative is None else negative
        seed = made_with.whole("seed") if seed is None else seed
    words = {"prompt": prompt or "", "negative": negative, "seed": seed, "literal": taken}
    request = request_of({**asked, **words, "image": sha})
    return submit(daemon, request, wait is not False, key, as_json)


def _made_here(daemon: "Daemon", picture: str) -> tuple[str, Doc]:
    """The picture's hash and the spec of its job. Raises Refused for what is neither a file nor an id."""
    from tui.link.call import Refusal

    try:
        answer = daemon.get(f"/v1/images/{named(picture, 'the picture')}")
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        raise Refused(
            "this is neither a file nor an image's id", where=picture, remedy="`stablenew image list` shows the ids."
        ) from None
    return answer.doc("image").text("sha256"), answer.doc("job").doc("spec")
