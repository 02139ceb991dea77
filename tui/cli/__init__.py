"""The command line `stablenew`: which commands there are, and what becomes of what goes wrong.

A noun's file is loaded when one of its verbs is called; textual only for the terminal UI itself.
"""

import os
import sys
from collections.abc import Mapping

from schema.errors import Exit, NoDaemon, Refused
from tui.cli.tree import Call, Entry, Verb

ROOT: Mapping[str, Entry] = {
    "run": Entry("tui.cli.run", "Make pictures from packs or a prompt.", "RUN"),
    "plan": Entry("tui.cli.run", "Show what `run` would make, variant by variant.", "PLAN"),
    "status": Entry("tui.cli.status", "What runs, what waits, and on which nodes.", "STATUS"),
    "queue": Entry("tui.cli.queue", "Show, pause, resume or clear the queue; choose how nodes share it."),
    "job": Entry("tui.cli.job", "List, wait for, cancel, retry, move and explain jobs."),
    "undo": Entry("tui.cli.queue", "Take back the last command.", "UNDO"),
    "redo": Entry("tui.cli.queue", "Do again what `undo` took back.", "REDO"),
    "image": Entry("tui.cli.image", "List, rate, tag, compare, enhance, export and trash pictures."),
    "disk": Entry("tui.cli.disk", "What takes room; the trash, deleting for good, checking every file."),
    "video": Entry("tui.cli.video", "Make a film of pictures.", "VIDEO"),
    "pack": Entry("tui.cli.library", "List, show, check and keep packs.", "PACK_VERBS"),
    "pipeline": Entry("tui.cli.library", "List, show and keep pipelines.", "PIPELINE_VERBS"),
    "preset": Entry("tui.cli.library", "List, show and keep presets.", "PRESET_VERBS"),
    "profile": Entry("tui.cli.library", "List, show and keep profiles.", "PROFILE_VERBS"),
    "wildcard": Entry(
        "tui.cli.library",
        "List, show and keep what `__name__` stands for; say what pictures tell of it.",
        "WILDCARD_VERBS",
    ),
    "style": Entry("tui.cli.library", "List, show and keep styles: words around a prompt.", "STYLE_VERBS"),
    "template": Entry("tui.cli.library", "List, show and keep templates of genres.", "TEMPLATE_VERBS"),
    "overlay": Entry("tui.cli.library", "List, show and keep what may vary besides words.", "OVERLAY_VERBS"),
    "model": Entry("tui.cli.model", "Models, LoRAs, embeddings and the like, here and on the nodes."),
    "workflow": Entry("tui.cli.library", "List, show and keep your own ComfyUI workflows.", "WORKFLOW_VERBS"),
    "node": Entry("tui.cli.node", "List, show, pair, add, probe, drain and unpair nodes; say why one is idle."),
    "fleet": Entry("tui.cli.fleet", "Rehearse the scheduler: on a trace, on last night's log, on what waits now."),
    "agent": Entry("tui.cli.agent", "Drive SD WebUI, Forge, ComfyUI, diffusers or a language model on this machine."),
    "learn": Entry("tui.cli.learn", "What verdicts teach: insights, presets, experiments, reports."),
    "import": Entry("tui.cli.bring", "Take in what other programs left: StableNew folders, files, pictures.", "VERB"),
    "export": Entry("tui.cli.export", "Write a job as a workflow of another program."),
    "log": Entry("tui.cli.log", "Read, verify, replay, back up and restore the log."),
    "hook": Entry("tui.cli.hook", "Who is told when a run or the queue has ended; try one."),
    "config": Entry("tui.cli.config", "Where things live, and the settings."),
    "doctor": Entry("tui.cli.doctor", "Say what works here and what does not.", "DOCTOR"),
    "ui": Entry("tui.cli.ui", "Open the terminal UI.", "UI"),
    "web": Entry("tui.cli.web", "Open the terminal UI in a browser of this machine.", "WEB"),
    "completion": Entry("tui.cli.completion", "Let your shell complete words.", "COMPLETION"),
    "token": Entry("tui.cli.access", "Let programs ask over TCP, each within its scope, and let them no more."),
    "daemon": Entry("tui.cli.daemon", "Start, stop and look at the daemon, or run it as a service."),
}


def main() -> int:
    """The console script. Returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are TextIOWrapper here
    try:
        code = _main(sys.argv[1:])
        sys.stdout.flush()
    except Refused as refused:
        return _told(refused.told(), _code_of(refused))
    except NoDaemon as absent:
        return _told(f"{absent} {_remedy(absent)}", Exit.NO_DAEMON)
    except KeyboardInterrupt:
        return _told("Interrupted. What the daemon has taken goes on; `stablenew status` shows it.", Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has seen enough. Python flushes once more at exit: into nothing then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    return code


def _main(words: list[str]) -> int:
    from tui.cli import tree

    if words == ["--version"]:
        return _version()
    call = tree.read(words, ROOT)
    if call.help:
        print(help_of(call))
        return Exit.DONE
    if isinstance(call.verb, Verb):
        return call.verb.run(**call.values)
    return _alone()


def help_of(call: Call) -> str:
    from tui.cli import usage

    if isinstance(call.verb, Verb):
        return usage.of_verb(call.path, call.verb)
    return usage.of_root(ROOT) if call.verb is None else usage.of_group(call.path, call.verb, ROOT[call.path[0]].about)


def _alone() -> int:
    """`stablenew` without a word: the UI where there is a terminal that can show it, else the status."""
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from tui.cli.ui import ui

        return ui(None)
    from tui.cli.status import status

    return status(as_json=False)


def _version() -> int:
    from importlib.metadata import version

    print(f"stablenew {version('stablenew')}")
    return Exit.DONE


def _remedy(absent: NoDaemon) -> str:
    from tui.link.call import HungUp

    if isinstance(absent, HungUp):
        return "What it had taken is in its log: ask again once it runs, with the same --key if there was one."
    return "Start one with `stablenew daemon start`."


def _code_of(refused: Refused) -> int:
    code = getattr(refused, "code", Exit.REFUSED)
    return code if isinstance(code, int) else Exit.REFUSED


def _told(sentence: str, code: int) -> int:
    from tui.cli.output import tell

    try:
        sys.stdout.flush()
        tell(sentence)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
