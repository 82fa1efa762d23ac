"""Counts from the ledger are what a plain sum over its rows says (STO-2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import LedgerError, ReportError
from corvus.base.globs import glob_matches
from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.base.time import instant_at, microseconds
from corvus.ledger.archive import archive
from corvus.ledger.counts import (
    CountKey,
    count_budget,
    latest_resets,
    latest_session,
    opened_windows,
    spend_in,
)
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_ledger
from corvus.model.budget import Budget, part_of
from corvus.model.outbox import LedgerTable, Row
from corvus.model.spend import Spend
from tests.ledger.outboxes import NOON_US, FileOutbox, call, uuid_at
from tests.properties import examples

COLUMNS = {"model": "requested_model", "user": "user_name"}
ZONES = ("UTC", "Europe/Madrid", "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe")
EDGES = (
    datetime(2025, 10, 26, 1, tzinfo=UTC),  # Madrid sets its clocks back
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # … and forth
    datetime(2018, 11, 4, 3, tzinfo=UTC),  # São Paulo skips midnight
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe moves by half an hour
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 18, 30, tzinfo=UTC),  # midnight in Kolkata
)


@pytest.fixture
def outbox(tmp_path: Path) -> FileOutbox:
    return FileOutbox(tmp_path / "outbox.sqlite")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


def budget(
    period: Period, timezone: str = "UTC", per: Sequence[str] = (), **match: str | Sequence[str]
) -> Budget:
    globs = {name: (one,) if isinstance(one, str) else tuple(one) for name, one in match.items()}
    pairs = tuple((name.replace("tag_", "tag."), each) for name, each in globs.items())
    return Budget("b", period, NOTHING, (80,), "cost.budgets", pairs, timezone, per=tuple(per))


def value_of(row: Mapping[str, Any], name: str) -> str | None:
    """Return an attribute of a row by its name in a budget."""
    if name.startswith("tag."):
        tags: dict[str, str] = row.get("tags") or {}
        return tags.get(name.removeprefix("tag."))
    return row.get(COLUMNS.get(name, name))


def key_of(row: Mapping[str, Any], counted: Budget) -> CountKey | None:
    """Return the key that a row counts under, worked out without DuckDB."""
    values = tuple(value_of(row, name) for name in counted.per)
    part = part_of(values) if counted.per else ""
    match counted.period:
        case Period.SESSION:
            return CountKey(None, row["session_id"], part=part) if row["session_id"] else None
        case Period.MISSION:
            if not (row["session_id"] and row.get("mission_id")):
                return None
            return CountKey(None, row["session_id"], row["mission_id"], part=part)
        case Period.TOTAL:
            return CountKey(part=part)
        case _:
            instant = instant_at(row["admitted_at"])
            window = window_at(counted.period, instant, counted.timezone)
            assert window is not None
            return CountKey(window.start, part=part)


def plain_sum(
    rows: Iterable[Mapping[str, Any]], counted: Budget, since: Mapping[CountKey, datetime]
) -> dict[CountKey, Spend]:
    sums: dict[CountKey, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        values = [(value_of(row, name), globs) for name, globs in counted.match]
        if not all(
            value is not None and any(glob_matches(glob, value) for glob in globs)
            for value, globs in values
        ):
            continue
        key = key_of(row, counted)
        if key is None or (key in since and row["settled_at"] < microseconds(since[key])):
            continue
        cost = row["cost_nano_usd"]
        sums[key][0] += (row["computed_cost_nano_usd"] if cost is None else cost) or 0
        sums[key][1] += row["calls"]
        sums[key][2] += row["calls"] if cost is None else 0
        sums[key][3] += sum(value or 0 for name, value in row.items() if name.endswith("_tokens"))
    return {key: Spend(NanoUSD(cost), *rest) for key, (cost, *rest) in sums.items()}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    near = draw(st.sampled_from(EDGES)) + timedelta(
        microseconds=draw(
            st.one_of(
                st.sampled_from([-1, 0, 1]), st.integers(-3 * 86_400_000_000, 3 * 86_400_000_000)
            )
        )
    )
    admitted_us = microseconds(near)
    sign = draw(st.sampled_from([1, 1, 1, -1]))
    cost = draw(st.none() | st.integers(0, 10**13))
    computed = draw(st.none() | st.integers(0, 10**13))
    return {
        "calls": sign,
        "admitted_at": admitted_us,
        "settled_at": admitted_us + draw(st.integers(0, 2 * 86_400_000_000)),
        "session_id": draw(st.sampled_from([None, "", "s1", "s2"])),
        "mission_id": draw(st.sampled_from([None, "", "m1", "m2"])),
        "requested_model": draw(st.sampled_from(["gpt-5", "gpt-5-mini", "claude"])),
        "user_name": draw(st.sampled_from([None, "ada", "bob", "", "(none)", "a,b", "50%", "%2C"])),
        "agent": draw(st.sampled_from([None, "a,b", "x"])),
        "tags": draw(st.sampled_from([None, {"team": "web"}, {"te'am": "(none)", "n": ""}])),
        "estimated_tokens": draw(st.none() | st.integers(0, 99)),
        "input_tokens": sign * draw(st.integers(0, 10**9)),
        "cache_write_1h_tokens": sign * draw(st.integers(0, 99)),
        "reasoning_tokens": sign * draw(st.integers(0, 99)),
        "web_search_requests": sign * draw(st.integers(0, 9)),
        "cost_nano_usd": None if cost is None else sign * cost,
        "computed_cost_nano_usd": None if computed is None else sign * computed,
    }


MATCHES = st.sampled_from(
    [
        {},
        {"model": "gpt-*"},
        {"user": "*"},
        {"model": "*-mini", "user": "a?a"},
        {"agent": "*"},
        {"user": ["ada", "b*"], "model": "gpt-*"},
        {"tag_team": "w*"},
    ]
)
PER = st.sampled_from([(), ("user",), ("user", "agent"), ("tag.team",), ("tag.te'am", "model")])


@settings(max_examples=examples(60, by_day=25))
@given(
    st.lists(rows(), max_size=25),
    st.sampled_from([period for period in Period if period is not Period.WINDOW]),
    st.sampled_from(ZONES),
    MATCHES,
    PER,
    st.data(),
)
def test_a_count_is_the_plain_sum_over_the_rows(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[dict[str, Any]],
    period: Period,
    timezone: str,
    match: dict[str, str | list[str]],
    per: tuple[str, ...],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("counts")
    outbox = FileOutbox(folder / "outbox.sqlite")
    # One record more, so that there is always something to open.
    unusual = [*drawn, {"admitted_at": NOON_US, "requested_model": "gpt-5"}]
    recorded = [call(number, **one) for number, one in enumerate(unusual)]
    outbox.append(recorded)
    counted = budget(period, timezone, per, **match)
    all_rows = [row for _, row in recorded]
    every_key = sorted(plain_sum(all_rows, counted, {}), key=repr)
    since: dict[CountKey, datetime] = {}
    for key in every_key:
        if data.draw(st.booleans()):
            row = data.draw(st.sampled_from(all_rows))
            since[key] = instant_at(int(str(row["settled_at"])))
    with open_ledger(folder / "ledger.duckdb", outbox=outbox) as ledger:
        assert count_budget(ledger, counted, "key", since) == plain_sum(all_rows, counted, since)


def counted_in(
    path: Path, outbox: FileOutbox, counted: Budget, since: Mapping[CountKey, datetime]
) -> dict[CountKey, Spend]:
    with open_ledger(path, outbox=outbox) as ledger:
        return count_budget(ledger, counted, "key", since)


def test_a_count_holds_the_file_the_archive_and_the_tail(path: Path, outbox: FileOutbox) -> None:
    for number in (1, 2, 3):
        outbox.append([call(number)])
        if number < 3:
            drain(path, outbox)
        if number < 2:
            archive(path, 1)
    day = CountKey(datetime(2025, 11, 25, tzinfo=UTC))
    assert counted_in(path, outbox, budget(Period.DAY), {}) == {day: Spend(NanoUSD(6), 3, 0, 30)}
    assert counted_in(path, outbox, budget(Period.TOTAL), {}) == {
        CountKey(): Spend(NanoUSD(6), 3, 0, 30)
    }


@pytest.mark.parametrize("period", [*Period])
def test_an_empty_ledger_has_no_counts(path: Path, period: Period) -> None:
    with open_ledger(path, write=True) as ledger:
        assert count_budget(ledger, budget(period), "key", {}) == {}


def test_the_instant_of_a_reset_counts_and_the_one_before_does_not(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append(call(number, settled_at=NOON_US + number) for number in (1, 2, 3))
    day = CountKey(datetime(2025, 11, 25, tzinfo=UTC))
    for counted, key in (
        (budget(Period.DAY), day),
        (budget(Period.TOTAL), CountKey()),
    ):
        counts = counted_in(path, outbox, counted, {key: instant_at(NOON_US + 2)})
        assert counts == {key: Spend(NanoUSD(5), 2, 0, 20)}
        assert counted_in(path, outbox, counted, {key: instant_at(NOON_US + 4)}) == {}
    other = CountKey(datetime(2025, 11, 24, tzinfo=UTC))
    untouched = counted_in(path, outbox, budget(Period.DAY), {other: instant_at(NOON_US + 9)})
    assert untouched == {day: Spend(NanoUSD(6), 3, 0, 30)}


def test_a_call_late_in_a_window_whose_zone_once_had_odd_seconds_is_counted_there(
    path: Path, outbox: FileOutbox
) -> None:
    # Until 1972 Monrovia was 44 minutes and 30 seconds behind.
    midnight = microseconds(datetime(1971, 5, 2, 0, 44, 30, tzinfo=UTC))
    outbox.append([call(1, admitted_at=midnight - 1), call(2, admitted_at=midnight)])
    assert counted_in(path, outbox, budget(Period.DAY, "Africa/Monrovia"), {}) == {
        CountKey(datetime(1971, 5, 1, 0, 44, 30, tzinfo=UTC)): Spend(NanoUSD(1), 1, 0, 10),
        CountKey(datetime(1971, 5, 2, 0, 44, 30, tzinfo=UTC)): Spend(NanoUSD(2), 1, 0, 10),
    }


def test_calls_before_1970_lie_in_the_window_before_it(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1, admitted_at=-1), call(2, admitted_at=0, id=uuid_at(0, 2))])
    assert counted_in(path, outbox, budget(Period.DAY), {}) == {
        CountKey(datetime(1969, 12, 31, tzinfo=UTC)): Spend(NanoUSD(1), 1, 0, 10),
        CountKey(datetime(1970, 1, 1, tzinfo=UTC)): Spend(NanoUSD(2), 1, 0, 10),
    }


def test_sums_beyond_64_bits_fail_instead_of_wrapping(path: Path, outbox: FileOutbox) -> None:
    outbox.append(call(number, cost_nano_usd=2**63 - 1) for number in (1, 2))
    with pytest.raises(LedgerError, match="out of range"):
        counted_in(path, outbox, budget(Period.DAY), {})


def reset(window_us: int | None, session: str | None, mission: str | None, at_us: int) -> Row:
    return {
        "audit_id": uuid_at(at_us, 1),
        "budget": "b",
        "budget_key": "key",
        "period": "day",
        "window_start": window_us,
        "session_id": session,
        "mission_id": mission,
        "effective_at": at_us,
        "removed_cost_nano_usd": 0,
        "removed_requests": 0,
    }


def test_the_latest_reset_of_each_key_is_found_in_file_and_tail(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append(
        (LedgerTable.RESET, row)
        for row in (
            reset(NOON_US, None, None, 5),
            reset(NOON_US, None, None, 9),
            reset(None, "s", None, 7),
            reset(None, "s", "m", 8),
            reset(None, None, None, 3),
            reset(None, None, None, 99) | {"budget_key": "another"},
        )
    )
    drain(path, outbox)
    outbox.append([(LedgerTable.RESET, reset(None, "s", "m", 11))])
    with open_ledger(path, outbox=outbox) as ledger:
        found = latest_resets(ledger, "key")
    assert found == {
        CountKey(instant_at(NOON_US)): instant_at(9),
        CountKey(None, "s"): instant_at(7),
        CountKey(None, "s", "m"): instant_at(11),
        CountKey(): instant_at(3),
    }


SPEND_SEED = """
INSERT INTO usage_record
    (id, calls, admitted_at, session_id, mission_id, provider, requested_model, project,
     user_name, agent, surface, input_tokens, output_tokens, cost_nano_usd)
VALUES
    (uuid(), 1, '2026-04-05 23:59:59.999999', 's1', 'm', 'anthropic', 'claude-haiku-4-5', 'web',
     'ada', 'coder', 'proxy', 10, 1, 100),
    (uuid(), -1, '2026-04-05 23:59:59.999999', 's1', 'm', 'anthropic', 'claude-haiku-4-5', 'web',
     'ada', 'coder', 'proxy', -10, -1, -100),
    (uuid(), 1, '2026-04-05 23:59:59.999999', 's1', 'm', 'anthropic', 'claude-haiku-4-5',
     'web', 'ada', 'coder', 'proxy', 10, 6, 107),
    (uuid(), 1, '2026-04-06 00:00:00', 's1', NULL, 'openai', 'gpt-5', 'api',
     'bob', 'coder', 'python', 20, 0, 1000),
    (uuid(), 1, '2026-04-06 23:59:59.999999', 's2', 'm', 'local', 'llama', NULL,
     NULL, NULL, 'import', 30, 0, NULL),
    (uuid(), 1, '2026-04-07 00:00:00', NULL, NULL, 'openai', 'gpt-5', 'api',
     'bob', NULL, 'python', 40, 0, 10000);
"""


@pytest.fixture
def seeded(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute(SPEND_SEED)
    return connection


def spend(cost: int, calls: int, unpriced: int, tokens: int) -> Spend:
    return Spend(NanoUSD(cost), calls, unpriced, tokens)


def test_without_a_filter_every_call_counts_and_a_correction_is_no_call(
    seeded: duckdb.DuckDBPyConnection,
) -> None:
    assert spend_in(seeded) == spend(11_107, 4, 1, 106)


def test_empty_ledger_has_no_spend(connection: duckdb.DuckDBPyConnection) -> None:
    assert spend_in(connection) == spend(0, 0, 0, 0)


def test_window_is_half_open(seeded: duckdb.DuckDBPyConnection) -> None:
    window = window_at(Period.DAY, datetime(2026, 4, 6, 12, tzinfo=UTC))
    assert spend_in(seeded, window=window) == spend(1000, 2, 1, 50)


def test_window_of_another_time_zone_is_compared_in_utc(seeded: duckdb.DuckDBPyConnection) -> None:
    window = window_at(Period.DAY, datetime(2026, 4, 6, 12, tzinfo=UTC), "Asia/Tokyo")
    assert window == Window(
        datetime(2026, 4, 5, 15, tzinfo=UTC), datetime(2026, 4, 6, 15, tzinfo=UTC)
    )
    assert spend_in(seeded, window=window) == spend(1107, 2, 0, 36)


def test_session_counts_only_its_own_calls(seeded: duckdb.DuckDBPyConnection) -> None:
    assert spend_in(seeded, session_id="s1") == spend(1107, 2, 0, 36)


def test_mission_of_one_session_is_not_that_of_another(seeded: duckdb.DuckDBPyConnection) -> None:
    assert spend_in(seeded, session_id="s1", mission_id="m") == spend(107, 1, 0, 16)
    assert spend_in(seeded, mission_id="m") == spend(107, 2, 1, 46)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ([("model", ("gpt-*",))], spend(11_000, 2, 0, 60)),
        ([("model", ("claude-?aiku-*",))], spend(107, 1, 0, 16)),
        ([("model", ("[cl]*",))], spend(107, 2, 1, 46)),
        ([("model", ("GPT-5",))], spend(0, 0, 0, 0)),
        ([("provider", ("openai",)), ("agent", ("coder",))], spend(1000, 1, 0, 20)),
        ([("project", ("*",))], spend(11_107, 3, 0, 76)),
        ([("user", ("a%",))], spend(0, 0, 0, 0)),
        ([("user", ("a*",)), ("surface", ("p*",))], spend(107, 1, 0, 16)),
        ([("model", ("' OR '1'='1",))], spend(0, 0, 0, 0)),
    ],
)
def test_every_matched_attribute_must_fit_its_glob(
    seeded: duckdb.DuckDBPyConnection, match: list[tuple[str, tuple[str, ...]]], expected: Spend
) -> None:
    assert spend_in(seeded, match=tuple(match)) == expected


def test_a_window_that_a_call_opened_has_the_calls_in_it(path: Path, outbox: FileOutbox) -> None:
    """CFG-10: from the first call on, for each part; a reset counts there alone."""
    counted = Budget("b", Period.WINDOW, 0, (), "k", per=("user",), window_seconds=3600)
    hour = 3_600_000_000
    opened = [("ada", NOON_US), ("(none)", NOON_US + 5), ("ada", NOON_US + 2 * hour)]
    windows: list[tuple[LedgerTable, Row]] = [
        (
            LedgerTable.OPENED_WINDOW,
            {
                "budget": "b",
                "budget_key": "key",
                "part": part,
                "window_start": start,
                "window_end": start + hour,
            },
        )
        for part, start in opened
    ]
    instants = {1: ("ada", 0), 2: ("ada", hour - 1), 3: ("ada", hour), 4: (None, 5), 5: (None, 4)}
    calls = [
        call(number, user_name=user, admitted_at=NOON_US + at, settled_at=NOON_US + at)
        for number, (user, at) in instants.items()
    ]
    outbox.append([*windows, *calls, call(6, user_name="ada", admitted_at=NOON_US + 2 * hour)])
    since = {CountKey(instant_at(NOON_US), part="ada"): instant_at(NOON_US + 1)}
    with open_ledger(path, outbox=outbox) as ledger:
        counts = count_budget(ledger, counted, "key", {})
        after_reset = count_budget(ledger, counted, "key", since)
        assert opened_windows(ledger, counted, "key") == {
            "ada": [NOON_US, NOON_US + 2 * hour],
            "(none)": [NOON_US + 5],
        }
    assert {(key.part, key.window_start): spend.calls for key, spend in counts.items()} == {
        ("ada", instant_at(NOON_US)): 2,
        ("(none)", instant_at(NOON_US + 5)): 1,
        ("ada", instant_at(NOON_US + 2 * hour)): 1,
    }
    assert after_reset[CountKey(instant_at(NOON_US), part="ada")].calls == 1


def test_an_unknown_attribute_is_refused(seeded: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError, match="colour"):
        spend_in(seeded, match=(("colour", ("*",)),))


def test_latest_session_is_that_of_the_call_admitted_last(
    seeded: duckdb.DuckDBPyConnection,
) -> None:
    assert latest_session(seeded) == "s2"


def test_ledger_without_sessions_has_no_latest(connection: duckdb.DuckDBPyConnection) -> None:
    assert latest_session(connection) is None


def test_file_that_is_no_ledger_is_an_error_of_ours() -> None:
    with duckdb.connect() as empty, pytest.raises(ReportError, match="usage_record"):
        spend_in(empty)


KINDS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


def test_tokens_of_every_kind_count_and_searches_are_no_tokens(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    counts = [10**number for number in range(len(KINDS))]
    connection.execute(
        f"INSERT INTO usage_record (admitted_at, web_search_requests, {', '.join(KINDS)}) "  # noqa: S608 - names of this file
        f"VALUES ('2026-11-16', 7_000_000, {', '.join(map(str, counts))})"
    )
    assert spend_in(connection).tokens == 111_111
