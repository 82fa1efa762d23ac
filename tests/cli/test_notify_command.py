"""``corvus notify``, and what ``corvus status`` says of it: targets, what waits, what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from corvus.cli.exits import Exit
from tests.cli.places import CONFIG, Place
from tests.fakes import FrozenClock
from tests.observability.notify.receiver import Receiver, receiving

TARGETS = """
[[governance.notify]]
name = "ops"
url_env = "OPS_URL"
events = ["refusals", "thresholds"]

[[governance.notify]]
name = "chat"
url = "{url}/chat"
format = "slack"
events = ["overrides"]
budgets = ["team-*"]
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def targets(place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place with two targets, the first of which has a secret URL."""
    place.config.write_text(CONFIG + TARGETS.format(url=receiver.url))
    monkeypatch.setenv("OPS_URL", f"{receiver.url}/geheim")
    return place


def answer(place: Place, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert place.run(*words, "--format", "json") == code
    out = capsys.readouterr().out
    assert "geheim" not in out
    return json.loads(out)


def test_a_test_goes_to_every_target_and_shows_what_came_back(
    targets: Place, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.answer = lambda request: 404 if request.path == "/chat" else 204
    outcomes = answer(targets, capsys, "notify", "test", code=Exit.FINDINGS)
    assert [(each["name"], each["result"], each["detail"]) for each in outcomes] == [
        ("ops", "delivered", "HTTP 204"),
        ("chat", "failed", "HTTP 404"),
    ]
    ops, chat = receiver.received
    assert ops.json["type"] == "notify.test"
    assert "Nothing happened" in chat.json["text"]
    assert not targets.store.exists(), "a test leaves nothing behind"


def test_a_test_of_one_target_names_it(
    targets: Place, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(targets, capsys, "notify", "test", "chat")
    assert [request.path for request in receiver.received] == ["/chat"]
    assert targets.run("notify", "test", "nobody") == Exit.USAGE
    assert "'nobody' is none of ops, chat" in capsys.readouterr().err


def test_without_a_target_there_is_nothing_to_test(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("notify", "test") == Exit.USAGE
    assert "the config has no target" in capsys.readouterr().err
    assert place.run("notify", "status", "--format", "text") == Exit.CLEAN
    assert "[[governance.notify]]" in capsys.readouterr().out


def test_what_waits_is_shown_and_flushed(
    targets: Place, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not targets.hold(500)
    ops, chat = answer(targets, capsys, "notify", "status")
    assert (ops["state"], ops["pending"], chat["pending"]) == ("pending", 1, 0)
    assert answer(targets, capsys, "status")["notify"] == [ops, chat]
    (ops, _) = answer(targets, capsys, "notify", "flush")
    assert (ops["state"], ops["pending"], ops["delivered"]) == ("ok", 0, 1)
    assert ops["last_delivered_at"] == "2026-11-18T12:00:00+00:00"
    assert [request.path for request in receiver.received] == ["/geheim"]


def test_a_target_that_fails_is_shown_with_the_reason_and_tried_again_by_flush(
    targets: Place,
    receiver: Receiver,
    clock: FrozenClock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not targets.hold(500)
    receiver.answer = lambda request: 403
    (ops, _) = answer(targets, capsys, "notify", "flush", code=Exit.FINDINGS)
    assert (ops["state"], ops["pending"], ops["last_error"]) == ("failing", 1, "HTTP 403")
    assert ops["failing_since"] == "2026-11-18T12:00:00+00:00"
    assert targets.run("status", "--format", "text") == Exit.CLEAN
    shown = " ".join(capsys.readouterr().out.split())
    assert "ops: 1 pending, 0 delivered, failing since 2026-11-18 12:00 UTC: HTTP 403" in shown
    assert targets.run("status", "--format", "kv") == Exit.CLEAN
    (line,) = [
        each for each in capsys.readouterr().out.split("\n") if each.startswith("notify=ops")
    ]
    assert "state=failing pending=1" in line
    monkeypatch.delenv("OPS_URL")
    (ops, _) = answer(targets, capsys, "notify", "flush", code=Exit.FINDINGS)
    assert ops["last_error"] == "the environment variable OPS_URL is not set"
    monkeypatch.setenv("OPS_URL", f"{receiver.url}/geheim")
    receiver.answer = lambda request: 200
    clock.move(timedelta(seconds=1))
    (ops, _) = answer(targets, capsys, "notify", "flush")
    assert (ops["state"], ops["pending"], ops["last_error"]) == ("ok", 0, "")


def test_an_override_granted_on_the_command_line_is_kept_for_delivery(
    targets: Place, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    targets.make_store()
    assert targets.run("cost", "override", "--reason", "geheim", "--yes") == Exit.CLEAN
    _, chat = answer(targets, capsys, "notify", "flush")
    assert chat["delivered"] == 1
    (request,) = receiver.received
    assert "override was granted" in request.json["text"].lower()
    assert b"geheim" not in request.body
