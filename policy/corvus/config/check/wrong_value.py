"""Reports a value that its key does not take, with what to write and a fix that writes it.

pydantic says which kind of mistake it is; the words are those of TOML. Where the advice names the
text to write, there is a fix (DIA-1).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from corvus.config.check.cost_keys import SYNONYMS, attribute_advice
from corvus.config.check.plain_value import (
    CONVERT,
    looks_like_day,
    names_other_currency,
    plain,
    whole,
    whole_number,
)
from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.model.defaults import ZERO_ACTIONS, ZERO_LIMIT, is_time_zone, is_window
from corvus.config.model.keys import SETTINGS, Keys
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, is_table, kind, quoted
from corvus.diagnostics.model import Fix
from corvus.model.archive_url import ARCHIVE_URL_WORDS

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
    "datetime_type": "a date-time such as 2026-11-25T15:00:00Z",
}
_NUMBERS = frozenset({"int_type", "decimal_type"})
_OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal", "finite_number"})
_EXPECTED_TEXTS = {
    "name": "lower-case letters and digits, joined by `-` or `_`, at most 64 characters",
    "base_url": "a URL that begins with http:// or https://",
    "otlp_endpoint": "a URL that begins with http:// or https://",
    "ledger.archive": ARCHIVE_URL_WORDS,
    "ledger.url": "a URL that begins with postgresql://",
    "url": "a URL that begins with http:// or https://",
    "gateway_url": "a URL that begins with http:// or https://",
    "url_env": "the name of an environment variable, never the URL itself",
    "apprise_env": "the name of an environment variable, never the URL itself",
    "secret_env": "the name of an environment variable, never the secret itself",
    "sha256": "the SHA-256 of a file: 64 hexadecimal digits in lower case",
    "api_key_env": "the name of an environment variable, never the key itself",
    "at": "a date-time with its offset, such as 2026-11-25T15:00:00Z",
    "advance": "a length of time such as 90s, 5m, 2h or 7d, at most 366 days",
    "timezone": "an IANA time zone such as Europe/Berlin",
    **dict.fromkeys(
        ("path", "shadow", "book", "managed_settings", "config"), "a path without the character NUL"
    ),
    "window": 'a length of time such as "5h", "30m" or "7d", from 1m to 366d',
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH = r"\s*([0-9]{1,9})\s*([smhdw])(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?|ays?|eeks?)?\s*"


class ModelError(NamedTuple):
    """One error of a model: its kind, where the value is, and the key with its bounds.

    Attributes:
        keys: What the model knows about its keys.
    """

    kind: str
    route: Route
    value: object
    bounds: Route
    keys: Keys = SETTINGS


class _Advice(NamedTuple):
    help: tuple[str, ...] = ()
    fix: Fix | None = None


_NO_ADVICE = _Advice()


def report_value(problem: ModelError, route: Route, reporter: Reporter) -> None:
    """Report a value that a model does not take.

    Args:
        problem: What the model says.
        route: Where the value stands in the file.
        reporter: Receives the diagnostic.
    """
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
        help_ = (
            "Amounts are exact to one nano-USD, 0.000000001.",
            *_zero_means(problem.route, problem.keys),
        )
        reporter.add(Finding("too-many-decimals", message, ValueOf(route), "too fine", help_))
    else:
        _report_text(problem, route, reporter)


def _report_type(problem: ModelError, route: Route, reporter: Reporter) -> None:
    expected = _EXPECTED_TYPES[problem.kind]
    if problem.kind == "literal_error":
        expected = _one_of(problem.keys.choices(problem.route))
    seen = reporter.seen(route, problem.value)
    message = f"`{reporter.shown(route)}` must be {expected}, not {seen}"
    help_, fix = _meant_value(problem, route, reporter)
    help_ += _zero_means(problem.route, problem.keys)
    label = f"expected {_EXPECTED_TYPES[problem.kind]}"
    reporter.add(Finding("wrong-type", message, ValueOf(route), label, help_, fix=fix))


def _one_of(words: tuple[str, ...]) -> str:
    return "one of " + ", ".join(f'"{word}"' for word in words)


def _meant_value(problem: ModelError, route: Route, reporter: Reporter) -> _Advice:
    """Return what was most likely meant by a value of another type, if that is known."""
    from corvus.config.check import fixes

    value, wanted = problem.value, problem.kind
    if isinstance(value, str) and (spelt := plain(value, wanted, str(route[-1]))):
        return _spelt(value, spelt, route, reporter)
    if isinstance(value, str) and wanted in _NUMBERS and names_other_currency(value):
        return _Advice((CONVERT,))
    if isinstance(value, str) and wanted == "date_type" and looks_like_day(value):
        return _Advice(("The calendar has no such day.",))
    if wanted == "int_type" and isinstance(value, Decimal) and value.is_finite():
        number = whole_number(value, str(route[-1]))
        fix = fixes.replace(reporter, route, number) if number else None
        return _Advice((whole(value, str(route[-1])),), fix)
    if wanted == "bool_type" and isinstance(value, int) and value in {0, 1}:
        word = str(bool(value)).lower()
        return _Advice((f"Write {word}.",), fixes.replace(reporter, route, word))
    return _meant_brackets(problem, route, reporter)


def _spelt(value: str, spelt: str, route: Route, reporter: Reporter) -> _Advice:
    """Advise to write without quotes what a string spells; a secret is not repeated."""
    from corvus.config.check import fixes

    is_shown = reporter.value(spelt) == spelt
    if value == spelt:
        said = f"Remove the quotes: {spelt}." if is_shown else "Remove the quotes."
        return _Advice((said,), fixes.unquote(reporter, route))
    fix = fixes.replace(reporter, route, spelt) if is_shown else None
    return _Advice((f"Write {reporter.value(spelt)}.",), fix)


def _meant_brackets(problem: ModelError, route: Route, reporter: Reporter) -> _Advice:
    """Say which brackets were most likely meant."""
    from corvus.config.check import fixes

    value, wanted = problem.value, problem.kind
    items = problem.keys.node(problem.route).get("items")
    holds_tables = is_table(items) and items.get("type") != "string"
    if wanted == "list_type" and holds_tables:
        name = reporter.header((*route, 0))
        said = f"Write each one below a header of its own, `{name}`."
        fix = fixes.as_header(reporter, route, is_array=True) if is_table(value) else None
        return _Advice((said,), fix)
    if wanted == "list_type":
        only = ", even when it is the only one" if isinstance(value, str) else ""
        fix = fixes.in_brackets(reporter, route) if isinstance(value, str) else None
        return _Advice((f'Write texts in square brackets{only}: ["one", "two"].',), fix)
    if wanted == "model_type" and route[-2:-1] == ("prices",):
        said = "A price is a table in USD per million tokens: { input = 3, output = 15 }."
        return _Advice((said,), fixes.as_header(reporter, route, is_array=False))
    if wanted in {"model_type", "dict_type"} and kind(value) == "array":
        said = f"Write `{reporter.header(route)}` with one pair of brackets."
        return _Advice((said,), fixes.as_header(reporter, route, is_array=False))
    return _NO_ADVICE


def _report_range(problem: ModelError, route: Route, reporter: Reporter) -> None:
    schema = problem.keys.node(problem.bounds)
    bounds = f"between {schema['minimum']} and {schema['maximum']}"
    seen = reporter.seen(route, problem.value)
    message = f"`{reporter.shown(route)}` must be {bounds}, not {seen}"
    label, help_ = f"expected a number {bounds}", _zero_means(problem.bounds, problem.keys)
    reporter.add(Finding("out-of-range", message, ValueOf(route), label, help_))


def _report_text(problem: ModelError, route: Route, reporter: Reporter) -> None:
    """Report a string that is none of the words, or not of the form, that the key takes."""
    from corvus.config.check import fixes

    words = problem.keys.choices(problem.route)
    text = problem.value if isinstance(problem.value, str) else ""
    near, help_ = None, ()
    if words:
        tag = ' or "tag.<key>"' if problem.kind == "string_pattern_mismatch" else ""
        expected = _one_of(words) + tag
        help_ = attribute_advice(text) if tag else ()
        near = SYNONYMS.get(text) if help_ else closest(text, words)
    elif problem.kind == "string_too_short":
        expected = "a string that is not empty"
    elif problem.route[:2] == ("cost", "downgrade"):
        expected = "the name of one model, without `*` and `?`"
    else:
        *_, table, key = ("", *map(str, problem.route))
        expected = _EXPECTED_TEXTS.get(f"{table}.{key}") or _EXPECTED_TEXTS.get(key, "valid")
        near, help_ = _meant_text(problem.kind, text)
    seen = reporter.seen(route, problem.value)
    message = f"`{reporter.shown(route)}` must be {expected}, not {seen}"
    help_ = (f'Did you mean "{near}"?',) if near else help_
    fix = fixes.replace(reporter, route, quoted(near)) if near else None
    label = "not one of the words" if words else "not of this form"
    reporter.add(Finding("invalid-value", message, ValueOf(route), label, help_, fix=fix))


def _meant_text(kind: str, text: str) -> tuple[str | None, tuple[str, ...]]:
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

    zones = [zone for zone in available_timezones() if is_time_zone(zone) and "/" in zone]
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(zones, reverse=True)}
    city = text.strip().casefold().replace(" ", "_")
    return cities.get(city) or closest(text, zones, cutoff=0.85)


def _zero_means(route: Route, keys: Keys) -> tuple[str, ...]:
    """Say what 0 means for this key, where the model says so (CFG-7)."""
    description = str(keys.node(route).get("description"))
    return tuple(f"{zero}." for zero in (ZERO_LIMIT, ZERO_ACTIONS) if zero in description)
