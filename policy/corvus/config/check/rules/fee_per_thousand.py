"""A fee that was most likely written for a thousand uses (PRC-2)."""

from __future__ import annotations

from decimal import Decimal

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import is_exact_number
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, is_table, value_at, written
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "fee-per-thousand",
    Severity.WARNING,
    "a fee that looks like the price of a thousand uses",
    "Vendors list searches by the thousand, such as 10 USD for 1,000 web searches; a fee here is "
    "for one. Taken as it stands, each search would cost a thousand times its price.",
    '[cost.prices."my-model"]\ninput = 3\noutput = 15\nweb_search = 10\n',
    '[cost.prices."my-model"]\ninput = 3\noutput = 15\nweb_search = 0.01\n',
    "Divide it by 1,000. If one use really costs that much, ignore the warning with a reason.",
)
_LEAST_USD = {"web_search": 1, "file_search": 1, "code_container": 10}
"""From which fee in USD on it is unlikely to be that of one use.

The highest search fee of the bundled book is 0.035 USD (Gemini, genai-prices 0.2.3); the smallest
container of OpenAI costs 0.03 USD, and larger ones a multiple of that.
"""


def check(subject: Subject, reporter: Reporter) -> None:
    """Report such fees of own prices."""
    prices = value_at(subject.tables, ("cost", "prices"))
    for name in prices if is_table(prices) else ():
        for key, least in _LEAST_USD.items():
            route: Route = ("cost", "prices", name, key)
            fee = value_at(subject.tables, route)
            if is_exact_number(fee) and not reporter.is_reported(route):
                _judge(route, fee, least, reporter)


def _judge(route: Route, fee: object, least: int, reporter: Reporter) -> None:
    from corvus.config.check import fixes

    amount = Decimal(str(fee))
    if amount < least:
        return
    one = written((amount / 1000).normalize())
    shown = reporter.seen(route, fee)
    message = f"`{reporter.shown(route)}` is USD for one use, and {shown} would be high for that"
    help_ = (f"Write {one} if that is the price of a thousand.",)
    fix = fixes.replace(reporter, route, one)
    reporter.add(Finding(INFO.code, message, ValueOf(route), "for each use", help_, fix=fix))
