"""corvus: budgets as code for AI agents.

The public names; everything else is importable by module. Each is loaded when it is first used, so
that ``corvus check`` starts without what it does not need.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.base.errors import PolicyError
    from corvus.base.money import NanoUSD
    from corvus.clients import AsyncGovernedTransport as AsyncGovernedTransport
    from corvus.clients import GovernedTransport as GovernedTransport
    from corvus.config.check.check import check_paths
    from corvus.diagnostics.model import ConfigError, Diagnostic
    from corvus.governor.governor import Governor
    from corvus.model.budget import Budget
    from corvus.model.decision import BudgetExceeded, Decision, UnpricedModel
    from corvus.model.policy import Policy
    from corvus.model.price import Price
    from corvus.model.reservation import Reservation
    from corvus.model.usage import Usage
    from corvus.runtime import Runtime, open_runtime
    from corvus.version import __version__ as __version__

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
    "__version__": "corvus.version",
    "Budget": "corvus.model.budget",
    "BudgetExceeded": "corvus.model.decision",
    "ConfigError": "corvus.diagnostics.model",
    "Decision": "corvus.model.decision",
    "Diagnostic": "corvus.diagnostics.model",
    "Governor": "corvus.governor.governor",
    "NanoUSD": "corvus.base.money",
    "Policy": "corvus.model.policy",
    "PolicyError": "corvus.base.errors",
    "Price": "corvus.model.price",
    "Reservation": "corvus.model.reservation",
    "Runtime": "corvus.runtime",
    "UnpricedModel": "corvus.model.decision",
    "Usage": "corvus.model.usage",
    "check_paths": "corvus.config.check.check",
    "open_runtime": "corvus.runtime",
}


_OF_CLIENTS = ("AsyncGovernedTransport", "GovernedTransport")
"""Not in ``__all__``, because they need an extra: a star takes only what is always there."""


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name in ("clients", "testing"):
        return import_module(f"corvus.{name}")
    if name in _OF_CLIENTS:
        return getattr(import_module("corvus.clients"), name)
    if name not in _HOME:
        message = f"module 'corvus' has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=sys.modules[__name__])  # for "Did you mean"
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, *_OF_CLIENTS, "__version__", "clients", "testing"]
