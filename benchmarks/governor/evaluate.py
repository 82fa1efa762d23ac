"""Measures the rule that decides, alone: no store, no disk.

python benchmarks/governor/evaluate.py
"""

from __future__ import annotations

import timeit

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.governor.evaluate import Balance, evaluate
from corvus.model.budget import Budget


def main() -> None:
    balances = [
        Balance(
            Budget(f"b{number}", Period.DAY, NanoUSD(10**12 + number), 80, "key"),
            NanoUSD(10**11 * (number % 7)),
            NanoUSD(5),
        )
        for number in range(100)
    ]
    for count in (4, 100):
        some = balances[:count]
        rounds = timeit.repeat(lambda some=some: evaluate(some, NanoUSD(1_000)), number=2_000)
        print(f"evaluate, {count} budgets: {min(rounds) / 2_000 * 1e6:.1f} us")


if __name__ == "__main__":
    main()
