"""Brings usage recorded elsewhere into the ledger (IMP-1): the formats that it understands."""

from __future__ import annotations

_FOLDERS = {
    "gemini-cli": "agents",
    "opencode": "agents",
    "copilot": "agents",
    "cursor": "agents",
    "langfuse": "exports",
    "helicone": "exports",
    "bedrock": "exports",
    "litellm": "exports",
    "anthropic": "exports",
    "openai": "exports",
    "openrouter": "exports",
    "corvus-export": "exports",
}

FORMATS = (
    "gemini-cli",
    "opencode",
    "copilot",
    "cursor",
    "langfuse",
    "helicone",
    "bedrock",
    "claude-code",
    "codex",
    "corvus",
    "litellm",
    "anthropic",
    "openai",
    "openrouter",
    "otel",
    "corvus-export",
    "generic",
)
"""Every format by name; the module of that name has its ``Importer``.

A file is of the first format that recognises it; the generic one takes the rest. A command that
only names the formats loads none of them.
"""


def module_of(name: str) -> str:
    """Return the module of a format of ``FORMATS``."""
    folder = _FOLDERS.get(name)
    return ".".join((__name__, *([folder] if folder else []), name.replace("-", "_")))
