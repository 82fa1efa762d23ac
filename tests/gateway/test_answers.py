"""Real answers say what the OpenAPI says of them, route by route (API-1, API-6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import httpx2
import pytest
from jsonschema import Draft202012Validator

from tests.gateway.conftest import Served

Requests = list[tuple[str, str, str, dict[str, Any]]]
_RESERVE = {"model": "m", "session_id": "s", "estimate_usd": 0.5}
_FIXED: Requests = [
    ("read", "get", "/approvals", {}),
    ("read", "get", "/cost/summary", {}),
    ("read", "get", "/cost/summary", {"params": {"session_id": "s"}}),
    ("read", "get", "/cost/budgets", {}),
    *(("read", "get", "/cost/history", {"params": {"period": one}}) for one in ("day", "week")),
    *(("read", "get", "/cost/history", {"params": {"period": one}}) for one in ("month",)),
    *(("read", "get", "/cost/history", {"params": {"period": one}}) for one in ("session",)),
    *(("read", "get", "/cost/history", {"params": {"period": one}}) for one in ("mission",)),
    ("read", "get", "/cost/tree", {"params": {"session_id": "s"}}),
    ("admin", "post", "/admin/cost/override", {"json": {"scope": "next_request"}}),
    ("read", "get", "/cost/summary", {}),
    ("admin", "post", "/admin/cost/reset", {"json": {"scope": "day", "reason": "new"}}),
    ("read", "get", "/cost/audit", {}),
    ("read", "get", "/admin/config", {}),
    ("admin", "get", "/admin/sessions", {}),
    ("admin", "patch", "/admin/config", {"json": {"cost": {"warn_at_percent": 70}}}),
    ("read", "get", "/reports", {}),
    ("reserve", "get", "/sessions", {}),
    ("reserve", "post", "/actions", {"json": {"command": "ls"}}),
    ("read", "get", "/healthz", {}),
    ("read", "get", "/readyz", {}),
]


@pytest.fixture
def document(served: Served) -> dict[str, Any]:
    with served.client("read") as client:
        return client.get("/openapi.json").json()


def schema_of(document: dict[str, Any], answer: httpx2.Response, route: str) -> dict[str, Any]:
    """Return the schema that the OpenAPI has for an answer of a route."""
    method = answer.request.method.lower()
    told = document["paths"][route][method]["responses"][str(answer.status_code)]
    return told["content"]["application/json"]["schema"]


def breaches(document: dict[str, Any], answer: httpx2.Response, route: str) -> list[str]:
    assert answer.is_success, (route, answer.text)
    schema = schema_of(document, answer, route)
    assert schema["properties"], route
    judge: Any = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{route}: {one.json_path}: {one.message}" for one in judge.iter_errors(answer.json())]


def test_every_answer_has_a_schema_with_its_members(document: dict[str, Any]) -> None:
    bare: list[str] = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, told in operation["responses"].items():
                if not status.startswith("2"):
                    continue
                kind, content = next(iter(told["content"].items()))
                schema = content["schema"]
                if kind == "application/json" and not schema.get("properties"):
                    bare.append(f"{method} {path} {status}")
                assert len(told["content"]) == 1, path
    assert bare == []


def members_of(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield every member that a schema names, at any depth."""
    if isinstance(schema, list):
        for one in cast("list[Any]", schema):
            yield from members_of(one)
    elif isinstance(schema, dict):
        table = cast("dict[str, Any]", schema)
        yield from table.get("properties", {}).items()
        for one in table.values():
            yield from members_of(one)


def test_amounts_are_numbers_of_usd_beside_exact_strings(document: dict[str, Any]) -> None:
    answers = [
        told
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, told in operation["responses"].items()
        if status.startswith("2")
    ]
    amounts = [(name, one) for name, one in members_of(answers) if name.endswith("_usd")]
    assert {"held_usd", "held_nano_usd", "removed_cost_nano_usd"} <= {name for name, _ in amounts}
    for name, member in amounts:
        inner = member["anyOf"][0] if "anyOf" in member else member
        assert inner["type"] == ("string" if name.endswith("_nano_usd") else "number"), name
        assert "USD" in inner["description"] or inner["description"] == "For reading.", name


def test_real_answers_keep_to_their_schemas(served: Served, document: dict[str, Any]) -> None:
    served.place.spend(50, "s")
    found: list[str] = []
    asked: set[str] = set()
    clients = {scope: served.client(scope) for scope in served.secrets}

    def ask(scope: str, method: str, path: str, route: str, more: dict[str, Any]) -> Any:
        answer = clients[scope].request(method.upper(), f"/web{path}", **more)
        found.extend(breaches(document, answer, f"/web{route}"))
        asked.add(f"/web{route}")
        return answer.json()

    own = "/reservations/{reservation_id}"
    for ending, body in (("commit", {"input_tokens": 7, "cost_usd": 0.7}), ("release", {})):
        made = ask("reserve", "post", "/reservations", "/reservations", {"json": _RESERVE})
        path = f"/reservations/{made['reservation']['id']}"
        ask("reserve", "post", f"{path}/extend", f"{own}/extend", {"json": {"ttl_seconds": 900}})
        ask("reserve", "post", f"{path}/{ending}", f"{own}/{ending}", {"json": body})
    mission = {"session_id": "s", "mission_id": "m"}
    ask("reserve", "post", "/missions", "/missions", {"json": mission})
    for step in ("step", "end"):
        route = f"/missions/{{mission_id}}/{step}"
        ask("reserve", "post", f"/missions/m/{step}", route, {"json": {"session_id": "s"}})
    for scope, method, path, more in _FIXED:
        ask(scope, method, path, path, more)
    ask("reserve", "post", "/sessions/s/close", "/sessions/{session_id}/close", {})
    for one in ask("read", "get", "/reports", "/reports", {})["reports"]:
        if not one["parameters"]:
            ask("read", "get", f"/reports/{one['report']}", "/reports/{name}", {})
    ask("read", "get", "/reports/spend/by-model", "/reports/{name}", {})
    for client in clients.values():
        client.close()
    assert found == []
    unasked = {path for path in document["paths"] if path.startswith("/web")} - asked
    decided = "/web/admin/approvals/{approval_id}"  # in `test_approvals`: a call must be parked
    assert unasked == {"/web/metrics", decided}  # the first is text


def test_without_governance_answers_keep_to_their_schemas(served: Served) -> None:
    """API-3, EVA-11."""
    with served.client("admin") as admin:
        off = admin.patch("/web/admin/config", json={"cost": {"enabled": False}})
        assert off.status_code == 200
        document = admin.get("/openapi.json").json()
        read = [admin.get(f"/web{path}") for path in ("/cost/summary", "/cost/budgets")]
    with served.client("reserve") as client:
        free = client.post("/web/reservations", json=_RESERVE)
    assert (free.status_code, free.json()["reservation"]) == (200, None)
    assert breaches(document, free, "/web/reservations") == []
    for answer in read:
        assert breaches(document, answer, answer.request.url.path) == []
