"""A recorded call becomes a case that comes true, with the decision of the time (PLN-2)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from corvus.config.check.cases.case_reading import read_cases
from corvus.config.toml.document import read_document
from corvus.model.policy import Policy
from corvus.planning.ledger_events import Span, recorded_events
from corvus.planning.recorded import RecordedCall, RecordedEvent
from corvus.planning.scenarios.case_text import text_of
from corvus.planning.scenarios.recording import Choice, RecordedCase, recorded_cases
from corvus.planning.scenarios.running import run_cases
from corvus.prices.lookup import PriceBooks
from corvus.runtime import Runtime
from corvus.testing import fake_policy
from tests.planning.governed_runs import START, run

BEGINNING = START - timedelta(days=1)


def events_of(runtime: Runtime) -> list[RecordedEvent]:
    with runtime.ledger() as ledger:
        return [*recorded_events(ledger, Span(BEGINNING, runtime.clock.now()))]


def failures(text: str, policy: Policy, books: PriceBooks) -> list[str]:
    document, problems = read_document(text.encode(), "a.test.toml")
    assert document is not None, problems
    read = read_cases(document)
    assert read.table is not None, [each.message for each in read.diagnostics]
    return [
        f"{result.name}: {each.message}"
        for result in run_cases(read.table, policy, books)
        for each in result.mismatches
    ]


def cases_of(runtime: Runtime, session: str | None, most: int = 1000) -> list[RecordedCase]:
    choice = Choice(BEGINNING, session, most)
    return [*recorded_cases(events_of(runtime), runtime.policy, runtime.books, choice)]


@pytest.mark.parametrize("seed", [3, 4])
def test_every_call_of_a_session_is_decided_as_it_was(tmp_path: Path, seed: int) -> None:
    """But for missions, whose limits and steps a case does not know."""
    runtime = run(tmp_path, seed, 250)
    words: set[str] = set()
    for session in ("s0", "s1", "s2"):
        cases = cases_of(runtime, session)
        assert failures(text_of(cases), runtime.policy, runtime.books) == []
        for case in cases:
            if case.call.request.mission_id is None and case.call.times == 1:
                assert case.remark == "", (case.body, case.call)
                words.add(case.body["expect"]["decision"])
    assert words == {"allowed", "refused"}


def test_one_case_of_each_kind_is_written_and_says_no_more_than_it_takes(tmp_path: Path) -> None:
    runtime = run(tmp_path, 5, 400)
    cases = cases_of(runtime, None)
    kinds = [
        (case.call.decision.denial, case.call.decision.budget, case.call.decision.rungs)
        for case in cases
        if case.call.decision
    ]
    assert len(kinds) == len({*kinds})
    assert any(case.body["expect"].get("rungs") for case in cases)
    assert any(case.body["expect"].get("override") for case in cases)
    assert any("given" not in case.body for case in cases)
    names = [case.body["name"] for case in cases]
    assert len(names) == len({*names})
    text = text_of(cases)
    assert failures(text, runtime.policy, runtime.books) == []
    for session in ("s0", "s1", "s2", "s3", "s4", "s5"):
        assert f'"{session}"' not in text
    assert cases_of(runtime, None, most=2) == cases[:2]


def test_under_another_policy_it_is_said_what_was_decided_then(tmp_path: Path) -> None:
    runtime = run(tmp_path, 5, 400)
    open_policy = fake_policy(
        "[cost]\nenabled = true\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n"
        '[cost.prices."openai/big"]\ninput = 3\noutput = 15\n'
        '[cost.prices."openai/small"]\ninput = 3\noutput = 15\n'
    )
    books = PriceBooks(open_policy.prices)
    choice = Choice(BEGINNING, None, 1000)
    text = text_of(recorded_cases(events_of(runtime), open_policy, books, choice))
    assert (
        "# It was refused then: the policy, or what the call could follow, is another now." in text
    )
    assert failures(text, open_policy, books) == []


def test_secrets_are_not_written(tmp_path: Path) -> None:
    from dataclasses import replace

    secret = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"
    runtime = run(tmp_path, 5, 60)
    events: list[RecordedEvent] = []
    for event in events_of(runtime):
        if isinstance(event, RecordedCall):
            request = replace(event.request, user=secret, project=secret, tags=(("team", secret),))
            event = replace(event, request=request)
        events.append(event)
    choice = Choice(BEGINNING, None, 1000)
    text = text_of(recorded_cases(events, runtime.policy, runtime.books, choice))
    assert "[[case]]" in text
    assert "abcdefghijklmnop" not in text
