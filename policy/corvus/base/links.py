"""Addresses on the web that messages and files of corvus name: the one place of each."""

from __future__ import annotations

from typing import Final

HOMEPAGE: Final = "https://github.com/corvus-policy/corvus"
"""The project; the same as ``project.urls`` of pyproject.toml."""

RULES: Final = f"{HOMEPAGE}/blob/main/docs/rules"
"""The folder of the pages of rules, one for each diagnostic code."""

SCHEMAS: Final = "https://raw.githubusercontent.com/corvus-policy/corvus/main/schemas"
"""The folder of the published JSON Schemas."""

SCHEMA_VERSION: Final = 1
"""Raised when a document that was right no longer is; the files of the version before stay."""


def rule_page(code: str) -> str:
    """Return the address of the page of a diagnostic code."""
    return f"{RULES}/{code}.md"


def schema_url(name: str) -> str:
    """Return the address of a published schema, its ``$id``; it stays as long as its version."""
    return f"{SCHEMAS}/v{SCHEMA_VERSION}/{name}.schema.json"
