"""Make one mistake in a valid config, many times, and see what a check says of it.

::

    python -m tools fuzz --count 2000 --seed 7

The configs are those of ``examples/`` and the valid ones of ``tests/``, and real ones in a folder
``shared/configs`` beside the checkout, where there is one. Each mutant has one mistake of a known
kind at a known line (``tools.fuzz.mistakes``). Asked for are exactly one new message, at that line;
no exception, no run of more than five seconds, and no file that only one of checking and loading
accepts. What fell short is printed by kind, with the message; the run fails where
fewer than ``--bar`` percent have their one message at the right place, and at anything worse.
The same seed and files give the same mutants; without ``--seed`` it is the ISO week.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.checkout import HERE
from tools.fuzz.mistakes import KINDS, Mutant, mutants_of
from tools.fuzz.verdict import Verdict, judge

_SHOWN = 2
"""Mutants of each kind that are printed when they fell short."""


def main(arguments: list[str]) -> int:
    """Judge a sample of mutants; return 1 when too many fell short."""
    parser = argparse.ArgumentParser(prog="python -m tools fuzz")
    parser.add_argument("--count", type=int, default=2000, help="of mutants")
    parser.add_argument("--seed", default=f"{datetime.now(UTC):%G-W%V}")
    parser.add_argument("--bar", type=float, default=98.0, help="percent that must be right")
    parser.add_argument("--kind", choices=sorted(KINDS), help="mistakes of one kind alone")
    options = parser.parse_args(arguments)
    sample = sampled(configs(), options.count, options.seed, options.kind)
    return report([(mutant, judge(mutant)) for mutant in sample], options.bar)


def configs() -> list[Path]:
    """Return the files to make mistakes in."""
    own = [*(HERE / "examples").rglob("corvus.toml"), *(HERE / "tests/golden/valid").glob("*.toml")]
    real = HERE.parent / "shared" / "configs"
    return [*sorted(own), *sorted(real.glob("*.toml"))]


def sampled(paths: Sequence[Path], count: int, seed: str, kind: str | None = None) -> list[Mutant]:
    """Return mutants, as many of each kind as there are files and places for it, in turn."""
    chance = random.Random(seed)
    waiting: defaultdict[str, list[Mutant]] = defaultdict(list)
    for path in paths:
        for mutant in mutants_of(path, chance):
            waiting[mutant.kind].append(mutant)
    for mutants in waiting.values():
        chance.shuffle(mutants)
    kinds = [kind] if kind else sorted(waiting)
    turns = max((len(waiting[name]) for name in kinds), default=0)
    rounds = (waiting[name][turn : turn + 1] for turn in range(turns) for name in kinds)
    return [mutant for one in rounds for mutant in one][:count]


def report(judged: Sequence[tuple[Mutant, Verdict]], bar: float) -> int:
    """Print how many mutants of each kind got what they should; return the exit code."""
    print(f"{'kind':24} {'mutants':>7} {'one message':>11} {'right line':>10}")
    for kind in sorted({mutant.kind for mutant, _ in judged}):
        verdicts = [verdict for mutant, verdict in judged if mutant.kind == kind]
        print(_row(kind, verdicts))
    verdicts = [verdict for _, verdict in judged]
    print(_row("all", verdicts))
    shown: Counter[str] = Counter()
    for mutant, verdict in judged:
        if not verdict.is_right and (verdict.is_fault or shown[mutant.kind] < _SHOWN):
            shown[mutant.kind] += 1
            print(f"\n{mutant.kind} in {mutant.path.name}:{min(mutant.lines)}\n  {mutant.shown}")
            print("\n".join(f"    {line}" for line in verdict.lines))
    faults = sum(verdict.is_fault for verdict in verdicts)
    share = 100 * sum(verdict.is_right for verdict in verdicts) / max(1, len(verdicts))
    passed = bool(verdicts) and not faults and share >= bar
    print(
        f"\n{share:.1f} % with their one message at the right line (bar {bar:g}); "
        f"{faults} exceptions, slow checks and disagreements with loading"
    )
    print("passed" if passed else "failed", file=sys.stderr)
    return 0 if passed else 1


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    one = sum(verdict.is_one for verdict in verdicts)
    right = sum(verdict.is_right for verdict in verdicts)
    return f"{name:24} {len(verdicts):7} {one:11} {right:10}"
