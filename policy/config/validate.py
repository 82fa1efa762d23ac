"""The errors of the settings model as diagnostics that speak TOML (CFG-1, CFG-3, CFG-4).

pydantic finds the problems; its wording, and the values it carries, are never shown. One mistake
gives one diagnostic: a misspelt required key is not also a missing one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from policy.config.reporter import Note, Reporter
from policy.config.values import Route, Table, header, is_table, kind, shown, value_at

if TYPE_CHECKING:
    from pydantic import ValidationError

    from policy.config.settings import Settings
    from policy.diagnostics.model import Fix

_EXPECTED_TYPES = {
    "bool_type": "a boolean, true or false",
    "int_type": "an integer",
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
    "url": "a URL that begins with postgresql://",
    "api_key_env": "the name of an environment variable, never the key itself",
    "timezone": "an IANA time zone such as Europe/Berlin",
}
_OTHER_WORDS = {
    "budget_cents_per_day": "A day is limited in USD: 1000 cents are `daily_limit_usd = 10`.",
    "alert_threshold_pct": "The threshold in percent is `warn_at_percent`.",
}
_NOTHING_MOVED: Mapping[Route, Route] = MappingProxyType({})


class _Problem(NamedTuple):
    """One error of the model: its kind, and where the value and its data are."""

    kind: str
    route: Route
    value: object


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

    from policy.config.settings import Settings

    try:
        return Settings.model_validate(data)
    except ValidationError as failure:
        _tell(_problems(failure, data), reporter, moved)
        return None


def accept(
    data: Table, reporter: Reporter, *, moved: Mapping[Route, Route] = _NOTHING_MOVED
) -> bool:
    """Check like ``validate`` where only the verdict counts: quick when there is no error."""
    from policy.config.quick import is_valid

    return is_valid(data) or validate(data, reporter, moved=moved) is not None


def _problems(failure: ValidationError, data: Table) -> list[_Problem]:
    errors = failure.errors(include_url=False, include_input=False, include_context=False)
    routes = [tuple(part for part in error["loc"] if part != "[key]") for error in errors]
    return [
        _Problem(error["type"], route, value_at(data, route))
        for error, route in zip(errors, routes, strict=True)
    ]


def _tell(problems: list[_Problem], reporter: Reporter, moved: Mapping[Route, Route]) -> None:
    unknown: defaultdict[Route, list[str]] = defaultdict(list)
    missing: defaultdict[Route, list[str]] = defaultdict(list)
    for problem in problems:
        last = str(problem.route[-1]) if problem.route else ""
        if problem.kind == "missing":
            missing[problem.route[:-1]].append(last)
        elif problem.kind == "extra_forbidden" or _is_match_attribute(problem):
            unknown[problem.route[:-1]].append(last)
            _tell_unknown(problem.route, reporter)
        else:
            _tell_value(problem, moved.get(problem.route, problem.route), reporter)
    for table, names in missing.items():
        _tell_missing(table, _not_misspelt(names, unknown[table]), reporter)


def _is_match_attribute(problem: _Problem) -> bool:
    """Tell whether the name of an attribute is wrong: the keys of ``match`` are choices."""
    return problem.kind == "literal_error" and problem.route[-2:-1] == ("match",)


def _not_misspelt(missing: list[str], unknown: list[str]) -> list[str]:
    from policy.config.suggest import closest

    return [name for name in missing if not any(closest(word, [name]) for word in unknown)]


def _tell_value(problem: _Problem, route: Route, reporter: Reporter) -> None:
    if problem.kind in _EXPECTED_TYPES and not (
        problem.kind == "literal_error" and isinstance(problem.value, str)
    ):
        _tell_type(problem, route, reporter)
    elif problem.kind in _OUT_OF_RANGE:
        _tell_range(problem, route, reporter)
    elif problem.kind == "decimal_max_places":
        seen = reporter.seen(route, problem.value)
        message = f"`{shown(route)}` has more than 9 decimal places: {seen}"
        help_ = ("Amounts are exact to one nano-USD, 0.000000001.", *_zero_means(problem.route))
        reporter.at_value("too-many-decimals", route, message, Note("too fine", help=help_))
    else:
        _tell_text(problem, route, reporter)


def _tell_type(problem: _Problem, route: Route, reporter: Reporter) -> None:
    expected = _EXPECTED_TYPES[problem.kind]
    message = f"`{shown(route)}` must be {expected}, not {reporter.seen(route, problem.value)}"
    help_ = (*_type_help(problem, route), *_zero_means(problem.route))
    note = Note(f"expected {expected}", help=help_, fix=_unquoted(problem, route, reporter))
    reporter.at_value("wrong-type", route, message, note)


def _unquoted(problem: _Problem, route: Route, reporter: Reporter) -> Fix | None:
    if not isinstance(problem.value, str) or not _reads_as(problem.value, problem.kind):
        return None
    from policy.config.fixes import unquote

    return unquote(reporter, route)


def _type_help(problem: _Problem, route: Route) -> tuple[str, ...]:
    """Say how to write the value that was most likely meant."""
    value, wanted = problem.value, problem.kind
    if isinstance(value, str) and _reads_as(value, wanted):
        return (f"Remove the quotes: {value}.",)
    if wanted == "int_type" and isinstance(value, Decimal) and value.is_finite():
        whole = value == value.to_integral_value() and abs(value) < 10**12
        return (f"Write {int(value)}.",) if whole else ("Write a whole number.",)
    return _container_help(problem, route)


def _container_help(problem: _Problem, route: Route) -> tuple[str, ...]:
    """Say which brackets were most likely meant."""
    value, wanted = problem.value, problem.kind
    if wanted == "list_type" and is_table(value):
        return (f"Write `{header((*route, 0))}` with two brackets.",)
    if wanted == "list_type" and isinstance(value, str):
        return ("Put it in brackets, even when it is the only one.",)
    if wanted == "model_type" and kind(value) == "array":
        return (f"Write `{header(route)}` with one pair of brackets.",)
    if wanted == "model_type" and route[-2:-1] == ("prices",):
        return ("A price is a table in USD per million tokens: { input = 3, output = 15 }.",)
    return ()


def _reads_as(text: str, wanted: str) -> bool:
    if wanted == "bool_type":
        return text in {"true", "false"}
    if wanted in {"int_type", "decimal_type"}:
        whole, _, fraction = text.partition(".")
        digits = whole.isascii() and whole.isdigit() and text.isascii()
        return digits and (fraction.isdigit() or (not fraction and "." not in text))
    return False


def _tell_range(problem: _Problem, route: Route, reporter: Reporter) -> None:
    from policy.config.keys import node

    schema = node(problem.route)
    bounds = f"between {schema['minimum']} and {schema['maximum']}"
    message = f"`{shown(route)}` must be {bounds}, not {reporter.seen(route, problem.value)}"
    note = Note(f"expected a number {bounds}", help=_zero_means(problem.route))
    reporter.at_value("out-of-range", route, message, note)


def _tell_text(problem: _Problem, route: Route, reporter: Reporter) -> None:
    """Report a string that is none of the words, or not of the form, that the key takes."""
    from policy.config.keys import choices
    from policy.config.suggest import closest

    words = choices(problem.route)
    text = problem.value if isinstance(problem.value, str) else ""
    if words:
        expected = "one of " + ", ".join(f'"{word}"' for word in words)
        near = closest(text, words)
    elif problem.kind == "string_too_short":
        expected, near = "a string that is not empty", None
    else:
        expected = _EXPECTED_TEXTS.get(str(problem.route[-1]), "valid")
        near = _closest_zone(text) if problem.kind == "time_zone" else None
    message = f"`{shown(route)}` must be {expected}, not {reporter.seen(route, problem.value)}"
    help_ = (f'Did you mean "{near}"?',) if near else ()
    label = "not one of the words" if words else "not of this form"
    reporter.at_value("invalid-value", route, message, Note(label, help=help_))


def _closest_zone(text: str) -> str | None:
    from zoneinfo import available_timezones

    from policy.config.suggest import closest

    return closest(text, available_timezones())


def _tell_missing(table: Route, names: list[str], reporter: Reporter) -> None:
    from policy.config.keys import node

    if not names:
        return
    ticked = [f"`{name}`" for name in names]
    listed = " and ".join((", ".join(ticked[:-1]), ticked[-1])) if names[1:] else ticked[0]
    message = f"`{header(table)}` lacks {listed}"
    help_ = tuple(f"`{name}`: {node((*table, name)).get('description')}" for name in names)
    reporter.at_key("missing-key", table, message, Note("incomplete", help=help_))


def _tell_unknown(route: Route, reporter: Reporter) -> None:
    table = route[:-1]
    message = f"unknown key `{shown(route)}`"
    near, help_ = _unknown_help(table, str(route[-1]))
    fix = None
    if near is not None:
        from policy.config.fixes import rename

        fix = rename(reporter, route, near)
    note = Note(f"not a key of {header(table)}", help=help_, fix=fix)
    reporter.at_key("unknown-key", route, message, note)


def _unknown_help(table: Route, key: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the key that was most likely meant, if one is near, and what to do."""
    from policy.config.dialects import Dialect, host_keys
    from policy.config.keys import homes, known_keys
    from policy.config.suggest import closest

    if key in _OTHER_WORDS:
        return None, (_OTHER_WORDS[key],)
    if key in host_keys(Dialect.ZEROCLAW, ".".join(str(part) for part in table)):
        passes = "It is a key of the zeroclaw runtime; `--dialect zeroclaw` passes it over."
        return None, (passes,)
    known = known_keys(table)
    near = closest(key, known)
    elsewhere = " and ".join(_any_name(home) for home in homes(key))
    help_ = (f"Did you mean `{near}`?",) if near else ()
    if elsewhere:
        help_ += (f"`{key}` is a key of {elsewhere}.",)
    return near, help_ or (f"The keys of {header(table)} are {', '.join(known)}.",)


def _any_name(table: Route) -> str:
    return f"`{header(table)}`".replace('"*"', "<name>")


def _zero_means(route: Route) -> tuple[str, ...]:
    """Say what 0 means for this key, where the settings say so (CFG-7)."""
    from policy.config.defaults import ZERO_ACTIONS, ZERO_LIMIT
    from policy.config.keys import node

    description = str(node(route).get("description"))
    return tuple(f"{zero}." for zero in (ZERO_LIMIT, ZERO_ACTIONS) if zero in description)
