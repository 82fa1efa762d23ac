"""What the environment decides is changed by no surface, and a ledger that is broken is no zero."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from corvus.base.errors import PolicyError
from corvus.gateway.service import ConfigFile, Service
from tests.cli.places import Place
from tests.gateway.conftest import Served


def test_a_limit_that_the_environment_decides_is_not_changed_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API-4: else a person sees a new limit in the file, while the old one goes on."""
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "4")
    place = Place(tmp_path)
    before = place.config.read_text()
    with closing(place.runtime.open_stores()) as stores:
        service = Service(
            place.runtime, stores, file=ConfigFile(place.config, lambda: place.runtime)
        )
        with pytest.raises(PolicyError, match="CORVUS_COST__DAILY_LIMIT_USD"):
            service.change_keys({("cost", "daily_limit_usd"): "9"}, "ana")
    assert place.config.read_text() == before


def test_history_of_a_ledger_that_cannot_be_read_is_a_fault_and_not_zero(served: Served) -> None:
    """EVA-11: zeros are said only where nothing is governed."""
    served.place.ledger.write_bytes(b"no ledger" * 1_000)
    with served.client("read") as client:
        answer = client.get("/web/cost/history")
    assert answer.status_code >= 500
    assert answer.json()["code"].startswith("ledger")
