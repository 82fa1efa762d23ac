"""The entry for SchemaStore, made of the published address and the starter configs (SCH-2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from corvus.base.links import schema_url
from corvus.cli.init import NAME, Starter
from tools.checkout import HERE

_FOLDER: Final = HERE / "docs" / "schemastore"
_ABOUT: Final = "Budgets as code for AI agents: limits, prices and autonomy of the corvus governor"


def published() -> dict[Path, str]:
    """Return the entry of the catalog, and the starter configs without their first line."""
    entry = {
        "name": "corvus",
        "description": _ABOUT,
        "fileMatch": [NAME],
        "url": schema_url("config.native"),
    }
    starters = {
        _FOLDER / "test" / f"{starter}.toml": starter.text.decode().partition("\n")[2].lstrip("\n")
        for starter in Starter
    }
    return {_FOLDER / "catalog-entry.json": json.dumps(entry, indent=2) + "\n", **starters}
