from __future__ import annotations

import pytest

from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from corvus.testing import fake_policy
from tests.gateway.conftest import Served

ESTIMATE = {"model": "m", "session_id": "s", "estimate_usd": 1}


@pytest.mark.parametrize("prefix", ["/web", "/api/web"])
def test_a_summary_has_the_fields_of_the_upstream_and_exact_amounts(
    served: Served, prefix: str
) -> None:
    """API-1."""
    served.place.spend(50, "a")
    with served.client("read") as client:
        answer = client.get(f"{prefix}/cost/summary", params={"session_id": "a"})
    assert answer.status_code == 200
    summary, config = answer.json()["summary"], answer.json()["config"]
    assert (summary["session_cost_usd"], summary["daily_cost_usd"]) == (0.5, 0.5)
    assert (summary["percent_used_daily"], summary["budget_state"]) == (12.5, "allowed")
    assert summary["request_count"] == 1
    assert (config["daily_limit_usd"], config["daily_limit_nano_usd"]) == (4.0, "4000000000")
    assert str(served.place.config) not in answer.text


def test_a_call_is_reserved_committed_and_then_part_of_every_answer(served: Served) -> None:
    with served.client("reserve") as client, served.client("read") as reader:
        made = client.post("/web/reservations", json=ESTIMATE)
        assert made.status_code == 201
        held = made.json()["reservation"]
        assert held["held_nano_usd"] == "1000000000"
        path = f"/web/reservations/{held['id']}"
        longer = client.post(f"{path}/extend", json={"hold_usd": 1.5, "ttl_seconds": 3600})
        assert longer.json()["reservation"]["held_nano_usd"] == "1500000000"
        done = client.post(f"{path}/commit", json={"input_tokens": 7, "cost_usd": 0.25})
        assert done.json()["reservation"]["cost_nano_usd"] == "250000000"
        again = client.post(f"{path}/commit", json={"input_tokens": 7, "cost_usd": 0.25})
        assert (again.status_code, again.json()["code"]) == (409, "reservation-settled")
        history = reader.get("/web/cost/history", params={"window": 2}).json()
        assert history["totals"] == {"cost_usd": 0.25, "tokens": 7, "requests": 1}
        report = reader.get("/web/reports/spend/by-model").json()
        assert [row["cost_nano_usd"] for row in report["rows"]] == [250_000_000]


def test_a_history_without_a_window_has_as_many_buckets_as_its_period_allows(
    served: Served,
) -> None:
    """REP-5: 30, and of years no more than there may be."""
    with served.client("read") as reader:
        for period, buckets in (("day", 30), ("quarter", 30), ("year", 20)):
            answer = reader.get("/web/cost/history", params={"period": period})
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["points"]) == buckets, answer.text


def test_a_hold_is_released_without_a_body(served: Served) -> None:
    with served.client("reserve") as client:
        held = client.post("/web/reservations", json=ESTIMATE).json()["reservation"]
        done = client.post(f"/web/reservations/{held['id']}/release")
        assert done.json()["reservation"]["state"] == "released"
        gone = client.post("/web/reservations/nobody/release")
    assert (gone.status_code, gone.json()["code"]) == (404, "reservation-not-found")


def test_a_refused_call_is_402_and_says_what_a_program_needs(served: Served) -> None:
    with served.client("reserve") as client:
        answer = client.post("/web/reservations", json={**ESTIMATE, "estimate_usd": 2.5})
    assert answer.status_code == 402
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    body = answer.json()
    assert (body["code"], body["scope"]) == ("budget_exceeded", "session")
    assert (body["limit_nano_usd"], body["override_possible"]) == ("2000000000", True)


def test_an_override_lifts_one_block_and_names_the_token_that_granted_it(served: Served) -> None:
    """OVR-3, OVR-5."""
    with served.client() as admin, served.client("reserve") as client:
        granted = admin.post("/web/admin/cost/override", json={"scope": "next_request"}).json()
        assert (granted["actor"], granted["remaining_uses"]) == ("token:admin", 1)
        over = {**ESTIMATE, "estimate_usd": 2.5}
        passed = client.post("/web/reservations", json=over)
        assert passed.json()["override_id"] == granted["id"]
        assert client.post("/web/reservations", json=over).status_code == 402
        named = {"scope": "next_request", "actor": "root"}
        assert admin.post("/web/admin/cost/override", json=named).status_code == 422


def test_a_reset_is_a_new_baseline_with_its_audit_event(served: Served) -> None:
    served.place.spend(50)
    with served.client() as admin:
        done = admin.post("/web/admin/cost/reset", json={"scope": "day", "reason": "test"}).json()
        assert (done["removed_cost_usd"], done["removed_requests"]) == (0.5, 1)
        assert done["audit_event"]["actor"] == "token:admin"
        events = admin.get("/web/cost/audit", params={"kind": "reset_applied"}).json()["events"]
        assert [one["hash"] for one in events] == [done["audit_event"]["hash"]]
        missing = admin.post("/web/admin/cost/reset", json={"scope": "year"})
    assert (missing.status_code, missing.json()["code"]) == (409, "steering-refused")


def test_a_change_of_the_config_is_in_force_on_disk_and_in_the_audit(served: Served) -> None:
    """API-4."""
    before = "# keep me\n" + served.place.config.read_text()
    served.place.config.write_text(before)
    with served.client() as admin, served.client("reserve") as client:
        patch = {"cost": {"daily_limit_usd": 0.5, "allow_override": False}}
        done = admin.patch("/web/admin/config", json=patch)
        assert done.status_code == 200, done.text
        assert done.json()["config"]["cost"]["daily_limit_usd"] == 0.5
        refused = client.post("/web/reservations", json=ESTIMATE)
        assert (refused.status_code, refused.json()["scope"]) == (402, "day")
        kinds = {"kind": "limits_changed"}
        (event,) = admin.get("/web/cost/audit", params=kinds).json()["events"]
    after = served.place.config.read_text()
    assert after == before.replace("daily_limit_usd = 4", "daily_limit_usd = 0.5").replace(
        "allow_override = true", "allow_override = false"
    )
    assert event["actor"] == "token:admin"
    limits = [event["details"][when]["budgets"]["day"] for when in ("before", "after")]
    assert [one["limit_nano_usd"] for one in limits] == [4_000_000_000, 500_000_000]


def test_a_change_with_one_wrong_value_changes_nothing(served: Served) -> None:
    """API-4: the rules are those of the file, all or nothing."""
    before = served.place.config.read_bytes()
    with served.client() as admin:
        patch = {"cost": {"daily_limit_usd": 9, "warn_at_percent": 101}}
        answer = admin.patch("/web/admin/config", json=patch)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cost.warn_at_percent"
        config = admin.get("/web/admin/config").json()["config"]
        assert admin.patch("/web/admin/config", json={"cost": {"x": 1}}).status_code == 422
    assert config["cost"]["daily_limit_usd"] == 4.0
    assert served.place.config.read_bytes() == before


def test_disabled_governance_reads_and_refuses_changes_and_is_enabled_at_run_time(
    served: Served,
) -> None:
    """API-3, EVA-11."""
    with served.client() as admin, served.client("reserve") as client:
        admin.patch("/web/admin/config", json={"cost": {"enabled": False}})
        for path in ("cost/summary", "cost/history", "cost/budgets", "cost/audit", "admin/config"):
            assert admin.get(f"/web/{path}").status_code == 200, path
        summary = admin.get("/web/cost/summary").json()["summary"]
        assert (summary["governing"], summary["period"]) == (None, None), "nothing governs"
        refused = admin.post("/web/admin/cost/override", json={"scope": "next_request"})
        assert (refused.status_code, refused.json()["code"]) == (409, "steering-refused")
        refused = admin.post("/web/admin/cost/reset", json={"scope": "day"})
        assert (refused.status_code, refused.json()["code"]) == (409, "steering-refused")
        free = client.post("/web/reservations", json={**ESTIMATE, "estimate_usd": 99})
        assert (free.status_code, free.json()["reservation"]) == (200, None)
        admin.patch("/web/admin/config", json={"cost": {"enabled": True}})
        over = client.post("/web/reservations", json={**ESTIMATE, "estimate_usd": 99})
    assert over.status_code == 402


def test_metrics_have_the_names_of_the_upstream(served: Served) -> None:
    """OBS-2."""
    served.place.spend(50)
    with served.client("reserve") as client, served.client("read") as reader:
        client.post("/web/reservations", json={**ESTIMATE, "estimate_usd": 99})
        client.post("/web/reservations", json=ESTIMATE)
        text = reader.get("/metrics").text
    assert 'corvus_budget_exceeded_total{period="session",surface="api"} 1.0' in text
    assert 'corvus_budget_exceeded_total{period="day"' not in text, "only one governs"
    assert 'corvus_budget_used_usd{budget="day"} 0.5' in text
    assert "corvus_reservations_open 1.0" in text
    assert '_usd{budget="session"}' not in text, "it has no figure without a session"


def test_health_needs_no_token_and_a_broken_store_is_not_ready(served: Served) -> None:
    with served.client() as client:
        client.headers.pop("authorization")
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ready"}
        assert client.get("/metrics").status_code == 401
        served.place.store.unlink()
        broken = client.get("/readyz")
    assert (broken.status_code, broken.json()["code"]) == (503, "store-unavailable")
    assert str(served.place.store) not in broken.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/web/cost/history?period=day&window=0", 422, "request-invalid"),
        ("/web/cost/history?period=month&window=61", 400, "report-parameter-invalid"),
        ("/web/cost/history?period=decade", 422, "request-invalid"),
        ("/web/reports/nobody", 404, "report-not-found"),
        ("/web/reports/spend/by-model?nobody=1", 400, "report-parameter-invalid"),
        ("/web/nobody", 404, "not-found"),
    ],
)
def test_a_mistake_is_a_problem_with_a_code(
    standing: Served, path: str, status: int, code: str
) -> None:
    """API-2."""
    with standing.client() as client:
        answer = client.get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (
        status,
        status,
        code,
    )


def test_a_history_that_cannot_be_read_is_zero_only_while_governance_is_disabled(
    served: Served,
) -> None:
    """EVA-11, API-3: an enforced budget beside a made-up 0 would be believed."""
    with served.client("read") as reader, served.client() as admin:
        served.place.ledger.write_bytes(b"no ledger" * 1000)
        broken = reader.get("/web/cost/history")
        assert broken.status_code >= 500, broken.text
        assert broken.headers["content-type"] == "application/problem+json"
        off = admin.patch("/web/admin/config", json={"cost": {"enabled": False}})
        assert off.status_code == 200, off.text
        answer = reader.get("/web/cost/history")
    assert (answer.status_code, answer.json()["totals"]["cost_usd"]) == (200, 0.0)


def test_a_change_reaches_every_live_key_of_a_budget_and_of_the_ladder(served: Served) -> None:
    """API-4, CFG-10: exceptions, thresholds, ladder and window, by the rules of the file."""
    with served.place.config.open("a") as file:
        file.write(
            '\n[[cost.budgets]]\nname = "each"\nper = ["user"]\nwindow = "5h"\nlimit_tokens = 100\n'
        )
    budget = {
        "limit_tokens": 50,
        "limits": {"ana": 80, "b*": 0},
        "thresholds": [50, 80],
        "window": "7d",
        "enforce": "warn",
    }
    cost = {"on_exceeded": ["cap", "downgrade"], "downgrade": {"claude-*": ["claude-haiku-4-5"]}}
    with served.client() as admin:
        done = admin.patch(
            "/web/admin/config", json={"cost": {**cost, "budgets": {"each": budget}}}
        )
        assert done.status_code == 200, done.text
        for wrong, code in (
            ({"limits": {"ana": 8.5}}, "wrong-type"),
            ({"limits": {"ana": "8"}}, None),
            ({"thresholds": [50, 50]}, "duplicate-item"),
            ({"window": "5 hours"}, "invalid-value"),
            ({"limit_usd": 5}, "conflicting-keys"),
            ({"on_exceeded": ["refuse", "cap"]}, "invalid-value"),
            ({"match": {"user": "ana"}}, None),
        ):
            answer = admin.patch("/web/admin/config", json={"cost": {"budgets": {"each": wrong}}})
            assert answer.status_code == 422, (wrong, answer.text)
            assert code is None or answer.json()["errors"][0]["code"] == code, answer.text
    text = served.place.config.read_text()
    assert 'limits = { ana = 80, "b*" = 0 }' in text
    assert 'downgrade = { "claude-*" = ["claude-haiku-4-5"] }' in text
    policy = fake_policy(text)
    (each,) = [one for one in policy.budgets if one.name == "each"]
    assert (each.limit, each.limits, each.thresholds) == (50, (("ana", 80), ("b*", 0)), (50, 80))
    assert (each.window_seconds, each.enforce) == (7 * 86_400, "warn")
    assert policy.downgrade == (("claude-*", ("claude-haiku-4-5",)),)


def test_an_override_that_the_policy_forbids_is_403(served: Served) -> None:
    """API-7, OVR-1."""
    with served.client() as admin:
        admin.patch("/web/admin/config", json={"cost": {"allow_override": False}})
        refused = admin.post("/web/admin/cost/override", json={"scope": "next_request"})
    assert (refused.status_code, refused.json()["code"]) == (403, "overrides-disabled")
    assert "disabled by policy" in refused.json()["detail"]


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"cost": None},
        {"cost": {}},
        {"cost": {"budgets": {"opus-week": {}}}},
        {"cost": {"daily_limit_usd": None}},
        {"autonomy": {"max_cost_per_day_cents": None}},
        {"governance": {"gateway": {}}},
    ],
)
def test_a_change_that_names_no_key_says_what_it_must_hold(
    standing: Served, patch: dict[str, object]
) -> None:
    with standing.client() as admin:
        answer = admin.patch("/web/admin/config", json=patch)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing-named")
    assert "name at least one key" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("patch", "fields"),
    [
        ({"governance": {"gateway": {"port": 1}}}, ["governance.gateway.port"]),
        (
            {
                "cost": {"daily_limit_usd": 1},
                "governance": {"gateway": {"port": 1, "host": "::1"}, "ledger": {"path": "x"}},
            },
            ["governance.gateway.port", "governance.gateway.host", "governance.ledger.path"],
        ),
        ({"cost": {"prices": {"m": {"input": 1}}}}, ["cost.prices"]),
        ({"mission": {"max_steps": 3}}, ["mission.max_steps"]),
    ],
)
def test_keys_that_need_a_restart_are_named_and_nothing_changes(
    standing: Served, patch: dict[str, object], fields: list[str]
) -> None:
    """API-4, API-7."""
    before = standing.place.config.read_bytes()
    with standing.client() as admin:
        answer = admin.patch("/web/admin/config", json=patch)
        unknown = admin.patch("/web/admin/config", json={"governance": {"gateway": {"prot": 1}}})
    assert (answer.status_code, answer.json()["code"]) == (409, "restart-needed")
    assert answer.json()["restart_required"] is True
    assert answer.json()["fields"] == fields
    assert standing.place.config.read_bytes() == before
    assert "restart_required" not in unknown.json()
    assert "no setting governance.gateway.prot" in unknown.json()["detail"]


def test_the_deprecated_key_sets_the_canonical_one_and_is_listed(served: Served) -> None:
    """API-7: a number stays what it is, and of two the canonical one counts."""
    old = "autonomy.max_cost_per_day_cents"
    with served.client() as admin:
        done = admin.patch(
            "/web/admin/config",
            json={"autonomy": {"level": "readonly", "max_cost_per_day_cents": 500}},
        )
        assert done.status_code == 200, done.text
        shown = done.json()["config"]["autonomy"]
        assert (shown["max_actions_per_hour"], shown["level"]) == (500, "readonly")
        assert shown["deprecated_fields"] == [old]
        assert old in done.json()["warnings"][0]
        both = {"max_cost_per_day_cents": 9, "max_actions_per_hour": 7}
        done = admin.patch("/web/admin/config", json={"autonomy": both})
        assert done.json()["config"]["autonomy"]["max_actions_per_hour"] == 7
        assert done.json()["config"]["autonomy"]["deprecated_fields"] == [old]
        wrong = admin.patch("/web/admin/config", json={"autonomy": {"max_cost_per_day_cents": -1}})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (
            422,
            "autonomy.max_actions_per_hour",
        )
        plain = admin.patch("/web/admin/config", json={"autonomy": {"level": "full"}})
    assert plain.json()["warnings"] == plain.json()["config"]["autonomy"]["deprecated_fields"] == []
    assert "max_cost_per_day_cents" not in served.place.config.read_text()
    assert "max_actions_per_hour = 7" in served.place.config.read_text()


def test_a_deprecated_key_of_the_file_is_listed_once(served: Served) -> None:
    with served.place.config.open("a") as file:
        file.write("\n[autonomy]\nmax_cost_per_day_cents = 30\n")
    with served.client() as admin:
        patch = {"autonomy": {"max_cost_per_day_cents": 40}}
        done = admin.patch("/web/admin/config", json=patch)
    assert done.status_code == 200, done.text
    shown = done.json()["config"]["autonomy"]
    assert shown["max_actions_per_hour"] == 40
    assert shown["deprecated_fields"] == ["autonomy.max_cost_per_day_cents"]


def test_a_reset_of_the_session_is_of_the_caller_s_own(served: Served) -> None:
    """API-7: that of its token; another one is named, as ever."""
    secret = new_secret()
    bound = TokenRequest("bound", TokenScope.ADMIN, session="mine")
    with served.place.runtime.bookkeeping.store() as store:
        store.run(lambda unit: tokens.create(unit, bound, secret, "ana"))
    served.place.spend(50, "mine")
    served.place.spend(30, "other")
    with served.client() as admin:
        none = admin.post("/web/admin/cost/reset", json={"scope": "session"})
        assert (none.status_code, none.json()["removed_requests"]) == (200, 0)
        named = {"authorization": f"Bearer {secret}"}
        own = admin.post("/web/admin/cost/reset", json={"scope": "session"}, headers=named)
        assert (own.status_code, own.json()["removed_cost_usd"]) == (200, 0.5)
        other = {"scope": "session", "session_id": "other"}
        assert admin.post("/web/admin/cost/reset", json=other).json()["removed_cost_usd"] == 0.3


def test_sessions_are_listed_under_admin_too(served: Served) -> None:
    served.place.spend(5, "a")
    served.place.spend(5, "b")
    with served.client() as admin, served.client("reserve") as reserve:
        listed = admin.get("/web/admin/sessions", params={"limit": 1}).json()["sessions"]
        assert [one["session_id"] for one in listed] == ["b"]
        assert reserve.get("/web/admin/sessions").status_code == 403
