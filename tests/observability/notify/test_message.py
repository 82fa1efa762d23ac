"""What notices say: in each language, of each topic, and never who did something or why (OBS-3)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.compile import compile_policy
from corvus.config.model.settings import Settings
from corvus.events import Event, LimitPassed, Threshold, ThresholdReached
from corvus.governor.governor import Governor
from corvus.governor.notices import event_of, event_text, is_sent
from corvus.model.budget import Budget
from corvus.model.notify import Notice, NotifyTarget, Topic
from corvus.model.request import Request
from corvus.observability.notify.message import Message, message_of
from corvus.observability.redact import Redactor
from corvus.prices.lookup import PriceBooks
from corvus.store.place import open_store
from corvus.wording.words import LANGUAGES
from tests.fakes import FrozenClock
from tests.observability.happenings import CANARY, all_events

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DIME = NanoUSD(100_000_000)
POLICY = compile_policy(Settings.model_validate({"cost": {"enabled": True}}))


def notice(event: Event, topic: Topic = Topic.LIMITS) -> Notice:
    later = NOON + timedelta(days=1)
    return Notice("msg_1", 1, topic, event.kind.name, NOON, later, None, event_text(event))


def threshold(**more: object) -> Threshold:
    values: dict[str, object] = {
        "budget_state": "exceeded",
        "period": "day",
        "budget": "each-developer",
        "current_nano_usd": 21_000_000_000,
        "projected_nano_usd": 21_000_000_000,
        "limit_nano_usd": 20_000_000_000,
        "percent_used": 105.0,
        "session_id": "a session",
        "mission_id": None,
        "surface": "proxy",
        "part": "ana",
        "resets_at": datetime(2026, 11, 26, tzinfo=UTC),
    }
    return Threshold(**(values | more))  # pyright: ignore[reportArgumentType]


def said(event: Event, topic: Topic = Topic.LIMITS, language: str = "en") -> Message:
    return message_of(notice(event, topic), Redactor(PriceBooks(()), b"key"), language)


def test_every_event_that_is_sent_is_read_back_as_it_was(tmp_path: Path) -> None:
    events, _ = all_events(tmp_path)
    sent = [event for event in events if is_sent(event)]
    assert len({type(event) for event in sent}) >= 7
    for event in sent:
        assert event_of(notice(event)) == event


def test_a_governor_keeps_each_topic_and_each_says_something_in_each_language(
    tmp_path: Path,
) -> None:
    from tests.observability import happenings

    target = NotifyTarget("ops", "http://127.0.0.1", events=tuple(Topic))
    with happenings.scene(tmp_path) as scene:
        scene.governor.engine._notices = type(scene.governor.engine._notices)([target])  # pyright: ignore[reportPrivateUsage]
        scene.all_happens()
        kept = scene.governor.store.run(lambda unit: [*unit.notices(0, 100)], alone=True)
        assert {one.topic for one in kept} >= {*Topic} - {Topic.PARKED, Topic.OVERRUNS}
        assert len({one.id for one in kept}) == len(kept)
        for one in kept:
            texts = {language: message_of(one, scene.redactor, language) for language in LANGUAGES}
            assert len({message.text for message in texts.values()}) == len(LANGUAGES)
            for message in texts.values():
                assert CANARY not in json.dumps(message.body(), ensure_ascii=False)
                assert CANARY not in json.dumps(message.slack(), ensure_ascii=False)
                assert "{" not in message.title + message.text


def test_a_message_names_whose_sum_it_is_and_hides_whose_session() -> None:
    message = said(LimitPassed(threshold()))
    assert message.title == "Budget each-developer of ana is over its limit"
    assert "$21.00 of $20.00" in message.text
    assert "resets at 2026-11-26 00:00 UTC" in message.text
    assert message.data["part"] == "ana"
    assert message.data["resets_at"] == "2026-11-26T00:00:00+00:00"
    assert "a session" not in json.dumps(message.body())


@pytest.mark.parametrize(
    ("measure", "text"),
    [("tokens", "1,200,000 tokens of 1,000,000 tokens"), ("calls", "1,200,000 calls of")],
)
def test_amounts_are_in_the_unit_of_the_budget(measure: str, text: str) -> None:
    about = threshold(
        measure=measure,
        current_nano_usd=None,
        projected_nano_usd=None,
        limit_nano_usd=None,
        current_amount=1_200_000,
        projected_amount=1_300_000,
        limit_amount=1_000_000,
    )
    message = said(ThresholdReached(about, 100, 0), Topic.THRESHOLDS)
    assert text in message.text
    assert message.title == "Budget each-developer of ana reached 100 %"
    assert "current_usd" not in message.data


def test_a_name_of_many_lines_stays_on_one() -> None:
    message = said(LimitPassed(threshold(part="ana\n*everyone*\x1b[0m" + "x" * 5000)))
    assert "\n" not in message.title
    assert "\x1b" not in message.title
    assert len(message.title) < 400


def test_a_notice_of_another_version_is_an_error_that_names_it() -> None:
    one = notice(LimitPassed(threshold()))
    with pytest.raises(ValueError, match=r"no event 'from.later'"):
        event_of(Notice(one.id, 1, "limits", "from.later", NOON, NOON, None, "{}"))
    with pytest.raises(ValueError, match="cannot be read"):
        event_of(Notice(one.id, 1, "limits", "budget.limit_passed", NOON, NOON, None, "{}"))


def test_each_threshold_is_kept_once_for_each_part_and_window() -> None:
    """OBS-4: whoever brings it about, and however often."""
    clock = FrozenClock(NOON)
    store = open_store(None, clock)
    each = Budget("each", Period.DAY, 10 * DIME, (50, 80), "k", per=("user",))
    policy = replace(POLICY, budgets=(each,))
    target = NotifyTarget("ops", "http://127.0.0.1", events=(Topic.THRESHOLDS,))
    on = Governor(policy, store, notify=[target])
    for day in range(2):
        for user in ("ana", "ben"):
            for _ in range(9):
                decision = on.reserve(Request("m", DIME, f"s{day}", user=user))
                assert decision.reservation is not None
                on.commit(decision.reservation, cost_nano_usd=DIME)
        clock.move(timedelta(hours=23, minutes=59))
    kept = store.run(lambda unit: [*unit.notices(0, 100)], alone=True)
    seen = [json.loads(one.fields) for one in kept]
    about = [(one["threshold"]["part"], one["percent"]) for one in seen]
    assert about == [(user, percent) for user in ("ana", "ben") for percent in (50, 80)] * 2
    store.close()


def test_an_overrun_of_a_dollar_is_sent_and_less_is_not() -> None:
    store = open_store(None, FrozenClock(NOON))
    target = NotifyTarget("ops", "http://127.0.0.1", events=(Topic.OVERRUNS,))
    on = Governor(POLICY, store, notify=[target])
    for dimes in (10, 11):
        decision = on.reserve(Request("m", DIME, "s"))
        assert decision.reservation is not None
        on.commit(decision.reservation, cost_nano_usd=NanoUSD(dimes * DIME))
    (kept,) = store.run(lambda unit: [*unit.notices(0, 100)], alone=True)
    assert message_of(kept, Redactor(PriceBooks(())), "en").text.startswith(
        "A call cost $1.00 more"
    )
    store.close()
