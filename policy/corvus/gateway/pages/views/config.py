"""The configuration in force: every setting, its value and where it came from (CFG-5)."""

from __future__ import annotations

from dataclasses import dataclass

from corvus.config.layers.origins import EffectiveSetting, masked
from corvus.config.toml.values import shown, written
from corvus.gateway.pages.page import Page, PageRequest, page


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        key: Last part of its dotted key.
        value: As TOML writes it, secrets masked; ``None`` when nothing sets it.
        origin: Where the value came from.
        shadowed: Where else it is stated, in vain.
    """

    key: str
    value: str | None
    origin: str
    shadowed: tuple[str, ...]
    is_default: bool


@page("/config", menu=10)
def config(request: PageRequest) -> Page:
    """Show the configuration in force."""
    runtime = request.service.runtime
    only_set = request.query.get("show", "set") != "all"
    rows = [one for one in runtime.effective if not (only_set and one.is_default)]
    tables: dict[str, list[Setting]] = {}
    for one in rows:  # the keys of a table may stand before and after those of one in it
        route = one.route[:-1]
        tables.setdefault(shown(route) if route else "", []).append(_setting(one))
    data = {
        "tables": [*tables.items()],
        "only_set": only_set,
        "policy": runtime.policy,
        "shown": runtime.config_shown,
        "limits": request.may_change and request.service.can_change,
    }
    return Page("config", data)


def _setting(one: EffectiveSetting) -> Setting:
    return Setting(
        key=shown(one.route[-1:]),
        value=None if one.value is None else written(masked(one.route, one.value)),
        origin=one.origin.place,
        shadowed=tuple(place.place for place in one.shadowed),
        is_default=one.is_default,
    )
