"""Metrics in Prometheus' text format, under the upstream's names first (OBS-2).

Labels come from the config or closed sets; whatever else a caller says becomes ``other``. Budgets
are gauges read from the store at each scrape: when it cannot answer, the scrape fails, for a gauge
never shows a stale or a made-up figure. Refuses sessions, missions, actors and reasons as labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily

from policy.events import BudgetExceeded, BudgetOverride, BudgetWarning, Event

if TYPE_CHECKING:
    from policy.governor.status import StatusReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ABOUT = {
    "limit": "Limit of a budget in USD; 0 is none.",
    "used": "Spent in the present window, in USD.",
    "reserved": "Held for open calls, in USD.",
}
_SURFACES = {"api", "proxy", "cli", "cli-agent", "cli-code", "python", "gateway_admin"}


class Metrics:
    """Counters of this process, and gauges of the store."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._warnings = Counter(
            "corvus_budget_warnings",
            "Calls that came to a warning threshold.",
            ["period", "surface"],
            registry=self._registry,
        )
        self._exceeded = Counter(
            "corvus_budget_exceeded",
            "Calls that a budget refused.",
            ["period", "surface"],
            registry=self._registry,
        )
        self._overrides = Counter(
            "corvus_budget_overrides",
            "What became of overrides.",
            ["action", "scope", "surface"],
            registry=self._registry,
        )

    def hear(self, event: Event) -> None:
        """Count an event; a listener of the governor."""
        match event:
            case BudgetWarning(threshold):
                self._warnings.labels(threshold.period, _surface(threshold.surface)).inc()
            case BudgetExceeded(threshold):
                self._exceeded.labels(threshold.period, _surface(threshold.surface)).inc()
            case BudgetOverride():
                labels = event.action, event.scope, _surface(event.surface)
                self._overrides.labels(*labels).inc()
            case _:
                pass

    def text(self, status: StatusReport, open_holds: int) -> bytes:
        """Return all metrics; the gauges tell one status report."""
        registry = CollectorRegistry()
        registry.register(_Gauges(status, open_holds))
        return generate_latest(self._registry) + generate_latest(registry)


class _Gauges:
    """One reading of the budgets; those that count sessions or missions apart have no figure."""

    def __init__(self, status: StatusReport, open_holds: int) -> None:
        self._status = status
        self._open_holds = open_holds

    def collect(self) -> Iterator[GaugeMetricFamily]:
        named = [
            one for one in self._status.decision.statuses if self._status.spends[one.budget.name]
        ]
        amounts = {
            "limit": [one.budget.limit_nano_usd for one in named],
            "used": [one.spent_nano_usd for one in named],
            "reserved": [one.held_nano_usd for one in named],
        }
        for name, about in _ABOUT.items():
            family = GaugeMetricFamily(f"corvus_budget_{name}_usd", about, labels=["budget"])
            for one, amount in zip(named, amounts[name], strict=True):
                family.add_metric([one.budget.name], amount / 1e9)
            yield family
        yield GaugeMetricFamily(
            "corvus_reservations_open", "Calls that are held.", value=self._open_holds
        )


def _surface(word: str) -> str:
    return word if word in _SURFACES else "other"
