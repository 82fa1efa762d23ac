"""The rules that no single type or bound expresses (CFG-9): one file for each code.

A file holds what ``corvus explain`` says of its code and the function that finds it. Rules run on
raw data, also when other fields are wrong, and are silent about a value that was already reported.
A new rule is a new file and its name below. ``nested_price`` and ``deprecated_key`` are not listed:
``documents`` runs them on each layer, before the settings model.
"""

from __future__ import annotations

from typing import Final

from corvus.config.check.reporter import Reporter
from corvus.config.check.rules import (
    ambiguous_price,
    duplicate_budget_name,
    extreme_threshold,
    invalid_value,
    limit_never_binds,
    no_limit_set,
    unpriced_default_model,
)
from corvus.config.check.subject import Subject

RULES: Final = (
    limit_never_binds,
    no_limit_set,
    extreme_threshold,
    duplicate_budget_name,
    invalid_value,
    ambiguous_price,
    unpriced_default_model,
)
"""Run in this order on what all layers together say."""


def check(subject: Subject, reporter: Reporter) -> None:
    """Run every rule on a config."""
    for rule in RULES:
        rule.check(subject, reporter)
