"""Metrics in Prometheus' text format, under the upstream's names first (OBS-2).

Labels come from the config or closed sets; whatever else a caller says becomes ``other``. Budgets
are gauges read from the store at each scrape: when it cannot answer, they are left out, for a gauge
never shows a stale or a made-up figure, and ``corvus_store_up`` is 0. Refuses sessions, missions,
actors and reasons as labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from corvus.answers.action import DOMAIN
from corvus.autonomy.decide import ActionAnswer
from corvus.events import EVENTS, CallDenied, CallSettled, Event
from corvus.model.budget import Measure
from corvus.model.usage import FEES
from corvus.observability.redact import Redactor, surface

if TYPE_CHECKING:
    from corvus.gateway.store_metrics import StoreMetrics
    from corvus.gateway.telemetry.receiver import Delivery
    from corvus.model.decision import BudgetStatus
    from corvus.model.reported import ReportSummary
    from corvus.model.status_report import StatusReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ABOUT = {
    "limit": "Limit of a budget in {unit}; 0 is none.",
    "used": "Spent in the present window, in {unit}.",
    "reserved": "Held for open calls, in {unit}.",
}
_PARTS = {
    "parts": "Parts of a budget with `per` that have a sum in their present window.",
    "blocking_parts": "Parts of a budget with `per` that refuse calls.",
    "max_percent": "Percent of its limit that the fullest part of a budget with `per` has used.",
}
_OVERHEAD_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
_UNKNOWN_USAGE = ("estimated", "presumed", "unknown")


class Metrics:
    """Counters of this process, and gauges of the store.

    Counters start at 0 with the process and are floats: money of record is in the ledger.

    Args:
        redactor: Names models and providers as the price books do.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._registry = CollectorRegistry()
        counter = self._counter
        self._counters = {
            event.kind.name: counter(name.replace(".", "_"), about, *labels)
            for event in EVENTS
            if event.kind.counter is not None
            for name, about, labels in (event.kind.counter,)
        }
        self._events = counter("budget_events", "What happened to a budget.", "event", "budget")
        self._requests = counter("requests", "Calls by their end.", "surface", "outcome")
        self._cost = counter(
            "cost_usd", "Cost of settled calls in USD.", "provider", "model", "scope_kind"
        )
        about = "Tokens of settled calls, by disjoint kind."
        self._tokens = counter("tokens", about, "provider", "model", "type")
        self._unknown = counter(
            "usage_unknown", "Settled calls whose usage nobody reported.", "provider"
        )
        self._actions = counter(
            "actions",
            "Actions that were asked for, by decision and the rule behind it.",
            "governance_domain",
            "decision",
            "rule",
        )
        self._notifications = counter(
            "notifications", "Tries to deliver a notification.", "target", "result"
        )
        self._records = counter("telemetry_records", "Log records from clients.", "result")
        self._overhead = Histogram(
            "corvus_proxy_overhead_seconds",
            "Time that the proxy adds to a call before it is forwarded.",
            buckets=_OVERHEAD_BUCKETS,
            registry=self._registry,
        )

    def time_overhead(self, seconds: float) -> None:
        """Take what the proxy added to one call before it left."""
        self._overhead.observe(seconds)

    def count_notification(self, target: str, result: str) -> None:
        """Count a try to deliver a notification; targets are names of the config."""
        self._notifications.labels(target, result).inc()

    def count_delivery(self, delivery: Delivery, done: ReportSummary) -> None:
        """Count the records of a delivery of telemetry; results are a closed set."""
        for result, many in (
            *done._asdict().items(),
            ("other", delivery.others),
            ("rejected", len(delivery.rejected)),
        ):
            self._records.labels(result).inc(many)

    def count_action(self, answer: ActionAnswer) -> None:
        """Count what was decided about an action; all labels are closed sets."""
        decision = answer.decision
        self._actions.labels(DOMAIN, decision.verdict.value, decision.rule.value).inc()

    def hear(self, event: Event) -> None:
        """Count an event; a listener of the governor."""
        kind = event.kind
        if (counter := self._counters.get(kind.name)) is not None:
            counter.labels(**self._redactor.labels(event)).inc()
        if kind.budget_event is not None and not event.is_repetition:
            budget = self._redactor.view(event).fields["budget"]
            self._events.labels(kind.budget_event, str(budget)).inc()
        if isinstance(event, CallDenied):
            self._requests.labels(surface(event.surface), event.denial).inc()
        elif isinstance(event, CallSettled):
            self._settled(event)

    def _settled(self, call: CallSettled) -> None:
        self._requests.labels(surface(call.surface), call.outcome).inc()
        if not call.source:
            return
        listed = self._redactor.listed(call.model, call.provider)
        kind = "mission" if call.mission_id else "session"
        spent = max(0, (call.cost_nano_usd or 0) - call.replaced_nano_usd)
        self._cost.labels(listed.provider, listed.model, kind).inc(spent / 1e9)
        for token_kind, tokens in call.tokens:
            if token_kind in FEES:
                continue  # uses, not tokens
            self._tokens.labels(listed.provider, listed.model, token_kind).inc(tokens)
        if call.source in _UNKNOWN_USAGE:
            self._unknown.labels(listed.provider).inc()

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"corvus_{name}", about, labels, registry=self._registry)

    def text(self, status: StatusReport | None, open_holds: int, store: StoreMetrics) -> bytes:
        """Return all metrics.

        Args:
            status: What the gauges of budgets show; ``None`` shows none.
            open_holds: Calls that are held.
            store: Those of the store.
        """
        registry = CollectorRegistry()
        registry.register(store)
        if status is not None:
            registry.register(_Gauges(status, open_holds))
        return generate_latest(self._registry) + generate_latest(registry)


class _Gauges:
    """One reading of the budgets; those that count sessions or missions apart have no figure.

    Of a budget with ``per`` there are totals alone: who its parts are is nobody's label.
    """

    def __init__(self, status: StatusReport, open_holds: int) -> None:
        self._status = status
        self._open_holds = open_holds

    def collect(self) -> Iterator[GaugeMetricFamily]:
        known = [
            status
            for status in self._status.decision.statuses
            if self._status.spends[status.budget.name]
        ]
        whole = [status for status in known if not status.budget.per]
        for measure in Measure:
            counted = [status for status in whole if status.budget.measure is measure]
            if counted or measure is Measure.USD:
                yield from _amounts(counted, measure)
        yield from self._of_parts([status for status in known if status.budget.per])
        for name, about, figure in (
            ("refusals", "Calls that a budget refused in its present window.", self._refusals),
            ("blocking", "1 while a budget refuses calls.", self._blocking),
        ):
            figures = {status.budget.name: figure(status.budget.name) for status in known}
            yield _family(f"corvus_budget_{name}", about, figures)
        yield GaugeMetricFamily(
            "corvus_reservations_open", "Calls that are held.", value=self._open_holds
        )

    def _of_parts(self, divided: Sequence[BudgetStatus]) -> Iterator[GaugeMetricFamily]:
        if not divided:
            return
        counts = self._status.parts
        figures = {
            "parts": {name: counts[name].parts for name in counts},
            "blocking_parts": {name: counts[name].blocking for name in counts},
            "max_percent": {each.budget.name: float(each.percent_used) for each in divided},
        }
        for name, about in _PARTS.items():
            yield _family(f"corvus_budget_{name}", about, figures[name])

    def _refusals(self, budget: str) -> int:
        refusals = self._status.refusals.get(budget)
        return refusals.count if refusals else 0

    def _blocking(self, budget: str) -> int:
        return int(self._status.is_blocking(budget))


def _amounts(counted: Sequence[BudgetStatus], measure: Measure) -> Iterator[GaugeMetricFamily]:
    amounts = {
        "limit": {status.budget.name: status.budget.limit for status in counted},
        "used": {status.budget.name: status.spent for status in counted},
        "reserved": {status.budget.name: status.held for status in counted},
    }
    is_money = measure is Measure.USD
    unit, scale = ("USD", 1e9) if is_money else (measure.value, 1)
    for name, about in _ABOUT.items():
        scaled = {budget: amount / scale for budget, amount in amounts[name].items()}
        yield _family(f"corvus_budget_{name}_{measure}", about.format(unit=unit), scaled)


def _family(name: str, about: str, figures: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=["budget"])
    for budget, figure in figures.items():
        family.add_metric([budget], figure)
    return family
