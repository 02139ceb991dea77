"""Fixtures of the tests of the diffusers backend with real torch, which take them by `pytest_plugins`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from diffusers_notes import painted
from diffusers_trial import opened
from diffusers_world import make_models

from agent.backends.diffusers import Diffusers


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def backend(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diffusers]:
    yield from opened(models, tmp_path_factory.mktemp("home"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return painted(tmp_path / "photo.png")
