"""Changes limits on a page: the same keys, rules and audit as ``PATCH admin/config`` (API-4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from corvus.base.errors import EditRefused
from corvus.config.layers.origins import EffectiveSetting
from corvus.config.toml.values import Route, quoted, shown, written
from corvus.diagnostics.model import ConfigError
from corvus.diagnostics.secrets import scrub
from corvus.gateway.pages.actions import Action, Form, Invalid, way_back
from corvus.gateway.pages.page import Page, PageRequest

_SCALARS = (
    "session_limit_usd",
    "daily_limit_usd",
    "monthly_limit_usd",
    "warn_at_percent",
    "allow_override",
    "unpriced_models",
    "enabled",
)
_OF_A_BUDGET = ("limit_usd", "limit_tokens", "limit_calls", "warn_at_percent")
_CHOICES = {
    "allow_override": ("true", "false"),
    "enabled": ("true", "false"),
    "unpriced_models": ("deny", "warn"),
}
_VALUE_MAX = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """One key that can be changed.

    Attributes:
        route: Its key.
        key: The same, dotted.
        about: Name of the budget that it belongs to; ``None`` for a key of ``[cost]`` itself.
        now: Its value as TOML writes it.
        value: What stands in the form.
        choices: What it can be; empty for a number.
        mistake: What is wrong with what was typed.
    """

    route: Route
    key: str
    name: str
    about: str | None
    now: str
    value: str
    choices: tuple[str, ...] = ()
    mistake: str = ""


def _limits(request: PageRequest, form: Form, mistakes: Mapping[str, str]) -> list[Limit]:
    rows = {one.route: one for one in request.service.runtime.effective}
    found: list[Limit] = []
    for route, row in rows.items():
        name = str(route[-1])
        if route[:1] != ("cost",) or row.value is None:
            continue
        is_scalar = len(route) == 2 and name in _SCALARS
        is_budget = len(route) == 4 and route[1] == "budgets" and name in _OF_A_BUDGET
        if is_scalar or is_budget:
            about = rows[(*route[:3], "name")].value if is_budget else None
            found.append(_limit(row, None if about is None else str(about), form, mistakes))
    return found


def _limit(
    row: EffectiveSetting, about: str | None, form: Form, mistakes: Mapping[str, str]
) -> Limit:
    key, name = shown(row.route), str(row.route[-1])
    now = str(row.value) if isinstance(row.value, str) else written(row.value)
    return Limit(
        row.route,
        key,
        name,
        about,
        now,
        form.get(key, now),
        _CHOICES.get(name, ()),
        mistakes.get(key, ""),
    )


def _ask(request: PageRequest) -> Page:
    if not request.service.can_change:
        raise EditRefused(request.words("limits.no_file"))
    return _page(request, request.query, {}, "")


def _page(request: PageRequest, form: Form, mistakes: Mapping[str, str], mistake: str) -> Page:
    data = {
        "limits": _limits(request, form, mistakes),
        "mistake": mistake,
        "back": way_back(form),
        "shown": request.service.runtime.config_shown,
    }
    return Page("limits", data)


def _change(request: PageRequest, form: Form) -> str:
    known = {one.key: one for one in _limits(request, {}, {})}
    wanted = {
        key: one
        for key, one in known.items()
        if key in form and form[key].strip()[:_VALUE_MAX] != one.now
    }
    if not wanted:
        return request.words("limits.same")
    values = {one.route: _toml(one, form[key].strip()[:_VALUE_MAX]) for key, one in wanted.items()}
    try:
        request.service.change_keys(values, request.principal)
    except ConfigError as error:
        messages = {shown(one.path): _worded(request, one.message) for one in error.diagnostics}
        mistakes = {key: words for key, words in messages.items() if key in wanted}
        rest = "; ".join(words for key, words in messages.items() if key not in wanted)
        whole = "" if mistakes else _worded(request, str(error))
        raise Invalid(_page(request, form, mistakes, rest or whole)) from None
    except EditRefused as error:
        raise Invalid(_page(request, form, {}, _worded(request, str(error)))) from None
    changes = ", ".join(f"{key} {one.now} → {form[key].strip()}" for key, one in wanted.items())
    return request.words("limits.done", changes=changes)


def _worded(request: PageRequest, sentence: str) -> str:
    return request.words.said(scrub(sentence)) or request.words("filter.invalid")


def _toml(limit: Limit, value: str) -> str:
    """Return what was typed as TOML: a word only where a word is expected."""
    return quoted(value) if limit.name == "unpriced_models" else value


LIMITS = Action("limits", _ask, _change)
