"""The totals of the shipped example log, computed by hand: every number below was read off the log.

Each row is one call, by its last snapshot: input, output, cache read, 5-minute write, 1-hour write.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from corvus.prices.lookup import PriceBooks

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

SESSIONS = Path(__file__).parents[3] / "examples" / "first-light" / "sessions"

SONNET = [
    (15, 3820, 0, 0, 14900),
    (3, 2360, 23000, 3500, 0),
    (29, 2870, 49000, 15300, 0),
    (33, 2670, 67000, 7700, 0),  # and two web searches
    (9, 2620, 116000, 6600, 0),
    (16, 740, 92000, 12700, 0),
    (25, 1840, 82000, 0, 10800),  # written again by the fork of the session, counted once
    (3, 2240, 0, 0, 2000),
    (35, 480, 71000, 5800, 0),
    (26, 2470, 61000, 11200, 0),
    (37, 1050, 83000, 3400, 0),
    (3, 4070, 96000, 9900, 0),
    (35, 880, 41000, 14600, 0),
    (16, 890, 85000, 15100, 0),
    (16, 2700, 115000, 0, 3100),
]
HAIKU = [
    (28, 560, 25000, 0, 5600),
    (19, 1810, 106000, 14500, 0),
    (14, 2420, 138000, 0, 13100),
    # the sub-agent
    (24, 700, 0, 0, 13300),
    (27, 2220, 55000, 6300, 0),
    (8, 1830, 48000, 13000, 0),
    (7, 3460, 92000, 4600, 0),
    (28, 4180, 100000, 0, 9100),
]
UNPRICED = (19, 2160, 133000, 8300, 0)

# Column sums of the rows above.
SONNET_SUM = (301, 31700, 981000, 105800, 30800)
HAIKU_SUM = (155, 17180, 564000, 38400, 41100)

# USD per million tokens, so nano-USD per token is a thousand times that:
#   sonnet: input 3, output 15, cache read 0.30, 5-minute write 3.75, 1-hour write 6
#     301 * 3000 + 31700 * 15000 + 981000 * 300 + 105800 * 3750 + 30800 * 6000
#     = 903000 + 475500000 + 294300000 + 396750000 + 184800000 = 1352253000
#   two web searches at 10 USD per thousand = 20000000
SONNET_NANO_USD = 1_352_253_000 + 20_000_000
#   haiku: input 1, output 5, cache read 0.10, 5-minute write 1.25, 1-hour write 2
#     155 * 1000 + 17180 * 5000 + 564000 * 100 + 38400 * 1250 + 41100 * 2000
#     = 155000 + 85900000 + 56400000 + 48000000 + 82200000 = 272655000
HAIKU_NANO_USD = 272_655_000
TOTAL_NANO_USD = 1_644_908_000  # 1.644908 USD


def test_the_hand_computation_adds_up() -> None:
    assert tuple(map(sum, zip(*SONNET, strict=True))) == SONNET_SUM
    assert tuple(map(sum, zip(*HAIKU, strict=True))) == HAIKU_SUM
    assert SONNET_NANO_USD + HAIKU_NANO_USD == TOTAL_NANO_USD


def test_the_example_log_costs_what_the_hand_computation_says(desk: Desk) -> None:
    desk.books = PriceBooks(())  # pyright: ignore[reportAttributeAccessIssue] - the shipped prices
    summary = desk.take(SESSIONS)
    assert (summary.new, summary.unpriced, summary.synthetic) == (24, 1, 2)
    assert [(bad.line, bad.reason[:9]) for bad in summary.bad] == [(37, "ends in t")]
    assert summary.new_cost_nano_usd == TOTAL_NANO_USD
    by_model = desk.ask(
        "SELECT requested_model, count(*), sum(input_tokens)::BIGINT, "
        "sum(output_tokens)::BIGINT, sum(cache_read_tokens)::BIGINT, "
        "sum(cache_write_5m_tokens)::BIGINT, sum(cache_write_1h_tokens)::BIGINT, "
        "sum(web_search_requests)::BIGINT, sum(cost_nano_usd)::BIGINT "
        "FROM usage_record GROUP BY ALL ORDER BY ALL"
    )
    assert by_model == [
        ("claude-haiku-4-5-20251001", 8, *HAIKU_SUM, 0, HAIKU_NANO_USD),
        ("claude-sonnet-4-5-20250929", 15, *SONNET_SUM, 2, SONNET_NANO_USD),
        ("nimbus-1-preview", 1, *UNPRICED, 0, None),
    ]


def test_the_sub_agent_and_the_fork_keep_their_sessions(desk: Desk) -> None:
    desk.take(SESSIONS)
    assert desk.ask(
        "SELECT session_id[:8], subagent, count(*) FROM usage_record GROUP BY ALL ORDER BY ALL"
    ) == [("00000000", "a3f8a9c", 5), ("00000000", None, 10), ("00000001", None, 9)]


def test_the_example_log_is_what_its_generator_writes(tmp_path: Path) -> None:
    import runpy

    made = runpy.run_path(str(SESSIONS.parents[2] / "benchmarks" / "import" / "make_claude_log.py"))
    made["write"](tmp_path, lines=75, sessions=2, seed=20261116, text_chars=60)
    for path in tmp_path.rglob("*.jsonl"):
        assert path.read_bytes() == (SESSIONS / path.relative_to(tmp_path)).read_bytes()
    assert len(list(tmp_path.rglob("*.jsonl"))) == len(list(SESSIONS.rglob("*.jsonl"))) == 3
