"""Governs the calls of Python programs where they are made: SDK transports, adapters (PRX-6).

Each public name is loaded when it is first used, because each needs an extra of its own; where that
is missing, the error says what to install::

    from corvus.clients import GovernedTransport, AsyncGovernedTransport  # corvus-policy[clients]
    from corvus.clients import GovernedCallback  # corvus-policy[langchain]
    from corvus.clients import BudgetMiddleware  # corvus-policy[langchain-agents]
    from corvus.clients import BudgetLogger  # corvus-policy[litellm]
    from corvus.clients import budget_options  # corvus-policy[claude-agent]
    from corvus.clients.openai_agents import GovernedModel  # corvus-policy[openai-agents]
    from corvus.clients.pydantic_ai import GovernedModel  # corvus-policy[pydantic-ai]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corvus.clients import claude_agent, langchain, litellm, openai_agents, pydantic_ai
    from corvus.clients.claude_agent import budget_options
    from corvus.clients.langchain import BudgetMiddleware, GovernedCallback
    from corvus.clients.litellm import BudgetLogger
    from corvus.clients.transport import AsyncGovernedTransport, GovernedTransport

__all__ = [
    "AsyncGovernedTransport",
    "BudgetLogger",
    "BudgetMiddleware",
    "GovernedCallback",
    "GovernedTransport",
    "budget_options",
    "claude_agent",
    "langchain",
    "litellm",
    "openai_agents",
    "pydantic_ai",
]

_MODULES = frozenset({"claude_agent", "langchain", "litellm", "openai_agents", "pydantic_ai"})
_FORMER = {"GovernedMiddleware": "BudgetMiddleware"}
"""Names that were public before, and what they mean."""

_HOME = {
    "AsyncGovernedTransport": "transport",
    "BudgetLogger": "litellm",
    "BudgetMiddleware": "langchain",
    "GovernedCallback": "langchain",
    "GovernedTransport": "transport",
    "budget_options": "claude_agent",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    name = _FORMER.get(name, name)
    if name in _MODULES:
        return import_module(f"corvus.clients.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'corvus.clients' has no attribute {name!r}")
    return getattr(import_module(f"corvus.clients.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]
