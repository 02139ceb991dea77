"""LoRAs and embeddings of a prompt, put into the painter that is to use them, and taken out again."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import Entry, Folder
from agent.backends.diffusers.inside.painter import Painter
from agent.backends.diffusers.syntax import ENDED, NAMED, Lora, Parsed
from schema.errors import why


def chosen(folder: Folder, loras: Sequence[Lora], painter: Painter) -> list[tuple[Entry, Lora]]:
    """Raises BackendTrouble for a LoRA that is not there, or is of another family as far as its file tells."""
    pairs = [(folder.entry("loras", lora.name, "LoRA"), lora) for lora in loras]
    for entry, _ in pairs:
        if entry.family and entry.family != painter.family:
            raise BackendTrouble(
                "bad-request",
                f"the LoRA {entry.name} is made for {entry.family}, and {painter.entry.name} is {painter.family}",
            )
    return pairs


def put_in(painter: Painter, pairs: Sequence[tuple[Entry, Lora]]) -> None:
    """Exactly these, with these weights; what was in it before goes out, so that nothing leaks into this stage."""
    wanted = {entry.path for entry, _ in pairs}
    base = painter.base
    if set(painter.adapters) - wanted or (painter.adapters and not wanted):
        base.unload_lora_weights()
        painter.adapters.clear()
    for number, (entry, _) in enumerate(pairs):
        if entry.path not in painter.adapters:
            name = f"lora{number}_{re.sub(r'[^A-Za-z0-9]', '_', entry.path.stem)}"
            _load(painter, entry, name)
            painter.adapters[entry.path] = name
    if pairs:
        parts = [name for name in ("unet", "text_encoder", "text_encoder_2") if getattr(base, name, None) is not None]
        base.set_adapters(
            [painter.adapters[entry.path] for entry, _ in pairs],
            [{part: lora.unet if part == "unet" else lora.encoder for part in parts} for _, lora in pairs],
        )


class Taught(NamedTuple):
    """Prompts whose embeddings are tokens that only we write, so that they mean nothing in any other prompt."""

    prompts: tuple[Parsed, ...]
    named: tuple[str, ...]
    unfit: tuple[str, ...]
    """Names that stand there as mere words, and are those of embeddings made for other models."""


def taught(painter: Painter, folder: Folder, *prompts: Parsed) -> Taught:
    """Embeddings that a prompt names, or whose name stands in it as a word; that of the longest name first.

    Raises BackendTrouble for one that is named and is not there, or does not fit.
    """
    words: dict[str, Entry] = {}
    for entry in folder.lists.get("embeddings", {}).values():
        words.setdefault(entry.path.stem.lower(), entry)
    named, unfit = dict[str, None](), dict[str, None]()

    def token(match: re.Match[str]) -> str:
        try:
            entry = (
                folder.entry("embeddings", match[1], "embedding") if match[1] else words[match[0].strip("<>").lower()]
            )
            written = _token(painter, entry)
        except BackendTrouble:
            if match[1]:
                raise
            unfit[entry.name] = None
            return match[0]
        named[entry.name] = None
        return written

    pattern = _pattern(tuple(words))
    told = tuple(prompt.reworded(lambda text: pattern.sub(token, text)) for prompt in prompts)
    return Taught(told, tuple(named), tuple(unfit))


@lru_cache(maxsize=4)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """What is named; else one of these words, also in the angle brackets of some packs."""
    any_of = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"{NAMED}([^{ENDED}]+){ENDED}|<(?:{any_of})>|(?<!\w)(?:{any_of})(?!\w)", re.IGNORECASE)


def _token(painter: Painter, entry: Entry) -> str:
    if entry.path not in painter.embeddings:
        painter.learned += 1
        token = f"{NAMED}{painter.learned}{ENDED}"
        _learn(painter, entry, token)
        painter.embeddings[entry.path] = token
    return painter.embeddings[entry.path]


def _load(painter: Painter, entry: Entry, name: str) -> None:
    try:
        painter.base.load_lora_weights(
            str(entry.path.parent), weight_name=entry.path.name, adapter_name=name, local_files_only=True
        )
    except (RuntimeError, ValueError, KeyError, OSError, TypeError) as fault:
        painter.base.unload_lora_weights()
        painter.adapters.clear()
        raise BackendTrouble(
            "bad-request", f"the LoRA {entry.name} does not fit {painter.entry.name}: {str(fault)[:300]}"
        ) from fault


def _learn(painter: Painter, entry: Entry, token: str) -> None:
    """SDXL's have a part for each text encoder."""
    base = painter.base
    try:
        state = load_file(entry.path)
        if painter.is_xl != ("clip_l" in state and "clip_g" in state):
            raise ValueError(f"it is {'not ' if painter.is_xl else ''}made for SDXL")
        parts = (("clip_l", base.tokenizer, base.text_encoder), ("clip_g", base.tokenizer_2, base.text_encoder_2)) \
            if painter.is_xl else (("emb_params", base.tokenizer, base.text_encoder),)  # fmt: skip
        for part, tokenizer, encoder in parts:
            if encoder is not None:
                vector = state[part] if part in state else next(iter(state.values()))
                base.load_textual_inversion(vector, token=token, text_encoder=encoder, tokenizer=tokenizer)
                _end_of(encoder).eos_token_id = tokenizer.eos_token_id
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, StopIteration, SafetensorError) as fault:
        raise BackendTrouble(
            "bad-request", f"the embedding {entry.name} does not fit {painter.entry.name}: {why(fault)[:300]}"
        ) from fault


def _end_of(encoder: nn.Module) -> Any:
    """The part that looks for a text's end: in old models at the largest token, which new ones would be."""
    return getattr(encoder, "text_model", encoder)
