"""Rules of safety that can be read off the source, and what hostile names and texts come to."""

import ast
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from agent.pictures import FORMATS as AGENT_FORMATS
from daemon.artifacts import confined
from daemon.artifacts.names import safe_name
from daemon.artifacts.verifier import FORMATS
from daemon.fleet.sightings import label
from daemon.prompting.written import read_json_or_yaml
from schema.errors import Refused
from schema.settings import SECRETS
from tui.cli.output import clean
from tui.widgets.ink import plain

ROOT = Path(__file__).parents[2]
PROGRAMS = ("daemon", "agent", "tui", "schema")


@cache
def texts() -> dict[str, str]:
    """All that we wrote, by its path. Read and parsed when a test asks, not when tests are looked for."""
    paths = (path for program in PROGRAMS for path in sorted((ROOT / program).rglob("*.py")))
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


@cache
def sources() -> dict[str, ast.Module]:
    return {file: ast.parse(text) for file, text in texts().items()}


# What can be read off the source ------------------------------------------------------------------


@cache
def all_calls() -> list[tuple[str, ast.Call, str]]:
    """With their files and dotted names."""
    return [
        (file, node, ast.unparse(node.func))
        for file, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Of functions whose dotted name ends so, with their files."""
    ends = tuple(f".{name}" for name in names)
    return ((file, node) for file, node, name in all_calls() if name in names or name.endswith(ends))


def told(call: ast.Call) -> dict[str | None, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def test_nothing_evaluates_text_unpickles_or_asks_a_shell():
    for file, call in calls("eval", "exec", "pickle.load", "pickle.loads", "marshal.loads", "os.system", "popen"):
        method = isinstance(call.func, ast.Attribute) and call.func.attr in ("eval", "exec")
        assert method and not call.args, f"{file}: {ast.unparse(call)}"  # a model's `eval()` takes nothing
    for file, call, _ in all_calls():
        assert not any(word.arg == "shell" and ast.unparse(word.value) == "True" for word in call.keywords), file
    for file, call in calls("yaml.load"):
        assert told(call).get("Loader") == "_Careful", file
    assert not [file for file, _ in calls("yaml.unsafe_load", "yaml.full_load", "jinja2.Template")]


def test_pictures_are_opened_as_one_of_three_formats():
    """Never as what a file claims to be; GIF, AVIF and films are read for their texts alone, by no decoder."""
    opened = list(calls("Image.open"))
    assert opened
    three = {"PNG", "JPEG", "WEBP"}
    for file, call in opened:
        said = told(call).get("formats", "")
        assert said == "FORMATS" or (said and set(ast.literal_eval(said)) <= three), f"{file}: {said}"
    assert {file for file, tree in sources().items() if sets_formats(tree)} == {
        "daemon/artifacts/verifier.py", "agent/pictures/__init__.py",
    }  # fmt: skip
    assert set(FORMATS) == set(AGENT_FORMATS) == three


def sets_formats(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FORMATS" for node in tree.body)


UNVERIFIED = {"daemon.artifacts.verifier", "daemon.artifacts.foreign.child", "daemon.artifacts.shrinker"}


def test_what_nobody_has_verified_is_read_in_bounded_processes():
    """Readers of strangers' files are imported by those processes, and not by the daemon that asks them."""
    asked = {ast.literal_eval(call.args[0]) for _, call in calls("super().__init__") if call.args and is_module(call)}
    assert asked == UNVERIFIED
    for name in UNVERIFIED:
        command = [sys.executable, "-P", "-m", name, "1000000"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin and child.stdout and child.stdout.readline() == b"{}\n"
            wanted = {resource.RLIMIT_AS: confined.MEMORY, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
            if hasattr(resource, "prlimit"):  # Linux alone lets one look at another process
                assert {limit: resource.prlimit(child.pid, limit)[1] for limit in wanted} == wanted, name
    readers = {"reading", "stealth", "containers", "tiff", "films", "xmp"}
    for file, tree in sources().items():
        if file.startswith("daemon/") and not file.startswith("daemon/artifacts/foreign/"):
            found = {
                name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("daemon.artifacts.foreign")
                for name in ((node.module or "").rpartition(".")[2], *(one.name for one in node.names))
            }
            assert not found & readers, f"{file}: {found & readers}"


def is_module(call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Constant) and str(call.args[0].value).startswith("daemon.")


FOLLOWS = "daemon/library/models/remote/door.py"
"""The one place that goes where an answer sends it: downloads of Hugging Face lie elsewhere. It takes no hop by itself:
each address is checked, and asked with `allow_redirects=False` like any other.
"""


def test_the_daemon_follows_no_redirect_uses_no_proxy_and_unpacks_nothing():
    sessions = [(file, told(call)) for file, call in calls("ClientSession") if file.startswith("daemon/")]
    assert {file for file, _ in sessions} == {
        "daemon/fleet/link.py", "daemon/fleet/trust/calls.py", "daemon/gallery/client.py", "daemon/hooks/sending.py",
        FOLLOWS,
    }  # fmt: skip
    for file, said in sessions:
        assert said.get("auto_decompress") == said.get("trust_env") == "False", file
    verbs = ("request", "get", "post", "put")
    owners = ("_session", "_opened()")
    asked = [(file, call) for file, call in calls(*(f"{owner}.{verb}" for owner in owners for verb in verbs))]
    assert {file for file, _ in asked if file.startswith("daemon/")} == {file for file, _ in sessions}
    for file, call in asked:
        if file.startswith("daemon/"):
            assert told(call).get("allow_redirects") == "False", f"{file}: {ast.unparse(call)}"
    assert {file for file, text in texts().items() if file.startswith("daemon/") and '"Location"' in text} == {FOLLOWS}
    checked = [ast.unparse(node) for node in ast.walk(sources()[FOLLOWS]) if isinstance(node, ast.For)]
    assert any("range(REDIRECTS)" in loop and loop.index("self._check(url)") < loop.index(".get(") for loop in checked)
    assert [told(call).get("resolver") for file, call in calls("TCPConnector") if file == FOLLOWS] == [
        "_Public(self._sites)"
    ]


def test_secrets_of_the_settings_are_read_where_they_belong_and_nowhere_else():
    """Nothing else can show, log or send one."""
    names = {secret.split(".")[1] for secret in SECRETS}
    readers: dict[str, set[str]] = {name: set() for name in names}
    for file, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in names and "settings" in ast.unparse(node.value):
                readers[node.attr].add(file)
    assert readers == {
        "auth": {"daemon/parts.py"},
        "token": {"daemon/gallery/posting.py"},
        "civitai_token": {"daemon/library/models/remote/remote.py"},
        "huggingface_token": {"daemon/library/models/remote/remote.py"},
    }
    hooks = {
        file
        for file, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "how.token"
    }
    assert hooks == {"daemon/hooks/sending.py"}
    for file, text in texts().items():
        if "model_dump" in text and file.startswith(("daemon/", "tui/", "schema/")):
            assert "settings.model_dump" not in text or file == "schema/configured.py", file


def test_no_websocket_is_compressed_or_takes_frames_without_end():
    served = list(calls("web.WebSocketResponse"))
    assert served
    for file, call in served:
        assert told(call).get("compress") == "False" and "max_msg_size" in told(call), file
    for file, call in calls("ws_connect"):
        assert "max_msg_size" in told(call), file


def test_secrets_are_compared_in_constant_time():
    """In the files that hold one, nothing called by the name of a secret stands beside `==`."""
    files = [file for file in sources() if "/pairing/" in file or "/trust/" in file]
    files += ["schema/pake.py", "schema/tls.py", "schema/keys.py", "schema/tokens.py"]
    secret = re.compile(r"\b(confirmation|daemon_pin|wanted|given)\b")
    for file in files:
        for node in ast.walk(sources()[file]):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                told_of = ast.unparse(node)
                assert not secret.search(told_of), f"{file}: {told_of}"


# What can be shown in a line ----------------------------------------------------------------------

HOSTILE = [
    "../../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "C:\\CON", "con", "nul.png", ".ssh", "a/b", "a\0b",
    "~root", "\x1b]0;gone\x07", "\x1b[2J", "\x9b31m", "rig\u202egnp", "\u2066x\u2069", "x" * 300, " . ",
    "\ufeff", "a\r\nb", "%2e%2e%2f",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_harmless_wherever_it_is_used(name, tmp_path):
    as_file = safe_name(name)
    assert as_file and len(as_file.encode()) <= 120 and not {"/", "\\", "\0", "\x1b"} & set(as_file)
    assert (tmp_path / as_file).resolve().parent == tmp_path.resolve() and not as_file.startswith(".")
    for shown in (clean(name), plain(name), label(name)):
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\0", "\n", "\r"} & set(shown)


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"b{n}: &b{n} [{'*a,' * 9}]\n" for n in range(60)),
    "nesting": "[" * 5000,
    "flow nesting": "{a: " * 5000,
    "a tag": "!!python/object/apply:os.system ['true']",
    "size": "a: " + "x" * 3_000_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("file", ["pipeline.yaml", "pipeline.json"])
def test_a_text_that_explodes_is_refused_with_its_place(file, text):
    with pytest.raises(Refused) as refused:
        read_json_or_yaml(file, text)
    assert file in str(refused.value)
