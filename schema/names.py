"""Names of models, samplers and the like: when two mean the same, and which come near one that is not there.

Servers spell one file as `sub/toy.safetensors`, `sub/toy.safetensors [ab12cd34]`, `sub_toy` or `toy`. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache

from schema.dialects import sampling

FILES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft", ".onnx")
_HASH = re.compile(r"\s*\[[0-9a-fA-F]{6,64}\]$")


@lru_cache(maxsize=65_536)
def plain(name: str) -> str:
    """Without hash and file ending, slashes forward, lower case: `sub/toy`."""
    text = _HASH.sub("", name.strip()).replace("\\", "/").lower()
    for ending in FILES:
        if text.endswith(ending):
            return text[: -len(ending)]
    return text


def found(name: str, names: Sequence[str]) -> str | None:
    """The one of `names` that is meant, as it is spelled there; None: none, or one of several."""
    if name in names:
        return name
    wanted = plain(name)
    same = [other for other in names if plain(other) == wanted]
    if not same:
        stem = wanted.rpartition("/")[2]
        same = [other for other in names if plain(other).rpartition("/")[2] == stem]
    return same[0] if len(same) == 1 else None


def found_sampler(name: str, names: Sequence[str]) -> str | None:
    """As `found`, through every dialect of sampler names; a schedule within the name (`... Karras`) is left aside."""
    wanted = sampling(name).sampler.lower()
    return next((other for other in names if sampling(other).sampler.lower() == wanted), None)


def found_scheduler(name: str, names: Sequence[str]) -> str | None:
    wanted = sampling("", name).scheduler
    return next((other for other in names if sampling("", other).scheduler == wanted), None)


def nearest(name: str, names: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Those that look or begin alike, best first."""
    by_plain = {plain(other): other for other in names}
    close = get_close_matches(plain(name), by_plain, n=most, cutoff=0.5)
    begins = [other for other in by_plain if other.startswith(plain(name)[:4]) and other not in close]
    return tuple(by_plain[other] for other in (*close, *begins)[:most])
