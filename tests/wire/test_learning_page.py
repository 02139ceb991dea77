"""docs/learning.md: every command on it is one, with flags that there are, and no verb of `learn` is missing."""

import re
import shlex
from pathlib import Path

import pytest

from tui.cli import ROOT, tree

PAGE = (Path(__file__).parents[2] / "docs" / "learning.md").read_text()
LINES = sorted(
    {line.partition("  ")[0] for line in re.findall(r"^    stablenew (.+)$", PAGE, re.M)}
    | {" ".join(words.split()) for words in re.findall(r"`stablenew ([^`]+)`", PAGE)}
)


@pytest.mark.parametrize("line", LINES)
def test_every_command_on_the_page_is_one(line: str) -> None:
    plain = re.sub(r"\[([^\]|]+)[^\]]*\]", r"\1", line).replace(" N", " 3")  # what may be left out is given
    call = tree.read(shlex.split(plain.replace("PACK|", "")), ROOT)
    assert call.verb is not None and not call.help


def test_no_verb_is_missing() -> None:
    verbs = tree.load(ROOT["learn"])
    assert not isinstance(verbs, tree.Verb)
    missing = [verb for verb in verbs if f"stablenew learn {verb}" not in PAGE]
    assert missing == []
