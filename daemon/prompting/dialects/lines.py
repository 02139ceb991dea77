"""The lines that SD WebUI's script `Prompts from file` reads: each is a prompt, some with `--steps 30` and the like.

A file is one where a line begins with a tag of that script. Its plain lines are prompts as they stand.
"""

import re
import shlex

from daemon.prompting import tokens
from daemon.prompting.texts import file_stem, nearest, told
from schema.dialects import sampling
from schema.errors import Refused
from schema.ids import Sha256
from schema.packs import Pack, PackPrompt

FIELDS = {
    "sd_model": "model", "steps": "steps", "cfg_scale": "cfg", "width": "width", "height": "height",
    "sampler_name": "sampler", "batch_size": "batch", "tiling": "tiling", "subseed": "variation_seed",
    "subseed_strength": "variation",
}  # fmt: skip
"""The script's tags and fields of our txt2img."""

WORDS = ("prompt", "negative_prompt")

UNUSED = (
    "outpath_samples", "outpath_grids", "prompt_for_display", "styles", "seed_resize_from_h", "seed_resize_from_w",
    "sampler_index", "n_iter", "restore_faces", "do_not_save_samples", "do_not_save_grid",
)  # fmt: skip

TAGS = (*WORDS, "seed", *FIELDS, *UNUSED)

_BEGINS = re.compile(rf"^--(?:{'|'.join(TAGS)})\b", re.MULTILINE)


def is_one(body: str) -> bool:
    return _BEGINS.search(body) is not None


def read(file: str, body: str) -> Pack:
    """`body` has `\\n` line ends and no byte order mark. Raises Refused that names the line."""
    prompts: list[PackPrompt] = []
    unused: dict[str, str] = {}
    for number, line in enumerate(body.split("\n"), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        where = f"{told(file)}:{number}"
        said = _tags(text, where) if text.startswith("--") else {"prompt": text}
        unused.update({tag: where for tag in said if tag in UNUSED})
        if said.get("prompt"):
            prompts.append(_prompt(len(prompts) + 1, number, said, where))
    told_of = [f"{where}: not understood and not used: --{tag}." for tag, where in unused.items()]
    return Pack(
        name=file_stem(file), file=file, dialect="lines", sha256=Sha256(""), prompts=tuple(prompts),
        warnings=tuple(told_of),
    )  # fmt: skip


def _prompt(number: int, line: int, said: dict[str, str], where: str) -> PackPrompt:
    overrides = {f"txt2img.{FIELDS[tag]}": value for tag, value in said.items() if tag in FIELDS}
    if "sampler_name" in said:
        sampler, scheduler = sampling(said["sampler_name"])
        overrides |= {"txt2img.sampler": sampler} | ({"txt2img.scheduler": scheduler} if scheduler else {})
    seed = said.get("seed", "-1").strip()
    if not re.fullmatch(r"-1|\d{1,18}", seed):
        raise Refused(f"'{told(seed, 40)}' is no seed.", where=where, remedy="Write --seed 7, or leave it out.")
    return tokens.prompt_of(
        number, line, said["prompt"], said.get("negative_prompt", ""), overrides=overrides,
        seed=None if seed == "-1" else int(seed),
    )  # fmt: skip


def _tags(line: str, where: str) -> dict[str, str]:
    """`--prompt "a boat" --steps 30`: words may go on without quotes until the next tag, other values are one word."""
    try:
        words = shlex.split(line)
    except ValueError as fault:
        remedy = 'Close the quotes; put \' within "...".'
        raise Refused(f"cannot be read: {str(fault).lower()}.", where=where, remedy=remedy) from None
    found: dict[str, str] = {}
    at = 0
    while at < len(words):
        tag = words[at].removeprefix("--")
        if not words[at].startswith("--") or tag not in TAGS:
            raise Refused(f"'{told(words[at], 40)}' is no tag.", where=where, remedy=nearest(tag, TAGS))
        end = at + 2
        while tag in WORDS and end < len(words) and not words[end].startswith("--"):
            end += 1
        if end > len(words):
            raise Refused(f"--{tag} has no value.", where=where, remedy=f'Write --{tag} "...".')
        found[tag] = " ".join(words[at + 1 : end])
        at = end
    return found
