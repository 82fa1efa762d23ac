"""OBS-2: every metric, what its labels may be, and that the examples use no other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from corvus.gateway.metrics import Metrics
from corvus.gateway.store_metrics import StoreMetrics
from tests.observability.happenings import CANARY, scene

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "examples" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "examples" / "grafana" / "corvus.json"
LABELS = {
    "corvus_budget_warnings_total": {"period", "surface"},
    "corvus_budget_exceeded_total": {"period", "surface"},
    "corvus_budget_limit_passed_total": {"period", "surface"},
    "corvus_budget_overrides_total": {"action", "scope", "surface"},
    "corvus_ladder_total": {"rung", "surface"},
    "corvus_shadow_calls_total": {"outcome", "budget"},
    "corvus_budget_events_total": {"event", "budget"},
    "corvus_budget_limit_usd": {"budget"},
    "corvus_budget_refusals": {"budget"},
    "corvus_budget_blocking": {"budget"},
    "corvus_budget_used_usd": {"budget"},
    "corvus_budget_reserved_usd": {"budget"},
    "corvus_cost_usd_total": {"provider", "model", "scope_kind"},
    "corvus_tokens_total": {"provider", "model", "type"},
    "corvus_requests_total": {"surface", "outcome"},
    "corvus_usage_unknown_total": {"provider"},
    "corvus_notifications_total": {"target", "result"},
    "corvus_reservations_open": set[str](),
    "corvus_proxy_overhead_seconds_bucket": {"le"},
    "corvus_proxy_overhead_seconds_count": set[str](),
    "corvus_proxy_overhead_seconds_sum": set[str](),
    "corvus_store_up": set[str](),
    "corvus_store_faults_total": {"result"},
    "corvus_store_wait_seconds_bucket": {"le"},
    "corvus_store_wait_seconds_count": set[str](),
    "corvus_store_wait_seconds_sum": set[str](),
    "corvus_store_commit_seconds_bucket": {"le"},
    "corvus_store_commit_seconds_count": set[str](),
    "corvus_store_commit_seconds_sum": set[str](),
}

OF_PARTS = {
    f"corvus_budget_{name}": {"budget"} for name in ("parts", "blocking_parts", "max_percent")
}
"""What a budget with ``per`` has; ``tests/gateway/test_parts.py`` looks at them."""


OF_SHARED = {
    f"corvus_{name}": set[str]()
    for name in (
        "store_round_trip_seconds",
        "store_clock_ahead_seconds",
        "store_synchronous",
        "store_hosts",
        "store_policies",
        "replicas",
        "replica_lag_events",
        "replica_lag_seconds",
        "replicas_unreadable",
    )
}
"""What a store has that hosts share; ``tests/gateway/test_store_metrics.py`` looks at them."""
OF_LEASES = {
    "corvus_lease_hosts": {"state"},
    "corvus_lease_held": {"budget", "measure"},
    "corvus_lease_seconds_left": set[str](),
    "corvus_lease_requests_total": {"result"},
}
"""What a host with leases has, too; so does ``tests/test_leases.py``."""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what is scraped after everything has happened."""
    later: list[Metrics] = []
    with scene(tmp_path_factory.mktemp("scene"), lambda event: later[0].hear(event)) as on:
        later.append(Metrics(on.redactor))
        on.all_happens()
        later[0].time_overhead(0.003)
        later[0].count_notification("ops", "delivered")
        held = on.governor.store.run(lambda unit: len(unit.held()))
        store = StoreMetrics(on.governor.store.tally)
        return later[0].text(on.governor.status(), held, store).decode()


@pytest.fixture(scope="module")
def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]


Samples = list[tuple[str, dict[str, str], float]]


def test_all_metrics_are_there_with_their_labels(samples: Samples) -> None:
    found = {name: set(labels) for name, labels, _ in samples}
    assert found == LABELS


def test_labels_are_of_the_config_or_of_closed_sets(samples: Samples, text: str) -> None:
    assert CANARY not in text
    values: dict[str, set[str]] = {}
    for _, labels, _ in samples:
        for label, value in labels.items():
            values.setdefault(label, set()).add(value)
    assert values["model"] == {"house", "other"}
    assert values["provider"] == {"acme", "other"}
    assert values["surface"] == {"cli-agent", "python", "other"}
    assert values["budget"] == {"day", "month"}
    assert values["scope_kind"] == {"session", "mission"}
    assert values["type"] == {"input", "output", "cache_read", "reasoning"}
    assert values["event"] == {"warning", "threshold", "exceeded", "limit_passed", "reset"}


def test_sums_are_what_the_calls_cost(samples: Samples) -> None:
    def total(name: str, **labels: str) -> float:
        return sum(
            value
            for found, told, value in samples
            if found == name and labels.items() <= told.items()
        )

    assert total("corvus_cost_usd_total", scope_kind="mission") == pytest.approx(0.500414)
    assert total("corvus_tokens_total", type="reasoning") == 7
    assert total("corvus_requests_total", outcome="released") == 2
    assert total("corvus_requests_total", outcome="budget_exceeded") == 1
    assert total("corvus_budget_warnings_total") == 2
    assert total("corvus_budget_events_total", event="warning") == 1, "once per transition"
    assert total("corvus_usage_unknown_total", provider="other") == 1
    assert total("corvus_budget_used_usd", budget="day") == 0, "it was reset"
    assert total("corvus_proxy_overhead_seconds_bucket", le="0.005") == 1


def expressions() -> Iterator[tuple[str, str]]:
    rules: Any = yaml.safe_load(ALERTS.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("where", "expression"), [*expressions()])
def test_the_examples_use_only_metrics_and_labels_that_exist(where: str, expression: str) -> None:
    names = re.findall(r"\bcorvus_\w+", expression)
    assert names or expression.startswith('up{job="corvus"}'), where
    every = LABELS | OF_PARTS | OF_SHARED | OF_LEASES
    assert set(names) <= set(every), where
    known = set[str]().union(*(every[name] for name in names))
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= known, where
    if names:
        assert set(re.findall(r"(\w+)=\"", expression)) <= known, where


def test_every_metric_is_of_use_on_the_dashboard() -> None:
    shown = " ".join(expression for _, expression in expressions())
    unused = {name for name in LABELS | OF_PARTS | OF_SHARED | OF_LEASES if name not in shown}
    assert unused == {"corvus_proxy_overhead_seconds_count", "corvus_proxy_overhead_seconds_sum"}


def promtool(*words: str, given: str = "") -> None:
    """Run Prometheus' own checker, where Debian's package ``prometheus`` is installed."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed; apt-get install prometheus brings it")
    result = subprocess.run(
        [tool, *words], input=given, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_accepts_the_rules_and_finds_no_fault_with_the_metrics(text: str) -> None:
    promtool("check", "rules", str(ALERTS))
    lines = [line for line in text.splitlines(keepends=True) if "_created" not in line]
    promtool("check", "metrics", given="".join(lines))
