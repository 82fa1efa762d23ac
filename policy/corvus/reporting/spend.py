"""Sums the spend that counts against a budget: by window, session, mission, match (EVA-12).

It reads; it does not judge. Calls without a price are counted apart, so that their cost is never
taken for 0 (PRC-5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from corvus.base.errors import ReportError
from corvus.base.money import NanoUSD
from corvus.base.period import Window
from corvus.base.time import naive_utc
from corvus.ledger.connect import clean_message
from corvus.ledger.statements import ATTRIBUTES
from corvus.model.spend import Spend
from corvus.reporting.parameters import Value
from corvus.reporting.statements import LATEST_SESSION, SPEND

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def spend_in(
    connection: DuckDBPyConnection,
    *,
    window: Window | None = None,
    session_id: str | None = None,
    mission_id: str | None = None,
    match: Sequence[tuple[str, str]] = (),
) -> Spend:
    """Sum the calls that pass every filter; without a filter, all calls.

    Args:
        connection: A connection to the ledger.
        window: Half-open window that must hold the admission of a call (EVA-8).
        session_id: Session of the calls.
        mission_id: Mission of the calls.
        match: Pairs of attribute and glob (``*``, ``?``, ``[a-z]``; case matters). A call without
            the attribute does not match, not even ``*``.

    Raises:
        ValueError: An attribute is unknown or named twice.
        ReportError: DuckDB could not run the statement.
    """
    values: dict[str, Value] = dict.fromkeys(ATTRIBUTES)
    for attribute, glob in match:
        if attribute not in values or values[attribute] is not None:
            raise ValueError(f"{attribute!r} is no attribute to match, or is named twice")
        values[attribute] = glob
    values["window_start"] = naive_utc(window.start) if window else None
    values["window_end"] = naive_utc(window.end) if window else None
    values["session_id"] = session_id
    values["mission_id"] = mission_id
    ((cost, calls, unpriced, tokens),) = _fetched(connection, SPEND, values)
    return Spend(NanoUSD(cost), calls, unpriced, tokens)


def latest_session(connection: DuckDBPyConnection) -> str | None:
    """Return the session of the call that was admitted last; ``None`` when no call has a session.

    Raises:
        ReportError: DuckDB could not run the statement.
    """
    rows = _fetched(connection, LATEST_SESSION, {})
    return rows[0][0] if rows else None


def _fetched(
    connection: DuckDBPyConnection, statement: str, values: dict[str, Value]
) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(statement, values).fetchall()
    except duckdb.Error as error:
        raise ReportError(f"cannot sum the spend: {clean_message(error)}") from None
