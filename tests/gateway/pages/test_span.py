"""Spans of time that pages show: what is taken, how it is called, and what it leads to (DSH-1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corvus.base.time import FixedClock
from corvus.gateway.pages.figures import Figures
from corvus.gateway.pages.page import PageRequest
from corvus.gateway.pages.span import PRESETS, Span, span_of
from corvus.gateway.service import Service
from corvus.model.token import TokenScope
from corvus.reporting.times import named_span
from corvus.wording.words import load_words
from tests.cli.places import Place

NOW = datetime(2026, 11, 29, 14, 30, tzinfo=UTC)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    runtime = Place(tmp_path, FixedClock(NOW)).runtime
    stores = runtime.open_stores()
    yield Service(runtime, stores)
    stores.close()


def span(service: Service, default: str = "", **query: str) -> Span:
    words = load_words("en")
    given = PageRequest(service, words, Figures(words), "/sessions", query, TokenScope.READ, "ana")
    return span_of(given, default)


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ({}, "all time"),
        ({"since": "today"}, "29 Nov 2026"),
        ({"since": "yesterday"}, "28 Nov 2026"),
        ({"since": "last-7-days"}, "23 Nov 2026 to 29 Nov 2026"),
        ({"since": "this-month"}, "1 Nov 2026 to 29 Nov 2026"),
        ({"since": "last-month"}, "1 Oct 2026 to 31 Oct 2026"),
        ({"since": "2026-02", "until": "2026-02"}, "1 Feb 2026 to 28 Feb 2026"),
        ({"since": "7d"}, "22 Nov 2026, 14:30 UTC to now"),
        ({"until": "2026-02"}, "until 1 Mar 2026, 00:00 UTC"),
        ({"until": "this-month"}, "all time"),
    ],
)
def test_a_span_is_called_by_its_days_or_instants(
    service: Service, query: dict[str, str], label: str
) -> None:
    found = span(service, **query)
    assert not found.mistakes
    assert found.label == label


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"since": "someday"}, {"since"}),
        ({"since": "2026-13", "until": "x"}, {"since", "until"}),
        ({"since": "2026-02", "until": "2026-01"}, {"until"}),
        ({"since": "2027-01-01"}, {"since"}),
    ],
)
def test_what_is_no_span_is_said_at_its_field(
    service: Service, query: dict[str, str], fields: set[str]
) -> None:
    found = span(service, **query)
    assert found.mistakes.keys() == fields
    assert (found.since_text, found.until_text) == (query["since"], query.get("until", ""))


def test_the_other_parameters_are_kept_and_the_number_of_the_page_is_not(service: Service) -> None:
    found = span(service, order="cost", page="3", since="today")
    assert [*found.kept] == [("order", "cost")]
    for preset in found.presets:
        assert "order=cost" in preset.address
        assert "page=" not in preset.address
    assert [one.word for one in found.presets if one.is_here] == ["today"]


def test_a_default_holds_until_something_is_chosen(service: Service) -> None:
    assert span(service, "last-30-days").since_text == "last-30-days"
    assert not span(service, "last-30-days").is_chosen
    assert span(service, "last-30-days", until="2026-01").since is None


@pytest.mark.parametrize(
    ("word", "first", "end"),
    [
        ("last-1-days", "2026-11-29", "2026-11-30"),
        ("last-2-weeks", "2026-11-16", "2026-11-30"),
        ("last-12-months", "2025-12-01", "2026-12-01"),
        ("last-3-years", "2024-01-01", "2027-01-01"),
    ],
)
def test_the_last_so_many_are_whole_ones_and_the_present_one_is_among_them(
    word: str, first: str, end: str
) -> None:
    found = named_span(word, NOW, UTC)
    assert tuple(f"{one:%Y-%m-%d}" for one in found) == (first, end)


@pytest.mark.parametrize(
    "word",
    [
        *("0001", "9999", "9999-12-31", "1969", "last-9999-years", "last-9999-days", "99999w"),
        *("٣d", "7d ", " today", "TODAY", "2026-W54", "2026-02-30", "-1d", "1e3d", "now", "\x00"),
        "2026-11-29T25:00",
    ],
)
def test_no_word_breaks_a_page(service: Service, word: str) -> None:
    for name in ("since", "until"):
        found = span(service, **{name: word})
        assert found.label


def test_every_preset_is_a_time() -> None:
    for word in PRESETS:
        first, end = named_span(word, NOW, UTC)
        assert first < end
