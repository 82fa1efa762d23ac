"""corvus: budgets as code for AI agents.

The public names; everything else is importable by module. Each is loaded when it is first used, so
that ``corvus check`` starts without what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy.config.check import check_paths
    from policy.diagnostics.model import Diagnostic
    from policy.errors import BudgetExceeded, ConfigError, PolicyError, UnpricedModel
    from policy.governor.governor import Governor
    from policy.model.budget import Budget
    from policy.model.decision import Decision
    from policy.model.policy import Policy
    from policy.model.price import Price
    from policy.model.reservation import Reservation
    from policy.model.usage import Usage
    from policy.money import NanoUSD
    from policy.runtime import Runtime, open_runtime

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "BudgetExceeded",
    "ConfigError",
    "Decision",
    "Diagnostic",
    "Governor",
    "NanoUSD",
    "Policy",
    "PolicyError",
    "Price",
    "Reservation",
    "Runtime",
    "UnpricedModel",
    "Usage",
    "check_paths",
    "open_runtime",
]

_HOME = {
    "Budget": "policy.model.budget",
    "BudgetExceeded": "policy.errors",
    "ConfigError": "policy.errors",
    "Decision": "policy.model.decision",
    "Diagnostic": "policy.diagnostics.model",
    "Governor": "policy.governor.governor",
    "NanoUSD": "policy.money",
    "Policy": "policy.model.policy",
    "PolicyError": "policy.errors",
    "Price": "policy.model.price",
    "Reservation": "policy.model.reservation",
    "Runtime": "policy.runtime",
    "UnpricedModel": "policy.errors",
    "Usage": "policy.model.usage",
    "check_paths": "policy.config.check",
    "open_runtime": "policy.runtime",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'policy' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
