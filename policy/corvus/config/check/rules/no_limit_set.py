"""Governance that is enabled while every limit is 0 (CFG-9)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LIMITS_USD, ZERO_LIMIT
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "no-limit-set",
    Severity.WARNING,
    "governance is enabled, but every limit is 0",
    "A limit of 0 is switched off. With all of them off, nothing is ever refused.",
    "[cost]\nenabled = true\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n",
    "[cost]\nenabled = true\ndaily_limit_usd = 10\n",
    "Set at least one limit, or enabled = false if nothing is meant to be refused.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report ``cost.enabled`` where nothing can ever be refused."""
    tables, route = subject.tables, ("cost", "enabled")
    if value_at(tables, route) is not True or any(
        subject.limit(("cost", key), reporter) != 0 for key in LIMITS_USD
    ):
        return
    budgets = as_items(value_at(tables, ("cost", "budgets")))
    named = any(is_table(budget) and budget.get("limit_usd") != 0 for budget in budgets)
    mission = value_at(tables, ("mission", "enabled")) is True
    if named or (mission and value_at(tables, ("mission", "max_estimated_cost_cents")) != 0):
        return
    message = "`cost.enabled` is true, but every limit is 0: nothing can ever be refused"
    help_ = ("Set a limit such as `daily_limit_usd = 10`.", f"{ZERO_LIMIT}.")
    reporter.add(Finding(INFO.code, message, ValueOf(route), "enabled without a limit", help_))
