"""The `.prompts` files of Dream Factory: a `[config]` of `!NAME = value`, and sections of prompts that are multiplied.

One section: each line is a prompt. Several: one prompt with a slot for each section. `[prompts 2-6 " and "]` takes so
many of its lines and joins them.
"""

import re
from typing import NamedTuple

from daemon.prompting import tokens
from daemon.prompting.texts import file_stem, told
from schema.dialects import sampling
from schema.errors import Refused
from schema.ids import Sha256
from schema.packs import MatrixSlot, Pack, PackMatrix, PackPrompt

FIELDS = {
    "WIDTH": "txt2img.width", "HEIGHT": "txt2img.height", "STEPS": "txt2img.steps", "SCALE": "txt2img.cfg",
    "CKPT_FILE": "txt2img.model", "VAE": "txt2img.vae", "CLIP_SKIP": "txt2img.clip_skip",
    "HIRES_SCALE": "txt2img.hires.scale", "HIRES_UPSCALER": "txt2img.hires.upscaler",
    "HIRES_STEPS": "txt2img.hires.steps", "HIRES_STRENGTH": "txt2img.hires.denoise",
    "UPSCALE_AMOUNT": "upscale.factor", "UPSCALE_MODEL": "upscale.upscaler",
}  # fmt: skip
"""Its directives and our fields."""

READ = ("MODE", "DELIM", "NEG_PROMPT", "SEED", "SAMPLER")
NAMES = ("CKPT_FILE", "VAE", "HIRES_UPSCALER", "UPSCALE_MODEL")
"""Directives that are names; all others of `FIELDS` are numbers."""

_SECTION = re.compile(r'^\[\s*(\w+)\s*(?:(\d{1,3})(?:\s*-\s*(\d{1,3}))?)?\s*(?:"([^"]*)")?\s*\]$')
_DIRECTIVE = re.compile(r"^!\s*([A-Za-z_]+)\s*=\s*(.*)$")


class _Section(NamedTuple):
    line: int
    lines: list[tuple[int, str]]
    low: int = 1
    high: int = 1
    between: str = ", "


def read(file: str, body: str) -> Pack:
    """`body` has `\\n` line ends and no byte order mark. Raises Refused that names the line."""
    sections: list[_Section] = []
    said: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(body.split("\n"), 1):
        text, where = line.strip(), f"{told(file)}:{number}"
        if not text or text.startswith("#"):
            continue
        if directive := _DIRECTIVE.match(text):
            said[directive[1].upper()] = (directive[2].strip().strip('"'), where)
        elif text.startswith("["):
            section = _section(text, number, where)
            sections += [section] if section else []
        elif not sections:
            remedy = "Begin with [prompts]; settings are written !STEPS = 30."
            raise Refused("a prompt stands before any section.", where=where, remedy=remedy)
        else:
            sections[-1].lines.append((number, text))
    filled = [section for section in sections if section.lines]
    overrides, unused = _overrides(said)
    prompts, slots = _made(filled, said, overrides)
    mode = "random" if said.get("MODE", ("", ""))[0].lower() == "random" else "fanout"
    return Pack(
        name=file_stem(file), file=file, dialect="prompts", sha256=Sha256(""), prompts=tuple(prompts),
        matrix=PackMatrix(enabled=True, mode=mode, slots=slots), warnings=unused,
    )  # fmt: skip


def _section(text: str, number: int, where: str) -> _Section | None:
    """None for `[config]`."""
    found = _SECTION.match(text)
    if found and found[1].lower() == "config":
        return None
    if not found or found[1].lower() != "prompts":
        raise Refused(
            f"there is no section '{told(text, 40)}'.", where=where, remedy="There are [config] and [prompts]."
        )
    low = int(found[2] or 1)
    high = int(found[3] or low)
    if high < low:
        raise Refused("the range ends before it begins.", where=where, remedy='Write [prompts 2-6 " and "].')
    return _Section(number, [], low, high, ", " if found[4] is None else found[4])


def _made(
    sections: list[_Section], said: dict[str, tuple[str, str]], overrides: dict[str, str]
) -> tuple[list[PackPrompt], tuple[MatrixSlot, ...]]:
    negative = said.get("NEG_PROMPT", ("", ""))[0]
    seed = said.get("SEED", ("", ""))[0]
    own = int(seed) if seed.isdigit() and len(seed) < 19 else None
    if len(sections) == 1 and sections[0].high == 1:
        lines = sections[0].lines
        made = [tokens.prompt_of(at, line, text, negative, overrides=overrides, seed=own)
                for at, (line, text) in enumerate(lines, 1)]  # fmt: skip
        return made, ()
    slots: list[MatrixSlot] = []
    parts: list[str] = []
    for at, section in enumerate(sections, 1):
        texts = tuple(text for _, text in section.lines)
        if section.high > 1:
            count = f"{section.low}-{section.high}" if section.high > section.low else f"{section.low}"
            parts.append(f"{{{count}$${section.between}$${'|'.join(texts)}}}")
        elif len(texts) == 1:
            parts.append(texts[0])
        else:
            slots.append(MatrixSlot(name=f"section {at}", values=texts))
            parts.append(f"[[section {at}]]")
    text = said.get("DELIM", (" ", ""))[0].join(parts) if parts else ""
    line = sections[0].line if sections else 0
    return ([tokens.prompt_of(1, line, text, negative, overrides=overrides, seed=own)] if text else []), tuple(slots)


def _overrides(said: dict[str, tuple[str, str]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Of what is one value; lists, ranges and other directives are told."""
    found: dict[str, str] = {}
    unused: list[str] = []
    for name, (value, where) in said.items():
        if name == "SAMPLER" and value:
            sampler, scheduler = sampling(value)
            found |= {"txt2img.sampler": sampler} | ({"txt2img.scheduler": scheduler} if scheduler else {})
        elif name in FIELDS and value and (name in NAMES or re.fullmatch(r"\d+(\.\d+)?", value)):
            found[FIELDS[name]] = value
        elif value and (name not in READ or (name == "SEED" and not re.fullmatch(r"-1|\d{1,18}", value))):
            unused.append(f"{where}: not understood and not used: !{told(name, 40)} = {told(value, 40)}.")
    return found, tuple(unused)
