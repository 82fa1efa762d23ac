"""The errors of the settings model as diagnostics that speak TOML (CFG-1, CFG-3, CFG-4).

pydantic finds the problems; its wording, and the values it carries, are never shown. One mistake
gives one diagnostic: a misspelt required key is not also a missing one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.check import budget_keys
from corvus.config.check.plain_value import plain, whole
from corvus.config.check.reporter import Reporter
from corvus.config.model.defaults import is_time_zone, is_window
from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, Table, is_table, kind, value_at

if TYPE_CHECKING:
    from pydantic import ValidationError

    from corvus.config.model.settings import Settings

_EXPECTED_TYPES = {
    "bool_type": "a boolean, true or false",
    "int_type": "an integer",
    "globs_type": "a string or an array of strings",
    "decimal_type": "a number",
    "string_type": "a string",
    "literal_error": "a string",
    "list_type": "an array",
    "dict_type": "a table",
    "model_type": "a table",
    "date_type": "a date such as 2026-11-01",
}
_OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal", "finite_number"})
_EXPECTED_TEXTS = {
    "name": "lower-case letters and digits, joined by `-` or `_`, at most 64 characters",
    "base_url": "a URL that begins with http:// or https://",
    "otlp_endpoint": "a URL that begins with http:// or https://",
    "ledger.url": "a URL that begins with postgresql://",
    "url": "a URL that begins with http:// or https://",
    "gateway_url": "a URL that begins with http:// or https://",
    "url_env": "the name of an environment variable, never the URL itself",
    "apprise_env": "the name of an environment variable, never the URL itself",
    "secret_env": "the name of an environment variable, never the secret itself",
    "api_key_env": "the name of an environment variable, never the key itself",
    "timezone": "an IANA time zone such as Europe/Berlin",
    "window": 'a length of time such as "5h", "30m" or "7d", from 1m to 366d',
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH = r"\s*([0-9]{1,9})\s*([smhdw])(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?|ays?|eeks?)?\s*"
_NOTHING_MOVED: Mapping[Route, Route] = MappingProxyType({})


class _ModelError(NamedTuple):
    """One error of the model: its kind, where the value is, and the key with its bounds."""

    kind: str
    route: Route
    value: object
    bounds: Route


def validate(
    data: Table, reporter: Reporter, *, moved: Mapping[Route, Route] = _NOTHING_MOVED
) -> Settings | None:
    """Check the governed tables.

    Args:
        data: The governed tables, host and deprecated keys taken away.
        reporter: Receives one diagnostic for each mistake.
        moved: Routes of ``data`` that stand elsewhere in the document: a deprecated key's value.

    Returns:
        The settings, or ``None`` when there is an error.
    """
    from pydantic import ValidationError

    from corvus.config.model.settings import Settings

    try:
        return Settings.model_validate(data)
    except ValidationError as failure:
        _report(_errors(failure, data), data, reporter, moved)
        return None


def _errors(failure: ValidationError, data: Table) -> list[_ModelError]:
    errors = failure.errors(include_url=False, include_input=False, include_context=False)
    routes = [_written(error["loc"], data) for error in errors]
    found = [
        (error["type"], route)
        for error, route in zip(errors, routes, strict=True)
        if error["type"] not in budget_keys.FOUND_HERE
    ]
    return [
        _ModelError(kind, route, value_at(data, route), budget_keys.bounding(route, data))
        for kind, route in (*found, *budget_keys.mistyped(data))
    ]


def _written(location: Route, data: Table) -> Route:
    """Return the route of an error as the file spells it: one glob may stand without brackets."""
    route = tuple(part for part in location if part != "[key]")
    is_item = bool(route) and isinstance(route[-1], int)
    return route[:-1] if is_item and isinstance(value_at(data, route[:-1]), str) else route


def _report(
    problems: list[_ModelError], data: Table, reporter: Reporter, moved: Mapping[Route, Route]
) -> None:
    unknown: defaultdict[Route, list[_ModelError]] = defaultdict(list)
    missing: defaultdict[Route, list[tuple[str, ...]]] = defaultdict(list)
    for budget, names in budget_keys.lacking(data):
        missing[budget].append(names)
    budget_keys.report(data, reporter)
    attributes = {problem.route for problem in problems if _is_match_attribute(problem)}
    for problem in problems[: MAX_FINDINGS + 1]:
        if problem.route[:5] in attributes and not _is_match_attribute(problem):
            continue  # the value of what is no attribute
        if problem.kind == "missing":
            missing[problem.route[:-1]].append((str(problem.route[-1]),))
        elif problem.kind == "extra_forbidden" or _is_match_attribute(problem):
            unknown[problem.route[:-1]].append(problem)
        else:
            _report_value(problem, moved.get(problem.route, problem.route), reporter)
    for table in dict.fromkeys((*unknown, *missing)):
        _report_keys(table, unknown[table], missing[table], reporter)


def _report_keys(
    table: Route, unknown: list[_ModelError], missing: list[tuple[str, ...]], reporter: Reporter
) -> None:
    """Report unknown and missing keys of a table; a misspelt required key is one mistake."""
    from corvus.config.check.unknown import meant, report_missing, report_unknown

    dialect = reporter.dialect(table)
    found = {problem.route: meant(table, str(problem.route[-1]), dialect) for problem in unknown}
    lacking = [names for names in missing if not {*names} & {*found.values()}]
    nameless = [problem.route for problem in unknown if found[problem.route] is None]
    covered = reporter.is_whole and 0 < len(lacking) <= len(nameless)
    for problem in unknown:
        explains = covered and problem.route == nameless[0]
        report_unknown(problem.route, problem.value, lacking if explains else [], reporter)
    if lacking and not covered:
        report_missing(table, lacking, reporter)


def _is_match_attribute(problem: _ModelError) -> bool:
    """Return whether the name of an attribute is wrong: the keys of ``match`` are such names."""
    is_name = problem.kind == "string_pattern_mismatch"
    return is_name and problem.route[-2:-1] == ("match",)


def _report_value(problem: _ModelError, route: Route, reporter: Reporter) -> None:
    if problem.kind in _EXPECTED_TYPES and not (
        problem.kind == "literal_error" and isinstance(problem.value, str)
    ):
        _report_type(problem, route, reporter)
    elif problem.kind == "too_short":
        help_ = (f"Name one at least, or leave `{route[-1]}` out.",)
        message = f"`{reporter.shown(route)}` must not be empty"
        reporter.add(Finding("invalid-value", message, ValueOf(route), "empty", help_))
    elif problem.kind in _OUT_OF_RANGE:
        _report_range(problem, route, reporter)
    elif problem.kind == "decimal_max_places":
        seen = reporter.seen(route, problem.value)
        message = f"`{reporter.shown(route)}` has more than 9 decimal places: {seen}"
        help_ = ("Amounts are exact to one nano-USD, 0.000000001.", *_zero_means(problem.route))
        reporter.add(Finding("too-many-decimals", message, ValueOf(route), "too fine", help_))
    else:
        _report_text(problem, route, reporter)


def _report_type(problem: _ModelError, route: Route, reporter: Reporter) -> None:
    expected = _EXPECTED_TYPES[problem.kind]
    seen = reporter.seen(route, problem.value)
    message = f"`{reporter.shown(route)}` must be {expected}, not {seen}"
    help_ = (*_type_help(problem.value, problem.kind, route, reporter), *_zero_means(problem.route))
    fix = None
    if isinstance(problem.value, str) and plain(problem.value, problem.kind) == problem.value:
        from corvus.config.check.fixes import unquote

        fix = unquote(reporter, route)
    label = f"expected {expected}"
    reporter.add(Finding("wrong-type", message, ValueOf(route), label, help_, fix=fix))


def _type_help(value: object, wanted: str, route: Route, reporter: Reporter) -> tuple[str, ...]:
    """Return advice, if there is any.

    Args:
        value: What stands there.
        wanted: The kind of error of pydantic, such as ``int_type``.
        route: Where it stands.
        reporter: Knows what may not be repeated.
    """
    if isinstance(value, str) and (meant := plain(value, wanted)):
        if meant == value and reporter.value(meant) == meant:
            return (f"Remove the quotes: {meant}.",)
        return ("Remove the quotes." if meant == value else f"Write {reporter.value(meant)}.",)
    if wanted == "int_type" and isinstance(value, Decimal) and value.is_finite():
        return (whole(value, str(route[-1])),)
    if wanted == "bool_type" and isinstance(value, int) and value in {0, 1}:
        return (f"Write {str(bool(value)).lower()}.",)
    return _container_help(value, wanted, route, reporter)


def _container_help(
    value: object, wanted: str, route: Route, reporter: Reporter
) -> tuple[str, ...]:
    """Say which brackets were most likely meant."""
    from corvus.config.model.keys import node

    items = node(route).get("items")
    holds_tables = is_table(items) and items.get("type") != "string"
    if wanted == "list_type" and holds_tables:
        return (f"Write each one below a header of its own, `{reporter.header((*route, 0))}`.",)
    if wanted == "list_type":
        only = ", even when it is the only one" if isinstance(value, str) else ""
        return (f'Write texts in square brackets{only}: ["one", "two"].',)
    if wanted == "model_type" and route[-2:-1] == ("prices",):
        return ("A price is a table in USD per million tokens: { input = 3, output = 15 }.",)
    if wanted == "model_type" and kind(value) == "array" and isinstance(route[-1], str):
        return (f"Write `{reporter.header(route)}` with one pair of brackets.",)
    return ()


def _report_range(problem: _ModelError, route: Route, reporter: Reporter) -> None:
    from corvus.config.model.keys import node

    schema = node(problem.bounds)
    bounds = f"between {schema['minimum']} and {schema['maximum']}"
    seen = reporter.seen(route, problem.value)
    message = f"`{reporter.shown(route)}` must be {bounds}, not {seen}"
    label, help_ = f"expected a number {bounds}", _zero_means(problem.bounds)
    reporter.add(Finding("out-of-range", message, ValueOf(route), label, help_))


def _report_text(problem: _ModelError, route: Route, reporter: Reporter) -> None:
    """Report a string that is none of the words, or not of the form, that the key takes."""
    from corvus.config.check.suggest import closest
    from corvus.config.model.keys import choices

    words = choices(problem.route)
    text = problem.value if isinstance(problem.value, str) else ""
    near, help_ = None, ()
    if words:
        tag = ' or "tag.<key>"' if problem.kind == "string_pattern_mismatch" else ""
        expected = "one of " + ", ".join(f'"{word}"' for word in words) + tag
        help_ = budget_keys.attribute_advice(text) if tag else ()
        near = None if help_ else closest(text, words)
    elif problem.kind == "string_too_short":
        expected = "a string that is not empty"
    elif problem.route[:2] == ("cost", "downgrade"):
        expected = "the name of one model, without `*` and `?`"
    else:
        *_, table, key = ("", *map(str, problem.route))
        expected = _EXPECTED_TEXTS.get(f"{table}.{key}") or _EXPECTED_TEXTS.get(key, "valid")
        near, help_ = _meant(problem.kind, text)
    seen = reporter.seen(route, problem.value)
    message = f"`{reporter.shown(route)}` must be {expected}, not {seen}"
    help_ = (f'Did you mean "{near}"?',) if near else help_
    label = "not one of the words" if words else "not of this form"
    reporter.add(Finding("invalid-value", message, ValueOf(route), label, help_))


def _meant(kind: str, text: str) -> tuple[str | None, tuple[str, ...]]:
    """Return what was most likely meant by a text of the wrong form, and advice."""
    if kind == "time_zone":
        near = _closest_zone(text)
        places = "Name a place: an abbreviation or offset does not know daylight saving time."
        return near, () if near else (places,)
    if kind == "window":
        return _closest_window(text), ("The units are m, h and d: minutes, hours and days.",)
    return None, ()


def _closest_window(text: str) -> str | None:
    """Return the length of a window that is spelt otherwise: ``5 hours``, ``1w``, ``3600s``."""
    found = re.fullmatch(_LENGTH, text, re.IGNORECASE)
    seconds = _UNITS.get(found[2].lower(), 0) * int(found[1]) if found else 0
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        spelt = f"{seconds // length}{unit}"
        if seconds % length == 0 and is_window(spelt):
            return spelt
    return None


def _closest_zone(text: str) -> str | None:
    """Return the zone of a misspelt name or of a city; an abbreviation is none's."""
    from zoneinfo import available_timezones

    from corvus.config.check.suggest import closest

    zones = [zone for zone in available_timezones() if is_time_zone(zone) and "/" in zone]
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(zones, reverse=True)}
    city = text.strip().casefold().replace(" ", "_")
    return cities.get(city) or closest(text, zones, cutoff=0.85)


def _zero_means(route: Route) -> tuple[str, ...]:
    """Say what 0 means for this key, where the settings say so (CFG-7)."""
    from corvus.config.model.defaults import ZERO_ACTIONS, ZERO_LIMIT
    from corvus.config.model.keys import node

    description = str(node(route).get("description"))
    return tuple(f"{zero}." for zero in (ZERO_LIMIT, ZERO_ACTIONS) if zero in description)
