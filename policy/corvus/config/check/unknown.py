"""What to say about a key that is not known: what was meant, where it belongs, what there is.

A suggestion may never turn a limit into its opposite: words that contradict each other are no
typos (``suggest``).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from corvus.base.period import CALENDAR_PERIODS, Period
from corvus.config.check.budget_keys import SYNONYMS, attribute_advice
from corvus.config.check.fixes import rename
from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.model.aliases import ALIASES
from corvus.config.model.defaults import LIMITS_USD
from corvus.config.model.dialects import (
    GOVERNED,
    Dialect,
    host_keys,
    is_runtime_only,
    is_section,
    native_only_keys,
)
from corvus.config.model.keys import homes, known_keys, node
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Route, header, shown

_PRICE = ("cost", "prices", "*")
_BUDGET = ("cost", "budgets", 0)
_UPSTREAM = ("governance", "upstreams", "*")
_SYNONYMS: dict[Route, dict[str, str]] = {
    _PRICE: {
        "prompt": "input",
        "in": "input",
        "completion": "output",
        "out": "output",
        "cached": "cache_read",
        "cached_input": "cache_read",
        "cache_write": "cache_write_5m",
        "thinking": "reasoning",
    },
    _BUDGET: {
        "id": "name",
        "title": "name",
        "interval": "period",
        "every": "period",
        "by": "per",
        "each": "per",
        "group_by": "per",
        "tokens": "limit_tokens",
        "token_limit": "limit_tokens",
        "max_tokens": "limit_tokens",
        "calls": "limit_calls",
        "requests": "limit_calls",
        "limit_requests": "limit_calls",
        "max_requests": "limit_calls",
        "exceptions": "limits",
        "alerts": "thresholds",
        "alert_at": "thresholds",
        "warn_at": "thresholds",
        "mode": "enforce",
        "then": "on_exceeded",
        "on_limit": "on_exceeded",
        "ladder": "on_exceeded",
        "amount": "limit_usd",
        "budget": "limit_usd",
        "usd": "limit_usd",
        "limit": "limit_usd",
        "filter": "match",
        "where": "match",
        "tz": "timezone",
    },
    _UPSTREAM: {
        "url": "base_url",
        "endpoint": "base_url",
        "key": "api_key_env",
        "api_key": "api_key_env",
        "key_env": "api_key_env",
        "type": "kind",
        "api": "kind",
        "protocol": "kind",
    },
    (*_BUDGET, "match"): SYNONYMS,
    ("cost",): {
        "alert_threshold_pct": "warn_at_percent",
        "models": "prices",
        "ladder": "on_exceeded",
        "fallbacks": "downgrade",
        "budget_fallbacks": "downgrade",
    },
}
"""What other tools call a key of ours."""
_OTHER_PERIODS = (
    *(
        f"{period}{end}"
        for period in CALENDAR_PERIODS
        if not any(key.startswith(period.removesuffix("y")) for key in LIMITS_USD)
        for end in ("ly", "_")
    ),
    Period.TOTAL.value,
    "hourly",
)
"""How keys begin that limit a period which has no key of its own in ``[cost]``."""
_PER_TOKEN = ("per_token", "per_1k")


def report_unknown(
    route: Route, value: object, lacking: Sequence[tuple[str, ...]], reporter: Reporter
) -> None:
    """Report an unknown key.

    Args:
        route: Where it stands.
        value: Its value.
        lacking: Keys the table must have and has not, or one of several; one of them was most
            likely meant.
        reporter: Receives the diagnostic.
    """
    table = route[:-1]
    key, dialect = str(route[-1]), reporter.dialect(route)
    help_ = _help(table, key, value, dialect, reporter)
    if lacking:
        help_ += (f"{reporter.header(table)} lacks {_alternatives(lacking)}.",)
    near = None if _special(table, key, value) else meant(table, key, dialect)
    fix = rename(reporter, route, near) if near else None
    message = f"unknown key `{reporter.shown(route)}`"
    label = f"not a key of {reporter.header(table)}"
    reporter.add(Finding("unknown-key", message, KeyOf(route), label, help_, fix=fix))


def report_missing(table: Route, lacking: Sequence[tuple[str, ...]], reporter: Reporter) -> None:
    """Report the keys that a table lacks, or one of several: one diagnostic for the table."""
    known = known_keys(table)
    lacking = sorted(lacking, key=lambda names: known.index(names[0]))
    message = f"`{reporter.header(table)}` lacks {_alternatives(lacking)}"
    names = (name for group in lacking for name in group)
    help_ = tuple(f"`{name}`: {node((*table, name)).get('description')}" for name in names)
    reporter.add(Finding("missing-key", message, KeyOf(table), "incomplete", help_))


def report_native_only(route: Route, reporter: Reporter) -> None:
    """Report a key in a runtime's file that only corvus.toml may have."""
    message = (
        f"the corvus runtime would refuse `{reporter.shown(route)}`: it does not know this key"
    )
    help_ = ("Move it to a corvus.toml of its own, and layer that on top of the runtime's file.",)
    reporter.add(Finding("native-only-key", message, KeyOf(route), "only in corvus.toml", help_))


def report_unknown_top_level(key: str, value: object, dialect: Dialect, reporter: Reporter) -> None:
    """Report a top-level key that the dialect does not have."""
    word = reporter.header((key,)) if is_section(value) else reporter.shown((key,))
    if dialect is Dialect.CORVUS and is_runtime_only(key):
        message = f"the corvus runtime sets `{word}` itself and refuses a file that has it"
        help_ = ("Remove this line.",)
        found = Finding("runtime-only-key", message, KeyOf((key,)), "refused in a file", help_)
        reporter.add(found)
        return
    owners = [other for other in Dialect if key in host_keys(other)]
    near = closest(key, {*GOVERNED, *host_keys(dialect)})
    if near:
        advice = f"Did you mean `{header((near,)) if is_section(value) else shown((near,))}`?"
    elif owners:
        advice = (
            f"`{word}` belongs to the {owners[-1]} runtime: check with `--dialect {owners[-1]}`."
        )
    else:
        advice = _home(key, dialect)
    message = f"unknown {'table' if is_section(value) else 'key'} `{word}`"
    label = f"not part of the {dialect} dialect"
    reporter.add(Finding("unknown-key", message, KeyOf((key,)), label, (advice,)))


def _home(key: str, dialect: Dialect) -> str:
    """Say where a key belongs that stands at the top level."""
    if where := _elsewhere(key):
        return where[0]
    if of_host := closest(key, host_keys(Dialect.CORVUS) | host_keys(Dialect.ZEROCLAW)):
        return f"Did you mean `{of_host}`? That is a key of a host runtime's own file."
    known = ", ".join(header((name,)) for name in GOVERNED)
    more = "" if dialect is Dialect.NATIVE else f" and the keys of the {dialect} runtime"
    return f"A file may have {known}{more}."


def meant(table: Route, key: str, dialect: Dialect) -> str | None:
    """Return the key of the table that an unknown one most likely stands for."""
    other = _synonyms(table).get(key.casefold())
    return (
        other or closest(key, _deprecated(table), cutoff=0.9) or closest(key, _keys(table, dialect))
    )


def _alternatives(lacking: Sequence[tuple[str, ...]]) -> str:
    """Join names: ``a`` (or ``x``), ``b`` and ``c``, each in backticks."""
    ticked = [
        f"`{first}`" + (f" (or {', '.join(f'`{other}`' for other in others)})" if others else "")
        for first, *others in lacking
    ]
    return " and ".join((", ".join(ticked[:-1]), ticked[-1])) if ticked[1:] else ticked[0]


def _help(
    table: Route, key: str, value: object, dialect: Dialect, reporter: Reporter
) -> tuple[str, ...]:
    if special := _special(table, key, value):
        return (special,)
    near = meant(table, key, dialect)
    if near:
        old = {alias.old[-1]: alias.new[-1] for alias in ALIASES if alias.old[:-1] == table}
        known = f", the deprecated name of `{old[near]}`" if near in old else ""
        meaning = (
            node((*table, near)).get("description") if near in _synonyms(table).values() else None
        )
        more = (f"`{near}`: {meaning}",) if meaning else _elsewhere(key)
        return (f"Did you mean `{shown((near,))}`{known}?", *more)
    if dialect is not Dialect.ZEROCLAW and key in host_keys(Dialect.ZEROCLAW, _spelt(table)):
        return ("It is a key of the zeroclaw runtime; `--dialect zeroclaw` passes it over.",)
    where = _elsewhere(key) or _top_level(key, dialect)
    known = ", ".join(_keys(table, dialect))
    return where or (f"The keys of {reporter.header(table)} are {known}.",)


def _special(table: Route, key: str, value: object) -> str | None:
    """Return the advice for a key whose value must change, too."""
    if key == "budget_cents_per_day" and isinstance(value, int):
        usd = f"{Decimal(value) / 100:f}"
        return f"A day is limited in USD: {value} cents are `daily_limit_usd = {usd}` in [cost]."
    if _general(table) == _PRICE and key.endswith(_PER_TOKEN):
        return "A price is in USD per million tokens, as `input` and `output`."
    if _general(table) == (*_BUDGET, "match") and key not in SYNONYMS:
        return next(iter(attribute_advice(key)), None)
    if table == ("cost",) and key.casefold().startswith(_OTHER_PERIODS):
        return 'Other periods are limited by a [[cost.budgets]], such as `period = "week"`.'
    return None


def _elsewhere(key: str) -> tuple[str, ...]:
    found = [f"`{header(home)}`".replace('"*"', "<name>") for home in homes(key)]
    found += [f"`{header(alias.old[:-1])}`" for alias in ALIASES if alias.old[-1] == key]
    return (f"`{key}` is a key of {' and '.join(found)}.",) if found else ()


def _top_level(key: str, dialect: Dialect) -> tuple[str, ...]:
    if dialect is Dialect.NATIVE or key not in host_keys(dialect):
        return ()
    return (f"`{key}` belongs at the top level: above the first table, or as a table of its own.",)


def _keys(table: Route, dialect: Dialect) -> tuple[str, ...]:
    """Return the keys that a file of the dialect may have in a table."""
    known = known_keys(table)
    if dialect is Dialect.ZEROCLAW:
        return (*known, *sorted(host_keys(dialect, _spelt(table))))
    if dialect is Dialect.NATIVE:
        return known
    barred = {route[-1] for route in native_only_keys() if route[:-1] == _general(table)}
    return tuple(key for key in known if key not in barred)


def _deprecated(table: Route) -> list[str]:
    return [alias.old[-1] for alias in ALIASES if alias.old[:-1] == table]


def _synonyms(table: Route) -> dict[str, str]:
    return _SYNONYMS.get(_general(table), {})


def _general(table: Route) -> Route:
    """Return the route with ``*`` for the name of a price or upstream, and 0 for an index."""
    if table[:2] in {("cost", "prices"), ("governance", "upstreams")} and len(table) == 3:
        return (*table[:2], "*")
    return tuple(0 if isinstance(part, int) else part for part in table)


def _spelt(table: Route) -> str:
    return ".".join(str(part) for part in table)
