"""The history of spend: what a bucket can be, and how far it may reach (REP-5)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from corvus.answers.history import History
from corvus.base.errors import ReportParameterInvalid
from corvus.base.period import HISTORY_PERIODS, Period

if TYPE_CHECKING:
    from corvus.reporting.table import Table

DEFAULT_WINDOW = 30
"""Buckets asked for when none are named, for every period, as upstream."""


class Bucket(StrEnum):
    """What one bucket of the history is."""

    vars().update({period.name: period.value for period in HISTORY_PERIODS})


DEFAULT_BUCKET = Bucket(Period.DAY)


def check_window(period: Bucket, window: int) -> None:
    """Refuse a window before any work is done (REP-5, UP-HIS-1).

    Raises:
        ReportParameterInvalid: The window is 0 or less, or larger than the period allows.
    """
    largest = Period(period).buckets_max
    allowed = f"--period {period}: 1..={largest}"
    if window <= 0:
        raise ReportParameterInvalid(
            f"history window must be greater than zero, got {window} ({allowed})"
        )
    if window > largest:
        raise ReportParameterInvalid(f"history window is too large, got {window} ({allowed})")


def history_of(period: Bucket, table: Table) -> History:
    """Return what the report of a period gave, as a history."""
    return History(period.value, table.mappings())
