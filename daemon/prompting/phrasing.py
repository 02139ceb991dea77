"""What stands around every prompt of a run: a template, a profile's words and LoRAs, styles. Text in, text out.

From the inside: the prompt; the template that its pack names for it; the run's template with the profile's words in
its places, or these words before and behind; the profile's LoRAs; the styles, in the order they were named.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.prompting import styles as styling
from daemon.prompting.chosen import Part
from daemon.prompting.looks.lean import Lean
from daemon.prompting.overlays import Overlay, read_overlay
from daemon.prompting.profiles import Profile, plain_name, read_profile
from daemon.prompting.recipe import Shelf
from daemon.prompting.sources import Source
from daemon.prompting.styles import Style
from daemon.prompting.templates import Template, fill, fill_negative, read_template
from daemon.prompting.texts import nearest, told
from daemon.prompting.variation.chances import Said
from daemon.prompting.variation.parts import Broken
from daemon.prompting.variation.syntax import read_parts
from schema.errors import Refused
from schema.lessons import Lessons
from schema.packs import PackPrompt
from schema.plans import Pick
from schema.requests import RunRequest, TextFile


class Phrasing(NamedTuple):
    library: Shelf
    profile: Profile | None = None
    template: Template | None = None
    styles: tuple[Style, ...] = ()
    overlay: Overlay | None = None
    named: Mapping[str, Template] = {}
    """Templates that packs name."""
    leaning: Lean = Lean()
    """What looks at pictures suggest."""
    lessons: Lessons = Lessons()
    """What verdicts taught."""

    @property
    def warnings(self) -> tuple[str, ...]:
        each = (self.profile, self.template, self.overlay)
        return tuple(warning for one in each if one for warning in one.warnings)

    @property
    def draws(self) -> bool:
        """Whether something besides words is drawn for each variant."""
        return self.overlay is not None or any(not certain(part) for part in self._loras)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(style.name for style in self.styles)

    @property
    def _loras(self) -> tuple[Part, ...]:
        return self.profile.loras if self.profile else ()

    def around(self, prompt: PackPrompt, text: str, negative: str) -> tuple[str, str]:
        """Before variation: what stands around may hold places to vary as the prompt may."""
        own = self.named.get(prompt.template)
        if own:
            text = fill(own, {**prompt.variables, "prompt": text})
            negative = fill_negative(own, {**prompt.variables, "negative": negative})
        if self.profile or self.template:
            text, negative = self._told(text, negative)
        marks = (f"<lora:{part.name}:{part.low:g}>" for part in self._loras if certain(part))
        text = " ".join(filter(None, [text, *(mark for mark in marks if not names_lora(text, mark))]))
        for style in self.styles:
            text, negative = styling.around(style, text), styling.against(style, negative)
        return text, negative

    def styled(self, text: str, negative: str, names: Sequence[str]) -> tuple[str, str]:
        """With styles of the library, which a grid names."""
        for name in names:
            style = find_style(self.library.styles(), name, "--vary style")
            text, negative = styling.around(style, text), styling.against(style, negative)
        return text, negative

    def _told(self, text: str, negative: str) -> tuple[str, str]:
        profile = self.profile
        words = {"character": profile.character, "setting": profile.setting, "style": profile.style} if profile else {}
        if profile and any(style.name.casefold() == profile.style.strip().casefold() for style in self.styles):
            del words["style"]
        holes = self.template.holes if self.template else ()
        before = [words[name] for name in ("character",) if name in words and name not in holes]
        behind = [words[name] for name in ("setting", "style") if name in words and name not in holes]
        text = joined(*before, text, *behind)
        if self.template:
            text = fill(self.template, {**words, "backstory": profile.backstory if profile else "", "prompt": text})
            negative = fill_negative(self.template, {**words, "negative": negative})
        return text, joined(negative, profile.negative if profile else "")

    def check(self) -> None:
        """Raises Refused where the words of a template, profile or style are broken by themselves."""
        said: list[tuple[str, tuple[str, ...]]] = [
            (f"template {one.source or one.name}", (one.prompt, one.negative))
            for one in (self.template, *self.named.values())
            if one
        ]
        if own := self.profile:
            said.append((f"profile {own.source or own.name}", (own.character, own.setting, own.style, own.negative)))
        said += [(f"style {one.source or one.name}", (one.prompt, one.negative)) for one in self.styles]
        for where, texts in said:
            for text in texts:
                try:
                    read_parts(text)
                except Broken as fault:
                    sentence = f"in '{told(text, 60)}': {fault.sentence}"
                    raise Refused(sentence, where=told(where), remedy=fault.remedy) from fault

    def origin(self, origin: str, overlay: bool) -> str:
        """Of a prompt's words: `pack knights.txt:4, template portrait, profile mira, style ink`."""
        template = f"template {self.template.name}" if self.template else ""
        profile = f"profile {self.profile.name}" if self.profile and self.profile.character else ""
        drawn = f"overlay {self.overlay.name}" if self.overlay and overlay else ""
        return joined(origin, template, profile, *(f"style {name}" for name in self.names), drawn)

    def weight(self, wildcard: str, value: str) -> float:
        """Factor of a wildcard's value: the profile's and what looks suggest."""
        factor = self.profile.weight(wildcard, value) if self.profile else 1.0
        factor *= self.overlay.places.weight(wildcard, value) if self.overlay else 1.0
        return factor * self.leaning.weight(wildcard, value)

    def slot_weight(self, slot: str, value: str) -> float:
        """Factor of the value of a matrix slot: what is said of it by its name as a place."""
        each = (self.overlay, self.profile)
        return math.prod(one.places.weight(slot, value) for one in each if one)

    @property
    def chances(self) -> tuple[Said, ...]:
        """How likely places are filled: what the overlay says goes before what the profile says."""
        overlay = self.overlay.places.said(f"overlay {told(self.overlay.name, 80)}") if self.overlay else {}
        return overlay, self.profile.places.said(f"profile {told(self.profile.name, 80)}") if self.profile else {}

    def explained(self, pick: Pick) -> str:
        """What moved the weight of a pick, to be told behind its source; empty: nothing."""
        wildcard = plain_name(pick.key.partition("#")[0])
        own = self.profile.weight(wildcard, pick.value) if self.profile else 1.0
        seen = self.leaning.weight(pick.key, pick.value)
        profile = f"profile {self.profile.name} x{own:g}" if self.profile and own != 1.0 else ""
        drawn = self.overlay.places.weight(wildcard, pick.value) if self.overlay else 1.0
        overlay = f"overlay {self.overlay.name} x{drawn:g}" if self.overlay and drawn != 1.0 else ""
        return joined(profile, overlay, f"feedback x{seen:.2f}" if seen != 1.0 else "")


def read_phrasing(request: RunRequest, library: Shelf, leaning: Lean) -> Phrasing:
    """Raises Refused for names that are not in the library and files that are broken.

    What the library has is called as the library calls it, whatever name stands in the file: so it is found again.
    """
    profile, wanted = None, request.profile
    if wanted is not None:
        file = library.profile(wanted) if isinstance(wanted, str) else wanted
        profile = read_profile(file.name, file.text)
        profile = profile._replace(name=wanted) if isinstance(wanted, str) else profile
    template = request.template or (profile.template if profile else None)
    framed: Template | None = None
    if isinstance(template, TextFile):
        framed = read_template(template.name, template.text)
    elif template:
        framed = library.template(template)._replace(name=template)
    overlay = request.overlay or (profile.overlay if profile else None)
    drawn: Overlay | None = None
    if overlay is not None:
        file = library.overlay(overlay) if isinstance(overlay, str) else overlay
        drawn = read_overlay(file.name, file.text)
        drawn = drawn._replace(name=overlay) if isinstance(overlay, str) else drawn
    styles = tuple(find_style(library.styles(), name, "--style") for name in request.style)
    if profile and profile.style and not styles:
        styles = tuple(one for one in library.styles() if one.name.casefold() == profile.style.strip().casefold())
    return Phrasing(library, profile, framed, styles, drawn, leaning=leaning)


def named_templates(library: Shelf, sources: Sequence[Source]) -> tuple[dict[str, Template], tuple[str, ...]]:
    """Of the packs' prompts by name; and what is told of those that the library has not."""
    found: dict[str, Template] = {}
    missing: dict[str, str] = {}
    for source in sources:
        for prompt in source.prompts:
            if not prompt.template or prompt.template in found or prompt.template in missing:
                continue
            try:
                found[prompt.template] = library.template(prompt.template)
            except Refused as refused:
                where = source.pack.where(prompt) if source.pack else ""
                missing[prompt.template] = f"{where}: {refused.sentence} Its text is used as it is."
    return found, tuple(missing.values())


def find_style(styles: Sequence[Style], name: str, where: str) -> Style:
    """By its name, whatever the case. Raises Refused."""
    found = next((one for one in styles if one.name.casefold() == name.strip().casefold()), None)
    if found is None:
        remedy = nearest(name.strip(), (one.name for one in styles)) or "There is none yet in the library."
        raise Refused(f"there is no style '{told(name, 60)}'.", where=where, remedy=remedy)
    return found


def certain(part: Part) -> bool:
    """A LoRA that is always taken, and with one strength."""
    return part.probability in (None, 1.0) and part.low == part.high


def names_lora(text: str, mark: str) -> bool:
    """Whether the prompt names that LoRA already: what a person wrote stays."""
    return mark.rpartition(":")[0].casefold() in text.casefold()


def joined(*parts: str) -> str:
    return ", ".join(part.strip().rstrip(",") for part in parts if part.strip())
