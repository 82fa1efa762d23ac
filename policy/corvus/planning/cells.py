"""Sums of recorded calls as they would have run had every call passed, in SQL.

A *cell* is one sum of a budget: a part in a window, a session or a mission. What a cell came to
under "every call passes" decides much without any evaluation: refusing a call only lowers sums, so
a budget whose cells never exceed its limit refuses nothing; and the highest that a cell came to,
with what each call asked for on top, is the least limit that refuses nothing.

Calls that wait are an exception: they hold later than they did. ``may_bind`` therefore takes each
call for as much as it ever stood for, from when it came until the longest wait after its end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from corvus.base.period import Period, window_at
from corvus.base.time import instant_at, microseconds
from corvus.ledger.counts import column_of, matches_sql, part_sql
from corvus.ledger.ledger import Ledger
from corvus.model.budget import TAG, Budget
from corvus.planning.ledger_events import Span, chosen_events, stage_events
from corvus.planning.recorded import RecordedEvent

_COLUMNS = (
    *("number", "what", "kind", "id", "at_us", "times", "denial", "cost", "counted", "tokens"),
    *("estimate_nano_usd", "estimate_tokens", "asked_nano_usd", "asked_tokens", "has_record"),
    *("session_id", "mission_id", "project", "downgraded_from", "requested_model"),
)
_CALLS = """
CREATE OR REPLACE TEMP TABLE planned_call AS
SELECT number AS call, id, at_us, times, denial, cost, kind, {attributes},
    CASE WHEN asked_tokens IS NULL THEN estimate_nano_usd ELSE asked_nano_usd END AS usd,
    coalesce(asked_tokens, estimate_tokens, 0) AS tokens
FROM planned_event WHERE what = 'call'
"""

_MODEL = "coalesce(downgraded_from, requested_model) AS requested_model"

_FLOW = """
CREATE OR REPLACE TEMP TABLE planned_flow AS
WITH stood AS (
    SELECT call AS number, call, at_us, true AS is_call, 0 AS place, coalesce(usd, 0) AS usd,
        tokens, times AS calls
    FROM planned_call
    UNION ALL
    SELECT call, call, at_us, false, 1, 0, 0, 0 FROM planned_call WHERE denial IS NOT NULL
    UNION ALL
    SELECT turn.number, held.call, turn.at_us, false, 0,
        CASE
            WHEN turn.kind = 'extended' THEN greatest(coalesce(held.usd, 0), turn.estimate_nano_usd)
            WHEN turn.has_record THEN coalesce(turn.counted, 0)
            ELSE 0
        END,
        CASE
            WHEN turn.kind = 'extended' THEN held.tokens
            WHEN turn.has_record THEN turn.tokens
            ELSE 0
        END,
        CASE WHEN turn.kind = 'extended' OR turn.has_record THEN held.times ELSE 0 END
    FROM planned_event AS turn
    JOIN planned_call AS held USING (id)
    WHERE turn.what = 'turn' AND turn.kind <> 'decided' AND held.denial IS NULL
)
SELECT number, call, at_us, is_call, place,
    usd - lag(usd, 1, 0) OVER mine AS usd,
    tokens - lag(tokens, 1, 0) OVER mine AS tokens,
    calls - lag(calls, 1, 0) OVER mine AS calls
FROM stood
WINDOW mine AS (PARTITION BY call ORDER BY number, place)
"""

_MOST = """
CREATE OR REPLACE TEMP TABLE planned_most AS
WITH run AS (
    SELECT call, at_us, 2 * number + place AS nth, sum(usd) OVER mine AS usd,
        sum(tokens) OVER mine AS tokens,
        sum(calls) OVER mine AS calls
    FROM planned_flow
    WINDOW mine AS (PARTITION BY call ORDER BY number, place ROWS UNBOUNDED PRECEDING)
)
SELECT call, min(at_us) AS at_us, max(at_us) AS end_us, max(usd)::BIGINT AS usd,
    max(tokens)::BIGINT AS tokens, max(calls)::BIGINT AS calls,
    max(usd)::BIGINT - arg_max(usd, nth)::BIGINT AS usd_after,
    max(tokens)::BIGINT - arg_max(tokens, nth)::BIGINT AS tokens_after,
    max(calls)::BIGINT - arg_max(calls, nth)::BIGINT AS calls_after
FROM run GROUP BY call
"""

_COUNTED = """
CREATE OR REPLACE TEMP TABLE planned_counted AS
SELECT call, {part} AS part, {window} AS start_us, {session} AS session_id, {mission} AS mission_id,
    {project} AS project
FROM planned_call {joined}
WHERE {matches}
"""
_OPENED = """
SELECT {part} AS part, at_us FROM planned_call WHERE {matches} ORDER BY part, at_us
"""
_RUN = """
CREATE OR REPLACE TEMP TABLE planned_run AS
SELECT call, part, start_us, session_id, mission_id, project, flow.at_us, is_call,
    sum({measure}) OVER (
        PARTITION BY part, start_us, session_id, mission_id, project
        ORDER BY number, place ROWS UNBOUNDED PRECEDING
    )::BIGINT AS came_to
FROM planned_flow AS flow
JOIN planned_counted USING (call)
"""
_CELLS = """
SELECT part, start_us, run.session_id, run.mission_id, run.project, sum(times)::BIGINT,
    max(came_to)
FROM planned_run AS run JOIN planned_call USING (call)
WHERE is_call AND run.at_us >= $judged
GROUP BY ALL
"""
_ENOUGH = """
SELECT quantile_disc(came_to, $part) FROM planned_run WHERE is_call AND at_us >= $judged
"""
_BIND = """
CREATE OR REPLACE TEMP TABLE planned_bind (
    part VARCHAR, start_us BIGINT, session_id VARCHAR, mission_id VARCHAR, project VARCHAR
)
"""
_CHOOSE = """
INSERT INTO planned_chosen
SELECT DISTINCT counted.call FROM planned_counted AS counted
SEMI JOIN planned_bind AS bind USING (part, start_us, session_id, mission_id, project)
"""
_LATER = """
INSERT INTO planned_counted
SELECT DISTINCT counted.call, counted.part, windows.start_us, session_id, mission_id, project
FROM (
    SELECT counted.*, most.at_us + $wait_us AS late_us
    FROM planned_counted AS counted JOIN planned_most AS most USING (call)
) AS counted
ASOF JOIN planned_window AS windows ON counted.late_us >= windows.start_us
WHERE windows.start_us <> counted.start_us
"""
_MAY_BIND = """
SELECT part, start_us, session_id, mission_id, project, max(came_to)
FROM (
    SELECT part, start_us, session_id, mission_id, project, is_call,
        sum(amount) OVER (
            PARTITION BY part, start_us, session_id, mission_id, project
            ORDER BY at_us, is_call DESC ROWS UNBOUNDED PRECEDING
        )::BIGINT AS came_to
    FROM (
        SELECT counted.*, at_us, true AS is_call, {measure} AS amount
        FROM planned_counted AS counted JOIN planned_most USING (call)
        UNION ALL
        SELECT counted.*, end_us + $wait_us, false, -{measure}_after
        FROM planned_counted AS counted JOIN planned_most USING (call)
    )
)
WHERE is_call GROUP BY ALL
"""
_MAY_BIND_OPENED = """
SELECT part, 0::BIGINT, '', '', '', max(came_to)
FROM (
    SELECT part, sum({measure}) OVER (
        PARTITION BY part ORDER BY at_us RANGE BETWEEN $long_us PRECEDING AND CURRENT ROW
    )::BIGINT AS came_to
    FROM planned_counted JOIN planned_most USING (call)
)
GROUP BY part
"""
_ROWS_AT_ONCE = 10_000


_OF_CHOSEN = "id IN (SELECT id FROM planned_call SEMI JOIN planned_chosen USING (call))"
_TOTALS = """
SELECT
    coalesce(sum(times) FILTER (WHERE denial IS NULL), 0)::BIGINT,
    coalesce(sum(cost), 0)::BIGINT,
    coalesce(sum(times) FILTER (WHERE denial IS NULL AND cost IS NULL), 0)::BIGINT,
    coalesce(sum(times) FILTER (WHERE kind = 'recorded'), 0)::BIGINT,
    coalesce(sum(times) FILTER (WHERE denial IS NOT NULL), 0)::BIGINT,
    coalesce(sum(usd * times) FILTER (WHERE denial IS NOT NULL), 0)::BIGINT
FROM planned_call WHERE at_us >= $judged
"""


class Totals(NamedTuple):
    """What the calls of a span came to.

    Attributes:
        calls: Those that were made.
        cost_nano_usd: Of those whose cost is known.
        unknown_calls: Those whose cost is not.
        unheld_calls: Of the calls, those for which nobody held anything.
        refused_calls: Those that were refused when they were asked for.
        refused_nano_usd: What they were expected to cost at most.
    """

    calls: int
    cost_nano_usd: int
    unknown_calls: int
    unheld_calls: int
    refused_calls: int
    refused_nano_usd: int


class CellKey(NamedTuple):
    """Which sum of a budget.

    Attributes:
        part: Of a budget with ``per``, as it is kept; else empty.
        start_us: Start of its window, microseconds; 0 without one.
        session_id: Of session and mission budgets; else empty.
        mission_id: Of mission budgets; else empty.
        project: Of that session; else empty.
    """

    part: str
    start_us: int
    session_id: str
    mission_id: str
    project: str


class Cell(NamedTuple):
    """What a sum came to, had every call passed.

    Attributes:
        calls: Calls that it judged.
        came_to: The highest that it came to when a call came, with what that call asked for, in
            the unit of the budget.
    """

    key: CellKey
    calls: int
    came_to: int


@dataclass(frozen=True, slots=True)
class BudgetCells:
    """All sums of a budget.

    Attributes:
        lets_pass: The limit with which at least 99 of 100 calls pass, in the unit of the budget.
    """

    cells: Sequence[Cell]
    lets_pass: int


class Sums:
    """The sums of the calls of a span.

    Args:
        ledger: Opened with the outbox.
        span: From the first call that counts on.
        judged_us: Calls from this instant on are judged, microseconds.
        budgets: Those whose sums are wanted.

    Raises:
        LedgerError: It cannot be read.
    """

    def __init__(
        self, ledger: Ledger, span: Span, judged_us: int, budgets: Collection[Budget]
    ) -> None:
        self._ledger = ledger
        self._span = span
        self._judged_us = judged_us
        self._has_most = False
        wanted = {name for budget in budgets for name, _ in budget.match}
        wanted |= {name for budget in budgets for name in budget.per}
        columns = {"tags" if name.startswith(TAG) else column_of(name) for name in wanted}
        own = sorted(columns - {*_COLUMNS})
        stage_events(ledger, span, [*_COLUMNS, *own])
        attributes = [*own, "session_id", "mission_id", "project", _MODEL]
        self._run(_CALLS.format(attributes=", ".join(attributes)))
        self._run(_FLOW)
        ((first_us,),) = self._rows("SELECT min(at_us) FROM planned_call")
        self._first = span.since if first_us is None else instant_at(first_us)
        self._run("CREATE OR REPLACE TEMP TABLE planned_chosen (call BIGINT)")

    def of(self, budget: Budget) -> BudgetCells:
        """Return what the sums of a budget came to, had every call passed."""
        self._count(budget)
        self._run(_RUN.format(measure=budget.measure.value))
        judged = {"judged": self._judged_us}
        rows = self._rows(_CELLS, judged)
        ((enough,),) = self._rows(_ENOUGH, {**judged, "part": 0.99})
        cells = [Cell(CellKey(*row[:5]), row[5], row[6]) for row in rows]
        return BudgetCells(cells, enough or 0)

    def choose(self, budget: Budget, wait_seconds: int) -> None:
        """Choose the calls of those sums of a budget that may bind, for an evaluation.

        Args:
            budget: With its limit.
            wait_seconds: How much later than it came a call may be admitted.
        """
        self._count(budget)
        if not self._has_most:
            self._run(_MOST)
            self._has_most = True
        wait_us = wait_seconds * 1_000_000
        measure = budget.measure.value
        if budget.period is Period.WINDOW:
            self._run("UPDATE planned_counted SET start_us = 0")
            long_us = budget.window_seconds * 1_000_000 + wait_us
            statement, values = _MAY_BIND_OPENED, {"long_us": long_us}
        else:
            if wait_us and budget.period.calendar is not None:
                self._run(_LATER, {"wait_us": wait_us})
            statement, values = _MAY_BIND, {"wait_us": wait_us}
        rows = self._rows(statement.format(measure=measure), values)
        keys = [row[:5] for row in rows if _binds(budget, row[0], row[5])]
        self._run(_BIND)
        if keys:
            self._insert("planned_bind", keys)
            self._run(_CHOOSE)

    def choose_all(self) -> None:
        """Choose every call."""
        self._run("INSERT INTO planned_chosen SELECT call FROM planned_call")

    def choose_where(self, condition: str) -> None:
        """Choose calls by a condition of ours on ``planned_call``."""
        self._run(f"INSERT INTO planned_chosen SELECT call FROM planned_call WHERE {condition}")  # noqa: S608 - constants of ours

    def chosen_events(self) -> int:
        """Return about how many events the chosen calls have."""
        ((number,),) = self._rows(
            "SELECT count(*) FROM planned_flow SEMI JOIN planned_chosen USING (call)"
        )
        return number

    def marked(self) -> int:
        """Return how often a call was chosen; one may be several times."""
        ((number,),) = self._rows("SELECT count(*) FROM planned_chosen")
        return number

    def chosen(self) -> int:
        """Return how many calls are chosen."""
        ((number,),) = self._rows("SELECT count(DISTINCT call) FROM planned_chosen")
        return number

    def events(self) -> Iterator[RecordedEvent]:
        """Yield what became true of the calls that are chosen, and what steered, in order."""
        return chosen_events(self._ledger, self._span, _OF_CHOSEN)

    def totals(self) -> Totals:
        """Return how many calls there are, and what they cost."""
        (row,) = self._rows(_TOTALS, {"judged": self._judged_us})
        return Totals(*row)

    def _count(self, budget: Budget) -> None:
        """Say in ``planned_counted`` where each call is counted."""
        matches, values = matches_sql(budget.match)
        fill = {
            "part": part_sql(budget.per),
            "matches": matches,
            "window": "0::BIGINT",
            "joined": "",
            **dict.fromkeys(("session", "mission", "project"), "''"),
        }
        match budget.period:
            case Period.SESSION | Period.MISSION:
                fill["session"], fill["project"] = "session_id", "coalesce(project, '')"
                fill["matches"] += " AND coalesce(session_id, '') <> ''"
                if budget.period is Period.MISSION:
                    fill["mission"] = "mission_id"
                    fill["matches"] += " AND coalesce(mission_id, '') <> ''"
            case Period.TOTAL:
                pass
            case Period.WINDOW:
                self._open_windows(budget, fill, values)
                fill["window"] = "windows.start_us"
                fill["joined"] = (
                    "ASOF JOIN planned_window AS windows "
                    f"ON windows.part = ({fill['part']}) AND at_us >= windows.start_us"
                )
            case _:
                self._calendar(budget)
                fill["window"] = "windows.start_us"
                fill["joined"] = "ASOF JOIN planned_window AS windows ON at_us >= windows.start_us"
        self._run(_COUNTED.format(**fill), values)

    def _calendar(self, budget: Budget) -> None:
        starts: list[tuple[str, int]] = []
        instant = self._first
        while True:
            window = window_at(budget.period, instant, budget.timezone)
            assert window is not None, f"{budget.period} has a calendar"
            starts.append(("", microseconds(window.start)))
            instant = window.end
            if window.end > self._span.until + (window.end - window.start):
                break
        self._set_windows(starts)

    def _open_windows(
        self, budget: Budget, fill: dict[str, str], values: dict[str, object]
    ) -> None:
        long_us = budget.window_seconds * 1_000_000
        opened: list[tuple[str, int]] = []
        last_part, until_us = None, 0
        for part, at_us in self._stream(_OPENED.format(**fill), values):
            if part != last_part or at_us >= until_us:
                opened.append((part, at_us))
                last_part, until_us = part, at_us + long_us
        self._set_windows(opened)

    def _set_windows(self, windows: Sequence[tuple[str, int]]) -> None:
        self._run("CREATE OR REPLACE TEMP TABLE planned_window (part VARCHAR, start_us BIGINT)")
        if windows:
            self._insert("planned_window", windows)

    def _insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        columns = [*zip(*rows, strict=True)]
        names = [f"c{place}" for place in range(len(columns))]
        unnested = ", ".join(
            f"unnest(${name}::{'BIGINT' if isinstance(column[0], int) else 'VARCHAR'}[])"
            for name, column in zip(names, columns, strict=True)
        )
        values = {name: [*column] for name, column in zip(names, columns, strict=True)}
        self._run(f"INSERT INTO {table} SELECT {unnested}", values)

    def _run(self, statement: str, values: dict[str, Any] | None = None) -> None:
        with self._ledger.explaining():
            self._ledger.connection.execute(statement, values or {})

    def _rows(self, statement: str, values: dict[str, Any] | None = None) -> list[Any]:
        with self._ledger.explaining():
            return self._ledger.connection.execute(statement, values or {}).fetchall()

    def _stream(self, statement: str, values: dict[str, Any]) -> Iterator[Any]:
        with self._ledger.explaining():
            found = self._ledger.connection.execute(statement, values)
            while rows := found.fetchmany(_ROWS_AT_ONCE):
                yield from rows


def _binds(budget: Budget, part: str, came_to: int) -> bool:
    limit = budget.for_part(part).limit
    return bool(limit) and came_to > limit


def binding(budget: Budget, cells: Sequence[Cell]) -> list[Cell]:
    """Return the sums that came to more than the limit that counts for their part."""
    return [cell for cell in cells if _binds(budget, cell.key.part, cell.came_to)]


def least_limit(budget: Budget, cells: Sequence[Cell]) -> int:
    """Return the least limit of a budget that refuses nothing, in its unit.

    Parts with a limit of their own (``limits``) do not count.
    """
    own = {part: budget.for_part(part) is budget for part in {cell.key.part for cell in cells}}
    return max((cell.came_to for cell in cells if own[cell.key.part]), default=0)
