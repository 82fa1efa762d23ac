"""Compare the bundled price book with a second, independent one, or take that one's prices.

::

    python -m tools prices                              # compare; fails on what nobody reviewed
    python -m tools prices take litellm.whl model_prices.whl

``corvus.prices.compile`` compiles genai-prices into ``book.json``. Where the source says less
than a bill, or something else, ``review.toml`` says what holds, on which evidence and who read it
when (PRC-8). Each difference of more than one percent from the second opinion must stand there
(PRC-10). Wheels for ``take`` come from ``pip download --no-deps litellm model-prices``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Run the comparison, or read wheels; return 1 where a difference was not reviewed."""
    parser = argparse.ArgumentParser(prog="python -m tools prices", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    taking = commands.add_parser("take", help="read the second opinion out of wheels")
    taking.add_argument("wheels", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    return _take(options.wheels) if options.command == "take" else _compare()


def _take(wheels: list[Path]) -> int:
    from tools.prices.opinion import OPINIONS_PATH, take

    text = take(wheels, datetime.now(UTC).date())
    OPINIONS_PATH.write_text(text, encoding="utf-8", newline="\n")
    print(f"{OPINIONS_PATH.name}: {len(text):,} bytes")
    return 0


def _compare() -> int:
    from corvus.prices.compile.review import load_review
    from corvus.prices.lookup import PriceBooks
    from tools.prices.compare import compare
    from tools.prices.opinion import load_opinions

    opinions = load_opinions()
    books = PriceBooks()
    compared = list(compare(books, opinions, load_review()))
    apart = [one for one in compared if one.differs]
    for one in apart:
        if not one.reason:
            print(f"not reviewed: {one}")
    by_provider = Counter(one.provider for one in compared)
    for provider, count in sorted(by_provider.items()):
        here = [one for one in apart if one.provider == provider]
        reviewed = sum(bool(one.reason) for one in here)
        print(
            f"{provider:16}{count:6,} rates compared, {len(here):4} differ, {reviewed:4} reviewed"
        )
    names = ", ".join(f"{one['package']} {one['version']}" for one in opinions.sources)
    print(f"{books.bundled_version} beside {names}, as of {opinions.taken}")
    return 1 if any(not one.reason for one in apart) else 0
