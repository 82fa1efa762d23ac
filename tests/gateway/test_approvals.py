"""Parked calls over HTTP: API, pages, and the link that was sent to a person (EVA-14)."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from corvus.cli.exits import Exit
from corvus.events import CallParked
from corvus.model.approval import Approval
from corvus.model.budget import Rung
from corvus.runtime import Runtime
from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import Visitor, words
from tests.gateway.test_answers import breaches
from tests.governor.ladder.climbing import Aside, until

CALL = {"model": "m", "estimate_usd": 5, "agent": "ben"}


class AskingPlace(Place):
    """A place whose budgets ask a person."""

    rungs: tuple[Rung, ...] = (Rung.ASK,)

    @property
    def runtime(self) -> Runtime:
        runtime = super().runtime
        budgets = (replace(each, on_exceeded=self.rungs) for each in runtime.policy.budgets)
        policy = replace(runtime.policy, budgets=tuple(budgets), ask_seconds=60, wait_seconds=60)
        return replace(runtime, policy=policy)


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Served]:
    gateway = Served(AskingPlace(tmp_path))
    yield gateway
    Visitor.close_all()
    gateway.stop()


def reserve(served: Served, scope: str = "reserve", **more: object) -> Aside:
    def call() -> httpx2.Response:
        with served.client(scope) as client:
            return client.post("/web/reservations", json={**CALL, **more}, timeout=60)

    return Aside(call)


def parked(served: Served) -> dict[str, Any]:
    """Return the one call that is parked, once there is one."""
    with served.client("read") as client:
        until(lambda: len(client.get("/web/approvals").json()["approvals"]) == 1)
        return client.get("/web/approvals").json()["approvals"][0]


def decide(served: Served, one: dict[str, Any], scope: str = "admin", **body: object) -> Any:
    with served.client(scope) as client:
        return client.post(f"/web/admin/approvals/{one['id']}", json=body)


class TestApi:
    def test_a_call_passes_when_an_admin_lets_it(self, asking: Served) -> None:
        call = reserve(asking)
        one = parked(asking)
        assert (one["model"], one["agent"], one["state"]) == ("m", "ben", "pending")
        assert one["estimate_nano_usd"] == "5000000000"
        assert {each["budget"] for each in one["budgets"]} == {"session", "day"}
        answer = decide(asking, one, decision="approve", reason="release day")
        assert answer.status_code == 200, answer.text
        assert answer.json()["decided_by"] == "token:admin"
        with asking.client() as client:
            document = client.get("/openapi.json").json()
            listed = client.get("/web/approvals")
        assert breaches(document, answer, "/web/admin/approvals/{approval_id}") == []
        assert breaches(document, listed, "/web/approvals") == []
        admitted: httpx2.Response = call.join()
        assert admitted.status_code == 201, admitted.text
        assert breaches(document, admitted, "/web/reservations") == []
        body = admitted.json()
        assert (body["rungs"], body["approval_id"]) == (["ask"], one["id"])
        assert body["waited_seconds"] > 0
        assert (body["model"], body["output_cap_tokens"], body["downgraded_from"]) == (
            "m",
            None,
            None,
        )

    def test_a_refused_call_gets_its_402(self, asking: Served) -> None:
        call = reserve(asking)
        answer = decide(asking, parked(asking), decision="deny")
        assert answer.json()["state"] == "denied"
        assert call.join().status_code == 402

    def test_who_makes_the_call_cannot_approve_it(self, asking: Served) -> None:
        call = reserve(asking, "admin")
        one = parked(asking)
        answer = decide(asking, one, decision="approve")
        assert (answer.status_code, answer.json()["code"]) == (403, "self-approval")
        for scope in ("reserve", "proxy", "read"):
            assert decide(asking, one, scope, decision="approve").status_code == 403
        visitor = Visitor(asking)  # the same token, in the dashboard
        refused = visitor.send("/approve", id=one["id"], decision="approve")
        assert refused.status_code == 403
        assert asking.place.run("approve", one["id"], "--deny") == Exit.CLEAN
        assert call.join().status_code == 402

    def test_the_second_decision_is_refused(self, asking: Served) -> None:
        call = reserve(asking)
        one = parked(asking)
        decide(asking, one, decision="deny")
        answer = decide(asking, one, decision="approve")
        assert answer.status_code == 409
        assert "has refused this call at" in answer.json()["detail"]
        assert call.join().status_code == 402

    def test_what_is_no_parked_call_is_not_found(self, asking: Served) -> None:
        answer = decide(asking, {"id": "x"}, decision="approve")
        assert (answer.status_code, answer.json()["code"]) == (404, "approval-not-found")

    def test_a_client_that_leaves_takes_its_call_with_it(self, asking: Served) -> None:
        body = json.dumps(CALL).encode()
        head = (
            f"POST /web/reservations HTTP/1.1\r\nhost: 127.0.0.1:{asking.port}\r\n"
            f"authorization: Bearer {asking.secrets['reserve']}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", asking.port)) as client:
            client.sendall(head.encode() + body)
            one = parked(asking)
        with asking.client("read") as client:
            until(lambda: client.get("/web/approvals").json()["approvals"] == [])
        answer = decide(asking, one, decision="approve")
        assert (answer.status_code, answer.json()["code"]) == (409, "steering-refused")

    def test_many_calls_may_wait_and_others_are_served(self, asking: Served) -> None:
        calls = [reserve(asking) for _ in range(60)]  # more than a pool of threads has
        with asking.client() as client:
            until(lambda: len(client.get("/web/approvals").json()["approvals"]) == 60)
            started = time.monotonic()
            assert client.get("/web/cost/summary").status_code == 200
            assert time.monotonic() - started < 10
            for one in client.get("/web/approvals").json()["approvals"]:
                decide(asking, one, decision="deny")
        assert {call.join(60).status_code for call in calls} == {402}

    def test_what_a_caller_can_follow_is_said_with_the_call(self, asking: Served) -> None:
        assert reserve(asking, rungs=["cap", "wait"]).join().status_code == 402


class TestPages:
    def test_a_person_decides_in_the_dashboard(self, asking: Served) -> None:
        call = reserve(asking)
        one = parked(asking)
        visitor = Visitor(asking)
        said = visitor.text("/approvals")
        assert "agent ben" in said
        assert "day: $5.00 needed, $4.00 left of $4.00." in said
        answer = visitor.send("/approve", id=one["id"], decision="approve", amount="5")
        assert answer.headers["location"] == "/dashboard/approvals"
        assert "The call of m passes once." in visitor.text("/approvals")
        assert call.join().status_code == 201

    def test_a_reader_sees_and_decides_nothing(self, asking: Served) -> None:
        call = reserve(asking)
        one = parked(asking)
        reader = Visitor(asking, "read")
        page = reader.get("/approvals").text
        assert "ben" in page
        assert "/approve?id=" not in page
        assert reader.get("/approve", id=one["id"]).status_code == 403
        decide(asking, one, decision="deny")
        call.join()

    def test_an_amount_that_is_none_decides_nothing(self, asking: Served) -> None:
        call = reserve(asking)
        one = parked(asking)
        visitor = Visitor(asking)
        for amount in ("much", "-1", "NaN"):
            typed = {"amount": amount, "reason": "why not"}
            refused = visitor.send("/approve", id=one["id"], decision="approve", **typed)
            assert refused.status_code == 422
            assert 'value="why not"' in refused.text, "what was typed is kept"
            assert 'aria-invalid="true"' in refused.text
        assert visitor.send("/approve", id=one["id"]).status_code == 422
        assert parked(asking)["id"] == one["id"]
        decide(asking, one, decision="deny")
        call.join()

    def test_who_comes_second_is_told_that_it_is_over(self, asking: Served) -> None:
        call = reserve(asking)
        one = parked(asking)
        first, second = Visitor(asking), Visitor(asking)
        form = second.get("/approve", id=one["id"])
        assert first.send("/approve", id=one["id"], decision="deny").status_code == 303
        assert call.join().status_code == 402
        assert form.status_code == 200
        csrf = re.search(r'name="csrf" value="([^"]*)"', form.text)
        assert csrf is not None
        fields = {"csrf": csrf[1], "id": one["id"], "decision": "approve"}
        late = second.client.post("/dashboard/approve", data=fields)
        assert late.status_code == 404
        assert "It is over" in words(late.text)
        assert "no such page" not in words(late.text)

    def test_it_is_shown_in_spanish(self, asking: Served) -> None:
        visitor = Visitor(asking, language="es")
        assert "Ninguna llamada espera a una persona." in visitor.text("/approvals")


class TestLink:
    """The holder of the link decides without a log-in; a look decides nothing."""

    def linked(self, served: Served) -> tuple[Aside, str, Approval]:
        events: list[CallParked] = []

        def hear(event: object) -> None:
            if isinstance(event, CallParked):
                events.append(event)

        with served.place.runtime.governor([hear]) as governor:

            def call() -> object:
                return governor.reserve(governor.request("m", estimate_usd=Decimal(5), agent="ben"))

            waiting = Aside(call)
            until(lambda: bool(events))
            yield_to = waiting, events[0].link, governor.approvals()[0]
            self.use(served, *yield_to)
            return yield_to

    decided: str = "approve"

    def use(self, served: Served, call: Aside, link: str, one: Approval) -> None:
        with httpx2.Client(
            base_url=served.url, headers={"origin": served.url}, trust_env=False
        ) as client:
            page = client.get(link)
            assert page.status_code == 200
            assert "agent ben" in words(page.text)
            assert "log in" not in page.text.lower()
            client.head(link)
            assert not call.is_over
            wrong = client.post(link[:-1] + ("0" if link[-1] != "0" else "1"), data={})
            assert wrong.status_code == 404
            assert client.post(link, data={"reason": "no button"}).status_code == 422
            done = client.post(link, data={"decision": self.decided, "reason": "fine"})
            assert done.status_code == 200, done.text
            again = client.post(link, data={"decision": "approve"})
            assert again.status_code == 404
            assert client.get(link).status_code == 404
        assert call.join().allowed is (self.decided == "approve")

    def test_it_lets_the_call_pass_once(self, asking: Served) -> None:
        self.linked(asking)
        events = asking.place.runtime.audit(1)
        assert (events[0].kind, events[0].actor) == ("approval_granted", "link")

    def test_it_refuses_the_call(self, asking: Served) -> None:
        self.decided = "deny"
        self.linked(asking)

    def test_another_site_cannot_post_it(self, asking: Served) -> None:
        with httpx2.Client(
            base_url=asking.url, headers={"origin": "https://evil.example"}, trust_env=False
        ) as client:
            assert client.post("/dashboard/approve/x?until=1&signature=2").status_code == 403


class TestCommand:
    """``corvus approve``."""

    def test_it_lists_and_decides(self, asking: Served, capsys: pytest.CaptureFixture[str]) -> None:
        call = reserve(asking)
        one = parked(asking)
        place = asking.place
        assert place.run("approve", "--format", "text") == Exit.CLEAN
        said = capsys.readouterr().out
        assert said.startswith(f"{one['id']}  reserve / ben, m, at most $5.00, until ")
        assert "day has $4.00 left of $4.00, $5.00 needed" in said
        words = ["approve", one["id"], "--amount", "5", "--reason", "x", "--format", "json"]
        assert place.run(*words) == Exit.CLEAN
        body = json.loads(capsys.readouterr().out)
        assert (body["state"], body["amount_nano_usd"]) == ("approved", "5000000000")
        assert call.join().status_code == 201
        assert place.run("approve", one["id"]) == Exit.USAGE
        assert "has let this call pass" in capsys.readouterr().err
        assert place.run("approve", "--format", "text") == Exit.CLEAN
        assert capsys.readouterr().out == "no call waits for a person\n"

    @pytest.mark.parametrize(
        "words",
        [
            ["--deny"],
            ["x", "--amount", "much"],
            ["x", "--amount", "-1"],
            ["x", "--deny", "--amount", "1"],
        ],
    )
    def test_what_is_no_decision_is_a_mistake(self, tmp_path: Path, words: list[str]) -> None:
        assert AskingPlace(tmp_path).run("approve", *words) == Exit.USAGE


def test_a_client_that_leaves_the_queue_lets_others_pass(tmp_path: Path) -> None:
    AskingPlace.rungs = (Rung.WAIT,)
    served = Served(AskingPlace(tmp_path))
    try:
        with served.client() as client:
            first = client.post("/web/reservations", json={"model": "m", "estimate_usd": 1}).json()
            body = json.dumps({"model": "m", "estimate_usd": 3.5}).encode()
            head = (
                f"POST /web/reservations HTTP/1.1\r\nhost: 127.0.0.1:{served.port}\r\n"
                f"authorization: Bearer {served.secrets['reserve']}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", served.port)) as large:
                large.sendall(head.encode() + body)
                time.sleep(0.5)
                small = reserve(served, estimate_usd=1, model="m")
                time.sleep(0.5)
                assert first["allowed"]
            assert small.join().status_code == 201
    finally:
        AskingPlace.rungs = (Rung.ASK,)
        served.stop()
