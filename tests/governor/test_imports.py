"""What importing the governor drags along: the time of every short process that asks it."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import corvus.governor.governor, corvus.store.sqlite
print(json.dumps([*sys.modules]))
"""


def test_importing_the_governor_leaves_out_what_it_does_not_need() -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(json.loads(told))
    assert "corvus.governor.governor" in loaded
    heavy = {"asyncio", "duckdb", "pydantic", "pydantic_core", "rich", "typer"}
    assert loaded & heavy == set()
