"""Times are read as people type them; a named day or month is whole, and all is UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from corvus.base.errors import ReportParameterInvalid
from corvus.cli.times import clock_at, parse_bounds, parse_since, parse_until
from corvus.reporting.times import parse_instant

NOW = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year, month, day and so on


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("now", NOW, NOW),
        ("today", utc(2026, 3, 1), utc(2026, 3, 2)),
        ("Yesterday", utc(2026, 2, 28), utc(2026, 3, 1)),
        ("7d", utc(2026, 2, 22, 10, 30), utc(2026, 2, 22, 10, 30)),
        ("12h", utc(2026, 2, 28, 22, 30), utc(2026, 2, 28, 22, 30)),
        ("2w", utc(2026, 2, 15, 10, 30), utc(2026, 2, 15, 10, 30)),
        ("this-week", utc(2026, 2, 23), utc(2026, 3, 2)),
        ("last-week", utc(2026, 2, 16), utc(2026, 2, 23)),
        ("this-month", utc(2026, 3, 1), utc(2026, 4, 1)),
        ("last-month", utc(2026, 2, 1), utc(2026, 3, 1)),
        ("2026", utc(2026, 1, 1), utc(2027, 1, 1)),
        ("2026-W01", utc(2025, 12, 29), utc(2026, 1, 5)),
        ("2020-w53", utc(2020, 12, 28), utc(2021, 1, 4)),
        ("2026-11", utc(2026, 11, 1), utc(2026, 12, 1)),
        ("2025-12", utc(2025, 12, 1), utc(2026, 1, 1)),
        ("2024-02-29", utc(2024, 2, 29), utc(2024, 3, 1)),
        ("2026-03-01T08:00", utc(2026, 3, 1, 8), utc(2026, 3, 1, 8)),
        ("2026-03-01t08:00:00z", utc(2026, 3, 1, 8), utc(2026, 3, 1, 8)),
        ("2026-03-01T08:00:00+02:00", utc(2026, 3, 1, 6), utc(2026, 3, 1, 6)),
    ],
)
def test_named_time_has_a_first_instant_and_an_exclusive_end(
    text: str, since: datetime, until: datetime
) -> None:
    assert (parse_since(text, NOW), parse_until(text, NOW)) == (since, until)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-13",
        "2026-02-30",
        "7",
        "7y",
        "999999w",
        "-7d",
        "9999-12",
        "12:00",
        "2026-W54",
        "9999",
    ],
)
def test_text_that_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ReportParameterInvalid, match="is not a time: try 7d, 12h, today"):
        parse_until(text, NOW)


def test_instant_without_an_offset_is_utc_and_a_date_its_first_instant() -> None:
    assert parse_instant("2026-04-06") == utc(2026, 4, 6)
    assert parse_instant("2026-04-06T12:00:00") == utc(2026, 4, 6, 12)
    assert parse_instant("2026-04-06T12:00:00+02:00").tzinfo is UTC


@pytest.mark.parametrize("text", ["noon", "0001-01-01T00:00:00+14:00"])
def test_instant_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ReportParameterInvalid, match="is no date or instant"):
        parse_instant(text)


@pytest.mark.parametrize("word", ["yesterday", "last-week", "Last-Month"])
def test_what_is_over_is_a_range_by_itself(word: str) -> None:
    assert parse_bounds(word, None, NOW) == parse_bounds(word, word, NOW)


@pytest.mark.parametrize("word", ["7d", "today", "this-month", "2026-02", "2026-02-03"])
def test_any_other_start_is_open_to_now(word: str) -> None:
    assert set(parse_bounds(word, None, NOW)) == {"since"}


def test_as_of_takes_the_words_of_time() -> None:
    day = clock_at("yesterday").now()
    assert timedelta(days=1) <= datetime.now(UTC) - day < timedelta(days=2, minutes=1)
    assert (day.hour, day.minute) == (0, 0)


def test_as_of_stops_the_clock() -> None:
    assert clock_at("2026-04-06T12:00:00Z").now() == utc(2026, 4, 6, 12)


def test_without_as_of_the_clock_of_the_machine_runs() -> None:
    before = datetime.now(UTC)
    assert before <= clock_at(None).now() <= datetime.now(UTC)
