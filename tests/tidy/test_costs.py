"""What files of tests cost is added up wherever the tests ran, and has a bound."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.costs import FILE_SECONDS_MAX, Costs


def report(test: str, seconds: float) -> Any:
    return SimpleNamespace(nodeid=test, user_properties=[("cpu_seconds", seconds)])


def test_a_file_that_costs_too_much_is_named() -> None:
    costs = Costs()
    for test in ("a.py::one", "a.py::two[x::y]", "b.py::one"):
        costs.pytest_runtest_logreport(report(test, FILE_SECONDS_MAX * 0.6))
    assert costs.too_large() == ["a.py"]
