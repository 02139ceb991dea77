"""The server's own settings that a request needs otherwise: sent with every request, and kept from leaking.

`override_settings` are put back after a request, but only those that stand in the server's config.json: on a fresh
install any other stays for every later request of every client. Two things are done about it. Every request carries
all of them, always, so nothing that leaked before can change our pictures. And once, while the server is idle, the
values it has now are posted back to it, exactly as it told them: from then on they stand in its config.json, and ours
are put back. Forge's modules, and the tile size while an upscale works, are put back by us: see `borrowed.py`.
"""

from agent.backends import BackendTrouble
from agent.backends.webui.door import API, Door
from agent.backends.webui.reading import read_settings
from agent.backends.webui.shapes import Settings
from agent.backends.webui.stock import Stock
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


def pin(door: Door) -> Settings | None:
    """While the server is idle: the settings it has. None: it refused, and overrides may leak as before."""
    try:
        settings = read_settings(door)
        values = {key: _whole(value) for key in _PINNED if (value := getattr(settings, key)) is not None}
        door.tell(f"{API}/options", values)
    except BackendTrouble as trouble:
        if trouble.trouble == "lost":
            raise
        return None
    return settings


def _whole(value: Value) -> Value:
    """Posted back as the int that it is; the server would keep the float, and fail with it."""
    return int(value) if isinstance(value, float) else value
