"""Reads a server's lists: once when it is found, again when asked. Which routes there are tells the flavour.

Knows which route answers what in which flavour; see `shapes.py` for their fields.
"""

from collections.abc import Iterable

from agent.backends import BackendTrouble
from agent.backends.webui.door import API, Door
from agent.backends.webui.shapes import (
    ControlModels,
    ControlModules,
    Detectors,
    Embeddings,
    Named,
    Routes,
    ScriptInfo,
    Scripts,
    Settings,
)
from agent.backends.webui.stock import ADETAILER, CONTROLNET, PLAIN_UPSCALERS, Checkpoint, Flavour, Lora, Stock
from schema.names import plain

POISONED = (
    "its own settings are broken: one has a value of the wrong type, so it fails at every request; "
    "put the setting right in its settings page or its config.json and restart it"
)


def read_stock(door: Door) -> Stock:
    """About fifteen short requests. Raises BackendTrouble when the server fails at what it must have."""
    routes = door.listed("/openapi.json", Routes)
    paths = frozenset(routes.paths or {}) if routes else frozenset[str]()
    flavour = _flavour(door, paths)
    settings = read_settings(door)
    vaes, encoders = _vaes(door, flavour)
    scripts, detectors, detail_fields, units = _scripts(door, paths)
    controls, processors = _controls(door) if CONTROLNET in scripts else ((), ())
    return Stock(
        flavour=flavour,
        tasks="/internal/progress" in paths,
        checkpoints=tuple(_checkpoints(door.get(f"{API}/sd-models", list[Named]))),
        vaes=vaes,
        encoders=encoders,
        samplers=_names(door.get(f"{API}/samplers", list[Named])),
        schedulers=tuple(each.label or each.name or "" for each in door.listed(f"{API}/schedulers", list[Named]) or ()),
        upscalers=tuple(_upscalers(door.listed(f"{API}/upscalers", list[Named]) or [])),
        latent_upscalers=_names(door.listed(f"{API}/latent-upscale-modes", list[Named])),
        loras=tuple(Lora(e.name, e.alias or "") for e in door.listed(f"{API}/loras", list[Named]) or () if e.name),
        embeddings=_embeddings(door),
        hypernetworks=_names(door.listed(f"{API}/hypernetworks", list[Named])),
        restorers=_names(door.listed(f"{API}/face-restorers", list[Named])),
        scripts=scripts,
        detectors=detectors,
        detail_fields=detail_fields,
        controls=controls,
        control_processors=processors,
        control_units=units,
        settings=settings,
    )


def read_settings(door: Door) -> Settings:
    """Raises BackendTrouble for a server that cannot tell its own settings."""
    try:
        return door.get(f"{API}/options", Settings)
    except BackendTrouble as trouble:
        if trouble.trouble == "lost":
            raise
        raise BackendTrouble("backend", f"the WebUI at {door.url} cannot tell its settings: {POISONED}") from None


def refresh(door: Door) -> None:
    """Tells the server to look into its folders again. What a version does not know is left out."""
    for what in ("checkpoints", "vae", "loras", "embeddings"):
        try:
            door.tell(f"{API}/refresh-{what}")
        except BackendTrouble as trouble:
            if trouble.trouble == "lost":
                raise


def _flavour(door: Door, paths: frozenset[str]) -> Flavour:
    if paths:
        return "forge" if f"{API}/sd-modules" in paths else "a1111"
    return "a1111" if door.listed(f"{API}/sd-modules", list[Named]) is None else "forge"


def _vaes(door: Door, flavour: Flavour) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """VAEs and text encoders. Forge keeps both in one list; the folder tells them apart."""
    if flavour == "a1111":
        found = door.listed(f"{API}/sd-vae", list[Named]) or []
        return tuple(each.model_name for each in found if each.model_name), ()
    modules = [(each.model_name, each.filename or "") for each in door.listed(f"{API}/sd-modules", list[Named]) or ()]
    named = [(name, _is_encoder(filename)) for name, filename in modules if name]
    return tuple(name for name, text in named if not text), tuple(name for name, text in named if text)


def _is_encoder(filename: str) -> bool:
    folders = plain(filename).split("/")[:-1]
    return any(folder in ("text_encoder", "text_encoders", "clip", "te") for folder in folders[-3:])


def _checkpoints(found: Iterable[Named]) -> Iterable[Checkpoint]:
    for each in found:
        if title := each.title or each.model_name:
            name, mark, rest = title.rpartition(" [")
            yield Checkpoint(title, name if mark and rest.endswith("]") else title)


def _upscalers(found: Iterable[Named]) -> Iterable[str]:
    """Those that are there: one without a file, or with an address for it, would be answered with a plain resize."""
    for each in found:
        path = each.model_path or ""
        there = path and not path.startswith(("http://", "https://"))
        if each.name and (there or each.name in PLAIN_UPSCALERS):
            yield each.name


def _names(found: Iterable[Named] | None) -> tuple[str, ...]:
    return tuple(each.name for each in found or () if each.name)


def _embeddings(door: Door) -> tuple[str, ...]:
    """Those of another model family are skipped for now, and there all the same."""
    found = door.listed(f"{API}/embeddings", Embeddings)
    return tuple(dict.fromkeys((*(found.loaded or {}), *(found.skipped or {})))) if found else ()


def _scripts(door: Door, paths: frozenset[str]) -> tuple[frozenset[str], tuple[str, ...], frozenset[str], int]:
    """Scripts of img2img, ADetailer's detectors and the names of its arguments, and how many ControlNet units fit."""
    found = door.listed(f"{API}/scripts", Scripts)
    scripts = frozenset(title.lower() for title in (found.img2img or ())) if found else frozenset[str]()
    infos = door.listed(f"{API}/script-info", list[ScriptInfo]) or [] if scripts & {ADETAILER, CONTROLNET} else []
    named = {name: info for info in infos if info.is_img2img and (name := (info.name or "").lower()) in scripts}
    detectors = _detectors(named.get(ADETAILER))
    if not detectors and ADETAILER in scripts and "/adetailer/v1/ad_model" in paths:
        told = door.listed("/adetailer/v1/ad_model", Detectors)
        detectors = tuple(name for name in (told.ad_model or ()) if name != "None") if told else ()
    units = named.get(CONTROLNET)
    return scripts, detectors, _detail_fields(named.get(ADETAILER)), len(units.args or ()) if units else 0


def _detectors(info: ScriptInfo | None) -> tuple[str, ...]:
    """The choices of its argument that chooses a detector."""
    for argument in (info.args or ()) if info else ():
        label = str(argument.label or "").lower()
        if isinstance(argument.choices, list) and ("detector" in label or "model" in label):
            return tuple(str(choice) for choice in argument.choices if choice != "None")
    return ()


def _detail_fields(info: ScriptInfo | None) -> frozenset[str]:
    for argument in (info.args or ()) if info else ():
        if isinstance(argument.value, dict) and "ad_model" in argument.value:
            return frozenset(str(name) for name in argument.value)
    return frozenset()


def _controls(door: Door) -> tuple[tuple[str, ...], tuple[str, ...]]:
    models = door.listed("/controlnet/model_list", ControlModels)
    modules = door.listed("/controlnet/module_list", ControlModules)
    names = tuple(name for name in (models.model_list or ()) if name != "None") if models else ()
    return names, tuple(name for name in (modules.module_list or ()) if name.lower() != "none") if modules else ()
