"""A VAE that decodes in full precision: half of it overflows in some, and the picture is black or holds no numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def precise(vae: nn.Module) -> Iterator[None]:
    """Its weights are brought to float32 for each decoding, and back: they need twice the memory for this moment."""
    usual: Any = vae.decode

    def decode(latents: torch.Tensor, *others: Any, **named: Any) -> Any:
        before = next(vae.parameters()).dtype
        vae.to(torch.float32)
        try:
            return usual(latents.float(), *others, **named)
        finally:
            vae.to(before)

    vae.decode = decode  # for this object, over its class's
    try:
        yield
    finally:
        del vae.decode
