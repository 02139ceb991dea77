"""Models apart: whether what is claimed of a pack holds with each of the models that its pictures were made with.

A pack's pictures are fitted together, the model being one knob of many. A claim that is the other way round with one
of the models is no claim on the pack.
"""

from typing import NamedTuple

import numpy as np

from daemon.learning.claims import ENOUGH, PART, found, values_of
from daemon.learning.model import PoolFit, fit, normal
from daemon.learning.tables import Knob, Table, table_of
from schema.plans import Scalar
from schema.records import Settings

MODELS = ("model", "checkpoint", "sd_model_checkpoint", "model_name")
"""Names of the knob, or of the setting of a stage, that says which model made a picture."""
OTHER_WAY = 0.7
"""Chance of being the other way round with one model from which on nothing is claimed of the pack as a whole."""


class Part(NamedTuple):
    """The pictures of a pack that were made with one model."""

    within: Settings
    fit: PoolFit

    def opposes(self, knob: str, better: tuple[Scalar, ...], worse: tuple[Scalar, ...]) -> bool:
        """Whether these levels are likely to be the worse ones here."""
        contrast = self.compared(knob, better, worse)
        if contrast is None:
            return False
        mean, sd = contrast
        return mean < 0 and normal(-mean / max(sd, 1e-9)) >= OTHER_WAY

    def compared(self, knob: str, better: tuple[Scalar, ...], worse: tuple[Scalar, ...]) -> tuple[float, float] | None:
        """Mean and sd in scores; None where one of the sides was never seen with this model."""
        here = next((one for one in self.fit.table.knobs if one.name == knob), None)
        if here is None:
            return None
        ups, downs = found(here, better), found(here, worse)
        if not ups or not downs or set(ups) & set(downs):
            return None
        contrast = self.fit.contrast(knob, ups, downs)
        return contrast.mean, contrast.sd


def parts_of(table: Table) -> tuple[Part, ...]:
    """Of a pool; none where fewer than two models have `ENOUGH` ratings each."""
    knob = model_of(table)
    if knob is None:
        return ()
    codes = table.codes[: table.n, table.knob(knob.name)]
    cut: dict[str, Table] = {}
    within: dict[str, Settings] = {}
    for level, values in enumerate(knob.levels):
        taken = np.flatnonzero(codes == level)
        if len(taken) >= ENOUGH and len(values) == 1:
            name = f"{level}{PART}{table.pool}"
            cut[name] = table_of(name, tuple(table.rows[at] for at in taken.tolist()))
            within[name] = {knob.name: values_of(table, knob, (level,))[0]}
    if len(cut) < 2:
        return ()
    return tuple(Part(within[name], one) for name, one in fit(cut).pools.items())


def model_of(table: Table) -> Knob | None:
    """The knob that says which model; of several stages the first by name."""
    for word in MODELS:
        for knob in table.knobs:
            if knob.name.rpartition(".")[2] == word:
                return knob
    return None
