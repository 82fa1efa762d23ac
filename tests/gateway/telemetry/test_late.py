"""A report that comes after the store has forgotten is looked up in the ledger (PRX-9)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corvus.base.time import naive_utc
from corvus.ledger.ledger import open_ledger
from corvus.model.usage import COUNTS
from tests.gateway.proxied import Proxied
from tests.gateway.telemetry.deliveries import Attributes, claude, codex, in_json
from tests.gateway.telemetry.test_receiver import deliver

LONG_AGO = datetime.now(UTC) - timedelta(days=20)


def forget(gateway: Proxied) -> None:
    """Forget what was settled, as a store does after a week; the ledger has it."""
    gateway.stop()
    with closing(sqlite3.connect(f"{gateway.ledger}.store")) as connection:
        connection.execute("DELETE FROM reservation")
        connection.commit()
    gateway.start()


def measured(gateway: Proxied, **other: Any) -> None:
    """Have the ledger hold a call that passed the proxy long ago."""
    row: dict[str, Any] = {
        **dict.fromkeys(COUNTS, 0),
        "id": "01900000-0000-7000-8000-000000000001",
        "calls": 1,
        "requested_at": naive_utc(LONG_AGO),
        "admitted_at": naive_utc(LONG_AGO),
        "settled_at": naive_utc(LONG_AGO + timedelta(seconds=5)),
        "session_id": "cx-1",
        "user_name": "bot",
        "surface": "proxy",
        "provider": "openai",
        "requested_model": "m",
        "input_tokens": 60,
        "cache_read_tokens": 40,
        "output_tokens": 10,
        "source": "priced",
        "outcome": "completed",
        "at_least": False,
    }
    row |= other
    gateway.stop()
    with open_ledger(gateway.ledger, write=True) as ledger:
        names, places = ", ".join(row), ", ".join("?" for _ in row)
        ledger.connection.execute(
            f"INSERT INTO {ledger.table('usage_record')} ({names}) VALUES ({places})",  # noqa: S608 - names of this file
            [*row.values()],
        )
    gateway.start()


def results(gateway: Proxied) -> dict[str, int]:
    """What became of the records of this process, without what is 0."""
    prefix = 'corvus_telemetry_records_total{result="'
    lines = [line for line in gateway.metrics().splitlines() if line.startswith(prefix)]
    pairs = (line.removeprefix(prefix).split('"} ') for line in lines)
    return {name: int(float(many)) for name, many in pairs if float(many)}


@pytest.mark.parametrize("report", [claude(LONG_AGO), codex(LONG_AGO)])
def test_what_the_store_has_forgotten_is_known_by_the_ledger(
    gateway: Proxied, report: Attributes
) -> None:
    deliver(gateway, in_json([report]))
    assert results(gateway) == {"recorded": 1}
    forget(gateway)
    deliver(gateway, in_json([report]))
    assert results(gateway) == {"known": 1}
    assert len(gateway.records()) == 1


@pytest.mark.parametrize(
    ("report", "other"),
    [
        (claude(LONG_AGO), {"provider_request_id": "req_1", "session_id": "another"}),
        (codex(LONG_AGO), {}),
        (codex(LONG_AGO + timedelta(seconds=64)), {"provider_request_id": "resp_1"}),
    ],
)
def test_what_passed_the_proxy_long_ago_is_not_recorded_again(
    gateway: Proxied, report: Attributes, other: dict[str, Any]
) -> None:
    measured(gateway, **other)
    deliver(gateway, in_json([report]))
    assert results(gateway) == {"measured": 1}
    assert [one.surface for one in gateway.records()] == ["proxy"]


@pytest.mark.parametrize(
    ("report", "other"),
    [
        (claude(LONG_AGO), {"provider_request_id": "req_2", "session_id": "cc-1"}),
        (codex(LONG_AGO + timedelta(seconds=70)), {}),
        (codex(LONG_AGO), {"user_name": "eve"}),
        (codex(LONG_AGO), {"output_tokens": 11}),
        (codex(LONG_AGO), {"surface": "python"}),
    ],
)
def test_another_call_of_long_ago_is_recorded(
    gateway: Proxied, report: Attributes, other: dict[str, Any]
) -> None:
    measured(gateway, **other)
    deliver(gateway, in_json([report]))
    assert results(gateway) == {"recorded": 1}
