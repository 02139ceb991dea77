"""Upscalers that need no model file, by the names of the card."""

from collections.abc import Mapping

from PIL import Image

LATENT: Mapping[str, str] = {"Latent": "bilinear", "Latent (bicubic)": "bicubic", "Latent (nearest)": "nearest-exact"}
"""Of the hires pass: the unfinished picture is enlarged, before the VAE. Values are torch's."""

PIXELS: Mapping[str, Image.Resampling] = {
    "Lanczos": Image.Resampling.LANCZOS, "Bicubic": Image.Resampling.BICUBIC, "Nearest": Image.Resampling.NEAREST,
}  # fmt: skip

RESIZERS = (*LATENT, *PIXELS)
