"""Usual names are understood, and what nothing reads is named (IMP-1, PRC-8)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused
from corvus.usage.importers.columns import FIELDS, READ, check_fields, resolve
from corvus.usage.importers.synonyms import SYNONYMS, looks_like_usage, names_of, spelling

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

SONNET = "claude-sonnet-4-5-20250929"
WHEN = "2026-11-16T10:00:00Z"
CALL = {"timestamp": WHEN, "model": SONNET, "input_tokens": 100, "output_tokens": 20}
KINDS = "SELECT input_tokens, cache_read_tokens, output_tokens, reasoning_tokens FROM usage_call"


def counted(desk: Desk, *rows: dict[str, Any], **options: Any) -> list[tuple[Any, ...]]:
    desk.take(desk.write("usage.jsonl", list(rows)), **options)
    return desk.ask(KINDS + " ORDER BY admitted_at")


def test_no_name_means_two_fields() -> None:
    names = [one for name in SYNONYMS for one in names_of(name)]
    assert sorted(names) == sorted(set(names))
    assert all(re.fullmatch(r"[a-z0-9.]+", one) for one in names)
    own = {spelling((name,)) for name in READ}
    assert not own & {one for name in SYNONYMS for one in SYNONYMS[name]}
    assert set(SYNONYMS) <= set(READ)


def test_what_makes_a_call_known_has_no_usual_name() -> None:
    assert "id" in FIELDS
    assert "id" not in SYNONYMS


def test_a_map_names_fields_that_exist() -> None:
    check_fields({"input_tokens": "a", "tags.team": "b"})
    for wrong in ("tokens", "tags.", "is_free", "total_tokens", "tags"):
        with pytest.raises(ImportRefused, match="no such field"):
            check_fields({wrong: "a"})


@pytest.mark.parametrize(
    "row",
    [
        {"created_at": WHEN, "model_name": "m", "prompt_tokens": 7, "completion_tokens": 3},
        {"time": WHEN, "modelId": "m", "promptTokens": 7, "completionTokens": 3},
        {"Date": WHEN, "Model": "m", "Input Tokens": 7, "Output Tokens": 3},
        {"ts": 1794823200, "model": "m", "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
        {
            "@timestamp": WHEN,
            "model": "m",
            "body": {"usage": {"input_tokens": 7, "output_tokens": 3}},
        },
        {"createdAt": WHEN, "model": "m", "tokens_prompt": 7, "tokens_completion": 3},
    ],
)
def test_usual_names_are_understood(desk: Desk, row: dict[str, Any]) -> None:
    assert counted(desk, row) == [(7, 0, 3, 0)]
    when = desk.ask("SELECT admitted_at::VARCHAR, requested_model FROM usage_call")
    assert when == [("2026-11-16 10:00:00", "m")]


def test_a_table_with_usual_names_needs_no_map(desk: Desk) -> None:
    (desk.folder / "export.csv").write_text(
        "request_id,created_at,model_name,prompt_tokens,completion_tokens,total_tokens,"
        f"spend,api_key_alias,user_email\nr1,{WHEN},{SONNET},100,20,120,0.5,ci,ada@example.com\n"
    )
    summary = desk.take(desk.folder / "export.csv")
    assert (summary.new, summary.bad) == (1, ())
    assert desk.ask(
        "SELECT provider_request_id, cost_nano_usd, source, token, user_name FROM usage_call"
    ) == [("r1", 500_000_000, "provider", "ci", "ada@example.com")]
    (columns,) = summary.columns
    assert columns.used["cost_usd"] == "spend"
    assert (columns.unused, columns.doubtful) == ((), ())
    (note,) = summary.notes
    assert "input_tokens from prompt_tokens" in note.text


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (1794823200, "2026-11-16 10:00:00"),
        (1794823200.5, "2026-11-16 10:00:00.5"),
        (1794823200250, "2026-11-16 10:00:00.25"),
        ("1794823200250.5", "2026-11-16 10:00:00.2505"),
        (1794823200250001, "2026-11-16 10:00:00.250001"),
        (1794823200250001999, "2026-11-16 10:00:00.250001"),
        ("1794823200000000000", "2026-11-16 10:00:00"),
    ],
)
def test_the_size_of_an_epoch_says_its_unit(desk: Desk, stated: object, expected: str) -> None:
    desk.take(desk.write("usage.jsonl", [CALL | {"timestamp": stated}]))
    assert desk.ask("SELECT admitted_at::VARCHAR FROM usage_record") == [(expected,)]


def test_two_columns_of_one_meaning_are_refused_where_they_differ(desk: Desk) -> None:
    row = {"timestamp": WHEN, "model": "m", "output_tokens": 1}
    row |= {"prompt_tokens": 5, "tokens_prompt": 6}
    with pytest.raises(
        ImportRefused, match="both 'prompt_tokens' and 'tokens_prompt' may be input_tokens"
    ):
        desk.take(desk.write("usage.jsonl", [row]))
    assert counted(desk, row, columns={"input_tokens": "tokens_prompt"}) == [(6, 0, 1, 0)]
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


def test_two_columns_of_one_meaning_that_agree_are_one(desk: Desk) -> None:
    row = CALL | {"prompt_tokens": 100, "cost": 0.25, "total_cost": 0.25}
    summary = desk.take(desk.write("usage.jsonl", [row]))
    assert desk.ask("SELECT cost_nano_usd, at_least FROM usage_call") == [(250_000_000, False)]
    assert not [note for note in summary.notes if "at least" in note.text]


# What nothing reads


@pytest.mark.parametrize(
    "unused",
    [
        {"widget_tokens": 7},
        {"usage": {"prompt_cache_pages": 3}},
        {"tool_cost": "0.01"},
        {"details": {"deep": {"thought_tokens": 9}}},
        {"input_cost": 0.3},
    ],
)
def test_a_number_that_looks_like_usage_makes_a_lower_bound(
    desk: Desk, unused: dict[str, Any]
) -> None:
    rows = [CALL | {"timestamp": f"2026-11-16T10:00:{n:02}Z"} for n in range(3)]
    summary = desk.take(desk.write("usage.jsonl", [rows[0], rows[1] | unused, rows[2]]))
    name = re.findall(r'"(\w+)": [^{]', json.dumps(unused))[-1]
    texts = [note.text for note in summary.notes if name in note.text]
    assert [text.split(":")[0] for text in texts] == [
        "not used, although it looks like usage",
        "at least",
    ]
    assert summary.columns[0].doubtful[0].endswith(name)
    marks = desk.ask("SELECT at_least FROM usage_call ORDER BY admitted_at")
    assert marks == [(False,), (True,), (False,)]


@pytest.mark.parametrize(
    "unused",
    [
        {"max_tokens": 4096},
        {"tokens_per_second": 81.5},
        {"access_token": "secret"},
        {"cache_hit": True},
        {"cost_center": 1200},
        {"note": 12},
        {"widget_tokens": 0},
        {"widget_tokens": None},
        {"cache_key": "12ab"},
    ],
)
def test_what_is_no_usage_marks_nothing(desk: Desk, unused: dict[str, Any]) -> None:
    desk.take(desk.write("usage.jsonl", [CALL | unused]))
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


def test_a_rare_count_far_down_in_a_file_is_found(desk: Desk) -> None:
    rows: list[dict[str, Any]] = [CALL | {"id": n} for n in range(300)]
    rows[250] |= {"meta": {"hidden": {"extra_cache_tokens": 5}}}
    summary = desk.take(desk.write("usage.jsonl", rows))
    assert summary.columns[0].doubtful == ("meta.hidden.extra_cache_tokens",)
    assert desk.ask("SELECT count(*) FROM usage_call WHERE at_least") == [(1,)]


def test_a_rare_usual_name_far_down_in_a_file_is_read(desk: Desk) -> None:
    rows: list[dict[str, Any]] = [CALL | {"id": n} for n in range(300)]
    rows[250] |= {"cached_tokens": 60, "total_tokens": 120}
    desk.take(desk.write("usage.jsonl", rows))
    assert desk.ask("SELECT sum(cache_read_tokens)::BIGINT FROM usage_call") == [(60,)]


def test_parts_of_a_stated_cost_are_no_loss(desk: Desk) -> None:
    row = CALL | {"cost": 0.3, "input_cost": 0.1, "output_cost": 0.2}
    summary = desk.take(desk.write("usage.jsonl", [row]))
    assert desk.ask("SELECT cost_nano_usd, at_least FROM usage_call") == [(300_000_000, False)]
    assert summary.columns[0].unused == ("input_cost", "output_cost")


# Counts that include others, or not


OPENAI = {"timestamp": WHEN, "model": SONNET, "prompt_tokens": 100, "completion_tokens": 20}


@pytest.mark.parametrize(
    ("total", "kinds"),
    [
        (120, (40, 60, 15, 5)),  # both inside
        (125, (40, 60, 20, 5)),  # reasoning beside, as Gemini counts
        (180, (100, 60, 15, 5)),  # cached beside
        (185, (100, 60, 20, 5)),  # both beside
    ],
)
def test_the_total_says_which_counts_include_others(
    desk: Desk, total: int, kinds: tuple[int, ...]
) -> None:
    row = OPENAI | {"cached_tokens": 60, "reasoning_tokens": 5, "total_tokens": total}
    assert counted(desk, row) == [kinds]
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


@pytest.mark.parametrize("total", [None, 999, 0])
def test_without_a_word_the_least_is_taken_and_marked(desk: Desk, total: int | None) -> None:
    row = OPENAI | {"cached_tokens": 60, "total_tokens": total}
    assert counted(desk, row) == [(40, 60, 20, 0)]
    assert desk.ask("SELECT at_least FROM usage_call") == [(True,)]
    summary = desk.take(desk.folder / "usage.jsonl")
    assert any("--inclusive or --disjoint" in note.text for note in summary.notes)


@pytest.mark.parametrize(("inclusive", "read"), [(True, 40), (False, 100)])
def test_the_user_decides(desk: Desk, inclusive: bool, read: int) -> None:
    row = OPENAI | {"cached_tokens": 60, "total_tokens": 7}
    assert counted(desk, row, inclusive=inclusive) == [(read, 60, 20, 0)]
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


def test_more_cached_than_read_is_beside(desk: Desk) -> None:
    assert counted(desk, OPENAI | {"cached_tokens": 500}) == [(100, 500, 20, 0)]
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


def test_details_stand_inside(desk: Desk) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 5, "accepted_prediction_tokens": 3},
    }
    assert counted(desk, {"timestamp": WHEN, "model": "m", "usage": usage}) == [(40, 60, 15, 5)]
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


def test_the_usage_of_anthropic_stands_beside(desk: Desk) -> None:
    usage = {
        "input_tokens": 100,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 20,
        "server_tool_use": {"web_search_requests": 2},
    }
    older = usage | {"cache_creation": None}
    rows = [
        {"timestamp": f"2026-11-16T10:00:0{n}Z", "model": SONNET, "usage": one}
        for n, one in enumerate((usage, older))
    ]
    assert counted(desk, *rows) == [(100, 60, 20, 0)] * 2
    assert desk.ask(
        "SELECT cache_write_5m_tokens, cache_write_1h_tokens, web_search_requests, at_least "
        "FROM usage_call ORDER BY admitted_at"
    ) == [(10, 20, 2, False), (30, 0, 2, False)]


def test_our_own_names_are_disjoint_unless_a_total_says_otherwise(desk: Desk) -> None:
    assert counted(desk, CALL | {"cache_read_tokens": 60, "reasoning_tokens": 5}) == [
        (100, 60, 20, 5)
    ]
    assert desk.ask("SELECT at_least FROM usage_call") == [(False,)]


# Money


def test_another_currency_is_refused_call_by_call(desk: Desk) -> None:
    rows = [
        CALL | {"timestamp": f"2026-11-16T10:00:0{n}Z", "cost": 1, "currency": currency}
        for n, currency in enumerate(("usd", "EUR", None, "USD"))
    ]
    summary = desk.take(desk.write("usage.jsonl", rows))
    assert [(bad.line, bad.reason) for bad in summary.bad] == [
        (2, "its cost is in EUR, not in USD")
    ]
    assert summary.new_cost_nano_usd == 3_000_000_000


@pytest.mark.parametrize(
    ("stated", "nano_usd"),
    [("$0.25", 250_000_000), ("0.123456789012345678", 123_456_789), ("1e-9", 1)],
)
def test_amounts_are_read_from_their_text(desk: Desk, stated: str, nano_usd: int) -> None:
    desk.take(desk.write("usage.jsonl", [CALL | {"cost": stated}]))
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(nano_usd,)]


def test_tags_of_a_row_stay(desk: Desk) -> None:
    row = CALL | {"tags": {"team": "red", "n": 3, "none": None, "deep": {"a": 1}}, "squad": "x"}
    desk.take(desk.write("usage.jsonl", [row]), columns={"tags.squad": "squad"})
    assert desk.ask("SELECT tags FROM usage_call") == [
        ({"team": "red", "n": "3", "deep": '{"a":1}', "squad": "x"},)
    ]


@pytest.mark.parametrize(
    ("place", "is_like"),
    [
        (("extra_tokens",), True),
        (("usage", "cached"), True),
        (("usage", "cache_pages"), True),
        (("spend_total",), True),
        (("max_output_tokens",), False),
        (("tokens_limit",), False),
        (("prompt_tokens_details", "text_tokens"), False),
        (("completion_tokens_details", "rejected_prediction_tokens"), False),
        (("token",), False),
        (("temperature",), False),
    ],
)
def test_what_looks_like_usage(place: tuple[str, ...], is_like: bool) -> None:
    assert looks_like_usage(place) is is_like


def test_a_column_may_have_a_dot_in_its_name() -> None:
    columns = resolve([CALL | {"a.b": 1, "a": {"b": 2}}], {"session_id": "a.b"})
    assert columns.places["session_id"] == ("a.b",)
