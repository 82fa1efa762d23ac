"""OBS-1 and OBS-3: all events are in the table, and none shows what a caller chose."""

from __future__ import annotations

import pytest

from corvus.events import (
    EVENTS,
    BudgetRefusal,
    BudgetWarning,
    CallSettled,
    Event,
    LimitPassed,
    Threshold,
)
from corvus.observability.redact import Redactor
from corvus.prices.lookup import PriceBooks
from tests.observability.happenings import CANARY, KEY, all_events, shown_names

OF_OTHER_BUDGETS = ("part", "current_amount", "projected_amount", "limit_amount")
"""Fields of a threshold that a budget of money without parts does not have."""


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], Redactor]:
    return all_events(tmp_path_factory.mktemp("scene"))


def test_every_kind_of_event_is_in_the_table_once() -> None:
    names = [event.kind.name for event in EVENTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", EVENTS)
def test_every_kind_of_event_comes_about_and_has_the_fields_of_the_table(
    kind: type[Event], heard: tuple[list[Event], Redactor]
) -> None:
    found, redactor = heard
    of_kind = [event for event in found if isinstance(event, kind)]
    assert of_kind
    shown = {name for event in of_kind for name in redactor.view(event).fields}
    optional = {"presumed_usd", "mission", *OF_OTHER_BUDGETS}
    if kind is CallSettled:  # a call whose provider states its cost, or that is a lower bound
        optional = {"computed_cost_usd", "is_at_least"}
    assert set(shown_names(kind)) - optional <= shown <= set(shown_names(kind))


def test_no_event_shows_what_a_caller_chose(heard: tuple[list[Event], Redactor]) -> None:
    found, redactor = heard
    raw = [event for event in found if CANARY in repr(event)]
    assert len(raw) > 5, "the secret reaches the events, so that hiding it means something"
    shown = [redactor.view(event).fields for event in found]
    assert CANARY not in repr(shown)
    assert {"other"} < {one.get("surface", "other") for one in shown}


def test_a_warning_is_told_as_a_transition_once(heard: tuple[list[Event], Redactor]) -> None:
    warnings = [event for event in heard[0] if isinstance(event, BudgetWarning)]
    assert [event.is_transition for event in warnings] == [True, False]


def test_the_fields_of_a_threshold_are_exact(heard: tuple[list[Event], Redactor]) -> None:
    found, redactor = heard
    (exceeded,) = [event for event in found if isinstance(event, BudgetRefusal)]
    told = redactor.view(exceeded).fields
    hashed = told.pop("session")
    assert hashed == redactor.hashed(f"session {CANARY}")
    assert told == {
        "budget_state": "exceeded",
        "period": "day",
        "budget": "day",
        "current_usd": "5.500414",
        "projected_usd": "95.500415",
        "limit_usd": "10.0000",
        "percent_used": 955.0,
        "surface": "cli-agent",
        "measure": "usd",
    }


def test_a_part_is_a_hash_and_tokens_are_shown_as_they_are() -> None:
    """OBS-3: the part of a budget may name a person."""
    redactor = Redactor(PriceBooks(), KEY)
    threshold = Threshold(
        budget_state="warning",
        period="day",
        budget="each",
        current_nano_usd=None,
        projected_nano_usd=None,
        limit_nano_usd=None,
        percent_used=90.0,
        session_id="s",
        mission_id=None,
        surface="proxy",
        measure="tokens",
        part=CANARY,
        current_amount=80,
        projected_amount=90,
        limit_amount=100,
    )
    shown = redactor.view(LimitPassed(threshold)).fields
    assert shown["part"] == redactor.hashed(CANARY)
    assert {name: shown.get(name) for name in OF_OTHER_BUDGETS if name != "part"} == {
        "current_amount": 80,
        "projected_amount": 90,
        "limit_amount": 100,
    }
    assert "limit_usd" not in shown


def test_a_hash_depends_on_its_key() -> None:
    books = PriceBooks()
    one, same, other = Redactor(books, KEY), Redactor(books, KEY), Redactor(books)
    assert one.hashed("s") == same.hashed("s")
    assert one.hashed("s") != other.hashed("s")
    assert one.hashed("s") != one.hashed("t")


def test_models_are_shown_as_the_price_book_names_them() -> None:
    redactor = Redactor(PriceBooks(), KEY)
    assert redactor.listed("claude-haiku-4-5-20251001", "unknown") == (
        "anthropic",
        "claude-haiku-4-5",
    )
    assert redactor.listed(CANARY, "anthropic") == ("other", "other")
    assert redactor.listed("gpt-5-mini", CANARY) == ("openai", "gpt-5-mini")
