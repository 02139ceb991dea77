"""The shim is built once, and one server lives all lives on the disk that it makes fail."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for `lives` and `scenario`, which tests and server share

from lives import Lives  # noqa: E402 - it is found now


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler here, or no Linux: the disk cannot be made to fail")
    shim = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, HERE / "shim.c", "-ldl", "-lpthread"], check=True)
    lives = Lives(shim)
    yield lives
    lives.close()
