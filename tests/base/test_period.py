from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corvus.base.period import CALENDAR_PERIODS, HISTORY_PERIODS, Period, Window, window_at
from corvus.base.resources import shipped
from corvus.wording.words import LANGUAGES
from tests.properties import examples

ZONES = sorted(available_timezones())
"""Also those that skipped midnight, an hour or a whole day, or moved by less than an hour."""


@settings(max_examples=examples(1000, by_day=300))
@example(datetime(2011, 12, 30, 9, 59, 59, tzinfo=UTC), "Pacific/Apia", Period.DAY)
@example(datetime(2018, 11, 4, 3, 30, tzinfo=UTC), "America/Sao_Paulo", Period.DAY)
@example(datetime(2028, 2, 29, 12, tzinfo=UTC), "Asia/Kathmandu", Period.MONTH)
@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds must be naive
    st.sampled_from(ZONES),
    st.sampled_from(CALENDAR_PERIODS),
)
def test_windows_tile_time(instant: datetime, zone: str, period: Period) -> None:
    window = window_at(period, instant, zone)
    assert window is not None
    assert window.start <= instant < window.end
    following = window_at(period, window.end, zone)
    before = window_at(period, window.start - timedelta(microseconds=1), zone)
    assert following is not None
    assert before is not None
    assert following.start == window.end
    assert before.end == window.start


@pytest.mark.parametrize("period", [Period.SESSION, Period.MISSION, Period.TOTAL])
def test_a_period_without_a_calendar_has_no_window(period: Period) -> None:
    assert window_at(period, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_the_day_that_summer_time_begins_has_23_hours() -> None:
    window = window_at(Period.DAY, datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/Madrid")
    assert window is not None
    assert window.end - window.start == timedelta(hours=23)


@pytest.mark.parametrize(
    ("period", "days", "first", "after"),
    [
        (Period.DAY, ["18"], "18", "19"),
        (Period.WEEK, ["16", "18", "22"], "16", "23"),  # Monday the 16th to Sunday the 22nd
        (Period.MONTH, ["01", "18", "30"], "01", None),
    ],
)
def test_a_window_begins_where_the_calendar_says(
    period: Period, days: list[str], first: str, after: str | None
) -> None:
    """EVA-8: weeks begin on Monday, as ISO 8601 has it."""
    end = f"2026-11-{after}" if after else "2026-12-01"
    expected = Window(midnight(f"2026-11-{first}"), midnight(end))
    for day in days:
        assert window_at(period, midnight(f"2026-11-{day}")) == expected
        assert window_at(period, midnight(f"2026-11-{day}") + timedelta(hours=23)) == expected


def midnight(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T00:00:00+00:00")


def test_a_period_with_a_history_has_its_report() -> None:
    folder = shipped("reports").joinpath("spend")
    names = {file.name for file in folder.iterdir() if file.name.startswith("history-by-")}
    assert names == {f"history-by-{period}.sql" for period in HISTORY_PERIODS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_each_period(language: str) -> None:
    words = tomllib.loads(files("corvus.wording").joinpath(f"{language}.toml").read_text("utf-8"))
    assert list(Period) == sorted(words["period"], key=list(Period).index)
    shown = [period for period in HISTORY_PERIODS if period.calendar]
    assert list(words["history"]["periods"]) == shown
