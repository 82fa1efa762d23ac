"""Parameters are typed, ranged and bound; whatever does not fit is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from corvus.base.errors import ReportParameterInvalid
from corvus.reporting.parameters import Parameter, ParameterType, bind

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
        (DAYS, "0", "parameter days must be in 1..=366, got 0"),
        (DAYS, 367, "parameter days must be in 1..=366, got 367"),
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
