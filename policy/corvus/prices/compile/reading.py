"""Reads the prices of genai-prices out of their text: neither runs nor imports what it reads.

Its wheel has them as Python, calls of constructors and nothing else, and its repository as JSON.
Of the first only these constructors are understood, with plain values; whatever else stands there
is refused. So a package that was tampered with can state wrong prices, but do nothing.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, time
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from corvus.prices.compile import records
from corvus.prices.compile.records import Provider

_RECORDS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        records.Tier,
        records.TieredPrices,
        records.StartDateConstraint,
        records.TimeOfDateConstraint,
        records.ConditionalPrice,
        records.PriceVariant,
        records.ClauseStartsWith,
        records.ClauseEndsWith,
        records.ClauseContains,
        records.ClauseRegex,
        records.ClauseEquals,
        records.ClauseOr,
        records.ClauseAnd,
        records.ModelInfo,
        records.Provider,
    )
}
_VALUES: Mapping[str, Callable[..., object]] = {
    "Decimal": Decimal,
    "datetime.date": date,
    "datetime.time": time,
    "ModelPrice": records.ModelPrice,
}
_UTC = ("datetime.timezone.utc", "datetime.UTC", "timezone.utc", "UTC")
_KEPT: Mapping[type, frozenset[str]] = {
    kind: frozenset(one.name for one in fields(kind)) for kind in _RECORDS.values()
}


def read_python(text: str) -> list[Provider]:
    """Return what ``genai_prices/data.py`` states.

    Raises:
        ValueError: It is no such file, or says something that is not understood.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as broken:
        raise ValueError(f"it is no Python: {broken}") from None
    for statement in tree.body:
        target = statement.target if isinstance(statement, ast.AnnAssign) else None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        if isinstance(target, ast.Name) and target.id == "providers":
            assert isinstance(statement, ast.Assign | ast.AnnAssign)
            found = _value(statement.value) if statement.value else None
            return _providers(found)
    raise ValueError("it does not state providers")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.List():
            return [_value(item) for item in node.elts]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {_value(key) if key else None: _value(value) for key, value in pairs}
        case ast.Call():
            return _made(node)
        case ast.Attribute() | ast.Name() if ast.unparse(node) in _UTC:
            return UTC
        case _:
            raise ValueError(f"line {node.lineno} says what is not understood")


def _made(call: ast.Call) -> object:
    name = ast.unparse(call.func)
    if name not in _RECORDS and name not in _VALUES:
        raise ValueError(f"line {call.lineno} has {name}, which is not understood")
    kind = _RECORDS.get(name)
    kept = _KEPT[kind] if kind else None
    named = {
        part.arg: _value(part.value)
        for part in call.keywords
        if part.arg is not None and (kept is None or part.arg in kept)
    }
    try:
        return (kind or _VALUES[name])(*map(_value, call.args), **named)
    except (TypeError, ValueError, InvalidOperation) as wrong:
        raise ValueError(f"line {call.lineno}: {wrong}") from None


def read_json(text: str) -> list[Provider]:
    """Return what the ``data.json`` of genai-prices states; numbers are read as decimals.

    Raises:
        ValueError: It is no such file, or says something that is not understood.
    """
    loaded = json.loads(text, parse_float=Decimal)
    if isinstance(loaded, dict):
        loaded = cast("dict[str, object]", loaded).get("providers")
    if not isinstance(loaded, list):
        raise ValueError("it is no list of providers")
    try:
        return _providers([_provider(one) for one in cast("list[dict[str, Any]]", loaded)])
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(f"it is no list of providers: {wrong}") from None


def _provider(raw: Mapping[str, Any]) -> Provider:
    match = raw.get("model_match")
    return Provider(
        id=raw["id"],
        model_match=_clause(match) if match else None,
        fallback_model_providers=raw.get("fallback_model_providers"),
        models=[_model(one) for one in raw["models"]],
    )


def _model(raw: Mapping[str, Any]) -> records.ModelInfo:
    prices = raw["prices"]
    variants = raw.get("price_variants")
    return records.ModelInfo(
        id=raw["id"],
        match=_clause(raw["match"]),
        prices=(
            _prices(prices)
            if isinstance(prices, dict)
            else [
                records.ConditionalPrice(_prices(one["prices"]), _constraint(one.get("constraint")))
                for one in prices
            ]
        ),
        price_variants=variants
        and [
            records.PriceVariant(
                one["when"], _prices(one["prices"]), _constraint(one.get("constraint"))
            )
            for one in variants
        ],
    )


def _prices(raw: Any) -> records.ModelPrice:
    return records.ModelPrice(**{unit: _amount(value) for unit, value in raw.items()})


def _amount(raw: Any) -> Decimal | records.TieredPrices | None:
    if raw is None:
        return None
    if isinstance(raw, dict):
        held = cast("dict[str, Any]", raw)
        tiers = [records.Tier(one["start"], Decimal(one["price"])) for one in held["tiers"]]
        return records.TieredPrices(Decimal(held["base"]), tiers)
    return Decimal(raw)


def _constraint(raw: Any) -> records.Constraint:
    if not raw:
        return None
    if "start_date" in raw:
        return records.StartDateConstraint(date.fromisoformat(raw["start_date"]))
    return records.TimeOfDateConstraint(*(_time(raw[key]) for key in ("start_time", "end_time")))


def _time(text: str) -> time:
    """Return a time of day; one without a zone is in UTC."""
    found = time.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_CLAUSES: Mapping[str, Callable[[Any], records.MatchLogic]] = {
    "or": lambda held: records.ClauseOr([_clause(one) for one in held]),
    "and": lambda held: records.ClauseAnd([_clause(one) for one in held]),
    "equals": records.ClauseEquals,
    "starts_with": records.ClauseStartsWith,
    "ends_with": records.ClauseEndsWith,
    "contains": records.ClauseContains,
    "regex": records.ClauseRegex,
}


def _clause(raw: Mapping[str, Any]) -> records.MatchLogic:
    ((word, held),) = raw.items()
    if word not in _CLAUSES:
        raise ValueError(f"a clause {word!r} is not understood")
    return _CLAUSES[word](held)


def _providers(found: object) -> list[Provider]:
    if not isinstance(found, list) or not found:
        raise ValueError("it has no provider")
    providers = cast("list[object]", found)
    if not all(isinstance(one, Provider) for one in providers):
        raise ValueError("it has providers that are none")
    return cast("list[Provider]", providers)
