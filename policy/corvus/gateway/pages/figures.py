"""Writes amounts, numbers and instants as the reader's language writes them; instants in UTC.

An amount has as many decimals as its size asks for, and no amount above 0 is shown as 0. Percents
are cut, not rounded: 79.96 is not yet 80. Refuses floats for money.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import NumberPattern, format_currency, format_decimal, parse_pattern

from corvus.answers.amounts import part_words
from corvus.base.money import usd
from corvus.model.budget import NONE, Measure
from corvus.wording.words import Words

_CENT_NANO_USD = 10_000_000
_HUNDRED_NANO_USD = 100_000_000_000


class Figures:
    """How one language writes figures.

    Args:
        words: Of the language; also for the units of amounts, and for one that is not known.
    """

    def __init__(self, words: Words) -> None:
        self._locale = Locale.parse(words.language)
        self._words = words
        self._unknown = words("figure.unknown")

    def amount(self, amount: int | None, measure: Measure) -> str:
        """Write an amount in the unit of a budget; money as ``usd`` does."""
        return self.usd(amount) if measure is Measure.USD else self._counted(amount, measure)

    def amount_exact(self, amount: int | None, measure: Measure) -> str:
        """Write an amount in the unit of a budget; money as ``usd_exact`` does."""
        return self.usd_exact(amount) if measure is Measure.USD else self._counted(amount, measure)

    def usd(self, amount_nano_usd: int | None) -> str:
        """Write an amount: 2 decimals from $100 on, else 4; below a cent all that it has."""
        if amount_nano_usd is None:
            return self._unknown
        size = abs(amount_nano_usd)
        places = 2 if size >= _HUNDRED_NANO_USD else 4 if size >= _CENT_NANO_USD else 9
        return self._currency(usd(amount_nano_usd), places)

    def usd_exact(self, amount_nano_usd: int | None) -> str:
        """Write an amount with every decimal it has."""
        return self._unknown if amount_nano_usd is None else self._currency(usd(amount_nano_usd), 9)

    def usd_places(self, amount_nano_usd: int | None, places: int) -> str:
        """Write an amount with so many decimals, as the column of a table has them."""
        if amount_nano_usd is None:
            return self._unknown
        amount = usd(amount_nano_usd).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
        pattern = _with_decimals(self._locale.currency_formats["standard"].pattern, places)
        return pattern.apply(amount, self._locale, currency="USD", currency_digits=False)

    def part(self, part: str) -> str:
        """Write for whom a part of a budget is; empty without one."""
        return part_words(part, self._words("history.none"))

    def shown_part(self, text: str) -> str:
        """Write the same of a part that is kept as it was shown."""
        return text.replace(NONE, self._words("history.none"))

    def number(self, value: int | Decimal) -> str:
        """Write a number with its groups."""
        return format_decimal(value, locale=self._locale, decimal_quantization=False)

    def percent(self, percent: Fraction | Decimal | int) -> str:
        """Write a percentage with one decimal, cut."""
        exact = Fraction(percent)
        cut = Decimal(int(exact * 10)) / 10
        pattern = _with_decimals(self._locale.percent_formats[None].pattern, 1)
        return pattern.apply((cut / 100).quantize(Decimal("0.001"), ROUND_DOWN), self._locale)

    def percents(self, percents: Sequence[int]) -> str:
        """Write percentages in a row."""
        return ", ".join(map(self.percent, percents))

    def instant(self, instant: datetime) -> str:
        """Write an instant to the minute, in UTC; a naive one is in UTC."""
        aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        return f"{format_datetime(aware, 'd MMM y, HH:mm', tzinfo=UTC, locale=self._locale)} UTC"

    def stamp(self, text: str) -> str:
        """Write an instant that is given as ISO 8601 text."""
        return self.instant(datetime.fromisoformat(text))

    def day(self, day: date) -> str:
        """Write a day."""
        return format_date(day, "d MMM y", locale=self._locale)

    def short_day(self, day: date) -> str:
        """Write a day without its year, where there is little room."""
        return format_date(day, "d MMM", locale=self._locale)

    def bucket(self, text: str) -> str:
        """Write a bucket of time as reports name it: a day, a month, or another as it is."""
        try:
            if len(text) == len("YYYY-MM"):
                month = date.fromisoformat(f"{text}-01")
                return format_skeleton("yMMM", month, locale=self._locale)
            return self.day(date.fromisoformat(text)) if len(text) == len("YYYY-MM-DD") else text
        except ValueError:
            return text

    def _counted(self, amount: int | None, measure: Measure) -> str:
        if amount is None:
            return self._unknown
        return self._words.count(f"unit.{measure}", amount, number=self.number(amount))

    def _currency(self, amount: Decimal, places: int) -> str:
        rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN).normalize()
        return format_currency(rounded, "USD", locale=self._locale, decimal_quantization=False)


@cache
def _with_decimals(text: str, places: int) -> NumberPattern:
    """Return the pattern of a locale with so many decimals instead of its own."""
    pattern = parse_pattern(text)
    pattern.frac_prec = places, places
    return pattern
