"""Measures by how much a budget is overspent: 100 clients at once on 0.01 USD, by the mock's count.

    python benchmarks/gateway/overspend.py --litellm /tmp/peer/bin

Each call takes the mock 200 ms and costs 0.000225 USD, 10 tokens in and 20 out at the price of
gpt-4o, so that 44 calls fit. What was truly spent is what the mock has billed, whatever the gateway
believes. First all clients call once at one moment; then one client goes on alone until it is
refused, which shows how much of the budget can be used. litellm has a budget for its provider, the
only one that it enforces without a database.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import sides

LIMIT_USD = "0.01"
INPUT_USD, OUTPUT_USD = Decimal("2.50") / 10**6, Decimal(10) / 10**6
ANSWER_MS = 200
ALONE_MOST = 60
Start = Callable[[str, Path], AbstractContextManager[sides.Side]]


def spent_usd(billed: dict[str, int]) -> Decimal:
    return billed["input_tokens"] * INPUT_USD + billed["output_tokens"] * OUTPUT_USD


def share(usd: Decimal) -> str:
    return f"{usd:.6f} USD ({usd / Decimal(LIMIT_USD):.0%} of the budget)"


def tell(name: str, start: Start, folder: Path, clients: int) -> None:
    prompt = ("--prompt", "Say hello to the reader.")
    with sides.mock("--answer-ms", str(ANSWER_MS)) as mock, start(mock.url, folder) as side:
        burst = sides.load(side, "--clients", str(clients), "--calls-each", "1", *prompt)
        billed = sides.counted(mock)
        print(f"{name}: {clients} clients at once, statuses {burst['statuses']}")
        print(f"  truly spent {share(spent_usd(billed))}, {billed['calls']} calls ran")
        alone = sides.load(side, "--clients", "1", "--calls-each", str(ALONE_MOST), *prompt)
        billed = sides.counted(mock)
        print(f"  then {ALONE_MOST} calls one by one, statuses {alone['statuses']}")
        print(f"  truly spent {share(spent_usd(billed))}, {billed['calls']} calls ran", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litellm", type=Path, help="folder of its programs; else it is left out")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    starts: dict[str, Start] = {
        "corvus": lambda url, folder: sides.corvus(url, folder, limit_usd=LIMIT_USD)
    }
    if asked.litellm is not None:
        starts["litellm"] = lambda url, folder: sides.litellm(
            asked.litellm, url, folder, limit_usd=LIMIT_USD
        )
    for _ in range(asked.rounds):
        for name, start in starts.items():
            folder = Path(tempfile.mkdtemp(dir=str(asked.folder)))
            try:
                tell(name, start, folder, asked.clients)
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
