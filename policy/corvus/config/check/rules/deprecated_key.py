"""A key that will no longer be read (DEP-2, DEP-3).

It runs when ``documents`` gives the key its canonical name, before the settings model.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from corvus.config.check.reporter import Reporter
from corvus.config.model.aliases import Alias
from corvus.config.model.defaults import is_exact_number
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity
from corvus.diagnostics.model import Fix

INFO = CodeInfo(
    "deprecated-key",
    Severity.WARNING,
    "a key that will no longer be read",
    "autonomy.max_cost_per_day_cents was merged into autonomy.max_actions_per_hour, although "
    "one counts cents per day and the other actions per hour. Alone, its number is read as "
    "actions per hour. Beside the canonical key it is ignored. Either way it caps no money: "
    "that is what cost.daily_limit_usd is for. The old key is read with a warning in 0.1 and "
    "0.2 and is gone in 0.3. In a file of the zeroclaw runtime, which reads it for itself, it is "
    "left alone: see host-key.",
    "[autonomy]\nmax_cost_per_day_cents = 500\n",
    "[autonomy]\nmax_actions_per_hour = 20\n\n[cost]\ndaily_limit_usd = 5\n",
    "Write the number of actions per hour that you want as max_actions_per_hour, set "
    "cost.daily_limit_usd if you meant to cap money, and remove the old key.",
)


def warn(data: Mapping[str, object], alias: Alias, reporter: Reporter) -> None:
    """Report a valid deprecated key: alone (DEP-2) or next to the canonical key (DEP-3).

    Args:
        data: The governed tables, both keys still in place.
        alias: A deprecated key that is present.
        reporter: Receives the warning.
    """
    old, new = value_at(data, alias.old), value_at(data, alias.new)
    related: tuple[tuple[ValueOf, str], ...] = ()
    fix = _fix(alias, old, new, reporter)
    if new is None:
        label = f"read as {alias.new[-1]} = {old}"
        message = (
            f"`{shown(alias.old)}` is deprecated, and the units differ: {old} {alias.old_unit} "
            f"are read as {old} {alias.new_unit}"
        )
        zero = "0 blocks every action" if old == 0 else "there 0 blocks every action"
        help_ = (
            f"Review the number, then write it as `{alias.new[-1]}`; {zero}.",
            *(cap_help(data, old, "For a cap on money") if old else ()),
        )
    else:
        label, related = "ignored", ((ValueOf(alias.new), "this value wins"),)
        message = f"`{shown(alias.old)}` = {old} is deprecated and ignored: {_winner(alias, new)}"
        help_ = () if old == new else _lost_cap(data, old)
        help_ += ("Remove the deprecated line.",)
    help_ += ("`corvus migrate` rewrites deprecated keys.", alias.timeline)
    place = KeyOf(alias.old)
    reporter.add(Finding(INFO.code, message, place, label, help_, related, fix=fix))


def _fix(alias: Alias, old: object, new: object, reporter: Reporter) -> Fix | None:
    """Offer what keeps the meaning: the canonical name, or nothing next to the same number."""
    from corvus.config.check.fixes import remove, rename

    if new is None:
        return rename(reporter, alias.old, alias.new[-1], is_safe=True)
    return remove(reporter, alias.old, is_safe=old == new)


def _winner(alias: Alias, new: object) -> str:
    is_number = isinstance(new, int) and not isinstance(new, bool)
    return f"`{shown(alias.new)}`{f' = {new}' if is_number else ''} wins"


def _lost_cap(data: Mapping[str, object], cents: object) -> tuple[str, ...]:
    lost = f"A cap of {usd(cents)} USD per day ({cents}/100) is NOT enforced by this key."
    return (lost, *cap_help(data, cents, "For that cap"))


def cap_help(data: Mapping[str, object], cents: object, purpose: str) -> tuple[str, ...]:
    """Say where a cap on money belongs; never advise one that is there, or a higher one."""
    now = value_at(data, ("cost", "daily_limit_usd"))
    limit = Decimal(now) if is_exact_number(now) and isinstance(now, int | Decimal) else None
    amount = usd(cents)
    if not cents:
        return ("No limit in [cost] can be 0 USD: there 0 means no limit.",)
    if limit is not None and limit.is_finite() and 0 < limit <= Decimal(amount):
        said = f"`cost.daily_limit_usd = {now}` caps the money of a day already."
    else:
        known = f" (now {now})" if limit is not None else ""
        said = f"{purpose} set `cost.daily_limit_usd = {amount}`{known}; there 0 means no limit."
    if value_at(data, ("cost", "enabled")) is True:
        return (said,)
    return said, "No limit in [cost] is in force until `cost.enabled` is true."


def usd(cents: object) -> str:
    """Write a number of cents as USD, exactly."""
    return f"{Decimal(str(cents)) / 100:f}"
