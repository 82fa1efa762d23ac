"""The header of a report is read exactly; a break of its rules is refused with its line."""

from __future__ import annotations

import pytest

from corvus.base.errors import ReportInvalid
from corvus.base.period import Period
from corvus.reporting.header import Chart, parse_header
from corvus.reporting.parameters import Parameter, ParameterType, Span
from corvus.reporting.table import Column

GOOD = """\
-- title:   Spend by model
-- summary: Cost of each model,
--          most expensive first.
-- param:   since          TIMESTAMP  optional                  first instant, inclusive
-- param:   as_of          TIMESTAMP  default=now               present instant
-- param:   days           BIGINT     default=30 range=1..=366  days, the last one included
-- param:   model          VARCHAR    required                  only this model
-- column:  model          VARCHAR    model that was asked for
-- column:  calls          BIGINT     calls, of any outcome
-- column:  cost_nano_usd  BIGINT     nano-USD
-- column:  share_percent  DECIMAL(5,2) percent
-- reads:   usage_record, session
-- chart:   x=model y=cost_nano_usd
-- param:   until          TIMESTAMP  optional                  last instant, exclusive
-- method:  As the invoice
--          has it.
-- span:    366 days
SELECT 1
-- title: a comment below the header is no header
"""


def test_every_entry_of_a_header_is_read() -> None:
    header = parse_header(GOOD, "x.sql")
    assert header.title == "Spend by model"
    assert header.summary == "Cost of each model, most expensive first."
    assert header.method == "As the invoice has it."
    assert header.span == Span(366, Period.DAY)
    assert header.reads == ("usage_record", "session")
    assert header.chart == Chart("model", "cost_nano_usd")
    assert header.columns == (
        Column("model", "VARCHAR", "model that was asked for"),
        Column("calls", "BIGINT", "calls", "of any outcome"),
        Column("cost_nano_usd", "BIGINT", "nano-USD"),
        Column("share_percent", "DECIMAL(5,2)", "percent"),
    )
    stamp, big = ParameterType.TIMESTAMP, ParameterType.BIGINT
    assert header.parameters == (
        Parameter("since", stamp, "first instant, inclusive"),
        Parameter("as_of", stamp, "present instant", default_now=True),
        Parameter("days", big, "days, the last one included", default=30, minimum=1, maximum=366),
        Parameter("model", ParameterType.VARCHAR, "only this model", required=True),
        Parameter("until", stamp, "last instant, exclusive"),
    )


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (1, "-- title:   Spend by model", "-- titel: x", "unknown header key 'titel'"),
        (1, "-- title:   Spend by model", "-- title:", "title is empty"),
        (1, "-- title:   Spend by model", "-- just words", "a header line reads"),
        (4, "-- param:   since", "-- title: again\n-- param:   since", "title is declared twice"),
        (5, "as_of ", "since ", "since is declared twice"),
        (4, "TIMESTAMP  optional", "INSTANT optional", "unknown parameter type 'INSTANT'"),
        (4, "optional   ", "maybe   ", "expected required, optional or default=VALUE"),
        (6, "default=30", "default=soon", "the default must be a whole number, got 'soon'"),
        (6, "default=30", "default=0", "the default 0 of days is not in 1..=366"),
        (7, "required   ", "required range=1..=2 ", "only a BIGINT has a range"),
        (7, "model          VARCHAR    required", "Model VARCHAR required", "'Model' is no name"),
        (7, "required                  only this model", "required", "a parameter reads"),
        (9, "BIGINT     calls, of any outcome", "BIGINT", "a number and needs a unit"),
        (9, "BIGINT     calls", "HUGEINT calls", "has the unknown type 'HUGEINT'"),
        (10, "nano-USD", "USD", "an amount is a BIGINT named"),
        (10, "cost_nano_usd  BIGINT ", "cost BIGINT ", "an amount is a BIGINT named"),
        (13, "x=model y=cost_nano_usd", "x=model", "a chart reads"),
        (1, "x=model y", "x=modell y", "draws 'modell', which is no column"),
        (1, "y=cost_nano_usd", "y=model", "draws 'model', which is no number"),
        (1, "-- reads:   usage_record, session\n", "", "the header has no reads"),
        (1, "366 days", "a year", "a span reads `366 days`"),
        (1, "-- param:   until ", "-- param:   before ", "declare all three"),
    ],
)
def test_broken_header_is_refused_with_its_line(
    line: int, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(ReportInvalid) as refusal:
        parse_header(GOOD.replace(old, new, 1), "x.sql")
    text = str(refusal.value)
    assert message in text
    assert text.startswith("x.sql:")
    assert text.startswith(f"x.sql:{line}:") or "chart" in message or "draws" in message


def test_header_without_columns_is_refused() -> None:
    with pytest.raises(ReportInvalid, match="declares no column"):
        parse_header("-- title: a\n-- summary: b\n-- reads: c\nSELECT 1", "x.sql")
