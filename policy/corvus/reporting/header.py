"""Reads the typed header of a report file: its contract in comments before the SQL (REP-1).

::

    -- title:   Spend by model
    -- summary: Cost and usage of each provider and model, most expensive first.
    -- method:  How the answer comes about, where the summary does not say it; optional.
    -- param:   since          TIMESTAMP  optional                first instant, inclusive
    -- param:   days           BIGINT     default=30 range=1..=366  number of days
    -- column:  model          VARCHAR    model that was asked for
    -- column:  cost_nano_usd  BIGINT     nano-USD, NULL when unknown
    -- span:    366 days
    -- reads:   usage_record
    -- chart:   x=model y=cost_nano_usd

A line that is indented further than its key continues the line above. Everything else is refused:
an unknown key, a repeated name, a number without a unit, a default outside its own range. Each
refusal names file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from corvus.base.errors import ReportInvalid
from corvus.reporting.parameters import (
    Parameter,
    ParameterType,
    Span,
    Value,
    parse_span,
    value_from_text,
)
from corvus.reporting.table import MONEY_UNIT, Column

_KEYS = ("title", "summary", "method", "param", "span", "column", "reads", "chart")
IN_FORCE = frozenset({"budget", "budget_limit", "budget_usage", "budget_window"})
"""What reports read of the budgets in force (``corvus.reporting.in_force``)."""
_LINE = re.compile(r"--\s?(?P<key>[A-Za-z_]+)\s*:\s*(?P<text>.*)")
_CONTINUED = re.compile(r"--\s{3,}(?P<text>\S.*)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RANGE = re.compile(r"range=(-?[0-9]+)\.\.=(-?[0-9]+)")
_COLUMN_TYPE = re.compile(r"VARCHAR|BIGINT|DOUBLE|DATE|TIMESTAMP|BOOLEAN|DECIMAL\([0-9]+,[0-9]+\)")


@dataclass(frozen=True, slots=True)
class Chart:
    """The columns a chart draws: one bar for each row, labelled ``x`` and as long as ``y``."""

    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Header:
    """The declared contract of a report.

    Attributes:
        reads: Names of the tables that it reads.
        method: How the answer comes about, where the summary does not say it.
        span: The longest range of ``since`` and ``until``, if there is one.
    """

    title: str
    summary: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    reads: tuple[str, ...]
    chart: Chart | None = None
    method: str = ""
    span: Span | None = None


@dataclass(slots=True)
class _Draft:
    """What the lines read so far declare."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    parameters: dict[str, Parameter] = field(default_factory=dict[str, Parameter])
    columns: dict[str, Column] = field(default_factory=dict[str, Column])


def parse_header(sql: str, file: str) -> Header:
    """Read and check the header of a report.

    Args:
        sql: The whole text of the file.
        file: Name of the file, for messages.

    Raises:
        ReportInvalid: The header breaks a rule; the message starts with ``file:line``.
    """
    draft = _Draft()
    for number, key, text in _entries(sql, file):
        try:
            _take(draft, key, text)
        except ValueError as error:
            raise ReportInvalid(f"{file}:{number}: {error}") from None
    try:
        return _finish(draft)
    except ValueError as error:
        raise ReportInvalid(f"{file}:1: {error}") from None


def _entries(sql: str, file: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, key and text of each entry, continuation lines joined."""
    pending: tuple[int, str, str] | None = None
    for number, line in enumerate(sql.splitlines(), start=1):
        if not line.startswith("--"):
            break
        if (continued := _CONTINUED.fullmatch(line)) and pending:
            pending = (pending[0], pending[1], f"{pending[2]} {continued['text'].strip()}")
            continue
        entry = _LINE.fullmatch(line)
        if entry is None:
            raise ReportInvalid(
                f"{file}:{number}: a header line reads `-- key: text`, got {line!r}"
            )
        if pending:
            yield pending
        pending = (number, entry["key"], entry["text"].strip())
    if pending:
        yield pending


def _take(draft: _Draft, key: str, text: str) -> None:
    match key:
        case "param":
            parameter = _parameter(text)
            _refuse_repeated(parameter.name, draft.parameters)
            draft.parameters[parameter.name] = parameter
        case "column":
            column = _column(text)
            _refuse_repeated(column.name, draft.columns)
            draft.columns[column.name] = column
        case "title" | "summary" | "method" | "span" | "reads" | "chart":
            _refuse_repeated(key, draft.texts)
            if not text:
                raise ValueError(f"{key} is empty")
            draft.texts[key] = text
        case _:
            raise ValueError(f"unknown header key {key!r} (known: {', '.join(_KEYS)})")


def _finish(draft: _Draft) -> Header:
    for key in ("title", "summary", "reads"):
        if key not in draft.texts:
            raise ValueError(f"the header has no {key}")
    if not draft.columns:
        raise ValueError("the header declares no column")
    return Header(
        title=draft.texts["title"],
        summary=draft.texts["summary"],
        parameters=tuple(draft.parameters.values()),
        columns=tuple(draft.columns.values()),
        reads=tuple(name.strip() for name in draft.texts["reads"].split(",")),
        chart=_chart(draft.texts.get("chart"), draft.columns),
        method=draft.texts.get("method", ""),
        span=_span(draft),
    )


def _span(draft: _Draft) -> Span | None:
    text = draft.texts.get("span")
    if text is None:
        return None
    if not {"since", "until", "as_of"} <= draft.parameters.keys():
        raise ValueError("a span limits the range of since, until and as_of; declare all three")
    return parse_span(text)


def _parameter(text: str) -> Parameter:
    """Read ``name TYPE required|optional|default=VALUE [range=LOW..=HIGH] description``."""
    words = text.split()
    if len(words) < 4:
        raise ValueError(
            "a parameter reads `name TYPE required|optional|default=VALUE description`, "
            f"got {text!r}"
        )
    name, kind, presence = _name(words[0]), _parameter_type(words[1]), words[2]
    limits = _RANGE.fullmatch(words[3])
    if limits and kind is not ParameterType.BIGINT:
        raise ValueError(f"only a BIGINT has a range, {name} is {kind}")
    default_now, default = _default(kind, presence)
    parameter = Parameter(
        name=name,
        type=kind,
        description=" ".join(words[4:] if limits else words[3:]),
        required=presence == "required",
        default=default,
        default_now=default_now,
        minimum=int(limits[1]) if limits else None,
        maximum=int(limits[2]) if limits else None,
    )
    _refuse_default_out_of_range(parameter)
    return parameter


def _default(kind: ParameterType, presence: str) -> tuple[bool, Value]:
    """Return whether the default is the present instant, and otherwise the default."""
    if presence in {"required", "optional"}:
        return False, None
    word, equals, text = presence.partition("=")
    if word != "default" or not equals:
        raise ValueError(f"expected required, optional or default=VALUE, got {presence!r}")
    if text == "now" and kind in {ParameterType.TIMESTAMP, ParameterType.DATE}:
        return True, None
    try:
        return False, value_from_text(kind, text)
    except ValueError as error:
        raise ValueError(f"the default must be {error}, got {text!r}") from None


def _refuse_default_out_of_range(parameter: Parameter) -> None:
    low, high, default = parameter.minimum, parameter.maximum, parameter.default
    if low is None or high is None or not isinstance(default, int):
        return
    if not low <= default <= high:
        raise ValueError(f"the default {default} of {parameter.name} is not in {low}..={high}")


def _column(text: str) -> Column:
    """Read ``name TYPE unit, description``."""
    name, _, rest = text.partition(" ")
    kind, _, about = rest.strip().partition(" ")
    if not _COLUMN_TYPE.fullmatch(kind):
        raise ValueError(f"column {name} has the unknown type {kind!r}")
    unit, _, description = about.strip().partition(",")
    column = Column(_name(name), kind, unit.strip(), description.strip())
    if column.is_number and not column.unit:
        raise ValueError(f"column {name} is a number and needs a unit")
    if column.is_money != (column.unit == MONEY_UNIT) or (column.is_money and kind != "BIGINT"):
        raise ValueError(
            f"column {name}: an amount is a BIGINT named …_nano_usd in {MONEY_UNIT}, "
            f"got {kind} in {column.unit!r}"
        )
    return column


def _chart(text: str | None, columns: dict[str, Column]) -> Chart | None:
    if text is None:
        return None
    drawn = re.fullmatch(r"x=(\w+)[,\s]+y=(\w+)", text)
    if drawn is None:
        raise ValueError(f"a chart reads `x=COLUMN y=COLUMN`, got {text!r}")
    for name in drawn.groups():
        if name not in columns:
            raise ValueError(f"the chart draws {name!r}, which is no column")
    if not columns[drawn[2]].is_number:
        raise ValueError(f"the chart draws {drawn[2]!r}, which is no number")
    return Chart(drawn[1], drawn[2])


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name: lower-case letters, digits and _ only")
    return text


def _parameter_type(text: str) -> ParameterType:
    try:
        return ParameterType(text)
    except ValueError:
        known = ", ".join(ParameterType)
        raise ValueError(f"unknown parameter type {text!r} (known: {known})") from None


def _refuse_repeated(
    name: str, seen: dict[str, str] | dict[str, Parameter] | dict[str, Column]
) -> None:
    if name in seen:
        raise ValueError(f"{name} is declared twice")
