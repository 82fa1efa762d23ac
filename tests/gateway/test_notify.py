"""The gateway delivers notifications, counts them, and follows its config (OBS-4)."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.places import CONFIG, Place
from tests.gateway.conftest import Served
from tests.gateway.provider import Provider
from tests.gateway.test_agent_command import Desk, caller
from tests.observability.notify.receiver import Receiver, receiving

TARGET = """
[[governance.notify]]
name = "{name}"
url = "{url}/{name}"
events = ["refusals", "overrides"]
"""
DENIED = {"model": "m", "session_id": "s", "estimate_usd": 99}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def notifying(tmp_path: Path, receiver: Receiver) -> Iterator[Served]:
    place = Place(tmp_path)
    place.config.write_text(CONFIG + TARGET.format(name="ops", url=receiver.url))
    gateway = Served(place)
    yield gateway
    gateway.stop()


def comes(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def refuse(gateway: Served, session: str = "s") -> None:
    with gateway.client("reserve") as client:
        answer = client.post("/web/reservations", json=DENIED | {"session_id": session})
    assert answer.status_code == 402


def counted(gateway: Served) -> dict[str, float]:
    with gateway.client("read") as client:
        lines = client.get("/metrics").text.split("\n")
    found = [line.split(" ") for line in lines if line.startswith("corvus_notifications_total{")]
    return {name: float(value) for name, value in found}


def test_it_delivers_what_its_calls_bring_about_and_counts_each_try(
    notifying: Served, receiver: Receiver
) -> None:
    statuses = iter([500])
    receiver.answer = lambda request: next(statuses, 204)
    refuse(notifying)
    assert comes(lambda: len(receiver.received) == 2)
    assert comes(
        lambda: (
            counted(notifying)
            == {
                'corvus_notifications_total{result="failed",target="ops"}': 1.0,
                'corvus_notifications_total{result="delivered",target="ops"}': 1.0,
            }
        )
    )
    assert len(receiver.counts) == 1


def test_it_delivers_what_another_process_put_there(notifying: Served, receiver: Receiver) -> None:
    assert notifying.place.run("cost", "override", "--yes") == 0
    assert comes(lambda: [request.path for request in receiver.received] == ["/ops"])


def test_it_follows_its_config_without_a_restart(notifying: Served, receiver: Receiver) -> None:
    refuse(notifying)
    assert comes(lambda: len(receiver.received) == 1)
    config = notifying.place.config
    config.write_text(CONFIG + TARGET.format(name="other", url=receiver.url))
    with notifying.client("admin") as client:
        # A change by the API reads the whole file again, as SIGHUP does.
        answer = client.patch("/web/admin/config", json={"cost": {"daily_limit_usd": 3}})
    assert answer.status_code == 200, answer.text
    refuse(notifying, "t")
    assert comes(lambda: [request.path for request in receiver.received] == ["/ops", "/other"])


def test_targets_that_cannot_be_used_leave_those_that_can(
    notifying: Served, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    target = TARGET.format(name="other", url=receiver.url).replace("url =", "apprise_env = 'A' #")
    notifying.place.config.write_text(CONFIG + target)
    with notifying.client("admin") as client:
        answer = client.patch("/web/admin/config", json={"cost": {"daily_limit_usd": 3}})
    assert answer.status_code == 422, answer.text
    refuse(notifying)
    assert comes(lambda: [request.path for request in receiver.received] == ["/ops"])


def test_it_says_nothing_of_a_target_that_is_down_on_the_path_of_a_call(
    notifying: Served, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 503
    for number in range(10):
        refuse(notifying, f"s{number}")
    with notifying.client("reserve") as client:
        call = {"model": "m", "session_id": "x", "estimate_usd": 0.01}
        assert client.post("/web/reservations", json=call).status_code == 201
    with notifying.client("read") as client:
        assert client.get("/readyz").json()["status"] == "ready"


def test_an_agent_delivers_what_its_calls_bring_about_before_it_ends(
    tmp_path: Path, receiver: Receiver
) -> None:
    provider = Provider()
    try:
        desk = Desk(tmp_path, provider)
        desk.limit("0.01")
        config = tmp_path / "corvus.toml"
        target = TARGET.format(name="ops", url=receiver.url).replace("url =", "# url =")
        config.write_text(f'{config.read_text()}{target}url_env = "OPS_URL"\n')
        done = desk.run(*caller(1), OPS_URL=f"{receiver.url}/geheim")
        shown = desk.run("--", sys.executable, "-c", "import os; print(*os.environ)", OPS_URL="x")
    finally:
        provider.stop()
    assert done.returncode == 20
    assert [request.path for request in receiver.received] == ["/geheim"]
    assert "OPS_URL" not in shown.stdout.split(), "a command does not get the URL"


def test_a_parked_call_is_decided_by_the_link_of_its_notification(
    tmp_path: Path, receiver: Receiver
) -> None:
    """EVA-14: whoever gets the message may let the call pass."""
    place = Place(tmp_path)
    target = TARGET.format(name="ops", url=receiver.url).replace('"overrides"', '"parked"')
    ladder = CONFIG.replace("[cost]", '[cost]\non_exceeded = ["ask"]\nask_seconds = 60', 1)
    place.config.write_text(f'{ladder}{target}gateway_url = "http://corvus.test"\n')
    gateway = Served(place)
    statuses: list[int] = []

    def call() -> None:
        with gateway.client("reserve") as client:
            statuses.append(client.post("/web/reservations", json=DENIED).status_code)

    waiting = threading.Thread(target=call)
    waiting.start()
    try:
        assert comes(lambda: bool(receiver.received))
        (request,) = receiver.received
        assert request.json["type"] == "call.parked"
        link = request.json["data"]["link"]
        assert link.startswith("http://corvus.test/dashboard/approve/")
        assert "needs $99.00" in request.json["text"]
        path = link.removeprefix("http://corvus.test")
        page = httpx2.get(f"{gateway.url}{path}", trust_env=False)
        assert page.status_code == 200
        forged = httpx2.get(f"{gateway.url}{path[:-1]}x", trust_env=False)
        assert forged.status_code >= 400
        approval = request.json["data"]["approval_id"]
        assert place.run("approve", approval) == 0
        waiting.join(30)
        assert statuses == [201]
        assert comes(lambda: len(receiver.received) == 2)
        assert receiver.received[1].json["data"]["state"] == "approved"
    finally:
        waiting.join(30)
        gateway.stop()
