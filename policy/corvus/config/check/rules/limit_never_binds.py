"""A limit that a smaller limit of a longer period makes pointless (CFG-9)."""

from __future__ import annotations

from typing import Final

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LIMITS_USD, ZERO_LIMIT
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO: Final = CodeInfo(
    "limit-never-binds",
    Severity.WARNING,
    "a limit that a longer period's smaller limit makes pointless",
    "A limit above that of a longer period cannot be reached: the longer period stops "
    "the spend first. Session, day and month are compared where they are not 0, because 0 "
    "switches a limit off.",
    "[cost]\ndaily_limit_usd = 50\nmonthly_limit_usd = 20\n",
    "[cost]\ndaily_limit_usd = 5\nmonthly_limit_usd = 20\n",
    "Lower the limit of the shorter period, raise that of the longer one, or switch one off "
    "with 0.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Compare each limit of ``[cost]`` with the next longer one that is not 0."""
    keys = tuple(LIMITS_USD)
    limits = {key: subject.limit(("cost", key), reporter) for key in keys}
    for index, key in enumerate(keys):
        route: Route = ("cost", key)
        limit = limits[key]
        longer = next((other for other in keys[index + 1 :] if limits[other]), None)
        if not limit or longer is None or value_at(subject.tables, route) is None:
            continue
        bound = limits[longer]
        if bound is None or limit <= bound:
            continue
        is_stated = value_at(subject.tables, ("cost", longer)) is not None
        message = (
            f"`{shown(route)}` = {limit:f} can never bind: "
            f"`cost.{longer}` = {bound:f}{'' if is_stated else ', the default'} "
            "stops the spend first"
        )
        related = ((ValueOf(("cost", longer)), "this limit binds first"),)
        help_ = (f"Lower `{key}`, or raise `{longer}`.", f"{ZERO_LIMIT}.")
        reporter.add(Finding(INFO.code, message, ValueOf(route), "never reached", help_, related))
