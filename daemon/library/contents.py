"""What a text of the library says, line by line, as a person reads it: stages, settings, words. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from daemon.library.kinds import Kind
from daemon.prompting.chosen import Part
from daemon.prompting.filled import Filled
from daemon.prompting.overlays import read_overlay
from daemon.prompting.pipelines import read_pipeline
from daemon.prompting.presets import fit, read_preset
from daemon.prompting.profiles import read_profile
from daemon.prompting.styles import read_styles
from daemon.prompting.templates import read_template
from daemon.prompting.wildcards import read_wildcards
from schema.pipeline import STANDARD
from schema.shelf import Said
from schema.stages import Stage

MOST = 5_000
"""Lines that are told of one file."""


def said(kind: Kind, file: str, text: str) -> tuple[Said, ...]:
    """Empty for packs and workflows, which are told otherwise. Raises Refused where it cannot be read."""
    match kind:
        case "wildcard":
            found = _wildcard(file, text)
        case "style":
            found = _style(file, text)
        case "profile":
            found = _profile(file, text)
        case "preset":
            found = _preset(file, text)
        case "pipeline":
            found = _pipeline(file, text)
        case "template":
            found = _template(file, text)
        case "overlay":
            found = _overlay(file, text)
        case _:
            return ()
    return tuple(one for one, _ in zip(found, range(MOST), strict=False))


def _wildcard(file: str, text: str) -> Iterator[Said]:
    words = read_wildcards(file, text)
    for name, values in words.items():
        for value in values:
            weight = "" if value.weight == 1 else f"{value.weight:g}x"
            yield Said(of=name if len(words) > 1 else "", name=weight, value=value.text)


def _style(file: str, text: str) -> Iterator[Said]:
    styles = read_styles(file, text)
    for style in styles:
        of = style.name if len(styles) > 1 else ""
        yield Said(of=of, name="around the prompt" if "{prompt}" in style.prompt else "added", value=style.prompt)
        if style.negative:
            yield Said(of=of, name="negative", value=style.negative)


def _profile(file: str, text: str) -> Iterator[Said]:
    profile = read_profile(file, text)
    yield from _words({
        "name": profile.name, "character": profile.character, "setting": profile.setting, "style": profile.style,
        "negative": profile.negative, "backstory": profile.backstory, "overlay": profile.overlay or "",
        "template": profile.template or "", "earlier prompts": "" if profile.memory is None else str(profile.memory),
    })  # fmt: skip
    yield from (_part("LoRAs", one) for one in profile.loras)
    yield from _weights("wildcards", profile.wildcards)
    yield from _places(profile.places)


def _preset(file: str, text: str) -> Iterator[Said]:
    """As the standard pipeline takes it: the first of each kind of stage."""
    fitted = fit(read_preset(file, text), STANDARD, file)
    for setting in fitted.settings:
        yield Said(of=setting.stage, name=setting.field, value=_written(setting.value))
    for unused in fitted.unused:
        yield Said(of="not for the standard pipeline", value=unused)


def _pipeline(file: str, text: str) -> Iterator[Said]:
    for stage in read_pipeline(file, text).stages:
        yield Said(of=stage.id, name=stage.type, value="on" if stage.enabled else "off")
        yield from (Said(of=stage.id, name=name, value=value) for name, value in _fields(stage))


def _fields(stage: Stage) -> Iterator[tuple[str, str]]:
    """What the stage says otherwise than a bare one of its kind would."""
    told = stage.model_dump(exclude_defaults=True, exclude={"id", "type", "enabled"}, mode="json")
    for name, value in told.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", _written(one)) for inner, one in value.items())
        else:
            yield name, _written(value)


def _template(file: str, text: str) -> Iterator[Said]:
    template = read_template(file, text)
    yield from _words({
        "name": template.name, "genre": template.genre, "prompt": template.prompt, "negative": template.negative,
        "fills in": ", ".join(template.holes), "about": template.about,
    })  # fmt: skip
    yield from (Said(of="sets", name=name, value=value) for name, value in template.set.items())


def _overlay(file: str, text: str) -> Iterator[Said]:
    overlay = read_overlay(file, text)
    yield from _words({
        "name": overlay.name, "at most at once": "" if overlay.most is None else str(overlay.most),
        "how often": "" if overlay.probability == 1 else f"{overlay.probability:.0%}",
    })  # fmt: skip
    yield from (Said(of="styles", value=one.text) for one in overlay.styles)
    yield from (_part("LoRAs", one) for one in overlay.loras)
    yield from (_part("embeddings", one) for one in overlay.embeddings)
    yield from (Said(of="colour grades", value=one.text) for one in overlay.grades)
    for field in overlay.fields:
        values = ", ".join(map(_written, field.values)) or f"{field.low:g} to {field.high:g}"
        yield Said(of="settings", name=field.key, value=values)
    yield from _places(overlay.places)


def _part(of: str, part: Part) -> Said:
    strength = f"{part.low:g}" if part.low == part.high else f"{part.low:g} to {part.high:g}"
    often = "" if part.probability is None else f", in {part.probability:.0%} of the pictures"
    return Said(of=of, name=part.name, value=f"{strength}{often}")


def _places(places: Filled) -> Iterator[Said]:
    for name, chance in places.chances.items():
        yield Said(of="places to vary", name=name, value=f"filled in {chance:.0%} of the pictures")
    yield from _weights("places to vary", places.weights)


def _weights(of: str, weights: Mapping[str, Mapping[str, float]]) -> Iterator[Said]:
    for name, values in weights.items():
        told = ", ".join(f"{value} {'never' if weight == 0 else f'{weight:g}x'}" for value, weight in values.items())
        yield Said(of=of, name=name, value=told)


def _words(told: Mapping[str, str]) -> Iterator[Said]:
    yield from (Said(name=name, value=value) for name, value in told.items() if value)


def _written(value: object) -> str:
    """`on`, `0.35`, `toy_v1`; of what has parts its JSON."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "the backend's own"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
