"""The rules of the house that can be checked: who owns which name, where everything is caught, what docs promise."""

import ast
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("daemon", "agent", "tui", "schema")
SOURCES = [path for program in PROGRAMS for path in sorted((ROOT / program).rglob("*.py"))]

OUTERMOST = {
    "daemon/__main__.py": "the outermost loop of the daemon",
    "daemon/api/guard.py": "the boundary around one request",
    "daemon/log/store.py": "the outermost loop of the writer's thread: who waits must be told",
    "daemon/log/inloop.py": "the writer's twin in the loop",
    "agent/outcome.py": "the boundary around one order: a bug met by one must not take others' results along",
    "agent/cards.py": "the outermost frame of the thread that asks one backend: the others must not suffer",
    "agent/backends/diffusers/process.py": "the boundary around one order in the process that holds the models",
}
"""Where everything may be caught for good, and why."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_nobody_else_owns_our_top_level_names(name):
    assert packages_distributions().get(name, ["stablenew"]) == ["stablenew"]


def test_everything_is_caught_only_in_the_outermost_loops():
    swallowing = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    }
    assert swallowing <= set(OUTERMOST)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path):
    told = ast.get_docstring(ast.parse(path.read_text()))
    assert told, f"{path} begins without a word on what it is for"


def test_no_file_has_grown_out_of_reading():
    long = {str(path.relative_to(ROOT)): n for path in SOURCES if (n := path.read_text().count("\n")) > 400}
    assert not long


def test_the_readme_gives_two_commands_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"```sh\n(.*?)```", text, re.S)
    assert len(commands) == 2
    for target in re.findall(r"\]\((?!http)([^)]+)\)", text) + re.findall(r"`(docs/[\w.]+|[A-Z]+\.md)`", text):
        assert (ROOT / target).exists(), target


def test_the_architecture_page_is_short_and_names_only_what_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert text.count("\n") <= 150
    for target in re.findall(r"`((?:daemon|agent|tui|schema|tests)/[\w/.]*)`", text):
        assert (ROOT / target).exists(), target


def test_nothing_names_a_registry_or_a_place_on_one_machine():
    for path in [*SOURCES, *ROOT.glob("*.lock"), ROOT / "pyproject.toml", ROOT / "README.md"]:
        text = path.read_text()
        assert "--index-url" not in text, path
        assert not re.search(r"file://(?!\{|host/)", text), path
