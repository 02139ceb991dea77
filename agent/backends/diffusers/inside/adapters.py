"""LoRAs and embeddings of a prompt, put into the painter that is to use them, and taken out again."""

import re
from collections.abc import Sequence

from safetensors.torch import load_file

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import Entry, Folder
from agent.backends.diffusers.inside.painter import Painter
from agent.backends.diffusers.syntax import Lora
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


def teach(painter: Painter, folder: Folder, *texts: str) -> list[str]:
    """Embeddings whose name stands in a text as a word. Raises BackendTrouble for one that does not fit."""
    named = []
    for entry in folder.lists.get("embeddings", {}).values():
        word = entry.path.stem
        if not any(re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", text, re.IGNORECASE) for text in texts):
            continue
        named.append(entry.name)
        if entry.path not in painter.embeddings:
            _learn(painter, entry, word)
            painter.embeddings.add(entry.path)
    return named


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


def _learn(painter: Painter, entry: Entry, word: str) -> None:
    """SDXL's have a part for each text encoder."""
    base, state = painter.base, load_file(entry.path)
    try:
        if "clip_l" in state and "clip_g" in state:
            if not painter.is_xl:
                raise ValueError("it is made for SDXL")
            if base.text_encoder is not None:
                base.load_textual_inversion(
                    state["clip_l"], token=word, text_encoder=base.text_encoder, tokenizer=base.tokenizer
                )
            base.load_textual_inversion(
                state["clip_g"], token=word, text_encoder=base.text_encoder_2, tokenizer=base.tokenizer_2
            )
        else:
            vector = state.get("emb_params", next(iter(state.values())))
            base.load_textual_inversion(vector, token=word)
    except (RuntimeError, ValueError, KeyError, TypeError) as fault:
        raise BackendTrouble(
            "bad-request", f"the embedding {entry.name} does not fit {painter.entry.name}: {why(fault)[:300]}"
        ) from fault
