"""Brings usage recorded elsewhere into the ledger (IMP-1): the formats that it understands."""

from __future__ import annotations

FORMATS = ("claude-code", "codex", "litellm", "openai", "otel", "generic")
"""Every format by name; the module of that name has its ``Importer``.

A file is of the first format that recognises it; the generic one takes the rest. A command that
only names the formats loads none of them.
"""
