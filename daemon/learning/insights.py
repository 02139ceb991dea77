"""Insights: what verdicts say of every pack, in words with their evidence. Pure: the same verdicts, the same bytes.

What was shown stays until it is quite doubtful, and is taken back out loud then (docs/learning.md 6).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from daemon.learning import wording
from daemon.learning.advice import advice
from daemon.learning.claims import (
    ADJUSTED,
    ENOUGH,
    SIDE,
    Sides,
    choose,
    claim_of,
    found,
    key_fits,
    verdicts,
    whole_pool,
)
from daemon.learning.levels import Knob
from daemon.learning.model import Fit, Fitter, PoolFit
from daemon.learning.plots import knobs_of, plain_mean
from daemon.learning.presets import preset
from daemon.learning.rows import Row, Versus, pack_of
from daemon.learning.splits import Part, parts_of
from daemon.learning.versions import seen_by
from schema.ids import Seq
from schema.insights import ALGORITHM, Claim, Insights, PackInsight, Withdrawn
from schema.lessons import Shown
from schema.records import Settings

STAYS = 0.75
"""Confidence below which a claim that was shown is taken back."""
BETTER_TOLD = 0.05
"""Confidence by which a claim must gain before the levels that it was shown with are replaced."""


def insights(
    rows: Sequence[Row],
    duels: Sequence[Versus] = (),
    *,
    shown: Mapping[str, Shown] = {},
    seq: int = 0,
    algorithm: int = ALGORITHM,
    fitter: Fitter | None = None,
    packs: Collection[str] | None = None,
) -> Insights:
    """`packs`: of these alone; they are fitted with all others all the same. `shown`: claims that stand as shown.

    Raises Refused for an algorithm that there never was."""
    fit = seen_by(algorithm, (fitter or Fitter()).fit(rows, duels))
    return of_fit(fit, shown=shown, seq=seq, algorithm=algorithm, packs=packs)


def of_fit(
    fit: Fit,
    *,
    shown: Mapping[str, Shown] = {},
    seq: int = 0,
    algorithm: int = ALGORITHM,
    packs: Collection[str] | None = None,
) -> Insights:
    """`fit`: as that algorithm reads it (`versions.seen_by`)."""
    wanted = {pool: one for pool, one in fit.pools.items() if packs is None or pack_of(pool)[0] in packs}
    told = [one for _, one in sorted(shown.items()) if packs is None or one.pack in packs]
    parts = {pool: parts_of(one.table) for pool, one in wanted.items()}
    of_pool = _by_pool(told, parts)
    made = [_of_pool(one, parts[pool], of_pool.get(pool, ())) for pool, one in sorted(wanted.items())]
    gone = sorted({one.pack for one in told} - {pack_of(pool)[0] for pool in wanted})
    made += [_without_verdicts(pack, [one for one in told if one.pack == pack]) for pack in gone]
    return Insights(seq=Seq(seq), algorithm=algorithm, packs=tuple(made))


def _by_pool(told: Sequence[Shown], parts: Mapping[str, tuple[Part, ...]]) -> dict[str, list[Shown]]:
    """A pack may have sketches and real pictures: what was shown is of the pool that its key was made from."""
    found_in: dict[str, list[Shown]] = {}
    for one in told:
        pools = sorted(pool for pool in parts if pack_of(pool)[0] == one.pack)
        mine = [
            pool for pool in pools if _is_of(one, pool, {}) or any(_is_of(one, pool, p.within) for p in parts[pool])
        ]
        if pools:
            found_in.setdefault((mine or pools)[0], []).append(one)
    return found_in


def _is_of(shown: Shown, pool: str, within: Settings) -> bool:
    return key_fits(shown.key, pool, shown.param, shown.better, within)


def _of_pool(fit: PoolFit, parts: tuple[Part, ...], shown: Sequence[Shown]) -> PackInsight:
    table = fit.table
    pack, backend = pack_of(table.pool)
    enough = verdicts(table) >= ENOUGH
    claims: list[Claim] = []
    withdrawn: list[Withdrawn] = []
    told = set[str]()  # also what nobody wants to hear again: it is proven all the same
    dismissed = {one.key for one in shown if one.dismissed}
    standing = [one for one in shown if not one.dismissed]
    knobs = [knob for knob in table.knobs if not knob.name.startswith(ADJUSTED)]
    best: dict[str, Sides | None] = {knob.name: choose(fit, knob) for knob in knobs} if enough else {}
    for knob in knobs:
        mine = [one for one in standing if one.param == knob.name]
        made, gone = _of_knob(fit, knob, best.get(knob.name), parts, mine)
        claims += [claim for claim in made if claim.key not in dismissed]
        told |= {claim.param for claim in made}
        withdrawn += gone
    names = {knob.name for knob in knobs}
    withdrawn += [_taken_back(one, 0.0, verdicts(table)) for one in standing if one.param not in names]
    claims.sort(key=lambda claim: (-claim.confidence, -claim.evidence.stars, claim.param, claim.key))
    return PackInsight(
        pack=pack, backend=backend, ratings=table.n, duels=len(table.duels), enough=enough,
        text=_standing(fit, claims, best), mean=plain_mean(table), claims=tuple(claims), withdrawn=tuple(withdrawn),
        knobs=knobs_of(fit), unproven=tuple(knob.name for knob in knobs if knob.name not in told),
        preset=preset(fit), advice=advice(table),
    )  # fmt: skip


def _of_knob(
    fit: PoolFit, knob: Knob, best: Sides | None, parts: tuple[Part, ...], shown: Sequence[Shown]
) -> tuple[list[Claim], list[Withdrawn]]:
    """The one claim on this knob, or one per model; and what was shown of it and is so no longer."""
    fresh = _fresh(fit, knob, best, parts)
    claims: list[Claim] = []
    withdrawn: list[Withdrawn] = []
    for one in shown:
        again = next((claim for claim in fresh if claim.key == one.key), None)
        now = _still(fit, knob, parts, one)
        against = _against(knob, parts, one)
        if again is not None and (now is None or again.confidence >= now.confidence + BETTER_TOLD):
            claims.append(again)
        elif now is not None and now.confidence >= STAYS and not against:
            claims.append(now)
        else:
            confidence = 0.0 if now is None or against else now.confidence
            withdrawn.append(_taken_back(one, confidence, verdicts(fit.table), against))
    have = {claim.key for claim in claims}
    surest = max((claim.confidence for claim in claims), default=0.0)
    if surest < wording.TENDS:
        claims += [claim for claim in fresh if claim.key not in have]
    return claims, withdrawn


def _fresh(fit: PoolFit, knob: Knob, best: Sides | None, parts: tuple[Part, ...]) -> list[Claim]:
    """What would be claimed had nothing been shown before."""
    if best is None or best.confidence < wording.TENDS:
        return []
    claim = claim_of(fit, knob, best)
    if not any(part.opposes(knob.name, claim.better, claim.worse) for part in parts):
        return [claim]
    made = []
    for part in parts:
        here = next((one for one in part.fit.table.knobs if one.name == knob.name), None)
        sides = choose(part.fit, here) if here is not None else None
        if here is not None and sides is not None and sides.confidence >= wording.TENDS:
            made.append(claim_of(part.fit, here, sides, within=part.within))
    return made


def _still(fit: PoolFit, knob: Knob, parts: tuple[Part, ...], shown: Shown) -> Claim | None:
    """What was shown, as sure as it is now, of the pack or of the model that it was shown for."""
    pool = fit.table.pool
    if _is_of(shown, pool, {}):
        return _again(fit, knob, shown, {})
    for part in parts:
        here = next((one for one in part.fit.table.knobs if one.name == knob.name), None)
        if here is not None and _is_of(shown, pool, part.within):
            return _again(part.fit, here, shown, part.within)
    return None


def _against(knob: Knob, parts: tuple[Part, ...], shown: Shown) -> str:
    """With which model it is the other way round, of what was shown for the whole pack; empty: with none."""
    if not parts or not _is_of(shown, whole_pool(parts[0].fit.table), {}):
        return ""
    opposed = [part for part in parts if part.opposes(knob.name, shown.better, shown.worse)]
    return wording.listed([wording.setting(*each) for part in opposed for each in part.within.items()], "and")


def _again(fit: PoolFit, knob: Knob, shown: Shown, within: Settings) -> Claim | None:
    better, worse = found(knob, shown.better), found(knob, shown.worse)
    if not better or not worse or set(better) & set(worse):
        return None
    confidence = fit.contrast(knob.name, better, worse).confidence
    return claim_of(fit, knob, Sides(better, worse, confidence), within=within, key=shown.key)


def _taken_back(shown: Shown, confidence: float, ratings: int, against: str = "") -> Withdrawn:
    return Withdrawn(
        key=shown.key, pack=shown.pack, shown=shown.upto, confidence=confidence,
        text=wording.taken_back(shown.text, shown.at, ratings - shown.ratings, confidence, against),
    )  # fmt: skip


def _without_verdicts(pack: str, shown: Iterable[Shown]) -> PackInsight:
    return PackInsight(
        pack=pack, backend="", ratings=0, duels=0, enough=False, text="There is no verdict on this pack any more.",
        mean=0.0, claims=(), withdrawn=tuple(_taken_back(one, 0.0, 0) for one in shown if not one.dismissed),
        knobs=(), unproven=(), preset=None, advice=(),
    )  # fmt: skip


def _standing(fit: PoolFit, claims: Sequence[Claim], best: Mapping[str, Sides | None]) -> str:
    """One sentence on where a pack stands; with nothing to claim, what is missing."""
    table, n = fit.table, verdicts(fit.table)
    if claims:
        clearly = sum(claim.strength == "clearly" for claim in claims)
        things = "1 thing is" if len(claims) == 1 else f"{len(claims)} things are"
        how = "" if not clearly else ", clearly" if len(claims) == 1 else f", {clearly} of them clearly"
        return f"{things} known of this pack from {n} ratings{how}."
    if all(knob.name.startswith(ADJUSTED) for knob in table.knobs):
        least = "" if n >= ENOUGH else f", and at least {ENOUGH} ratings"
        given = "the one rating says" if n == 1 else f"all {n} ratings are of pictures with the same settings, and say"
        return (
            f"Not enough evidence yet: {given} nothing of what other settings do; missing: pictures with others{least}."
        )
    if n < ENOUGH:
        return f"Not enough evidence yet: {n} of {ENOUGH} ratings; missing: {ENOUGH - n} more."
    sure = sorted((-sides.confidence, name) for name, sides in best.items() if sides is not None)
    if not sure:
        return (
            f"Not enough evidence yet: no setting has {SIDE} ratings on each side; missing: more of the rarer values."
        )
    chance, name = sure[0]
    if -chance >= wording.TENDS:  # it was dismissed, or it is the other way round with one of the models
        return f"Nothing is said of this pack as a whole: not on {wording.named(name)}, which comes closest."
    return (
        f"Not enough evidence yet: {n} ratings, and no setting stands out; {wording.named(name)} comes closest "
        f"({wording.percent(-chance)} sure). Missing: ratings that tell its values apart, best on the same seeds."
    )
