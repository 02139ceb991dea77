"""The man page: nothing of the commands is lost in it, and roff reads it without a complaint."""

import shutil
import subprocess

import pytest

from tui.cli import ROOT
from tui.cli.manual import manual, text
from tui.cli.reference import verbs

PAGE = manual()


def test_every_command_and_option_stands_in_it():
    for path, verb in verbs():
        assert f"stablenew {text(' '.join(path))}" in PAGE
        for take in verb.takes:
            assert all(text(flag) in PAGE for flag in take.flags)
    assert all(f".B {name}\n" in PAGE for name in ROOT)


def test_no_line_is_taken_for_a_request():
    known = (".TH ", ".SH ", ".SS ", ".TP", ".B ")
    assert all(line.startswith(known) for line in PAGE.splitlines() if line[:1] in (".", "'"))
    assert text(".hidden \\ -x") == "\\&.hidden \\e \\-x"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_roff_has_no_complaint():
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=PAGE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
