"""What is claimed of simulated people whose taste is known: false shares beside those of who has no better.

    python tests/bench/bench_claims.py [--json] [--worlds N]

All read the same ratings; nothing here takes wall time that counts. `regret`: stars that the best config of all would
bring beyond the one that is recommended, after 60 ratings of one pack.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

from measure import Goal, Line, finish

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))  # for the simulated people

from asked import explored, insights_of, recommended, said
from claims_peers import PEERS
from judged import Tally
from raters import SORTS, World

RATINGS = 200


def of_sort(name: str, worlds: int) -> list[Line]:
    sort = SORTS[name]._replace(packs=(1, 1))
    ours, theirs = Tally(name), {peer: Tally(peer) for peer in PEERS}
    for seed in range(worlds):
        world = World(sort, seed).passive(RATINGS)
        told = insights_of(world.records)
        ours.judge(world, said(told), recommended(told))
        for peer, tally in theirs.items():
            tally.judge(world, PEERS[peer](world.records))
    if name == "nothing":
        return [
            Line(
                what=f"{name}: claims per pack", value=ours.claims / ours.packs, unit="", peer=peer,
                against=tally.claims / tally.packs, goal=Goal("value", most=0.25),
            )
            for peer, tally in theirs.items()
        ]  # fmt: skip
    goal = Goal("value", most=5.0 if name == "base" else 10.0)
    lines = [
        Line(
            what=f"{name}: false of {ours.claims} claims", value=100 * ours.share, unit="%", peer=peer,
            against=100 * tally.share, ratio=ours.share / max(tally.share, 1e-9), goal=goal,
        )
        for peer, tally in theirs.items()
    ]  # fmt: skip
    least = Goal("value", least=0.4) if name == "base" else None
    lines.append(Line(what=f"{name}: power", value=ours.power, unit="", goal=least))
    if ours.sure:
        right = 100 * ours.calibrated
        lines.append(
            Line(what=f"{name}: presets at 95 % that are right", value=right, unit="%", goal=Goal("value", least=90.0))
        )
    return lines


def regrets(worlds: int) -> list[Line]:
    """Of who lets the program explore, and of the same ratings as the peer's; the peer varies knob after knob and keeps
    the level with the best mean."""
    sort = SORTS["base"]._replace(packs=(1, 1))
    found: dict[str, list[float]] = {"explore": [], "knob after knob": [], "peer": []}
    for seed in range(worlds):
        world, other = World(sort, seed), World(sort, seed)
        pack = world.packs[0]
        found["explore"].append(world.regret(pack, explored(world, 60)))
        found["peer"].append(other.regret(pack, other.learn_one(pack, 60)))
        found["knob after knob"].append(other.regret(pack, recommended(insights_of(other.records))[0].params))
    peer = fmean(found["peer"])
    return [
        Line(
            what=f"regret after 60: {name}", value=fmean(found[name]), unit="stars", peer="best means, knob after knob",
            against=peer, ratio=fmean(found[name]) / peer, goal=Goal("ratio", most=most),
        )
        for name, most in (("explore", 0.5), ("knob after knob", 0.9))
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    lines = [line for name in SORTS for line in of_sort(name, asked.worlds)] + regrets(asked.worlds)
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
