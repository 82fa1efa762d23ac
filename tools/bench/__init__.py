"""Compare the speed of two checkouts: the same work in turn, as ratios.

::

    python -m tools bench --before ../before --after .
    python -m tools bench --before ../before --only pairs-64 --only gateway-16 --rounds 15

Both do each piece of work in every round, in a random order, so that a busy moment of the machine
hits both. A ratio is that of one round, after to before, of time or CPU time: below 1 is faster.
What is printed is the median of the ratios, with the quartiles that say how far to trust it. A
ratio counts as slower when even its lower quartile is above the bar. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from tools.bench.works import WORKS, Cost, prepare
from tools.checkout import HERE, Checkout, checkout_at

BAR = 1.05
"""A median ratio up to here is noise."""


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 when something is slower."""
    parser = argparse.ArgumentParser(prog="python -m tools bench")
    parser.add_argument("--before", type=Path, required=True, help="a checkout")
    parser.add_argument("--after", type=Path, default=HERE, help="another one; default: this")
    parser.add_argument("--only", action="append", choices=WORKS, help="measure these alone")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="on a real disk; default: that of the system")
    options = parser.parse_args(arguments)
    sides = checkout_at(options.before), checkout_at(options.after)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        taken = _measure(options.only or [*WORKS], sides, options.rounds, Path(folder))
    slower = [name for name, costs in taken.items() if _print(name, costs)]
    print("slower: " + (", ".join(slower) or "nothing"))
    return 1 if slower else 0


Costs = list[tuple[Cost, Cost]]


def _measure(
    names: list[str], sides: tuple[Checkout, Checkout], rounds: int, folder: Path
) -> dict[str, Costs]:
    inputs = prepare(folder, sides[0])
    taken: dict[str, Costs] = {name: [] for name in names}
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        for name in names:
            found: dict[Checkout, Cost] = {}
            for side in random.sample(sides, 2):
                found[side] = WORKS[name](side, inputs)
            if number:  # the first one warms up
                taken[name].append((found[sides[0]], found[sides[1]]))
    return taken


def _print(name: str, costs: Costs) -> bool:
    """Print the ratios of a piece of work, and return whether it is slower."""
    slower = False
    shown: list[str] = []
    for kind in ("seconds", "cpu_seconds"):
        ratios = [getattr(after, kind) / getattr(before, kind) for before, after in costs]
        low, high = min(ratios), max(ratios)
        if len(ratios) > 1:
            low, _, high = quantiles(ratios, n=4)
        middle = median(ratios)
        before = median(getattr(before, kind) for before, _ in costs)
        shown.append(f"{middle:5.2f} ({low:.2f} to {high:.2f}) of {before * 1e3:8.2f} ms")
        slower = slower or (kind == "cpu_seconds" and middle > BAR and low > 1)
    print(f"{name:14} time {shown[0]}   CPU {shown[1]}", flush=True)
    return slower
