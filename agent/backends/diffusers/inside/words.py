"""Prompts as what a model understands: weights, windows of 77 tokens, skipped layers, words taught by embeddings.

Ours and not compel's: compel 2.5.1 has another syntax, weighs otherwise than WebUI, and skips one layer at most.
A prompt without weights that fits one window becomes exactly what diffusers itself makes of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from agent.backends.diffusers.inside.painter import Painter
from agent.backends.diffusers.syntax import Parsed, Piece

WINDOW = 75
"""Tokens between the marks of beginning and end."""

BACKTRACK = 20
"""So many tokens before a window's end a comma ends it early, as in WebUI."""

NO_MEAN = 1e-3
"""Part of the spread; CLIP's mean is a tenth of it."""

Window = list[tuple[int, float]]


class Words(NamedTuple):
    """Both prompts, 1 x tokens x width each, and as long as one another."""

    positive: torch.Tensor
    negative: torch.Tensor
    pooled: torch.Tensor | None = None
    negative_pooled: torch.Tensor | None = None
    windows: int = 1

    def inputs(self) -> dict[str, torch.Tensor]:
        """As pipelines take them."""
        told = {"prompt_embeds": self.positive, "negative_prompt_embeds": self.negative}
        if self.pooled is not None and self.negative_pooled is not None:
            told |= {"pooled_prompt_embeds": self.pooled, "negative_pooled_prompt_embeds": self.negative_pooled}
        return told


def understood(painter: Painter, positive: Parsed, negative: Parsed, clip_skip: int) -> Words:
    """`clip_skip` 1 leaves out no layer. SDXL always leaves out one, as it was trained so."""
    base = painter.base
    towers = [
        (tokenizer, encoder)
        for tokenizer, encoder in (
            (base.tokenizer, base.text_encoder),
            (getattr(base, "tokenizer_2", None), getattr(base, "text_encoder_2", None)),
        )
        if encoder is not None
    ]
    wide: list[list[torch.Tensor]] = [[], []]
    pooled: list[torch.Tensor | None] = [None, None]
    windows = 1
    with torch.inference_mode():
        for tokenizer, encoder in towers:
            both = [_windows(base, tokenizer, parsed) for parsed in (positive, negative)]
            windows = max(len(each) for each in both)
            for side, each in enumerate(both):
                each += [[] for _ in range(windows - len(each))]
                hidden, pool = _encoded(painter, tokenizer, encoder, each, clip_skip)
                wide[side].append(hidden)
                pooled[side] = pool if pool is not None else pooled[side]
    sides = [torch.cat(each, dim=-1) for each in wide]
    if painter.is_xl and not negative.text.strip() and base.config.get("force_zeros_for_empty_prompt"):
        sides[1] = torch.zeros_like(sides[1])
        pooled[1] = None if pooled[1] is None else torch.zeros_like(pooled[1])
    return Words(sides[0], sides[1], pooled[0], pooled[1], windows)


def _windows(base: object, tokenizer: object, parsed: Parsed) -> list[Window]:
    """At least one, maybe empty."""
    windows: list[Window] = []
    for chunk in parsed.chunks:
        left = [pair for piece in chunk for pair in _tokens(base, tokenizer, piece)]
        comma = tokenizer(",", add_special_tokens=False).input_ids[-1]  # type: ignore[operator]
        while len(left) > WINDOW:
            cut = _cut(left, comma)
            windows.append(left[:cut])
            left = left[cut:]
        windows.append(left)
    return windows


def _tokens(base: object, tokenizer: object, piece: Piece) -> Window:
    text = base.maybe_convert_prompt(piece.text, tokenizer)  # type: ignore[attr-defined]
    ids = tokenizer(text, add_special_tokens=False, truncation=False).input_ids  # type: ignore[operator]
    return [(token, piece.weight) for token in ids]


def _cut(tokens: Window, comma: int) -> int:
    """Behind the last comma that is near enough to the window's end."""
    for place in range(WINDOW - 1, WINDOW - 1 - BACKTRACK, -1):
        if tokens[place][0] == comma:
            return place + 1
    return WINDOW


def _encoded(
    painter: Painter, tokenizer: object, encoder: object, windows: Sequence[Window], clip_skip: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """1 x tokens x width, and of an encoder with a projection the first window as a whole."""
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id  # type: ignore[attr-defined]
    fill = tokenizer.pad_token_id  # type: ignore[attr-defined]
    rows, weights = [], []
    for window in windows:
        rest = WINDOW - len(window)
        rows.append([begin, *(token for token, _ in window), end, *[fill] * rest])
        weights.append([1.0, *(weight for _, weight in window), 1.0, *[1.0] * rest])
    ids = torch.tensor(rows, device=next(encoder.parameters()).device)  # type: ignore[attr-defined]
    seen = encoder(ids, output_hidden_states=True)  # type: ignore[operator]
    if painter.is_xl:
        hidden = seen.hidden_states[-max(2, clip_skip)]
    elif clip_skip <= 1:
        hidden = seen[0]
    else:
        hidden = _norm(encoder)(seen.hidden_states[-clip_skip])
    hidden = _weighed(hidden, torch.tensor(weights, device=hidden.device))
    pooled = getattr(seen, "text_embeds", None)
    return hidden.reshape(1, -1, hidden.shape[-1]), None if pooled is None else pooled[:1]


def _norm(encoder: object) -> torch.nn.Module:
    """Transformers 5 dropped the level `text_model`."""
    norm = getattr(encoder, "text_model", encoder).final_layer_norm  # type: ignore[attr-defined]
    assert isinstance(norm, torch.nn.Module)
    return norm


def _weighed(hidden: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Multiplied, then each window brought back to the mean it had: WebUI's `EmphasisOriginal`.

    A mean of next to nothing says nothing: dividing by it would blow the words up.
    """
    if bool((weights == 1.0).all()):
        return hidden
    plain = hidden.float()
    heavier = plain * weights.unsqueeze(-1)
    before, after = (each.mean(dim=(1, 2), keepdim=True) for each in (plain, heavier))
    least = NO_MEAN * plain.std(dim=(1, 2), keepdim=True)
    usable = (before.abs() > least) & (after.abs() > least)
    return (heavier * torch.where(usable, before / after, 1.0)).to(hidden.dtype)
