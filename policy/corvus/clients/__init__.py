"""Governs the calls of Python programs where they are made: SDK transports, callbacks (PRX-6).

The public names are these four; each is loaded when it is first used, because each needs an extra
of its own::

    from corvus.clients import GovernedTransport, AsyncGovernedTransport  # corvus-policy[clients]
    from corvus.clients import GovernedCallback  # corvus-policy[langchain]
    from corvus.clients import GovernedMiddleware  # corvus-policy[langchain-agents]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corvus.clients.langchain import GovernedCallback
    from corvus.clients.middleware import GovernedMiddleware
    from corvus.clients.transport import AsyncGovernedTransport, GovernedTransport

__all__ = [
    "AsyncGovernedTransport",
    "GovernedCallback",
    "GovernedMiddleware",
    "GovernedTransport",
]

_EXTRAS = {"transport": "clients", "middleware": "langchain-agents"}
_HOME = {
    "AsyncGovernedTransport": "corvus.clients.transport",
    "GovernedCallback": "corvus.clients.langchain",
    "GovernedMiddleware": "corvus.clients.middleware",
    "GovernedTransport": "corvus.clients.transport",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'corvus.clients' has no attribute {name!r}")
    try:
        module = import_module(_HOME[name])
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise
        home = _HOME[name].rpartition(".")[2]
        extra = _EXTRAS.get(home, home)
        raise ModuleNotFoundError(
            f"corvus.clients.{name} needs {missing.name}: pip install 'corvus-policy[{extra}]'",
            name=missing.name,
        ) from None
    return getattr(module, name)


def __dir__() -> list[str]:
    return [*__all__]
