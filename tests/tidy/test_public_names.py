from __future__ import annotations

import subprocess
import sys

import policy


def test_the_public_names_are_these() -> None:
    """At most 16, so that a newcomer can read them; a change here is a change for users."""
    assert policy.__all__ == [
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
    assert all(getattr(policy, name) is not None for name in policy.__all__)


def test_importing_the_package_loads_no_library() -> None:
    heavy = {"duckdb", "pydantic", "typer", "rich"}
    loaded = f"import policy, sys; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
