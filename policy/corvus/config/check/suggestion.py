"""What an unknown key of a governed table was most likely meant to be.

Knowledge goes before spelling: another name for a key of the table, a key of another table, a unit
that differs; only then a near word, whose type must take the value that stands there. A suggestion
may never turn a limit into its opposite: words that contradict each other are no typos
(``suggest``).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from corvus.base.period import CALENDAR_PERIODS, Period
from corvus.config.check.cost_keys import SYNONYMS, attribute_advice
from corvus.config.check.plain_value import CONVERT, CURRENCIES, plain
from corvus.config.check.suggest import closest
from corvus.config.check.synonyms import BUDGET, PRICE, SYNONYMS_BY_TABLE
from corvus.config.model.aliases import ALIASES
from corvus.config.model.defaults import LIMITS_USD
from corvus.config.model.dialects import GOVERNED, Dialect, host_keys, native_only_keys
from corvus.config.model.keys import homes, known_keys, node
from corvus.config.toml.values import Route, as_items, header, is_table, kind, shown

_OTHER_PERIODS: Final = (
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
_PER_MILLION: Final = {"per_token": 1_000_000, "per_1k": 1000, "per_1k_tokens": 1000}
"""How keys of prices end elsewhere, and how many of that are in a million tokens."""
_MOST_HOMES: Final = 3


class Suggestion(NamedTuple):
    """What to say about an unknown key, and what to write in its place.

    Attributes:
        help: One sentence each.
        name: The key of the same table that was meant; ``None`` where that is not known.
        value: What its value must be then, as TOML spells it; ``None`` where the value stays.
        is_edit: Whether writing that is all there is to do.
    """

    help: tuple[str, ...]
    name: str | None = None
    value: str | None = None
    is_edit: bool = True


def suggestion(
    table: Route, key: str, value: object, dialect: Dialect, words: str = ""
) -> Suggestion:
    """Return the best advice about a key that a governed table does not have.

    Args:
        table: The table.
        key: The key.
        value: What it is set to.
        dialect: What the file is checked as.
        words: The table as its header, for the reader.
    """
    return (
        _by_unit(table, key, value)
        or _by_shape(table, key)
        or _by_synonym(table, key)
        or _by_table(table, key, dialect)
        or _by_spelling(table, key, value, dialect)
        or Suggestion((f"The keys of {words} are {', '.join(_keys(table, dialect))}.",))
    )


def takes(route: Route, value: object) -> bool:
    """Return whether a key takes a value of this type, or what a string spells.

    A key of a host runtime, whose type is not known, takes everything.
    """
    types = json_types(route)
    word = kind(value)
    if not types:
        return True
    if word in {"integer", "float"}:
        return bool(types & {"integer", "number"}) or (value in {0, 1} and "boolean" in types)
    if isinstance(value, str):
        spelt = (("int_type", "integer"), ("decimal_type", "number"), ("bool_type", "boolean"))
        return "string" in types or any(plain(value, how) for how, type_ in spelt if type_ in types)
    if word in {"date", "date-time", "time"}:
        return node(route).get("format") == word
    return {"boolean": "boolean", "array": "array", "table": "object"}[word] in types


def json_types(route: Route) -> frozenset[str]:
    """Return the JSON types that a key takes; nothing where the settings do not know it."""
    schema = node(route)
    branches = [schema, *(one for one in as_items(schema.get("anyOf")) if is_table(one))]
    named = [branch.get("type") for branch in branches]
    return frozenset(
        str(type_) for name in named for type_ in (as_items(name) or [name]) if type_ is not None
    ) - {"null"}


def _by_unit(table: Route, key: str, value: object) -> Suggestion | None:
    """Recognise an amount in another unit: its number must change with its name."""
    stem, _, unit = key.casefold().rpartition("_")
    if key == "budget_cents_per_day" and kind(value) == "integer":
        usd = f"{Decimal(str(value)) / 100:f}"
        said = f"A day is limited in USD: {value} cents are `daily_limit_usd = {usd}` in [cost]."
        name = "daily_limit_usd" if table == ("cost",) else None
        return Suggestion((said,), name, usd)
    if general(table) == PRICE:
        return _per_million(key, value)
    amount = _amount(table, stem) if unit in {*CURRENCIES, "cent", "cents"} else None
    if amount is None:
        return None
    if unit in CURRENCIES:
        return Suggestion((f"Did you mean `{amount}`?", CONVERT), amount, is_edit=False)
    if kind(value) != "integer":
        return Suggestion((f"Amounts are in USD: write `{amount}`.",), amount, is_edit=False)
    usd = f"{Decimal(str(value)) / 100:f}"
    said = f"Amounts are in USD: {value} cents are `{amount} = {usd}`."
    return Suggestion((said,), amount, usd)


def _amount(table: Route, stem: str) -> str | None:
    """Return the key of a table that holds an amount in USD under a name without unit."""
    amounts = [name for name in known_keys(table) if name.endswith("_usd")]
    return closest(f"{stem}_usd", amounts, cutoff=0.85)


def _per_million(key: str, value: object) -> Suggestion | None:
    """Recognise a price for fewer tokens than a million."""
    factor = next((by for end, by in _PER_MILLION.items() if key.endswith(end)), None)
    if factor is None:
        return None
    said = "A price is in USD per million tokens, as `input` and `output`."
    side = next((side for side in ("input", "output") if key.startswith(side)), None)
    if side is None or not isinstance(value, int | Decimal) or isinstance(value, bool):
        return Suggestion((said,))
    price = _short(Decimal(value) * factor)
    return Suggestion((said, f"That is `{side} = {price}`."), side, price)


def _short(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _by_shape(table: Route, key: str) -> Suggestion | None:
    """Recognise what is written another way: a tag, or a limit of another period."""
    if general(table) == (*BUDGET, "match") and key not in SYNONYMS:
        advice = attribute_advice(key)
        return Suggestion(advice[:1]) if advice else None
    if table == ("cost",) and key.casefold().startswith(_OTHER_PERIODS):
        return Suggestion(
            ('Other periods are limited by a [[cost.budgets]], such as `period = "week"`.',)
        )
    return None


def _by_synonym(table: Route, key: str) -> Suggestion | None:
    name = SYNONYMS_BY_TABLE.get(general(table), {}).get(key.casefold())
    if name is None:
        return None
    return Suggestion((f"Did you mean `{shown((name,))}`?", *_meaning(table, name)), name)


def _meaning(table: Route, name: str) -> tuple[str, ...]:
    meaning = node((*table, name)).get("description")
    return (f"`{name}`: {meaning}",) if meaning else ()


def _by_table(table: Route, key: str, dialect: Dialect) -> Suggestion | None:
    """Recognise the exact name of a key of another table, of this dialect or of a host."""
    if found := [home for home in tables_with(key, dialect) if home != general(table)]:
        return Suggestion((is_key_of(key, found),))
    if key in host_keys(dialect):
        where = "above the first table, or as a table of its own"
        return Suggestion((f"`{key}` belongs at the top level: {where}.",))
    if key in host_keys(Dialect.ZEROCLAW, _spelt(table)):
        said = "It is a key of the zeroclaw runtime; `--dialect zeroclaw` passes it over."
        return Suggestion((said,))
    return None


def _by_spelling(table: Route, key: str, value: object, dialect: Dialect) -> Suggestion | None:
    old = {alias.old[-1]: alias.new[-1] for alias in ALIASES if alias.old[:-1] == table}
    if near := closest(key, _taking(table, old, value), cutoff=0.9):
        return Suggestion((f"Did you mean `{near}`, the deprecated name of `{old[near]}`?",), near)
    if near := closest(key, _taking(table, _keys(table, dialect), value)):
        is_unclear = near in SYNONYMS_BY_TABLE.get(general(table), {}).values()
        more = _meaning(table, near) if is_unclear else ()
        return Suggestion((f"Did you mean `{shown((near,))}`?", *more), near)
    return None


def _taking(table: Route, names: Iterable[str], value: object) -> list[str]:
    """Return those names whose type takes the value."""
    new = {alias.old: alias.new for alias in ALIASES}
    return [
        name for name in names if takes(new.get((*map(str, table), name), (*table, name)), value)
    ]


def tables_with(key: str, dialect: Dialect) -> list[Route]:
    """Return the governed tables that have a key in a file of the dialect, each once."""
    found = [
        *homes(key),
        *(alias.old[:-1] for alias in ALIASES if alias.old[-1] == key),
        *((name,) for name in GOVERNED if key in host_keys(dialect, name)),
    ]
    return [*dict.fromkeys(found)]


def is_key_of(key: str, tables: list[Route]) -> str:
    """Say which tables have a key."""
    words = [f"`{header(table)}`".replace('"*"', "<name>") for table in tables[:_MOST_HOMES]]
    if len(tables) > _MOST_HOMES:
        words.append(f"{len(tables) - _MOST_HOMES} more")
    listed = " and ".join((", ".join(words[:-1]), words[-1])) if words[1:] else words[0]
    return f"`{key}` is a key of {listed}."


def _keys(table: Route, dialect: Dialect) -> tuple[str, ...]:
    """Return the keys that a file of the dialect may have in a table."""
    known = known_keys(table)
    if of_host := host_keys(dialect, _spelt(table)):
        return (*known, *sorted(of_host))
    if dialect is not Dialect.CORVUS:
        return known
    barred = {route[-1] for route in native_only_keys() if route[:-1] == general(table)}
    return tuple(key for key in known if key not in barred)


def general(table: Route) -> Route:
    """Return the route with ``*`` for the name of a price or upstream, and 0 for an index."""
    if table[:2] in {("cost", "prices"), ("governance", "upstreams")} and len(table) > 2:
        table = (*table[:2], "*", *table[3:])
    return tuple(0 if isinstance(part, int) else part for part in table)


def _spelt(table: Route) -> str:
    return ".".join(str(part) for part in table)
