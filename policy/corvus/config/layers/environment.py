"""Settings from environment variables: ``CORVUS_COST__DAILY_LIMIT_USD=25`` (CFG-5).

A name is the key in upper case with ``__`` between its parts. A name that no key has is refused: a
limit set by a misspelt variable would not exist. Never repeats the value of such a variable.

Not by pydantic-settings, which ``settings_class`` has for the order of the layers: it lets unknown
variables pass and converts what strict types refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from corvus.config.check.suggest import closest
from corvus.config.layers.assignment import Assignment, assign
from corvus.config.model import keys
from corvus.config.model.aliases import ALIASES
from corvus.config.toml.explain import without_text
from corvus.config.toml.values import Route

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

PREFIX = "CORVUS_"
OTHER_USES = {
    "CORVUS_CONFIG": "names the config file",
    "CORVUS_SESSION_ID": "names the session",
    "CORVUS_BRANCH": "names the branch that a run works on",
    "CORVUS_PULL_REQUEST": "names the pull request of `corvus pr`",
    "CORVUS_RUN": "marks what runs under `corvus agent` or `corvus code`",
    "CORVUS_TRACEBACK": "shows where an unexpected failure came from",
    "CORVUS_WORKSPACE": "is read by the corvus agent runtime",
    "CORVUS_GATEWAY_WEBHOOK_DISPATCHER": "is read by the corvus agent runtime",
}
"""Variables that are no settings, and what they are for."""
_OF_NAMES: dict[Route, tuple[str, str]] = {
    ("cost", "prices"): ("Prices", '{ "acme/model-1" = { input = 1, output = 2 } }'),
    ("cost", "downgrade"): ("Models to downgrade to", '{ "acme/large-*" = ["acme/small-1"] }'),
}
"""Tables whose keys are names of models, what is in them, and an example of a whole one."""


def read_environment(
    environment: Mapping[str, str],
) -> tuple[list[Assignment], list[Diagnostic]]:
    """Read every variable that sets a key; whole tables come below single keys.

    Args:
        environment: All variables of the process.

    Returns:
        One document for each variable, lowest layer first, and what is wrong with the others.
    """
    assigned: list[Assignment] = []
    problems: list[Diagnostic] = []
    ours = (name for name in environment if name.upper().startswith(PREFIX))
    for name in sorted(ours, key=lambda name: (name.count("__"), name)):
        if name in OTHER_USES:
            continue
        route = _route(name)
        problem = _misnamed(name, route)
        if problem is not None:
            problems.append(problem)
        if route is None or name != name.upper():
            continue
        origin = f"env {name}"
        document, errors = assign(route, environment[name], file=origin, origin=origin)
        problems += errors
        assigned += (document,) if document else ()
    return assigned, problems


def variable(route: Route) -> str:
    """Return the name of the variable that sets a key."""
    return PREFIX + "__".join(str(part).upper() for part in route)


def _route(name: str) -> Route | None:
    """Return the key that a variable sets; ``None`` when it sets none."""
    route = tuple(part.lower() for part in name[len(PREFIX) :].split("__"))
    if any(alias.old == route for alias in ALIASES):
        return route
    # The case of a model's name would be lost: what is said of it belongs to the table as a whole.
    is_name = route[:2] in _OF_NAMES and len(route) > 2
    return route if all(route) and not is_name and keys.node(route) else None


def _misnamed(name: str, route: Route | None) -> Diagnostic | None:
    """Describe a variable that sets nothing; one of another program is none of our business."""
    upper = name.upper()
    if name != upper:
        near = upper if route or upper in OTHER_USES else _nearest(upper)
        message = f"`{name}` is not read: the names of our variables are upper-case"
        help_ = f"Write `{near}`."
        return without_text("unknown-variable", message, f"env {name}", help_) if near else None
    if route is not None:
        return None
    message = f"unknown environment variable `{name}`: no key has this name"
    return without_text("unknown-variable", message, f"env {name}", _help(name))


def _help(name: str) -> str:
    parts = [part.lower() for part in name[len(PREFIX) :].split("__")]
    if table := _OF_NAMES.get(tuple(parts[:2])):
        what, example = table
        name = variable(tuple(parts[:2]))
        return f"{what} are set by one variable with a table: {name}='{example}'."
    if any(part.isdecimal() for part in parts):
        return "One item of an array cannot be set: give the whole array."
    near = _nearest(name)
    if near:
        return f"Did you mean `{near}`?"
    return f"Names are keys in upper case, such as `{variable(('cost', 'daily_limit_usd'))}`."


def _nearest(name: str) -> str | None:
    """Return the variable that was most likely meant; the prefix, common to all, does not count."""
    known = (*OTHER_USES, *(variable(route) for route in _routes(())))
    near = closest(name[len(PREFIX) :], [name.removeprefix(PREFIX) for name in known])
    return PREFIX + near if near else None


def _routes(table: Route) -> Iterator[Route]:
    for key in keys.known_keys(table):
        yield (*table, key)
        yield from _routes((*table, key))
