"""``corvus cost override``: one call passes that would be refused (OVR, CLI-3)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from corvus import Governor, Reservation
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.cli.times import parse_duration
from corvus.model.steering import AuditEvent, Override
from tests.cli.places import Place


@pytest.fixture(autouse=True)
def _store(request: pytest.FixtureRequest) -> None:
    for name in {"place", "real_place"} & {*request.fixturenames}:
        where: Place = request.getfixturevalue(name)
        where.make_store()


def active(place: Place, session: str | None = None) -> list[Override]:
    with place.governor() as governor:
        return [*governor.status(session).overrides]


def audit(place: Place) -> list[AuditEvent]:
    return place.runtime.audit(100)


def test_lines_are_the_upstreams_then_session_and_expiry(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("cost", "override", "--session", "a", "--expires-in", "2h30m") == Exit.CLEAN
    (granted,) = active(place, "a")
    assert capsys.readouterr().out.splitlines() == [
        "budget_override=applied",
        "scope=next_request",
        f"override_id={granted.id}",
        "session_id=a",
        "expires_at=2026-11-18T14:30:00+00:00",
    ]


def test_without_options_it_serves_any_session_for_an_hour(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """OVR-2."""
    assert place.run("cost", "override", "--format", "json") == Exit.CLEAN
    told = json.loads(capsys.readouterr().out)
    assert (told["session_id"], told["expires_at"]) == (None, "2026-11-18T13:00:00+00:00")


def test_exactly_one_call_over_the_budget_passes(place: Place) -> None:
    """OVR-3."""
    place.spend(200)
    assert not place.hold(50)
    place.run("cost", "override", "--session", "a")
    assert [place.hold(50, "b", model="opus-9") for _ in range(4)] == [True] * 4  # not its session
    assert [place.hold(50) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("2h30m", 9000), ("1d", 86400), ("1D2H3M4S", 93784)],
)
def test_a_length_of_time_reads_as_people_write_it(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "5", "h", "-1h", "1.5h", "1w", "30m2h", "1h 30m", "0s", "0d0h", "367d", "99999999d", "٣h"],
)
def test_any_other_length_is_a_usage_error_with_an_example(
    text: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("cost", "override", f"--expires-in={text}") == Exit.USAGE
    assert "2h30m" in capsys.readouterr().err
    assert active(place) == []


def test_a_policy_without_overrides_refuses_and_names_the_key(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """OVR-1."""
    assert place.run("cost", "override", "--set", "cost.allow_override=false") == Exit.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"corvus: governed by {place.config}\n"
        "error[steering-refused]: Cost overrides are disabled by policy; "
        "cost.allow_override = true allows them\n"
    )
    assert place.run("cost", "override", "--set", "cost.enabled=false") == Exit.USAGE
    assert "set cost.enabled = true" in capsys.readouterr().err
    assert active(place) == []


def test_without_a_config_it_says_that_none_governs(capsys: pytest.CaptureFixture[str]) -> None:
    """CFG-6: the answer for programs stays as it is, on standard output."""
    assert main(["cost", "override", "--yes"]) == Exit.USAGE
    assert capsys.readouterr().err.startswith("corvus: no config governs: defaults (no corvus.toml")


def test_the_actor_is_the_local_user_and_nobody_can_say_otherwise(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OVR-5."""
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    assert place.run("cost", "override", "--actor", "root") == Exit.USAGE
    assert place.run("cost", "override", "--reason", "actor=root") == Exit.CLEAN
    assert [(one.actor, one.reason) for one in audit(place)] == [("ana", "actor=root")]


def test_a_secret_in_the_reason_is_not_kept(place: Place) -> None:
    """AUD-3."""
    secret = "sk-ant-api03-" + "a1B2" * 20
    place.run("cost", "override", "--reason", f"with {secret}")
    (one,) = audit(place)
    assert one.reason == "with ***"
    assert secret.encode() not in place.store.read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["--session", ""],
        ["--session", "\udcff"],
        ["--session", "x" * 1001],
        ["--reason", "\udcff"],
        ["--reason", "x" * 1001],
    ],
    ids=["empty", "surrogate", "long", "reason-surrogate", "reason-long"],
)
def test_texts_that_cannot_be_kept_are_usage_errors(
    words: list[str], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("cost", "override", *words) == Exit.USAGE
    assert "unexpectedly" not in capsys.readouterr().err
    assert active(place) == []


@pytest.mark.parametrize("style", ["text", "kv", "json"])
def test_a_hostile_session_steers_no_terminal(
    style: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[31m[red]\nscope=all"
    assert place.run("cost", "override", "--session", hostile, "--format", style) == Exit.CLEAN
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "scope=all" not in told.splitlines()
    assert len(active(place, hostile)) == 1


def test_on_a_terminal_an_active_one_is_replaced_only_when_wished(real_place: Place) -> None:
    real_place.run("cost", "override", "--reason", "first")
    (first,) = active(real_place)
    code, shown = real_place.on_terminal(b"n\n", "cost", "override")
    assert code == Exit.FINDINGS
    assert f"(first), active until {first.expires_at:%Y-%m-%d %H:%M} UTC. Replace it?" in shown
    assert [one.id for one in active(real_place)] == [first.id]
    code, shown = real_place.on_terminal(b"y\n", "cost", "override")
    (second,) = active(real_place)
    assert (code, second.id != first.id) == (Exit.CLEAN, True)
    assert f"the next block of any session is lifted once, until {second.expires_at:%Y}" in shown
    code, shown = real_place.on_terminal(b"", "cost", "override", "--yes")
    assert (code, "[y/N]" in shown) == (Exit.CLEAN, False)
    assert [one.kind.value for one in audit(real_place)] == [
        "override_granted", "override_replaced", "override_granted",
        "override_replaced", "override_granted",
    ]  # fmt: skip


def test_an_override_of_another_slot_is_no_reason_to_ask(real_place: Place) -> None:
    real_place.run("cost", "override")
    code, shown = real_place.on_terminal(b"", "cost", "override", "--session", "a")
    assert (code, "[y/N]" in shown) == (Exit.CLEAN, False)
    assert len(active(real_place, "a")) == 2


def test_the_longest_life_stays_a_date(place: Place) -> None:
    assert place.run("cost", "override", "--expires-in", "366d") == Exit.CLEAN
    (granted,) = active(place)
    assert granted.expires_at == datetime(2027, 11, 19, 12, tzinfo=UTC)


def test_a_session_of_a_project_is_steered_by_its_name(place: Place) -> None:
    """An operator at the command line does not know of projects of tokens."""
    with place.governor() as governor:
        request = governor.request("m", session_id="a", project="lab", estimate_usd=1)
        assert governor.reserve(request).allowed
    assert place.run("cost", "override", "--session", "a") == 0
    assert place.run("cost", "reset", "--scope", "session", "--session", "a", "--yes") == 0
    with place.governor() as governor:
        (override,) = governor.status("a", project="lab").overrides
    assert override.project == "lab"


def test_the_project_says_which_of_two_sessions_is_meant(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """RES-8: a session is an id inside a project."""
    with place.governor() as governor:
        for project in ("pa", "pb"):
            governor.release(_held(governor, project))
    told = ["cost", "override", "--session", "a"]
    assert place.run(*told) != Exit.CLEAN, "two projects have one of this name"
    capsys.readouterr()
    assert place.run(*told, "--project", "pb") == Exit.CLEAN
    assert "project=pb" in capsys.readouterr().out.splitlines()
    with place.governor() as governor:
        assert [one.project for one in governor.status("a", project="pb").overrides] == ["pb"]
        assert governor.status("a", project="pa").overrides == ()
    assert (
        place.run("cost", "reset", "--scope", "session", *told[2:], "--project", "pa", "--yes") == 0
    )
    assert "project=pa" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("command", [["override"], ["reset", "--scope", "day", "--yes"]])
def test_a_project_without_a_session_is_a_mistake(place: Place, command: list[str]) -> None:
    assert place.run("cost", *command, "--project", "pa") == Exit.USAGE


def _held(governor: Governor, project: str) -> Reservation:
    decision = governor.reserve(
        governor.request("m", session_id="a", project=project, estimate_usd=0)
    )
    assert decision.reservation is not None, decision
    return decision.reservation


@pytest.mark.parametrize(
    "command",
    [
        ("cost", "override", "--yes"),
        ("cost", "reset", "--scope", "day", "--yes"),
        ("approve", "01a222b4-ceed-7d99-b84d-e7f8963fe520"),
    ],
)
def test_what_runs_under_limits_does_not_lift_them(
    place: Place,
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A refusal names the command that lifts it, and an agent types what it reads."""
    place.spend(50)
    monkeypatch.setenv("CORVUS_RUN", "01a2")
    assert place.run(*command) == Exit.USAGE
    assert "lifts none of its limits" in capsys.readouterr().err
    assert place.run("approve") == Exit.CLEAN, "to look is allowed"
    assert [event.kind for event in audit(place)] == []
