"""OBS-2: what is scraped of a store: how transactions went, who shares it, that it is away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from corvus.base.errors import OutcomeUnknown, StoreCorrupt, StoreUnavailable
from corvus.gateway.metrics import Metrics
from corvus.gateway.store_metrics import StoreMetrics
from corvus.observability.redact import Redactor
from corvus.prices.lookup import PriceBooks
from corvus.store.api import Collided
from corvus.store.operations.overview import overview
from corvus.store.place import open_store, place_of
from corvus.store.postgres.look import Looks
from corvus.store.tally import BOUNDS_SECONDS, StoreTally
from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.test_metrics import OF_SHARED
from tests.store.contract import HELD, NOW


def figures(text: str) -> dict[str, float]:
    """Return what is scraped by name; of a family with labels, those with their values."""
    return {
        ".".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_transactions_are_timed_and_faults_counted_by_kind() -> None:
    tally = StoreTally()
    for fault in (Collided("c"), OutcomeUnknown("u"), StoreUnavailable("a"), StoreCorrupt("o")):
        with pytest.raises(type(fault)), tally.committing():
            raise fault
    with tally.waiting():
        pass
    found = figures(Metrics(Redactor(PriceBooks())).text(None, 0, StoreMetrics(tally)).decode())
    for result in ("collided", "unknown", "unavailable", "other"):
        assert found[f"corvus_store_faults_total.{result}"] == 1
    assert found["corvus_store_wait_seconds_count"] == 1
    assert found["corvus_store_commit_seconds_count"] == 0, "what failed has no duration"
    assert found[f"corvus_store_wait_seconds_bucket.{BOUNDS_SECONDS[-1]}"] == 1
    assert found["corvus_store_up"] == 0
    assert not set(found) & set(OF_SHARED)


def test_a_scrape_counts_the_transactions_of_the_gateway(served: Served) -> None:
    with served.client("read") as client:
        before = figures(client.get("/metrics").text)
        served.place.spend(10)
        after = figures(client.get("/metrics").text)
    assert before["corvus_store_up"] == after["corvus_store_up"] == 1
    assert after["corvus_store_wait_seconds_count"] > before["corvus_store_wait_seconds_count"]
    assert "corvus_store_hosts" not in after, "nobody shares a file"


def test_a_store_that_is_away_is_said_and_no_budget_has_a_figure(served: Served) -> None:
    """A gauge is never stale."""
    with served.client("read") as client:
        assert "corvus_budget_used_usd.day" in figures(client.get("/metrics").text)
        os.rename(served.place.store, served.place.store.with_name("aside"))
        found = figures(client.get("/metrics").text)
        assert found["corvus_store_up"] == 0
        assert found["corvus_store_faults_total.unavailable"] >= 1
        assert not [name for name in found if name.startswith("corvus_budget_used")]


def test_a_store_that_admits_calls_is_up_though_nobody_may_look_at_it(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with no connection left: the gateway has its own, and a page at night is no news."""
    served = Served(Place(tmp_path, url=postgres_url))
    with served.client() as client:
        assert figures(client.get("/metrics").text)["corvus_store_hosts"] == 1

        def none_left(*_: object) -> None:
            raise StoreUnavailable("no connection left")

        monkeypatch.setattr(Looks, "connection", none_left)
        found = figures(client.get("/metrics").text)
    served.stop()
    assert found["corvus_store_up"] == 1
    assert "corvus_store_hosts" not in found


def test_a_shared_store_counts_hosts_policies_and_ledgers_and_names_none(
    postgres_url: str, tmp_path: Path
) -> None:
    for host in ("one", "two"):
        place = place_of(tmp_path / f"{host}.duckdb", postgres_url, policy_hash=f"sha256:{host}")
        store = open_store(place)
        store.run(lambda unit: unit.state.last_us)
        store.run(lambda unit, host=host: unit.put_limits(host, "{}"))
        store.close()
        place.admin.let_go()
    seen = overview(place, place.health(NOW))
    place.admin.let_go()
    metrics = StoreMetrics(store.tally, seen, is_up=True)
    text = Metrics(Redactor(PriceBooks())).text(None, 0, metrics).decode()
    found = figures(text)
    assert set(OF_SHARED) <= set(found)
    assert (found["corvus_store_up"], found["corvus_store_hosts"]) == (1, 1)
    assert found["corvus_store_policies"] == 2
    assert [warning.code for warning in seen.warnings] == [
        "no-synchronous-standby",
        "policies-differ",
    ]
    assert os.uname().nodename not in text
    assert HELD.id not in text
