"""The spend that counts against a budget is summed over exactly the calls that match."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from corvus.base.errors import ReportError
from corvus.base.money import NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.reporting.spend import Spend, latest_session, spend_in

SEED = """
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
    connection.execute(SEED)
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
        ([("model", "gpt-*")], spend(11_000, 2, 0, 60)),
        ([("model", "claude-?aiku-*")], spend(107, 1, 0, 16)),
        ([("model", "[cl]*")], spend(107, 2, 1, 46)),
        ([("model", "GPT-5")], spend(0, 0, 0, 0)),
        ([("provider", "openai"), ("agent", "coder")], spend(1000, 1, 0, 20)),
        ([("project", "*")], spend(11_107, 3, 0, 76)),
        ([("user", "a%")], spend(0, 0, 0, 0)),
        ([("user", "a*"), ("surface", "p*")], spend(107, 1, 0, 16)),
        ([("model", "' OR '1'='1")], spend(0, 0, 0, 0)),
    ],
)
def test_every_matched_attribute_must_fit_its_glob(
    seeded: duckdb.DuckDBPyConnection, match: list[tuple[str, str]], expected: Spend
) -> None:
    assert spend_in(seeded, match=match) == expected


@pytest.mark.parametrize("match", [[("colour", "*")], [("model", "a"), ("model", "b")]])
def test_unknown_or_repeated_attribute_is_refused(
    seeded: duckdb.DuckDBPyConnection, match: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValueError, match="no attribute to match, or is named twice"):
        spend_in(seeded, match=match)


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
