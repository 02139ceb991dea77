"""`model search` and `model get`: what sites offer. The daemon asks and downloads; here it is shown and followed."""

from schema.bars import so_far
from schema.errors import Exit, Refused
from tui.cli import ask, output
from tui.cli.bar import Bar
from tui.link.doc import Doc

Words = list[str]

PATIENCE = 86_400.0
"""Seconds: a checkpoint over a slow line takes its time."""


def search(words: Words, source: str, of: str, limit: int, as_json: bool) -> int:
    query = {"words": " ".join(words), "source": source or None, "list": of or None, "limit": limit}
    page = ask.daemon().get("/v1/models/search", query)
    if as_json:
        output.put_json(page.fields)
        return 0
    rows = [
        (
            one.text("id"), one.text("name"), one.text("list"), one.text("base"), one.text("author"),
            output.size(one.whole("bytes")) if one.whole("bytes") else "", "here" if one.flag("have") else "",
            ", ".join(one.texts("triggers")[:3]),
        )
        for one in page.docs("items")
    ]  # fmt: skip
    output.put(output.table(("ID", "NAME", "LIST", "BASE", "BY", "SIZE", "HAVE", "TRIGGERS"), rows, right="SIZE"))
    return 0


def get(id: str | None, about: str | None, of: str, name: str, key: str | None, as_json: bool) -> int:
    """Interrupting it leaves the daemon at it: the same command follows it again."""
    if (id is None) == (about is None):
        raise Refused(
            "name one download, or one model with --about",
            where="stablenew model get",
            remedy="`stablenew model search WORDS` shows what there is.",
        )
    wish = ask.body(id=id or f"about:{about}", list=of, name=name)
    try:
        done = _followed(wish) if key is None else _awaited(wish, key)
    except KeyboardInterrupt:
        output.tell("The daemon goes on with it; the same command follows it again.")
        return Exit.INTERRUPTED
    if as_json:
        output.put_json(done.fields)
    elif done.text("state") == "done":
        output.put(done.text("path"))
    if done.text("state") != "done":
        output.tell(done.text("reason") or "The daemon ended before the download did.")
        return Exit.FAILED
    return Exit.DONE


def _followed(wish: dict[str, object]) -> Doc:
    done = Doc({})
    with Bar() as shown:
        for line in ask.daemon().lines("/v1/models/get", body=wish):
            if "done" in line:
                done = line.doc("done")
            else:
                shown.show(so_far_of(line.doc("progress")))
    return done


def _awaited(wish: dict[str, object], key: str) -> Doc:
    """With a key there is one answer, at the end."""
    return ask.daemon().post("/v1/models/get", wish, key, patience=PATIENCE).doc("done")


def so_far_of(progress: Doc) -> str:
    """`downloading ██████░░░░ 61 %  4.1 GB of 6.7 GB`"""
    had, total = progress.whole("bytes"), progress.whole("total")
    return so_far("downloading", output.size(had), output.size(total) if total else "", had / total if total else 0.0)
