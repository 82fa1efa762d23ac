from __future__ import annotations

import subprocess
import sys

import corvus


def test_the_public_names_are_these() -> None:
    """At most 16, so that a newcomer can read them; a change here is a change for users."""
    assert corvus.__all__ == [
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
    assert all(getattr(corvus, name) is not None for name in corvus.__all__)


def test_importing_the_package_loads_no_library() -> None:
    heavy = {"duckdb", "pydantic", "typer", "rich"}
    loaded = f"import corvus, sys; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
