"""What was spent today, compared with the days before, and on what (CLI-7): made of reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from corvus.model.usage import TOKENS
from corvus.reporting.catalog import Catalog, load_catalog
from corvus.reporting.run import run_report
from corvus.reporting.table import Cell

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SESSIONS_MAX = 100
_DAYS_MAX = 37
"""A month, and the week before its first day."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What some calls cost.

    Attributes:
        cost_nano_usd: Of the priced calls; ``None`` when none of them has a price.
        calls: How many.
        unpriced_calls: Those without a price, which are not in the cost.
        tokens: Of all kinds; of one model, and of today, those of text.
    """

    cost_nano_usd: int | None = 0
    calls: int = 0
    unpriced_calls: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one model, project or session cost today.

    Attributes:
        name: The model, the project or the id of the session; ``None`` for calls that name none.
        spent: What its calls cost.
        detail: Of a model its provider, of a session its project.
    """

    name: str | None
    spent: Spent
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """The spend of a day, up to now.

    Attributes:
        now: The present instant, aware.
        zone: IANA name of the zone whose days, weeks (from Monday) and months are meant.
        day: The spend of today.
        yesterday: The spend of the whole day before.
        yesterday_by_now: The part of it up to the same time of the day.
        week: The spend of this week, and …
        month: … of this month.
        models: The spend of today by provider and model, most expensive first, …
        projects: … by project, and …
        sessions: … by session, the 100 most expensive.
    """

    now: datetime
    zone: str
    day: Spent
    yesterday: Spent
    yesterday_by_now: Spent
    week: Spent
    month: Spent
    models: tuple[Share, ...]
    projects: tuple[Share, ...]
    sessions: tuple[Share, ...]

    @property
    def date(self) -> date:
        """The day, in its zone."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()


def today(connection: DuckDBPyConnection, now: datetime, zone: str) -> Today:
    """Ask a ledger what was spent today.

    Args:
        connection: A connection to the ledger; read-only is enough.
        now: The present instant, aware; what was admitted later does not count.
        zone: IANA name of the zone whose days count.

    Raises:
        ReportError: DuckDB could not answer.
    """
    place = ZoneInfo(zone)
    local = now.astimezone(place)
    date_ = local.date()
    end = now + timedelta(microseconds=1)
    start, before = _midnight(date_, place), _midnight(date_ - timedelta(days=1), place)
    then = local.replace(tzinfo=None) - timedelta(days=1)
    so_far = then.replace(tzinfo=place).astimezone(UTC) + timedelta(microseconds=1)
    asking = _Asking(connection, load_catalog(), now)
    of_today: dict[str, object] = {"since": start, "until": end}
    models = asking.models(of_today)
    days = asking.days(zone, min(date_.replace(day=1), _monday(date_), date_ - timedelta(days=1)))
    days[date_] = total(row.spent for row in models)  # none of what comes later
    return Today(
        now,
        zone,
        day=days[date_],
        yesterday=days.get(date_ - timedelta(days=1), Spent()),
        yesterday_by_now=total(
            row.spent for row in asking.models({"since": before, "until": so_far})
        ),
        week=total(spent for day, spent in days.items() if day >= _monday(date_)),
        month=total(spent for day, spent in days.items() if day >= date_.replace(day=1)),
        models=models,
        projects=asking.shares("spend/by-project", "project", of_today),
        sessions=asking.shares(
            "spend/by-session", "session_id", {**of_today, "top": _SESSIONS_MAX}, "project"
        ),
    )


def total(parts: Iterable[Spent]) -> Spent:
    """Return the sum of several; its cost is known as soon as that of one part is."""
    spent = [part for part in parts if part.calls]
    costs = [part.cost_nano_usd for part in spent if part.cost_nano_usd is not None]
    return Spent(
        None if spent and not costs else sum(costs),
        sum(part.calls for part in spent),
        sum(part.unpriced_calls for part in spent),
        sum(part.tokens for part in spent),
    )


class _Asking:
    """Runs reports and reads what they answer."""

    def __init__(self, connection: DuckDBPyConnection, catalog: Catalog, now: datetime) -> None:
        self._connection = connection
        self._catalog = catalog
        self._now = now

    def rows(self, name: str, given: Mapping[str, object]) -> list[dict[str, Cell]]:
        report = self._catalog.find(name)
        return run_report(self._connection, report, given, now=self._now).mappings()

    def days(self, zone: str, first: date) -> dict[date, Spent]:
        """Return the spend of each day from the first to today."""
        last = self._now.astimezone(ZoneInfo(zone)).date()
        given: dict[str, object] = {"days": min((last - first).days + 1, _DAYS_MAX), "zone": zone}
        rows = self.rows("spend/history-by-day", given)
        return {date.fromisoformat(str(row["bucket"])): _spent(row) for row in rows}

    def models(self, given: Mapping[str, object]) -> tuple[Share, ...]:
        """Return the spend by provider and model."""
        return self.shares("spend/by-model", "model", given, "provider")

    def shares(
        self, name: str, of: str, given: Mapping[str, object], detail: str | None = None
    ) -> tuple[Share, ...]:
        """Return the rows of a report that has one for each model, project or session."""
        return tuple(
            Share(_text(row[of]), _spent(row), _text(row[detail]) if detail else None)
            for row in self.rows(name, given)
        )


def _spent(row: Mapping[str, Cell]) -> Spent:
    tokens = row["tokens"] if "tokens" in row else sum(_count(row.get(name)) for name in TOKENS)
    cost = row["cost_nano_usd"]
    return Spent(
        cost if isinstance(cost, int) else None,
        _count(row["calls"]),
        _count(row["unpriced_calls"]),
        _count(tokens),
    )


def _count(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _text(cell: Cell) -> str | None:
    return cell if isinstance(cell, str) else None


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in UTC."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
