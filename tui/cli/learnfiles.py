"""`learn export`, `learn import`, `learn forget`: files of records, and the bundle for a language model."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from schema.errors import Exit, NoDaemon, Refused, why
from tui.cli import ask, output
from tui.cli.tree import JSON, KEY, Verb, argument, flag, option
from tui.link.doc import Doc

if TYPE_CHECKING:
    from pathlib import Path

    from tui.link.call import Daemon

AT_ONCE = 5_000
"""Records of one request."""

PATIENCE = 600.0
"""Seconds for what may be long."""


def export(
    file: str, append: bool, whole: bool, redact: str | None, max_mb: int | None, replace: bool, as_json: bool
) -> int:
    from pathlib import Path

    zipped = file.lower().endswith(".zip")
    if zipped and (append or whole):
        raise Refused("a bundle holds everything and is made anew.", where=file, remedy="Name a .jsonl file.")
    if not zipped and (redact or max_mb is not None):
        raise Refused("only a bundle is redacted and kept small.", where=file, remedy="Name a .zip file.")
    if max_mb is not None and max_mb < 1:
        raise Refused("a bundle has at least one megabyte.", where=f"--max-mb {max_mb}", remedy="Say 1 or more.")
    target = Path(file)
    if file != "-" and target.exists() and not (append or replace):
        raise Refused("this file is there already.", where=file, remedy="Add --append or --replace, or name another.")
    if zipped:
        content = ask.daemon().content("/v1/learn/bundle", {"redact": redact or "", "max_mb": max_mb}, PATIENCE)
        return _kept(target, content, None, as_json)
    content = ask.daemon().content("/v1/learn/records", {"whole": "1" if whole else None}, PATIENCE)
    if file == "-":
        output.put(content.decode().rstrip("\n"))
        return Exit.DONE
    if append and target.exists():
        news = b"".join(_news(target, content, whole))
        _appended(target, news)
        return _told(target, news.count(b"\n"), as_json)
    return _kept(target, content, content.count(b"\n"), as_json)


def _kept(target: "Path", content: bytes, records: int | None, as_json: bool) -> int:
    """Whole or not at all."""
    beside = target.with_name(f".{target.name}.part")
    try:
        with beside.open("wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        beside.replace(target)
    except OSError as fault:
        beside.unlink(missing_ok=True)
        raise _unwritten(target, fault) from None
    return _told(target, records, as_json, len(content))


def _appended(target: "Path", news: bytes) -> None:
    try:
        with target.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            try:
                file.write(news)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as fault:
        raise _unwritten(target, fault) from None


def _unwritten(target: "Path", fault: OSError) -> Refused:
    return Refused(
        f"cannot write this file: {why(fault)}.", where=str(target), remedy="Check the folder and its space."
    )


def _told(target: "Path", records: int | None, as_json: bool, size: int | None = None) -> int:
    if as_json:
        told = {"file": str(target.absolute()), "records": records, "bytes": size}
        output.put_json({name: value for name, value in told.items() if value is not None})
    else:
        output.tell(output.size(size or 0) if records is None else output.plural(records, "record"))
        output.put(str(target.absolute()))
    return Exit.DONE


def _news(target: "Path", content: bytes, whole: bool) -> Iterator[bytes]:
    """Lines that the file does not end with yet: new verdicts, changed ones, and those that were taken back."""
    there = target.read_bytes()
    numbered = [(number, line) for number, line in enumerate(there.split(b"\n"), 1) if line.strip()]
    last = {_key(line, f"{target}:{number}"): line for number, line in numbered}
    if there and not there.endswith(b"\n"):
        yield b"\n"
    now = {_key(line, "the daemon's answer"): line for line in content.split(b"\n") if line}
    for key, line in now.items():
        if last.get(key) != line:
            yield line + b"\n"
    for key, line in last.items():
        if key not in now and not key[1] and not whole:
            gone = json.loads(line)
            if gone.get("stars"):
                yield json.dumps({**gone, "stars": 0}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _key(line: bytes, where: str) -> tuple[str, str, str]:
    """A picture, or a duel: by both its pictures and its time."""
    try:
        record = json.loads(line)
    except ValueError as fault:
        column = getattr(fault, "colno", 1)
        raise Refused(
            "this is no JSON.", where=f"{where}:{column}", remedy="Correct the line, or name another file."
        ) from None
    if not isinstance(record, dict):
        raise Refused("this is no record.", where=f"{where}:1", remedy="Name another file.")
    duel = str(record.get("better_than") or "")
    return str(record.get("id")), duel, str(record.get("at")) if duel else ""


# Coming in ---------------------------------------------------------------------------------------


def bring(path: Sequence[str], source: str | None, replace: bool, key: str | None, as_json: bool) -> int:
    """Everything is read before anything is sent."""
    found = _read(path)
    if source is not None and len(found.docs("files")) > 1:
        raise Refused("several files cannot be of one source.", where="--source", remedy="Name one file.")
    taken = _sent(ask.daemon(), found, source, replace, key)
    if as_json:
        output.put_json(taken)
    else:
        _show(taken["suggestions"])
    return Exit.FAILED if found.texts("broken") else Exit.DONE


def learn_from(paths: Sequence[str]) -> None:
    """What `stablenew import` does with verdicts it finds, if a daemon runs."""
    try:
        found = _read(paths)
    except Refused:
        return  # named already by whoever took the files in
    if not any(one.docs("records") for one in found.docs("files")):
        return
    try:
        _sent(ask.daemon(), found, None, True, None)
    except NoDaemon:
        output.tell(
            f"Nothing is learned of them while no daemon runs; then `stablenew learn import {paths[0]}` does it."
        )


def _read(paths: Sequence[str]) -> Doc:
    import subprocess

    from tui.link.endpoint import daemon_command

    done = subprocess.run(daemon_command("learn-read", "--", *paths), capture_output=True)
    if done.returncode != Exit.DONE:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(said[-1] if said else "it could not be read.")
    return Doc(json.loads(done.stdout))


def _sent(daemon: "Daemon", found: Doc, source: str | None, replace: bool, key: str | None) -> dict[str, object]:
    """Records first checked to be new; then sent in pieces of one source each."""
    files = found.docs("files")
    there = daemon.get("/v1/learn").doc("imported").fields
    names = [source or one.text("source") for one in files]
    for name, one in zip(names, files, strict=True):
        if one.docs("records") and name in there and not replace:
            raise Refused(
                f"{output.plural(_whole(there[name]), 'record')} of this source are here already.",
                where=output.clean(name), remedy="Add --replace to put these in their place, or name another --source.",
            )  # fmt: skip
    sources, suggestions = list[str](), list[str]()
    for sentence in found.texts("broken"):
        output.tell(output.clean(sentence))
    total = 0
    for number, (name, one) in enumerate(zip(names, files, strict=True)):
        records = [record.fields for record in one.docs("records")]
        if records:
            if name in there:
                daemon.post("/v1/learn/forget", {"source": name}, f"{key}-{number}-forget" if key else None)
            for at in range(0, len(records), AT_ONCE):
                request = {"source": name, "records": records[at : at + AT_ONCE]}
                daemon.post("/v1/learn/import", request, f"{key}-{number}-{at}" if key else None, PATIENCE)
            total += len(records)
            sources.append(name)
        _tell(name, one, len(records))
        suggestions += _suggested(daemon, one, f"{key}-{number}" if key else None)
    broken = list(found.texts("broken"))
    return {"records": total, "sources": sources, "suggestions": suggestions, "broken": broken}


def _tell(name: str, one: Doc, records: int) -> None:
    if records:
        output.tell(f"{output.plural(records, 'record')} of {output.clean(name)}.")
    for sentence in one.texts("passed"):
        output.tell(f"Passed over in {output.clean(name)}: {output.clean(sentence)}.")


def _suggested(daemon: "Daemon", one: Doc, key: str | None) -> list[str]:
    """Sent to be checked and kept. Applied by nobody."""
    presets = [preset.fields for preset in one.docs("presets")]
    if presets:
        daemon.post("/v1/learn/suggest", {"suggestions": presets}, key)
    return [str(preset["id"]) for preset in presets]


def _show(ids: object) -> None:
    """What the suggestions would change."""
    if not isinstance(ids, list) or not ids:
        return
    for shown in ask.daemon().get("/v1/learn/suggestions").docs("items"):
        if shown.doc("suggestion").text("id") in ids:
            output.put("\n".join(difference(shown)))
    output.tell("Nothing is applied: `stablenew learn apply ID` does it, and `stablenew undo` takes it back.")


def difference(shown: Doc) -> list[str]:
    """A suggestion against what the pack uses now."""
    one = shown.doc("suggestion")
    by = f" of {output.clean(one.text('source'))}" if one.text("source") else ""
    lines = [f"{one.text('id')}  {output.clean(one.text('pack'))}{by}"]
    changes = [[output.clean(one.text(part)) for part in ("param", "was", "now")] for one in shown.docs("changes")]
    lines += [f"    {param}: {was} -> {now}" for param, was, now in changes] or ["    changes nothing"]
    return [*lines, *([f"    {output.clean(one.text('why'))}"] if one.text("why") else [])]


def forget(source: str, key: str | None, as_json: bool) -> int:
    return ask.command("/v1/learn/forget", {"source": source}, key, as_json, f"Forgot the records of {source}.")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


VERBS = {
    "export": Verb(
        export,
        "Write verdicts to a file: JSON lines, or a zip for a language model to read.",
        (
            argument("FILE", "`.jsonl`: records as `insights --records` reads them; `.zip`: the bundle; `-`: stdout."),
            flag("--append", "Add to the file what it does not have yet."),
            flag("--whole", "Records with everything that is known of each picture."),
            option("--redact", "WHAT", "prompts: all words of yours become ids.", choices=("prompts",)),
            option("--max-mb", "N", "Of the bundle; the newest records that fit. Default 5.", kind=int),
            flag("--replace", "Take the place of what is there."),
            JSON,
        ),
    ),
    "import": Verb(
        bring,
        "Learn of records of StableNew or of another installation; take in presets that a language model proposes.\n"
        "A broken line is named and nothing is taken.",
        (
            argument("PATH", "Files of records, folders of StableNew, or presets.json.", often="+"),
            option("--source", "NAME", "What they are forgotten by; default: the file's name."),
            flag("--replace", "In place of what came from the same source."),
            KEY,
            JSON,
        ),
    ),
    "forget": Verb(
        forget,
        "Learn no longer of records that came from a source.",
        (argument("SOURCE", "As `learn import` named it; see `stablenew learn list`."), KEY, JSON),
    ),
}  # fmt: skip
