"""Parameters are typed, ranged and bound; whatever does not fit is refused by name.

A range is capped like a number of buckets, in whole buckets, before any work is done (REP-5).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import duckdb
import pytest

from corvus.base.errors import ReportParameterInvalid
from corvus.base.period import Period
from corvus.reporting.catalog import load_catalog
from corvus.reporting.parameters import (
    Parameter,
    ParameterType,
    Span,
    bind,
    check_span,
    parse_span,
)
from corvus.reporting.run import run_report

NOW = datetime(2026, 4, 6, 12, tzinfo=UTC)
DAYS = Parameter("days", ParameterType.BIGINT, "days", default=30, minimum=1, maximum=366)
SINCE = Parameter("since", ParameterType.TIMESTAMP, "first instant")
AS_OF = Parameter("as_of", ParameterType.TIMESTAMP, "instant", default_now=True)
FLAG = Parameter("flag", ParameterType.BOOLEAN, "flag")
DAY = Parameter("first_day", ParameterType.DATE, "day")
MODEL = Parameter("model", ParameterType.VARCHAR, "model", required=True)


def test_absent_values_take_their_default_and_optional_ones_are_null() -> None:
    assert bind([DAYS, SINCE, AS_OF], {}, now=NOW) == {
        "days": 30,
        "since": None,
        "as_of": datetime(2026, 4, 6, 12),  # noqa: DTZ001 - the ledger's times are naive UTC
    }


def test_a_word_for_what_is_over_is_a_range_by_itself() -> None:
    until = Parameter("until", ParameterType.TIMESTAMP, "end")
    alone = bind([SINCE, until], {"since": "last-month"}, now=NOW)
    assert alone == bind([SINCE, until], {"since": "2026-03", "until": "2026-03"}, now=NOW)
    assert bind([SINCE, until], {"since": "2026-03"}, now=NOW)["until"] is None
    assert bind([SINCE, until], {"since": "last-month", "until": "today"}, now=NOW) != alone
    assert "until" not in bind([SINCE], {"since": "last-month"}, now=NOW)


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (DAYS, "366", 366),
        (DAYS, 1, 1),
        (FLAG, "TRUE", True),
        (FLAG, False, False),
        (DAY, "2026-04-06", date(2026, 4, 6)),
        (DAY, date(2026, 4, 6), date(2026, 4, 6)),
        (DAY, NOW, date(2026, 4, 6)),
        (MODEL, "'; DROP TABLE usage_record; --", "'; DROP TABLE usage_record; --"),
        (SINCE, "2026-04-06", datetime(2026, 4, 6)),  # noqa: DTZ001 - naive UTC
        (SINCE, "2026-04-06T12:00:00Z", datetime(2026, 4, 6, 12)),  # noqa: DTZ001 - naive UTC
        (SINCE, "2026-04-06T12:00:00+02:00", datetime(2026, 4, 6, 10)),  # noqa: DTZ001 - naive UTC
        (
            SINCE,
            datetime(2026, 4, 6, 12, tzinfo=timezone(timedelta(hours=-5))),
            datetime(2026, 4, 6, 17),  # noqa: DTZ001 - naive UTC
        ),
        (SINCE, None, None),
    ],
)
def test_value_is_read_by_the_declared_type(
    parameter: Parameter, given: object, value: object
) -> None:
    bound = bind([parameter], {parameter.name: given})[parameter.name]
    assert bound == value
    assert type(bound) is type(value)


@pytest.mark.parametrize(
    ("parameter", "given", "message"),
    [
        (DAYS, "0", "parameter days must be from 1 to 366, got 0"),
        (DAYS, 367, "parameter days must be from 1 to 366, got 367"),
        (DAYS, "1.0", "must be a whole number, got '1.0'"),
        (DAYS, "1_0", "must be a whole number"),
        (DAYS, "٣", "must be a whole number"),
        (DAYS, "9223372036854775808", "64 bits"),
        (DAYS, True, "parameter days must be a BIGINT, got True"),
        (DAYS, 1.5, "parameter days must be a BIGINT, got 1.5"),
        (FLAG, "yes", "true or false"),
        (FLAG, 1, "must be a BOOLEAN"),
        (SINCE, "last week", "a date or instant such as 2026-11-23"),
        (SINCE, "0001-01-01T00:00:00+14:00", "parameter since must be"),
        (SINCE, datetime(2026, 4, 6), "an instant with a time zone"),  # noqa: DTZ001 - refused
        (DAY, "2026-02-30", "a date or instant"),
        (MODEL, 5, "must be a VARCHAR"),
    ],
)
def test_value_that_does_not_fit_is_refused(
    parameter: Parameter, given: object, message: str
) -> None:
    with pytest.raises(ReportParameterInvalid) as refusal:
        bind([parameter], {parameter.name: given})
    assert message in str(refusal.value)


def test_missing_required_value_is_refused() -> None:
    with pytest.raises(ReportParameterInvalid, match=r"model .*must be given"):
        bind([MODEL], {})


def test_default_of_now_needs_a_present_instant() -> None:
    with pytest.raises(ReportParameterInvalid, match=r"as_of .*must be given"):
        bind([AS_OF], {})


def test_unknown_name_is_refused_with_the_nearest_and_all_known() -> None:
    with pytest.raises(ReportParameterInvalid) as refusal:
        bind([DAYS, SINCE], {"day": 1})
    assert "'day'; did you mean days? (it has: days, since)" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("366 days", Span(366, Period.DAY)),
        ("1 weeks", Span(1, Period.WEEK)),
        ("60 months", Span(60, Period.MONTH)),
    ],
)
def test_a_span_is_a_number_of_buckets(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["366", "0 days", "5 decades", "-1 days", "366 days long"])
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="a span reads"):
        parse_span(text)


@pytest.mark.parametrize(
    ("span", "since", "until", "as_of"),
    [
        ("2 days", "2026-04-05T23:59", None, "2026-04-06T00:00"),
        ("1 days", "2026-04-06T00:00", "2026-04-07T00:00", "2026-06-01T00:00"),
        ("2 weeks", "2026-04-05", None, "2026-04-12T23:59"),  # Sunday to the Sunday after
        ("2 months", "2025-12-31", None, "2026-01-01"),
        ("1 days", "2026-04-06T00:00", "2030-01-01", "2026-04-06T12:00"),  # nothing after as_of
    ],
)
def test_a_range_of_as_many_buckets_is_allowed_and_one_more_is_not(
    span: str, since: str, until: str | None, as_of: str
) -> None:
    values = {
        "since": datetime.fromisoformat(since),
        "until": datetime.fromisoformat(until) if until else None,
        "as_of": datetime.fromisoformat(as_of),
    }
    most = parse_span(span)
    check_span(most, values)
    shorter = Span(most.most - 1, most.period)
    with pytest.raises(ReportParameterInvalid, match=f"is {span} long, at most"):
        check_span(shorter, values)


def test_without_a_start_there_is_nothing_to_check() -> None:
    check_span(
        Span(1, Period.DAY),
        {"since": None, "until": None, "as_of": datetime.fromisoformat("2026-01-01")},
    )


def test_a_range_that_begins_after_the_present_is_refused() -> None:
    since, as_of = (datetime.fromisoformat(day) for day in ("2026-05-01", "2026-04-06"))
    values = {"since": since, "until": None, "as_of": as_of}
    with pytest.raises(ReportParameterInvalid, match="begins at 2026-05-01 00:00, after its end"):
        check_span(Span(366, Period.DAY), values)


@pytest.mark.parametrize(
    ("name", "since", "until", "buckets"),
    [
        (
            "history-by-day",
            "2026-04-04T15:00:00Z",
            None,
            ["2026-04-04", "2026-04-05", "2026-04-06"],
        ),
        ("history-by-day", "2026-04-04", "2026-04-06", ["2026-04-04", "2026-04-05"]),
        ("history-by-week", "2026-03-31", None, ["2026-W14", "2026-W15"]),
        ("history-by-month", "2026-02-28", "2026-04-01", ["2026-02", "2026-03"]),
        ("history-by-month", "2026-03-01", "2027-01-01", ["2026-03", "2026-04"]),
    ],
)
def test_a_history_shows_the_whole_buckets_of_its_range(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    since: str,
    until: str | None,
    buckets: list[str],
) -> None:
    given = {"as_of": "2026-04-06T12:00:00Z", "since": since, **({"until": until} if until else {})}
    table = run_report(connection, load_catalog().find(name), given)
    assert list(table.values("bucket")) == buckets


def test_a_history_of_a_range_that_is_too_long_is_refused(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    given = {"as_of": "2026-04-06", "since": "2025-04-05"}
    with pytest.raises(ReportParameterInvalid, match="is 367 days long, at most 366 are shown"):
        run_report(connection, load_catalog().find("history-by-day"), given)
