"""Favourites stand first in every list that one chooses from, with a star."""

import pytest

from schema.pages import Resource
from tui.link.favoured import first


def test_favourites_come_first_whatever_their_folder_and_ending():
    names = [Resource(list="models", name=name) for name in ("a.safetensors", "sdxl/b.safetensors", "c.ckpt", "d")]
    found = first(names, ("c", "b", "gone"))
    assert [one.name for one in found.names] == ["c.ckpt", "sdxl/b.safetensors", "a.safetensors", "d"]
    assert found.starred == {"c.ckpt", "sdxl/b.safetensors"}


@pytest.mark.long
async def test_every_list_of_a_run_begins_with_its_favourites(show, daemon):
    daemon.learned.favourites = [
        {"list": list_, "name": name, "uses": 9, "stars": stars}
        for list_, name, stars in (
            ("samplers", "Heun", 4.5), ("samplers", "Euler", 0.0), ("samplers", "Euler a", 1.5),
            ("packs", "knights", 4.0), ("models", "juggernautXL_v9", 4.2), ("styles", "ink", 4.0),
        )
    ]  # fmt: skip
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("n")
        await eyes.sees("[Generate]", "write a prompt or take a pack", "[x] 1 txt2img")
        eyes.app.screen.set_focus(eyes.app.screen.cards)
        eyes.app.screen.cards.stand("txt2img.sampler")
        await eyes.press("enter")
        await eyes.sees("★Heun", "★Euler", " DPM++ 2M")
        names = [eyes.app.screen.names.pages.get(n).name for n in range(4)]
        assert names == ["Heun", "Euler", "DPM++ 2M", "Euler a"]
        await eyes.press(*"eu")
        await eyes.sees("★Euler", " Euler a")
        await eyes.press("escape")
        await eyes.app.screen.choose("pack")
        await eyes.sees(">★knights")
