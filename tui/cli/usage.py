"""The help of a command, as text, the same everywhere: `--help` prints it and `docs/cli.md` is made of it."""

from collections.abc import Iterable, Mapping

from tui.cli.tree import Entry, Take, Verb

WIDTH = 100
INDENT = 28


def of_root(root: Mapping[str, Entry]) -> str:
    rows = [(name, entry.about) for name, entry in root.items()]
    return "\n".join(
        [
            "stablenew: makes pictures in a queue on the machines you have, and learns what you like",
            "",
            "Usage: stablenew [COMMAND] [ARGUMENTS]",
            "",
            "Without a command: the terminal UI, or the status when there is no terminal.",
            "",
            "Commands:",
            *_rows(rows),
            "",
            "`stablenew COMMAND --help` tells more; `stablenew --version` prints the version.",
            "Exit codes: 0 done, 1 failed, 2 refused, 3 no daemon, 4 not allowed, 5 a job failed, 75 locked, 130"
            " interrupted.",
            "STABLENEW_HOME=DIR keeps everything below one folder.",
        ]
    )


def of_group(path: tuple[str, ...], verbs: Mapping[str, Verb], about: str) -> str:
    rows = [(name, verb.about.partition("\n")[0]) for name, verb in verbs.items()]
    return "\n".join(
        [about, "", f"Usage: stablenew {' '.join(path)} COMMAND [ARGUMENTS]", "", "Commands:", *_rows(rows)]
    )


def of_verb(path: tuple[str, ...], verb: Verb) -> str:
    arguments = [take for take in verb.takes if not take.flags]
    chosen = [take for take in verb.takes if take.flags]
    first, _, more = verb.about.partition("\n")
    lines = [first, "", f"Usage: {synopsis(path, verb)}"]
    if more.strip():
        lines += ["", *more.strip().splitlines()]
    if arguments:
        lines += ["", "Arguments:", *_rows((take.metavar, take.about) for take in arguments)]
    if chosen:
        lines += ["", "Options:", *_rows((option_names(take), option_about(take)) for take in chosen)]
    return "\n".join(lines)


def synopsis(path: tuple[str, ...], verb: Verb) -> str:
    """`stablenew job cancel JOB|RUN|FILTER ... [OPTIONS]`"""
    chosen = [take for take in verb.takes if take.flags]
    words = [*path, *(_argument_word(take) for take in verb.takes if not take.flags)]
    words += [_option_word(take) for take in chosen if take.required]
    return " ".join(["stablenew", *words, *(["[OPTIONS]"] if any(not take.required for take in chosen) else [])])


def _argument_word(take: Take) -> str:
    return {"": take.metavar, "?": f"[{take.metavar}]", "*": f"[{take.metavar} ...]", "+": f"{take.metavar} ..."}[
        take.often
    ]


def _option_word(take: Take) -> str:
    return f"{take.flags[0]} {take.metavar}"


def option_names(take: Take) -> str:
    if take.action == "switch":
        return f"{take.flags[0]}/--no-{take.flags[0][2:]}"
    return " ".join(filter(None, (", ".join(take.flags), "|".join(take.choices) or take.metavar)))


def option_about(take: Take) -> str:
    return f"{take.about} Several times." if take.action == "append" else take.about


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    lines: list[str] = []
    for name, about in rows:
        folded = _folded(about, WIDTH - INDENT)
        if len(name) > INDENT - 4:
            lines.append(f"  {name}")
            name = ""
        lines.append(f"  {name:<{INDENT - 2}}{folded[0]}")
        lines.extend(" " * INDENT + line for line in folded[1:])
    return lines


def _folded(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
