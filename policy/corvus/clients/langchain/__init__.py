"""Governs LangChain: its agents by a middleware, its models by a callback (PRX-6).

Use one of them, or calls count twice. The middleware can change a call before it is made, so it is
the one for agents. Each is loaded when it is first used, for they need different packages::

    from corvus.clients.langchain import BudgetMiddleware  # corvus-policy[langchain-agents]
    from corvus.clients.langchain import GovernedCallback  # corvus-policy[langchain]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corvus.clients.langchain.callback import GovernedCallback
    from corvus.clients.langchain.middleware import BudgetMiddleware

__all__ = ["BudgetMiddleware", "GovernedCallback"]

_HOME = {"BudgetMiddleware": "middleware", "GovernedCallback": "callback"}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'corvus.clients.langchain' has no attribute {name!r}")
    return getattr(import_module(f"corvus.clients.langchain.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]
