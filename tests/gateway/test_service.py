"""``PATCH admin/config`` beyond the scalars of ``[cost]`` (API-4)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from corvus.base.errors import LedgerError, PolicyError, SettingRefused
from corvus.bookkeeping import Bookkeeping
from corvus.gateway.service import ConfigFile, Service
from corvus.runtime import Runtime, open_runtime
from tests.cli.places import Place
from tests.gateway.conftest import Served

_OPUS = {"model": "opus-4", "session_id": "s", "estimate_usd": 1}


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A gateway of which the environment decides two keys."""
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "4")
    monkeypatch.setenv("CORVUS_AUTONOMY__MAX_ACTIONS_PER_HOUR", "5")
    gateway = Served(Place(tmp_path))
    yield gateway
    gateway.stop()


def test_a_named_budget_is_changed_in_the_file_the_policy_and_the_audit(served: Served) -> None:
    before = served.place.config.read_text()
    patch = {"cost": {"budgets": {"opus-week": {"limit_usd": 0.5, "warn_at_percent": 60}}}}
    with served.client() as admin, served.client("reserve") as client:
        assert client.post("/web/reservations", json=_OPUS).status_code == 201
        done = admin.patch("/web/admin/config", json=patch)
        assert done.status_code == 200, done.text
        refused = client.post("/web/reservations", json=_OPUS)
        (event,) = admin.get("/web/cost/audit", params={"kind": "limits_changed"}).json()["events"]
    assert (refused.status_code, refused.json()["scope"]) == (402, "opus-week")
    limits = [event["details"][when]["budgets"]["opus-week"] for when in ("before", "after")]
    assert [one["limit_nano_usd"] for one in limits] == [3_000_000_000, 500_000_000]
    after = served.place.config.read_text()
    assert "limit_usd = 0.5\n" in after
    assert after.replace("limit_usd = 0.5", "limit_usd = 3").replace(
        "warn_at_percent = 60\n", ""
    ) == before.replace("warn_at_percent = 60\n", "")


def test_the_action_rate_is_changed_at_once_and_audited(served: Served) -> None:
    patch = {"autonomy": {"max_actions_per_hour": 1, "allowed_commands": ["ls", "make"]}}
    with served.client() as admin, served.client("reserve") as client:
        done = admin.patch("/web/admin/config", json=patch)
        assert done.status_code == 200, done.text
        assert done.json()["config"]["autonomy"]["allowed_commands"] == ["ls", "make"]
        answers = [client.post("/web/actions", json={"command": "ls"}) for _ in range(2)]
        (event,) = admin.get("/web/cost/audit", params={"kind": "limits_changed"}).json()["events"]
    assert [one.status_code for one in answers] == [200, 429]
    rates = [
        event["details"][when]["autonomy"]["max_actions_per_hour"] for when in ("before", "after")
    ]
    assert rates == [20, 1]


def test_patches_and_commands_at_once_all_arrive(served: Served) -> None:
    """CFG-12: over HTTP and from the command line, on one file."""
    patches: dict[str, float] = {"monthly_limit_usd": 77, "warn_at_percent": 61}
    steps: dict[str, int] = {"mission.max_steps": 9, "governance.gateway.port": 8650}
    program = (sys.executable, "-m", "corvus", "config", "set", "--config", served.place.config)
    commands = [
        subprocess.Popen([*program, key, str(value)], stdout=subprocess.DEVNULL)
        for key, value in steps.items()
    ]

    def patch(change: tuple[str, float]) -> int:
        with served.client() as admin:
            return admin.patch("/web/admin/config", json={"cost": dict([change])}).status_code

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(patch, patches.items())) == [200, 200]
    assert [command.wait() for command in commands] == [0, 0]
    data = tomllib.loads(served.place.config.read_text())
    assert {key: data["cost"][key] for key in patches} == patches
    assert data["mission"]["max_steps"] == 9
    assert data["governance"]["gateway"]["port"] == 8650


def test_a_named_budget_is_found_in_what_the_file_holds_by_then(served: Served) -> None:
    """CFG-12: another has put a budget before it, so that it has another place."""
    config = served.place.config
    text = config.read_text()
    first = '[[cost.budgets]]\nname = "new"\nperiod = "day"\nlimit_usd = 9\n\n'
    at = text.index("[[cost.budgets]]")
    config.write_text(text[:at] + first + text[at:])
    patch = {"cost": {"budgets": {"opus-week": {"limit_usd": 0.5}}}}
    with served.client() as admin:
        assert admin.patch("/web/admin/config", json=patch).status_code == 200
    budgets = tomllib.loads(config.read_text())["cost"]["budgets"]
    limits = {budget["name"]: budget["limit_usd"] for budget in budgets}
    assert (limits["new"], limits["opus-week"]) == (9, 0.5)


def test_metrics_are_switched_off_and_on_while_it_runs(served: Served) -> None:
    statuses: list[int] = []
    with served.client() as admin:
        for on in (False, True):
            patch = {"governance": {"observability": {"metrics": on}}}
            assert admin.patch("/web/admin/config", json=patch).status_code == 200
            statuses.append(admin.get("/metrics").status_code)
    assert statuses == [404, 200]


RESTART, REFUSED = "restart-needed", "setting-refused"


@pytest.mark.parametrize(
    ("patch", "code", "words"),
    [
        (
            {"governance": {"gateway": {"port": 1}}},
            RESTART,
            "governance.gateway.port takes effect at a res",
        ),
        (
            {"governance": {"gateway": {"host": "::1"}}},
            RESTART,
            "governance.gateway.host takes effect",
        ),
        ({"governance": {"ledger": {"path": "x"}}}, RESTART, "governance.ledger.path takes effect"),
        ({"governance": {"ledger": {"url": "x"}}}, RESTART, "governance.ledger.url takes effect"),
        ({"governance": {"x": 1}}, REFUSED, "there is no setting governance.x"),
        ({"cost": {"budgets": {"nobody": {"limit_usd": 1}}}}, REFUSED, 'has no budget "nobody"'),
    ],
)
def test_what_cannot_change_while_it_runs_is_refused_with_the_reason(
    standing: Served, patch: dict[str, Any], code: str, words: str
) -> None:
    before = standing.place.config.read_bytes()
    with standing.client() as admin:
        answer = admin.patch("/web/admin/config", json=patch)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert words in answer.json()["detail"]
    assert standing.place.config.read_bytes() == before


@pytest.mark.parametrize(
    ("patch", "variable"),
    [
        ({"cost": {"daily_limit_usd": 1}}, "CORVUS_COST__DAILY_LIMIT_USD"),
        (
            {"cost": {"warn_at_percent": 5}, "autonomy": {"max_actions_per_hour": 1}},
            "CORVUS_AUTONOMY__MAX_ACTIONS_PER_HOUR",
        ),
    ],
)
def test_a_key_that_the_environment_decides_is_refused_with_its_name(
    held: Served, patch: dict[str, Any], variable: str
) -> None:
    before = held.place.config.read_bytes()
    with held.client() as admin:
        answer = admin.patch("/web/admin/config", json=patch)
        free = admin.patch("/web/admin/config", json={"cost": {"monthly_limit_usd": 7}})
    assert (answer.status_code, answer.json()["code"]) == (409, "setting-refused")
    assert f"env {variable}" in answer.json()["detail"]
    assert free.status_code == 200
    assert held.place.config.read_bytes() != before
    assert b"warn_at_percent = 5\n" not in held.place.config.read_bytes()


@pytest.mark.parametrize("patch", [{}, {"cost": {}}, {"cost": None}, {"autonomy": {"level": None}}])
def test_a_patch_without_a_value_is_refused(standing: Served, patch: dict[str, Any]) -> None:
    with standing.client() as admin:
        answer = admin.patch("/web/admin/config", json=patch)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing-named")


def test_a_change_by_a_form_of_what_the_environment_decides_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashboard would say that a limit is changed which stays as it is."""
    place = Place(tmp_path)
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "4")

    def read() -> Runtime:
        return open_runtime([place.config], ledger=place.ledger)

    runtime, before = read(), place.config.read_bytes()
    with closing(runtime.open_stores()) as stores:
        service = Service(runtime, stores, file=ConfigFile(place.config, read))
        with pytest.raises(SettingRefused, match="CORVUS_COST__DAILY_LIMIT_USD"):
            service.change_keys({("cost", "daily_limit_usd"): "500"}, "ana")
        assert service.runtime is runtime
    assert place.config.read_bytes() == before


def test_a_fault_of_the_ledger_stands_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``readyz`` is asked at any moment: while a full disk is tried again, it is still full."""
    place = Place(tmp_path)
    runtime = open_runtime([place.config], ledger=place.ledger)
    faults: list[PolicyError | None] = []

    def drain(*_: object, **__: object) -> None:
        faults.append(service.drain_fault)
        if len(faults) < 3:
            raise LedgerError("the disk is full")

    monkeypatch.setattr(Bookkeeping, "drain", drain)
    with closing(runtime.open_stores()) as stores:
        service = Service(runtime, stores)
        for _ in range(3):
            service.drain()
        assert service.drain_fault is None
    assert [fault is None for fault in faults] == [True, False, False]
