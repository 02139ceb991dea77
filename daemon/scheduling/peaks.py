"""How much video memory a stage needs, learned from what it took, where it went well and where it did not.

Kept per stage kind and model family for each size of picture; sizes between two measured ones follow from both.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

SIZES = 12
"""Different sizes that are remembered of one kind and family; the ones seen last stay."""

MARGIN = 1.05
"""Of a peak that was measured on a larger card: what the next larger picture of its kind may take beyond it."""

STEP_GB = 0.1
"""A card that has this much more than one which ran out of memory may be asked again."""


class Peak(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Of one size of picture."""

    megapixels: float
    peak_gb: float = 0.0
    """The most that was measured; 0: never."""
    ran_gb: float = 0.0
    """Memory of the smallest node that it went well on; 0: none yet."""
    floor_gb: float = 0.0
    """Memory of the largest node that ran out with it, in full quality."""

    @property
    def need_gb(self) -> float:
        """What a node should have; 0: nothing is known."""
        need = self.peak_gb * MARGIN
        if self.ran_gb:
            need = min(need, self.ran_gb) if need else 0.0
        return max(need, self.floor_gb + STEP_GB if self.floor_gb else 0.0)


Peaks = tuple[Peak, ...]
"""Of one kind and family, the size seen last at the end."""


def went_well(peaks: Peaks, megapixels: float, node_gb: float, peak_gb: float, reduced: bool) -> Peaks:
    """After a stage that ended well on a node of so much memory; the same object where that tells nothing new."""
    old = peaks[-1] if peaks else None
    proved = old is not None and (reduced or not node_gb or (0.0 < old.ran_gb <= node_gb and not old.floor_gb))
    if old is not None and proved and peak_gb <= old.peak_gb and old.megapixels == _size(megapixels):
        return peaks
    old, rest = _parted(peaks, megapixels)
    ran = old.ran_gb
    floor = old.floor_gb
    if node_gb and not reduced:
        ran = min(ran, node_gb) if ran else node_gb
        floor = floor if floor < node_gb else 0.0
    peak = max(old.peak_gb, peak_gb)
    return (*rest, Peak(megapixels=old.megapixels, peak_gb=peak, ran_gb=ran, floor_gb=floor))


def ran_out(peaks: Peaks, megapixels: float, node_gb: float) -> Peaks:
    """After a stage that ran out of memory there without a reduced profile. It outweighs that it once went well."""
    old, rest = _parted(peaks, megapixels)
    ran = old.ran_gb if old.ran_gb > node_gb else 0.0
    floor = max(old.floor_gb, node_gb)
    return (*rest, Peak(megapixels=old.megapixels, peak_gb=old.peak_gb, ran_gb=ran, floor_gb=floor))


def need_gb(all_: Mapping[str, Peaks], key: str, megapixels: float) -> float:
    """Learned need of such a stage, GB; 0: nothing is known. What a smaller picture needs, a larger one needs too."""
    size, need = _size(megapixels), 0.0
    for peak in all_.get(key, ()):
        if peak.megapixels == size:
            need = max(need, peak.need_gb)
        elif peak.megapixels < size and peak.floor_gb:
            need = max(need, peak.floor_gb + STEP_GB)
    return need


@lru_cache(maxsize=256)
def _size(megapixels: float) -> float:
    return round(megapixels, 1)


def _parted(peaks: Peaks, megapixels: float) -> tuple[Peak, Peaks]:
    size = _size(megapixels)
    old = next((one for one in peaks if one.megapixels == size), Peak(megapixels=size))
    return old, tuple(one for one in peaks if one.megapixels != size)[-(SIZES - 1) :]
