"""Change the code at random and see which changes no test notices.

::

    python -m tools mutate --number 30 --rooms base model --seed 7
    python -m tools mutate --survivors tools/mutants.toml

Each mutant is one small wrong change (``tools.mutate.mutants``) in a copy of the repository. First
the tests of its module run, then those of its room, then, with ``--whole``, all of them; a mutant
that lives is printed with its place. The run fails when one lives that the list does not explain,
and when the list has one that the code no longer has. The same seed and code give the same mutants;
without ``--seed`` it is the ISO week, so that every week other mutants are tried.

Why no library: mutmut (3.8.1, its code read 2026-11-28) first runs the whole suite to learn which
test reaches which function; cosmic-ray (8.7.0) has one test command for all modules. A sample that
runs the tests of a room alone, which is what makes a run short enough, neither has.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.checkout import Checkout, checkout_at
from tools.mutate.mutants import Mutant, mutants_of
from tools.mutate.survivors import Survivor, read_survivors
from tools.mutate.trial import Laboratory, Verdict


def main(arguments: list[str]) -> int:
    """Try a sample of mutants; return 1 when one lives that nobody has explained."""
    parser = argparse.ArgumentParser(prog="python -m tools mutate")
    parser.add_argument("--number", type=int, default=100, help="of mutants")
    parser.add_argument(
        "--rooms", nargs="*", default=[], help="folders of the package; default: all"
    )
    parser.add_argument("--seed", default=f"{datetime.now(UTC):%G-W%V}")
    parser.add_argument("--seconds", type=int, default=300, help="for the tests of one mutant")
    parser.add_argument("--whole", action="store_true", help="run all tests on what is left")
    parser.add_argument("--survivors", type=Path, help="the list of those that may live")
    options = parser.parse_args(arguments)
    checkout = checkout_at()
    explained = read_survivors(options.survivors) if options.survivors else []
    everything = all_mutants(checkout, options.rooms)
    stale = gone(explained, all_mutants(checkout, [])) if explained else []
    chosen = sample(everything, options.number, options.seed)
    print(f"{len(chosen)} of {len(everything)} mutants, seed {options.seed}", flush=True)
    unexplained = _try(checkout, chosen, explained, options)
    for survivor in stale:
        print(f"no longer in the code: {survivor.path}: {survivor.before}", file=sys.stderr)
    print(f"{len(unexplained)} unexplained survivors of {len(chosen)}")
    return 1 if unexplained or stale else 0


def all_mutants(checkout: Checkout, rooms: Sequence[str]) -> list[Mutant]:
    """Return every mutant of the package, or of some of its rooms."""
    found: list[Mutant] = []
    for path in sorted(checkout.sources.rglob("*.py")):
        room = path.relative_to(checkout.sources).parts[0].removesuffix(".py")
        if not rooms or room in rooms:
            text = path.read_text(encoding="utf-8")
            found += mutants_of(path.relative_to(checkout.folder), text)
    return found


def sample(mutants: Sequence[Mutant], number: int, seed: str) -> list[Mutant]:
    """Return a sample that the seed decides."""
    chance = random.Random(seed)
    return chance.sample(mutants, min(number, len(mutants)))


def gone(explained: Sequence[Survivor], mutants: Sequence[Mutant]) -> list[Survivor]:
    """Return the explained survivors that no file has any more."""
    there = {(mutant.path.as_posix(), mutant.before, mutant.after) for mutant in mutants}
    return [entry for entry in explained if (entry.path, entry.before, entry.after) not in there]


def _try(
    checkout: Checkout,
    chosen: Sequence[Mutant],
    explained: Sequence[Survivor],
    options: argparse.Namespace,
) -> list[Mutant]:
    unexplained: list[Mutant] = []
    with Laboratory(checkout, options.seconds) as laboratory:
        for mutant in chosen:
            verdict = laboratory.judge(mutant, whole=options.whole)
            reason = next((entry.reason for entry in explained if entry.is_of(mutant)), None)
            note = f" (explained: {reason})" if reason and verdict is Verdict.LIVES else ""
            print(f"{verdict.value:8} {mutant}{note}", flush=True)
            if verdict is Verdict.LIVES and reason is None:
                unexplained.append(mutant)
    return unexplained
