"""The rules that no single type or bound expresses (CFG-9): one file for each code.

A file holds what ``corvus explain`` says of its code and the function that finds it. Rules run on
raw data, also when other fields are wrong, and are silent about a value that was already reported.
A new rule is a new file and its line below. A check loads a rule only where there is something for
it to judge: most files have a few keys, and a check in a hook should cost no more than these.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LIMITS_USD
from corvus.config.toml.values import is_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Protocol

    from corvus.diagnostics.codes import CodeInfo

    class Rule(Protocol):
        """A module of this package."""

        INFO: CodeInfo

        def check(self, subject: Subject, reporter: Reporter) -> None:
            """Report what the rule finds in a config."""
            ...


RULES: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "duplicate_budget_name": ("cost", frozenset({"budgets"})),
    "invalid_value": ("cost", frozenset({"budgets", "downgrade"})),
    "limit_never_binds": ("cost", frozenset({*LIMITS_USD, "budgets"})),
    "no_limit_set": ("cost", frozenset({"enabled"})),
    "match_fits_all": ("cost", frozenset({"budgets"})),
    "unreachable_limit": ("cost", frozenset({"budgets"})),
    "long_wait": ("cost", frozenset({"wait_seconds", "ask_seconds"})),
    "circular_downgrade": ("cost", frozenset({"downgrade"})),
    "unpriced_downgrade": ("cost", frozenset({"downgrade"})),
    "unused_ladder": ("cost", frozenset({"on_exceeded", "downgrade", "budgets"})),
    "extreme_threshold": ("cost", frozenset({"warn_at_percent", "budgets"})),
    "ambiguous_price": ("cost", frozenset({"prices"})),
    "fee_per_thousand": ("cost", frozenset({"prices"})),
    "pinned_book": ("governance", frozenset({"prices"})),
    "unusable_shadow": ("governance", frozenset({"shadow"})),
    "notify_target": ("governance", frozenset({"notify"})),
    "notify_secret": ("governance", frozenset({"notify"})),
    "invalid_host": ("governance", frozenset({"gateway"})),
    "invalid_origin": ("governance", frozenset({"gateway"})),
    "invalid_url": ("governance", frozenset({"upstreams", "observability", "notify"})),
    "unusable_sign_in": ("governance", frozenset({"signin"})),
    "secret_as_name": ("governance", frozenset({"upstreams", "notify", "signin"})),
    "duplicate_upstream_kind": ("governance", frozenset({"upstreams"})),
    "upstream_target": ("governance", frozenset({"upstreams"})),
    "shared_store.unusable_store_url": ("governance", frozenset({"ledger"})),
    "shared_store.readable_password": ("governance", frozenset({"ledger"})),
    "shared_store.leases_without_url": ("governance", frozenset({"ledger"})),
    "unpriced_default_model": ("", frozenset({"default_model"})),
}
"""Run in this order, errors first, on what all layers together say, each where its table has one of
its keys; the table without a name is the top level, host keys included."""

ON_ONE_LAYER: Final = ("nested_price", "deprecated_key", "host_key", "unknown_host_key")
"""Run by ``documents`` on each layer, before the settings model."""


@lru_cache
def load(name: str) -> Rule:
    """Return a rule by the name of its file."""
    rule: Any = import_module(f"{__name__}.{name}")
    return rule


def check(subject: Subject, reporter: Reporter) -> None:
    """Run every rule that has something to judge."""
    for name, (table, keys) in RULES.items():
        there = subject.tables.get(table) if table else subject.whole
        if is_table(there) and not keys.isdisjoint(there):
            load(name).check(subject, reporter)
