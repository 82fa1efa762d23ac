"""What notices say: in each language, of each topic, and never who did something or why (OBS-3)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from corvus.base.money import NanoUSD
from corvus.compile import compile_policy
from corvus.config.model.settings import Settings
from corvus.events import (
    ApprovalDecided,
    CallParked,
    Event,
    LimitPassed,
    Threshold,
    ThresholdReached,
)
from corvus.governor.notices import event_of, event_text, is_sent
from corvus.model.notify import Notice, NotifyTarget, Topic
from corvus.observability.notify.message import Message, message_of
from corvus.observability.redact import Redactor
from corvus.prices.lookup import PriceBooks
from corvus.wording.words import LANGUAGES
from tests.observability.happenings import CANARY, all_events
from tests.wording.english import english_in, english_phrases

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
        phrases = english_phrases()
        for one in kept:
            texts = {language: message_of(one, scene.redactor, language) for language in LANGUAGES}
            assert len({message.text for message in texts.values()}) == len(LANGUAGES)
            assert english_of(texts["es"], phrases) == []
            for message in texts.values():
                assert CANARY not in json.dumps(message.body(), ensure_ascii=False)
                assert CANARY not in json.dumps(message.slack(), ensure_ascii=False)
                assert "{" not in message.title + message.text


def english_of(message: Message, phrases: list[str]) -> list[str]:
    """Return what is English in a message, without commands, ids and names of the place."""
    said = f"{message.title} {message.text}"
    said = re.sub(r"`[^`]*`|corvus approve \S+|\S*[0-9a-f]{8,}\S*", " ", said)
    for name in ("each-developer", *map(str, message.data.values())):
        said = said.replace(name, " ")
    return english_in(said, phrases)


def test_a_part_without_a_value_is_told_in_the_language() -> None:
    spanish = said(LimitPassed(threshold(part="(none), ana")), language="es")
    assert "de (ninguno), ana" in spanish.title
    assert english_of(spanish, english_phrases()) == []


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


def parked(**more: object) -> CallParked:
    values: dict[str, object] = {
        "approval_id": "01a222bc-fa81-74fa-9b3f-1b1b006e8c5e",
        "budget": "each-developer",
        "part": "ana",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "estimate_nano_usd": 1_500_000_000,
        "deadline_at": NOON + timedelta(minutes=10),
        "link": "/approvals/01a222bc?sign=geheim",
        "session_id": "a session",
        "surface": "proxy",
    }
    return CallParked(**(values | more))  # pyright: ignore[reportArgumentType]


def test_a_parked_call_says_how_to_decide_and_links_only_where_the_gateway_is_known() -> None:
    one = notice(parked(), Topic.PARKED)
    redactor = Redactor(PriceBooks(()), b"key")
    plain = message_of(one, redactor)
    assert plain.text.endswith("corvus approve 01a222bc-fa81-74fa-9b3f-1b1b006e8c5e")
    assert "needs $1.50" in plain.text
    assert "12:10:00 UTC" in plain.text
    assert "geheim" not in json.dumps(plain.body())
    linked = message_of(one, redactor, gateway_url="https://corvus.example.org/")
    link = "https://corvus.example.org/approvals/01a222bc?sign=geheim"
    assert linked.data["link"] == link
    assert linked.text.endswith(f"or open {link}")
    assert linked.data["part"] == "ana"


@pytest.mark.parametrize("state", ["approved", "denied", "expired"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_became_of_a_parked_call_is_said(state: str, language: str) -> None:
    event = ApprovalDecided("01a222bc-fa81-74fa-9b3f-1b1b006e8c5e", state, "a session", "api")
    message = said(event, Topic.PARKED, language)
    assert "01a222bc-fa81-74fa-9b3f-1b1b006e8c5e" in message.text
    assert message.title != said(parked(), Topic.PARKED, language).title


def test_every_word_that_a_message_may_need_is_there() -> None:
    from corvus.wording.words import load_words

    for language in LANGUAGES:
        words = load_words(language)
        assert all(words.has(f"notify.title.{topic}") for topic in Topic)
