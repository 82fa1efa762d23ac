"""Prints what 150 widely used models cost: here, in genai-prices and in litellm.

A line for each model, variant, tier and kind. ``genai-prices`` is what that package states on the
day of the comparison, read from the installed package as it is; ``litellm`` is the second opinion
that ``tools/prices/opinions.json`` keeps; ``ours`` is the bundled book. Where ours and one of the
others are more than one percent apart, the last column has the reviewed reason. Exits with 1 where
there is none.

    python benchmarks/prices/both_books.py            # the differences and the summary
    python benchmarks/prices/both_books.py --all      # every line
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path

import genai_prices.data
from genai_prices.types import ModelInfo, TieredPrices

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price
from corvus.prices.lookup import PriceBooks

sys.path.insert(0, str(Path(__file__).parents[2]))

from tools.prices.opinion import Opinions, load_opinions

MODELS = Path(__file__).with_name("models.txt")
REVIEW = next(Path(__file__).parents[2].glob("**/review.toml"))
UNITS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
    "input_image": "input_image_mtok",
    "input_video": "input_video_mtok",
    "cache_read_audio": "cache_audio_read_mtok",
    "cache_read_image": "cache_image_read_mtok",
    "output_audio": "output_audio_mtok",
    "output_image": "output_image_mtok",
    "output_video": "output_video_mtok",
}
CONTEXTS: Mapping[str, Mapping[str, str]] = {
    "": {},
    "batch": {"processing": "batch"},
    "fast": {"speed": "fast", "service_tier": "fast"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


@dataclass(frozen=True)
class Line:
    """One rate in three books, nano-USD per million; ``None`` where a book has none."""

    provider: str
    name: str
    model: str
    variant: str
    above: int
    kind: str
    ours: int | None
    source: int | None
    second: int | None

    @property
    def others(self) -> list[int]:
        return [rate for rate in (self.source, self.second) if rate]

    @property
    def differs(self) -> bool:
        return any(
            self.ours is None or abs(self.ours - rate) * 100 > max(self.ours, rate)
            for rate in self.others
        )


def lines(books: PriceBooks, opinions: Opinions) -> Iterator[Line]:
    for row in MODELS.read_text(encoding="utf-8").splitlines():
        provider, _, names = row.partition(": ")
        for name in names.split():
            yield from of_model(books, opinions, provider, name)


def of_model(books: PriceBooks, opinions: Opinions, provider: str, name: str) -> Iterator[Line]:
    sheet = opinions.litellm.get(provider, {}).get(name, {})
    found = source_model(provider, name)
    for variant in CONTEXTS:
        ours = find(books, provider, f"{name}-{variant}" if variant else name, opinions)
        second = sheet.get(variant, {})
        if not variant and ours is None and not second:
            yield Line(provider, name, "", "", 0, "input", None, None, None)
        if ours is None and variant:
            continue
        bounds = {0, *map(rounded, second), *(rounded(t.above_tokens) for t in tiers_of(ours))}
        for above in sorted(bounds):
            for kind in UNITS:
                line = Line(
                    provider,
                    name,
                    ours.model.removesuffix(f"-{variant}") if ours else name,
                    variant,
                    above,
                    kind,
                    at(ours, above, kind),
                    source_rate(found, variant, above, kind, opinions),
                    second_rate(second, above, kind),
                )
                if line.ours is not None or line.others:
                    yield line


def tiers_of(price: Price | None) -> tuple[object, ...]:
    return price.tiers if price else ()


def at(price: Price | None, above: int, kind: str) -> int | None:
    if price is None:
        return None
    rates = price.rates_for(above + 1) if above else price.rates
    return {one.value: rate for one, rate in rates.items()}.get(kind)


def find(books: PriceBooks, provider: str, name: str, opinions: Opinions) -> Price | None:
    try:
        return books.find(name, provider=provider, on=opinions.taken)
    except AmbiguousModel:
        return None


def second_rate(bounds: Mapping[int, Mapping[str, int]], above: int, kind: str) -> int | None:
    if not bounds:
        return None
    bound = max((one for one in bounds if rounded(one) <= above), default=min(bounds))
    return bounds[bound].get(kind)


@cache
def source_model(provider: str, name: str) -> ModelInfo | None:
    bare = name.removeprefix("vertex_ai/")
    shop = next(one for one in genai_prices.data.providers if one.id == provider)
    return shop.find_model(bare)


def source_rate(
    model: ModelInfo | None, variant: str, above: int, kind: str, opinions: Opinions
) -> int | None:
    if model is None:
        return None
    at_peak = datetime.combine(opinions.taken, time(12), UTC)
    prices = model.get_prices(at_peak, dict(CONTEXTS[variant]))
    value = getattr(prices, UNITS[kind])
    if isinstance(value, TieredPrices):
        passed = [tier.price for tier in value.tiers if above + 1 > tier.start]
        value = passed[-1] if passed else value.base
    return None if value is None else int(value * 10**9)


def rounded(bound: int) -> int:
    return (bound + 500) // 1000 * 1000


@cache
def reviews() -> str:
    return REVIEW.read_text(encoding="utf-8")


def reason(line: Line) -> str:
    """Return the evidence of the review's table that is about the model, or what is plain."""
    tables = re.split(r"\n(?=\[\[)", reviews())
    for names in (f'"{line.model}"', f'"{line.name.removeprefix("vertex_ai/")}"'):
        for table in tables:
            about = names in table and f'"{line.provider}"' in table
            if about and table.startswith(("[[difference", "[[history", "[[addition")):
                evidence = re.search(r'^evidence = "(.*)"$', table, re.MULTILINE)
                return evidence[1].replace('\\"', '"') if evidence else ""
    if line.ours is None:
        return "unknown here: no entry for this seller, region, variant or kind"
    return ""


def usd(rate: int | None) -> str:
    return "-" if rate is None else f"{rate / 10**9:g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every line, not the differences alone")
    every = parser.parse_args().all
    books, opinions = PriceBooks(), load_opinions()
    found = list(lines(books, opinions))
    print("| model | variant | above | kind | ours | genai-prices | litellm | why |")
    print("|---|---|---|---|---|---|---|---|")
    for line in found:
        if every or line.differs:
            why = reason(line) if line.differs else ""
            above = f"{line.above:,}" if line.above else ""
            print(
                f"| {line.provider}/{line.name} | {line.variant} | {above} | {line.kind} "
                f"| {usd(line.ours)} | {usd(line.source)} | {usd(line.second)} | {why} |"
            )
    apart = [line for line in found if line.differs]
    unexplained = [line for line in apart if not reason(line)]
    counts = Counter("unknown here" if line.ours is None else "another figure" for line in apart)
    models = {(line.provider, line.name) for line in found}
    print(
        f"\n{len(models)} models, {len(found):,} rates: {len(found) - len(apart):,} agree, "
        f"{counts['another figure']} have another figure, {counts['unknown here']} are unknown "
        f"here; {len(unexplained)} without a reason. {books.bundled_version}, {opinions.taken}."
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
