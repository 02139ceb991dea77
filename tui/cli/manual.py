"""`docs/stablenew.1`, the man page, from the commands themselves; `docs/make.py` writes it.

Roff as `man`(7) describes it: what begins with a dot is a request, a backslash is written `\\e`, a hyphen that is to
be copied `\\-`.
"""

from collections.abc import Iterable, Iterator

from tui.cli import ROOT, usage
from tui.cli.reference import verbs
from tui.cli.tree import Take, Verb

EXIT_CODES = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "wrong usage, bad input, or refused"),
    ("3", "no daemon answers"),
    ("4", "not paired, or not allowed"),
    ("5", "a job that was waited for failed, was cancelled or needs attention"),
    ("75", "another daemon holds the lock"),
    ("130", "interrupted; what the daemon has taken goes on"),
)

ENVIRONMENT = (
    ("STABLENEW_HOME", "Keeps settings, log, pictures and everything else below one folder."),
    ("STABLENEW_SECTION__NAME", "Stands above that setting in the file: STABLENEW_UI__THEME=nord."),
    ("STABLENEW_SOCKET", "The socket of the daemon to ask."),
    ("NO_COLOR", "No colours in what is printed; the terminal UI shows greys."),
    ("VISUAL, EDITOR", "What opens a text for editing."),
)


def manual() -> str:
    lines = [
        '.TH STABLENEW 1 "" "stablenew" "User Commands"',
        ".SH NAME",
        "stablenew \\- makes pictures in a queue on the machines you have, and learns what you like",
        ".SH SYNOPSIS",
        ".B stablenew",
        text("[COMMAND] [ARGUMENTS]"),
        ".SH DESCRIPTION",
        text("Without a command: the terminal UI, or the status when there is no terminal."),
        text("run, plan and ui start the daemon if none runs; commands that only ask end with 3 then."),
        text("Data is printed on standard output, talk on standard error; --json prints one line, one document."),
        ".SH COMMANDS",
        *(line for name, entry in ROOT.items() for line in item(name, entry.about)),
    ]
    group = ""
    for path, verb in verbs():
        if path[0] != group:
            group = path[0]
            lines += [f".SH {text(group.upper())}", text(ROOT[group].about)]
        lines += of_verb(path, verb)
    lines += [".SH ENVIRONMENT", *(line for name, about in ENVIRONMENT for line in item(name, about))]
    lines += [".SH EXIT STATUS", *(line for code, about in EXIT_CODES for line in item(code, about))]
    lines += [".SH FILES", text("stablenew config path"), "names every file and folder."]
    return "\n".join(lines) + "\n"


def of_verb(path: tuple[str, ...], verb: Verb) -> Iterator[str]:
    yield f'.SS "{text(usage.synopsis(path, verb)).replace(chr(34), chr(39))}"'
    for paragraph in verb.about.split("\n"):
        yield text(paragraph)
    yield from options(take for take in verb.takes if not take.flags)
    yield from options(take for take in verb.takes if take.flags)


def options(takes: Iterable[Take]) -> Iterator[str]:
    for take in takes:
        if take.flags:
            yield from item(usage.option_names(take), usage.option_about(take))
        else:
            yield from item(take.metavar, take.about)


def item(name: str, about: str) -> tuple[str, ...]:
    return ".TP", f".B {text(name)}", text(about)


def text(plain: str) -> str:
    """A line that means nothing to roff."""
    escaped = plain.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
