"""Runs one report: one SELECT, bound parameters, a result as its header promises (REP-1).

It refuses anything but a single SELECT, and a result whose columns differ from the header. It
never writes, and it leaves no open result behind: an unread one pins a transaction of the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from corvus.base.errors import ReportError, ReportInvalid
from corvus.ledger.connect import clean_message
from corvus.reporting.catalog import Report
from corvus.reporting.parameters import bind, check_span
from corvus.reporting.table import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def run_report(
    connection: DuckDBPyConnection,
    report: Report,
    parameters: Mapping[str, object],
    *,
    now: datetime | None = None,
) -> Table:
    """Run a report on a ledger.

    Args:
        connection: A connection to the ledger; read-only is enough.
        report: The report.
        parameters: Values by name, as text or typed; absent ones take their default.
        now: The present instant, aware, for parameters whose default is ``now``.

    Returns:
        The whole answer, fetched.

    Raises:
        ReportParameterInvalid: A parameter is unknown, missing or does not fit.
        ReportInvalid: The file is not one SELECT with the declared parameters and columns.
        ReportError: DuckDB could not run the statement.
    """
    check_statement(report)
    values = bind(report.header.parameters, parameters, now=now)
    if report.header.span is not None:
        check_span(report.header.span, values)
    try:
        result = connection.execute(report.sql, values)
        columns = [(name, str(kind)) for name, kind, *_ in result.description or ()]
        rows = result.fetchall()
    except duckdb.Error as error:
        raise ReportError(f"report {report.name} failed: {clean_message(error)}") from None
    _refuse_other_columns(report, columns)
    return Table(report.header.columns, tuple(tuple(row) for row in rows))


def check_statement(report: Report) -> None:
    """Check that a file is one SELECT whose parameters are those of its header.

    Raises:
        ReportInvalid: It is not.
    """
    try:
        statements = _statements(report.sql)
    except duckdb.Error as error:
        raise ReportInvalid(f"{report.file}: {clean_message(error)}") from None
    if [one.kind for one in statements] != ["SELECT"]:
        kinds = ", ".join(one.kind for one in statements) or "nothing"
        raise ReportInvalid(f"{report.file}: a report is exactly one SELECT, got {kinds}")
    declared = frozenset(parameter.name for parameter in report.header.parameters)
    used = statements[0].parameters
    if declared != used:
        raise ReportInvalid(
            f"{report.file}: the header declares the parameters {_listed(declared)}, "
            f"the SQL uses {_listed(used)}"
        )


class _Statement(NamedTuple):
    kind: str
    parameters: frozenset[str]


@lru_cache(maxsize=128)
def _statements(sql: str) -> tuple[_Statement, ...]:
    """Parse the statements of a text; a page runs the same few again and again."""
    return tuple(
        _Statement(one.type.name, frozenset(one.named_parameters))
        for one in duckdb.extract_statements(sql)
    )


def _refuse_other_columns(report: Report, columns: list[tuple[str, str]]) -> None:
    declared = [(column.name, column.type) for column in report.header.columns]
    if columns == declared:
        return
    for place, (want, got) in enumerate(zip(declared, columns, strict=False), start=1):
        if want != got:
            raise ReportInvalid(
                f"{report.file}: column {place} is declared as {' '.join(want)}, "
                f"the SQL gives {' '.join(got)}"
            )
    raise ReportInvalid(
        f"{report.file}: the header declares {len(declared)} columns, the SQL gives {len(columns)}"
    )


def _listed(names: Set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
