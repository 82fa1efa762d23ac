"""What is billed next to tokens is counted, or the cost is a lower bound (PRC-9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from corvus.metering.openai.taps import (
    ChatBodyTap,
    EmbeddingsTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from corvus.metering.openai_fees import Fees, chat_fees, response_fees
from corvus.metering.tap import Tap
from corvus.metering.usage import MeteredUsage
from corvus.model.usage import Usage, UsagePart
from tests.metering.streams import pass_through, read_every_way, sse

COUNTS = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150}


def item(kind: str, **more: object) -> dict[str, object]:
    return {"type": kind, "id": "x", "status": "completed", **more}


def fees(*items: dict[str, object], **more: object) -> Fees:
    return response_fees({"model": "gpt-5", "output": [*items], **more}, COUNTS)


def read(tap: Tap, body: dict[str, Any]) -> MeteredUsage:
    pass_through(tap, [json.dumps(body).encode()])
    assert tap.usage is not None
    return tap.usage


def test_searches_files_and_containers_are_counted() -> None:
    found = fees(
        item("reasoning"),
        item("web_search_call", action={"type": "search"}),
        item("web_search_call", action={"type": "open_page"}),
        item("web_search_call", action={"type": "find_in_page"}),
        item("file_search_call"),
        item("file_search_call"),
        item("message"),
    )
    assert found == Fees(Usage(web_search_requests=1, file_search_requests=2))


def test_code_is_billed_by_container_and_a_lower_bound() -> None:
    """A container may be larger than the smallest, or live for longer than one session."""
    found = fees(
        item("code_interpreter_call", container_id="a"),
        item("code_interpreter_call", container_id="a"),
        item("code_interpreter_call", container_id="b"),
        item("shell_call", environment={"type": "container_reference", "container_id": "c"}),
        item("shell_call", environment={"type": "local"}),
    )
    assert found == Fees(Usage(code_containers=3), is_at_least=True)


def test_a_call_that_names_no_container_ran_in_one_all_the_same() -> None:
    found = fees(item("code_interpreter_call"), item("code_interpreter_call", container_id=None))
    assert found == Fees(Usage(code_containers=1), is_at_least=True)


@pytest.mark.parametrize("kind", ["image_generation_call", "video_call", "x_search_call", ""])
def test_a_tool_that_is_not_known_leaves_a_lower_bound(kind: str) -> None:
    assert fees(item(kind)) == Fees(is_at_least=True)


@pytest.mark.parametrize(
    "kind",
    [
        *("function_call", "custom_tool_call", "computer_call", "mcp_call", "mcp_list_tools"),
        *("local_shell_call", "apply_patch_call", "tool_search_call", "compaction"),
        *("local_shell_call_output", "computer_call_output"),
    ],
)
def test_tools_that_cost_tokens_alone_are_free(kind: str) -> None:
    assert fees(item(kind)) == Fees()


def test_the_answers_own_count_of_billable_searches_comes_first() -> None:
    search = item("web_search_call", action={"type": "search"})
    used = {"web_search": {"num_requests": 3}, "image_gen": {"total_tokens": 0}}
    assert fees(search, tool_usage=used) == Fees(Usage(web_search_requests=3))
    used["web_search"]["num_requests"] = 0
    assert fees(search, tool_usage=used) == Fees()


@pytest.mark.parametrize(
    ("model", "tools", "is_at_least"),
    [
        ("gpt-5-mini", [], False),
        ("gpt-5-mini", ["web_search_preview"], False),
        ("gpt-4o", [], True),
        ("gpt-4o", ["web_search_preview"], True),
        ("gpt-4o", ["web_search"], False),
        ("gpt-4.1-2025-04-14", ["web_search_2025_08_26"], False),
        ("gpt-4o-mini", ["web_search"], True),
        ("o3", [], False),
    ],
)
def test_searches_cost_more_with_some_models_and_versions(
    model: str, tools: list[str], is_at_least: bool
) -> None:
    echoed = [{"type": tool} for tool in tools]
    found = fees(item("web_search_call"), model=model, tools=echoed)
    assert found == Fees(Usage(web_search_requests=1), is_at_least)


def test_pictures_are_a_part_of_their_own_model() -> None:
    used = {
        "input_tokens": 60,
        "input_tokens_details": {"image_tokens": 50, "text_tokens": 10},
        "output_tokens": 4_000,
        "output_tokens_details": {"image_tokens": 4_000, "text_tokens": 0},
        "total_tokens": 4_060,
    }
    body = {
        "model": "gpt-5",
        "output": [item("image_generation_call")],
        "tools": [{"type": "image_generation", "model": "gpt-image-1.5"}],
        "usage": COUNTS,
        "tool_usage": {"image_gen": used, "web_search": {"num_requests": 0}},
    }
    found = read(ResponsesBodyTap(), body)
    drawn = Usage(input_tokens=10, input_image_tokens=50, output_image_tokens=4_000)
    assert found.parts == (
        UsagePart("gpt-5", Usage(100, 50)),
        UsagePart("gpt-image-1.5", drawn, states_modalities=True),
    )
    assert not found.is_at_least


@pytest.mark.parametrize(
    "model", ["gpt-4o-search-preview", "gpt-4o-mini-search-preview-2025-03-11", "gpt-5-search-api"]
)
def test_models_that_search_with_every_call_do_and_are_never_plainly_priced(model: str) -> None:
    found = chat_fees({"model": model, "choices": []}, {})
    assert found == Fees(Usage(web_search_requests=1), is_at_least=True)


@pytest.mark.parametrize(
    "message",
    [
        {"executed_tools": [{"type": "search"}]},
        {"annotations": [{"type": "url_citation"}]},
    ],
)
def test_a_chat_answer_that_shows_a_tool_is_a_lower_bound(message: dict[str, Any]) -> None:
    assert chat_fees({"choices": [{"message": message}]}, {}) == Fees(is_at_least=True)
    assert chat_fees({"choices": [{"message": {"content": "hi"}}]}, {}) == Fees()


def test_the_uses_of_server_tools_are_counted_by_their_names() -> None:
    used = {
        "SERVER_SIDE_TOOL_WEB_SEARCH": 2,
        "SERVER_SIDE_TOOL_X_SEARCH": 1,
        "code_interpreter_calls": 4,
        "SERVER_SIDE_TOOL_COLLECTIONS_SEARCH": 3,
        "SERVER_SIDE_TOOL_MCP": 9,
    }
    expected = Usage(web_search_requests=3, code_containers=4, file_search_requests=3)
    assert chat_fees({}, {"server_side_tool_usage": used}) == Fees(expected)
    attached = {"SERVER_SIDE_TOOL_ATTACHMENT_SEARCH": 1}
    assert chat_fees({}, {"server_side_tool_usage": attached}).is_at_least
    items = {"output": [item("web_search_call")]}
    assert response_fees(items, {"server_side_tool_usage_details": used}) == Fees(expected)


@pytest.mark.parametrize("name", ["num_sources_used", "num_server_side_tools_used"])
def test_tools_that_are_counted_without_a_name_leave_a_lower_bound(name: str) -> None:
    assert chat_fees({}, {name: 1}) == Fees(is_at_least=True)
    assert chat_fees({}, {name: 0}) == Fees()


def test_items_in_events_of_their_own_count_where_the_last_one_leaves_them_out() -> None:
    search = item("web_search_call", action={"type": "search"})
    events = [{"type": "response.output_item.done", "item": one} for one in (search, search)]
    done: dict[str, Any] = {"model": "gpt-5", "output": [], "usage": COUNTS}
    for output, searches in (([], 2), ([search], 1)):
        last = {"type": "response.completed", "response": {**done, "output": output}}
        tap = read_every_way(ResponsesStreamTap, sse(*events, last))
        assert tap.usage is not None
        assert tap.usage.total.web_search_requests == searches


def test_fees_stand_next_to_the_tokens_of_an_answer() -> None:
    body = {
        "model": "gpt-5",
        "output": [item("web_search_call"), item("file_search_call")],
        "usage": COUNTS,
    }
    assert read(ResponsesBodyTap(), body) == MeteredUsage(
        (UsagePart("gpt-5", Usage(100, 50, web_search_requests=1, file_search_requests=1)),)
    )
    found = read(ChatBodyTap(), {"model": "gpt-4o-search-preview", "choices": [], "usage": COUNTS})
    assert (found.total.web_search_requests, found.is_at_least) == (1, True)


def test_vectors_of_pictures_are_billed_by_the_pixel() -> None:
    counts = {"total_tokens": 12, "image_pixels": 1_000_000}
    assert read(EmbeddingsTap(), {"usage": counts}).is_at_least
