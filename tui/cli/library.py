"""`pack`, `pipeline`, `preset`, `profile`, `wildcard`, `style` and so on: the library's folders, shown and kept."""

from tui.cli import ask, feedback, output
from tui.cli.child import passing
from tui.cli.packedit import EDIT
from tui.cli.tree import JSON, Take, Verb, argument, flag, option
from tui.link.query import named

NAME = argument("NAME", "As `list` shows it.")


def _list(noun: str, about: str) -> Verb:
    def run(as_json: bool) -> int:
        answer = ask.daemon().get(f"/v1/{noun}s", {"check": 1})
        for warning in answer.texts("warnings"):
            output.tell(warning)
        if as_json:
            output.put_json(answer.fields)
        else:
            for name in answer.texts("items"):
                output.put(output.clean(name))
        return 0

    return Verb(run, about, (JSON,))


def _show(noun: str, about: str) -> Verb:
    def run(name: str, as_json: bool) -> int:
        answer = ask.daemon().get(f"/v1/{noun}s/{named(name, f'the {noun}')}")
        if as_json:
            output.put_json(answer.fields)
        else:
            output.put(output.clean_lines(answer.text("text")))
        return 0

    return Verb(run, about, (NAME, JSON))


def _kept(kind: str) -> dict[str, Verb]:
    """The verbs that change the library's files; the daemon sees the change at its next look."""
    file = argument("FILE", f"What is in the {kind}; default, and `-`: stdin.", often="?")
    replace = flag("--replace", "Take the place of what is there.")

    def verb(word: str, about: str, *takes: Take) -> Verb:
        return passing(("library", word, kind), f"{about}\nNo daemon is needed.", *takes, JSON)

    return {
        "edit": verb("edit", f"Open a {kind} in your editor ($EDITOR); it is saved if it can be read.", NAME),
        "save": verb("save", f"Write a {kind}; one of the same name is replaced.", NAME, file),
        "rename": verb("rename", f"Give a {kind} another name.", NAME, argument("TO", "The new name.")),
        "delete": verb("delete", f"Delete a {kind}; runs that were made with it keep what they need.", NAME),
        "restore": verb("restore", f"Bring back the last {kind} of this name that was deleted.", NAME),
        "import": verb(
            "import", f"Take a file into the library as a {kind}.",
            argument("FILE", "The file, or `-` for stdin."),
            argument("NAME", "What it is called there; default: as its file.", often="?"), replace,
        ),
        "export": verb(
            "export", f"Write a {kind} as it is, to a file or to stdout.",
            NAME, argument("FILE", "Where to; default, and `-`: stdout.", often="?"), replace,
        ),
    }  # fmt: skip


def _unasked(kind: str) -> dict[str, Verb]:
    """`list` and `show` of what the daemon has no route for."""
    return {
        "list": passing(("library", "list", kind), f"The {kind}s of the library; no daemon is needed.", JSON),
        "show": passing(("library", "show", kind), f"A {kind}'s fields; no daemon is needed.", NAME, JSON),
    }


PACK_VERBS = {
    "list": _list("pack", "The packs of the library."),
    "show": _show("pack", "A pack's text."),
    "check": passing(
        ("pack-check",),
        "Read packs and say what is wrong with them; no daemon is needed.",
        argument("PATH", "Pack files or folders.", often="+"),
        JSON,
    ),
    **_kept("pack"),
    "edit": EDIT,
}
PIPELINE_VERBS = {
    "list": _list("pipeline", "The pipelines of the library."),
    "show": _show("pipeline", "A pipeline's stages."),
    **_kept("pipeline"),
}
PRESET_VERBS = {
    "list": _list("preset", "The presets of the library."),
    "show": _show("preset", "A preset's fields."),
    **_kept("preset"),
}
WORKFLOW_VERBS = {**_unasked("workflow"), **_kept("workflow")}
PROFILE_VERBS = {**_unasked("profile"), **_kept("profile")}
WILDCARD_VERBS = {
    **_unasked("wildcard"),
    **_kept("wildcard"),
    "translate": passing(
        ("translate",),
        "Say values or prompts in another program's words, a line each; what it cannot say goes to stderr.\n"
        "DIALECT is a1111, dynamic (dynamic prompts), swarm (SwarmUI) or stablenew. No daemon is needed.",
        argument("FILE", "Of lines; default, and `-`: stdin.", often="?"),
        option("--from", "DIALECT", "What the lines are written in.", dest="source"),
        option("--to", "DIALECT", "What they become; default: stablenew."),
        JSON,
    ),
    **feedback.WILDCARD_VERBS,
}
STYLE_VERBS = {**_unasked("style"), **_kept("style")}
TEMPLATE_VERBS = {**_unasked("template"), **_kept("template")}
OVERLAY_VERBS = {**_unasked("overlay"), **_kept("overlay")}
