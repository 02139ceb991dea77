"""The server's own settings that a request needs otherwise: sent with every request, and kept from leaking.

`override_settings` are put back after a request, but only those that stand in the server's config.json: on a fresh
install any other stays for every later request of every client. Two things are done about it. Every request carries
all of them, always, so nothing that leaked before can change our pictures. And once, while the server is idle, the
values it has now are posted back to it, exactly as it told them: from then on they stand in its config.json, and ours
are put back. Nothing else is ever written to it but the tile size while an upscale works (`Tiles`), as extras take no
overrides.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agent.backends import BackendTrouble
from agent.backends.webui.door import API, Door
from agent.backends.webui.shapes import Settings
from agent.backends.webui.stock import PLAIN_UPSCALERS, Stock
from agent.backends.webui.wishes import AUTOMATIC, BUILT_IN, Chosen
from schema.names import found

Value = str | int | float | bool | list[str]

_PINNED = (
    "CLIP_stop_at_last_layers",
    "sd_vae",
    "forge_additional_modules",
    "samples_format",
    "return_grid",
    "return_mask",
    "return_mask_composite",
)
_TILES = ("ESRGAN", "DAT", "SWIN")


def overrides(chosen: Chosen, clip_skip: int, stock: Stock) -> dict[str, Value]:
    """Only keys the server has: one it does not know fails the whole request."""
    wanted: dict[str, Value | None] = {
        "sd_model_checkpoint": chosen.checkpoint.title if chosen.checkpoint else None,
        "CLIP_stop_at_last_layers": clip_skip,
        "samples_format": "png",
        "return_grid": False,
        "return_mask": False,
        "return_mask_composite": False,
    }
    if stock.flavour == "forge":
        wanted["forge_additional_modules"] = modules(chosen, stock)
    else:
        wanted["sd_vae"] = vae(chosen, stock)
    always = ("sd_model_checkpoint", "forge_additional_modules")
    return {
        key: value
        for key, value in wanted.items()
        if value is not None and (key in always or getattr(stock.settings, key) is not None)
    }


def modules(chosen: Chosen, stock: Stock) -> list[str]:
    """Forge's VAE and text encoders. Where the stage names neither: as the server is set."""
    named = [name for name in (chosen.vae, *chosen.encoders) if name]
    return named or list(stock.settings.forge_additional_modules or ())


def vae(chosen: Chosen, stock: Stock) -> str:
    return chosen.vae or stock.settings.sd_vae or AUTOMATIC


def used_vae(chosen: Chosen, told: str | None, stock: Stock) -> str:
    """How the record names what the server says it used."""
    if chosen.vae:
        return chosen.vae
    return found(told, stock.vaes) or told if told and told not in ("None", AUTOMATIC) else BUILT_IN


def pin(door: Door, stock: Stock) -> bool:
    """While the server is idle. False: it refused, and overrides may leak to its other clients as before."""
    values = {key: _whole(value) for key in _PINNED if (value := getattr(stock.settings, key)) is not None}
    try:
        some = (*stock.vaes, *stock.encoders)[:1]
        if values.get("forge_additional_modules") == [] and some:
            # Forge writes this one down only when it changes
            door.tell(f"{API}/options", {"forge_additional_modules": list(some)})
        door.tell(f"{API}/options", values)
    except BackendTrouble as trouble:
        if trouble.trouble == "lost":
            raise
        return False
    return True


class Tiles:
    """Sets the tile size for one upscale and puts the old one back, later if the server dies in between."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._owed: dict[str, int] = {}
        """What must be put back."""

    @contextmanager
    def of(self, upscaler: str, tile: int, overlap: int, settings: Settings) -> Iterator[bool]:
        """True: the upscaler works in such tiles. False: it needs none, or the server has no such setting.

        0 is one piece. A tile larger than the picture would be filled up with black to its whole size.
        """
        before = {} if upscaler in PLAIN_UPSCALERS else _tile_settings(settings)
        wanted = {key: overlap if key.endswith("overlap") else tile for key in before}
        changed = {key: value for key, value in wanted.items() if before[key] != value}
        if changed:
            self._owed = {key: before[key] for key in changed} | self._owed
            self._door.tell(f"{API}/options", changed)
        try:
            yield bool(before)
        finally:
            self.put_back()

    def put_back(self) -> None:
        """What is owed; called again when the server is back."""
        if not self._owed:
            return
        try:
            self._door.tell(f"{API}/options", dict(self._owed))
        except BackendTrouble:
            return
        self._owed.clear()


def _whole(value: Value) -> Value:
    """Posted back as the int that it is; the server would keep the float, and fail with it."""
    return int(value) if isinstance(value, float) else value


def _tile_settings(settings: Settings) -> Mapping[str, int]:
    keys = (f"{family}_{what}" for family in _TILES for what in ("tile", "tile_overlap"))
    return {key: int(value) for key in keys if (value := getattr(settings, key)) is not None}
