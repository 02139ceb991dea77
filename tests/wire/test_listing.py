"""Folders of models as people have them: of other users, with names of other times, with links in a circle."""

import os
from pathlib import Path

import msgspec
import pytest

from agent.backends.comfyui.card import no_card
from agent.backends.webui.folder import stock_of
from agent.http import NoServer
from agent.listing import listed

ENDINGS = (".safetensors",)
OLD = os.fsdecode(b"caf\xe9.safetensors")
"""As an archive of another time unpacks it."""


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def put_old(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OLD).write_bytes(b"x")


def names(top: Path) -> list[str]:
    return [found.name for found in listed(top, ENDINGS).found]


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As another user's folder does; the one who runs the tests may read everything."""
    real = os.scandir

    def scandir(path: str):
        if os.fspath(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(folder))
        return real(path)

    monkeypatch.setattr("os.scandir", scandir)


def test_files_come_by_name_with_the_folders_they_lie_in(tmp_path):
    for name in ("b.safetensors", "a/z.SAFETENSORS", "a/y.txt", ".hidden/x.safetensors", "c/.safetensors.tmp"):
        put(tmp_path / name)
    assert names(tmp_path) == ["a/z.SAFETENSORS", "b.safetensors"]


def test_a_folder_that_may_not_be_read_costs_only_itself(tmp_path, monkeypatch):
    put(tmp_path / "a.safetensors"), put(tmp_path / "lost+found" / "x.safetensors"), put(tmp_path / "z.safetensors")
    refuse(monkeypatch, tmp_path / "lost+found")
    assert names(tmp_path) == ["a.safetensors", "z.safetensors"]
    assert listed(tmp_path, ENDINGS).passed == ["lost+found: permission denied"]


def test_a_name_that_is_no_text_is_passed_over(tmp_path):
    put(tmp_path / "a.safetensors"), put_old(tmp_path)
    listing = listed(tmp_path, ENDINGS)
    assert [found.name for found in listing.found] == ["a.safetensors"]
    assert listing.passed == ["caf?.safetensors: its name is no UTF-8; rename it"]


def test_links_in_a_circle_pipes_and_loose_links_end_nothing(tmp_path):
    put(tmp_path / "deep" / "a.safetensors")
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert names(tmp_path) == ["deep/a.safetensors"]
    assert listed(tmp_path, ENDINGS).passed == ["gone.safetensors: no such file or directory"]


def test_a_linked_folder_is_looked_into(tmp_path):
    put(tmp_path / "elsewhere" / "a.safetensors")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "more").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "models") == ["more/a.safetensors"]


def test_nothing_is_there(tmp_path):
    assert listed(tmp_path / "nowhere", ENDINGS).passed == [] == names(tmp_path / "nowhere")
    assert names(put(tmp_path / "file.safetensors")) == []


def test_the_lists_of_servers_that_are_down_can_always_be_sent(tmp_path):
    for folder in ("loras", "Lora", "Stable-diffusion", "checkpoints"):
        put_old(tmp_path / folder), put(tmp_path / folder / "sub" / "good.safetensors")
    card = no_card("http://127.0.0.1:1", NoServer("it is down", sent=False), (), tmp_path)
    stock = stock_of(tmp_path)
    assert card.loras == card.models == ("sub/good.safetensors",) and msgspec.msgpack.encode(card)
    assert [lora.name for lora in stock.loras] == ["good"]
    assert [model.title for model in stock.checkpoints] == ["sub/good.safetensors"]
