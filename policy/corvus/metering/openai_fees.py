"""Counts what an answer of OpenAI's APIs is billed for next to its tokens (PRC-9).

Searches and containers have prices by use. Whatever a server did that is billed in another way, or
whose price depends on what the answer does not show, leaves the cost a lower bound: a container
that is larger than 1 GB or lives longer than 20 minutes, a search of the preview tool with a model
that does not reason, and every kind of tool that is not known here.

An answer that counts its own tools is believed; otherwise its items are counted. Opening a page
that was found is free.

Source:
    https://developers.openai.com/api/docs/pricing "Built-in tools" (searches, also by version of
    the tool; file search; containers by size and session), the openai package 3.57.0
    (``ToolUsage``: "billable web search requests"), https://docs.x.ai/developers/pricing "Tools"
    and https://console.groq.com/docs/compound (``executed_tools``), read 2026-11-28.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from corvus.metering.facts import Json, as_object, count, member, objects, text_or_none
from corvus.metering.models import bare
from corvus.model.usage import Usage

_SEARCH, _FILES, _CODE = "web_search_call", "file_search_call", "code_interpreter_call"
_PICTURE, _PICTURE_TOOL = "image_generation_call", "image_generation"
_COUNTED = frozenset((_SEARCH, _FILES, _CODE))
_FREE_ITEMS = frozenset(
    (
        "message",
        "reasoning",
        "compaction",
        "program",
        "program_output",
        "additional_tools",
        "function_call",
        "custom_tool_call",
        "apply_patch_call",
        "computer_call",
        "local_shell_call",
        "tool_search_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "item_reference",
    )
)
"""Items of an answer that are paid by their tokens alone, next to outputs of tools."""

_OF_FEES = ("type", "action", "container_id", "environment")
_SEARCHES_ALWAYS = re.compile(r".*-search-(?:preview|api)(?:$|-)")
_SEARCHES_AT_OTHER_RATES = re.compile(r"(?:chatgpt-)?gpt-4(?:o|\.1)")
_SEARCHES_WITH_BLOCKS = re.compile(r"gpt-4(?:o|\.1)-(?:mini|nano)")
_OF_SERVER_TOOLS = ("server_side_tool_usage_details", "server_side_tool_usage")
_SERVER_TOOLS = (
    (re.compile(r"mcp|view_|datetime"), ""),
    (re.compile(r"web_?search|x_?search"), "web_search_requests"),
    (re.compile(r"code"), "code_containers"),
    (re.compile(r"collection|file_?search|document"), "file_search_requests"),
)
"""Tools of xAI, by parts of their names, and as what their uses count; some are free."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What was used next to tokens.

    Attributes:
        usage: Searches and containers, no tokens.
        is_at_least: There is more that cannot be counted, or at another price.
    """

    usage: Usage = Usage()  # noqa: RUF009 - frozen
    is_at_least: bool = False


def searches_always(model: str) -> bool:
    """Return whether a model searches with every call."""
    return _SEARCHES_ALWAYS.match(bare(model)) is not None


def chat_fees(answer: Json, counts: Json) -> Fees:
    """Return the fees of a chat answer, or of the chunk that ends it.

    Args:
        answer: The answer or the chunk.
        counts: Its usage, merged.

    Raises:
        Unusable: A count is none.
    """
    searches = count(member(counts, "server_tool_use"), "web_search_requests")
    fees = _server_tools(counts)
    if searches_always(text_or_none(answer, "model") or ""):
        # the context that a search reads decides its price, and perhaps there was none
        return Fees(Usage(web_search_requests=max(1, searches)), is_at_least=True)
    is_at_least = _shows_tools(answer) or counts.get("search_context_size") is not None
    if fees is None:
        return Fees(Usage(web_search_requests=searches), is_at_least)
    return replace(fees, is_at_least=fees.is_at_least or is_at_least)


def response_fees(response: Json, counts: Json) -> Fees:
    """Return the fees of an answer of the Responses API.

    Args:
        response: The whole response.
        counts: Its usage.

    Raises:
        Unusable: A count is none.
    """
    if (fees := _server_tools(counts)) is not None:
        return fees
    items = objects(response, "output")
    searches = _searches(response, items)
    containers, is_unclear = _containers(items)
    known = _COUNTED | {_PICTURE} if drawn_tokens(response) else _COUNTED
    is_at_least = bool(containers) or is_unclear or any(_is_unknown(item, known) for item in items)
    return Fees(
        Usage(
            web_search_requests=searches,
            file_search_requests=sum(item.get("type") == _FILES for item in items),
            code_containers=containers,
        ),
        is_at_least or (searches > 0 and _searches_may_cost_more(response)),
    )


def call_of(item: Json) -> Json | None:
    """Return what an item says of its fee; ``None`` where it is no call of a tool."""
    if not (text_or_none(item, "type") or "").endswith("_call"):
        return None
    return {name: item[name] for name in _OF_FEES if name in item}


def drawn_tokens(response: Json) -> Json | None:
    """Return what the tool that makes pictures used; ``None`` where that is not said.

    It is of a model of its own, and no part of the response's usage.
    """
    used = as_object(member(response, "tool_usage").get("image_gen"))
    return used if used is not None and used.get("total_tokens") else None


def drawing_model(response: Json) -> str | None:
    """Return the model of that tool, which the answer repeats from the request."""
    tools = (tool for tool in objects(response, "tools") if tool.get("type") == _PICTURE_TOOL)
    return next((text_or_none(tool, "model") for tool in tools), None)


def _searches(response: Json, items: list[Json]) -> int:
    stated = member(member(response, "tool_usage"), "web_search")
    if stated.get("num_requests") is not None:
        return count(stated, "num_requests")
    calls = (item for item in items if item.get("type") == _SEARCH)
    return sum(member(call, "action").get("type", "search") == "search" for call in calls)


def _searches_may_cost_more(response: Json) -> bool:
    """Return whether the searches of an answer may have another price than that of its model.

    The preview tool costs more with the models that do not reason, and the later one bills a block
    of tokens with the small ones of them.
    """
    model = bare(text_or_none(response, "model") or "")
    if not _SEARCHES_AT_OTHER_RATES.match(model):
        return False
    kinds = [text_or_none(tool, "type") or "" for tool in objects(response, "tools")]
    kinds = [kind for kind in kinds if kind.startswith("web_search")]
    is_later = bool(kinds) and not any("preview" in kind for kind in kinds)
    return not is_later or _SEARCHES_WITH_BLOCKS.match(model) is not None


def _containers(items: list[Json]) -> tuple[int, bool]:
    """Return how many containers ran code, and whether some call does not say in which."""
    named: set[str] = set()
    is_unclear = False
    for item in items:
        holder = member(item, "environment") if item.get("type") == "shell_call" else item
        runs_there = item.get("type") == _CODE or holder.get("type") == "container_reference"
        if runs_there:
            name = text_or_none(holder, "container_id")
            named |= {name or ""}
            is_unclear |= name is None
    return len(named), is_unclear


def _is_unknown(item: Json, known: frozenset[str]) -> bool:
    """Return whether an item may be billed in a way that is not known here."""
    kind = text_or_none(item, "type") or ""
    if kind == "shell_call":
        return member(item, "environment").get("type") not in ("local", "container_reference")
    return kind not in _FREE_ITEMS and kind not in known and not kind.endswith("_output")


def _server_tools(counts: Json) -> Fees | None:
    """Return the uses of tools that a usage object counts by name; ``None`` where it has none."""
    named = next((found for key in _OF_SERVER_TOOLS if (found := as_object(counts.get(key)))), None)
    if named is None:
        is_at_least = any(
            count(counts, key) for key in ("num_server_side_tools_used", "num_sources_used")
        )
        return Fees(is_at_least=True) if is_at_least else None
    uses: dict[str, int] = {}
    is_at_least = False
    for name in named:
        field = next((field for part, field in _SERVER_TOOLS if part.search(name.lower())), None)
        if times := count(named, name):
            is_at_least |= field is None
            if field:
                uses[field] = uses.get(field, 0) + times
    return Fees(Usage(**uses), is_at_least)


def _shows_tools(answer: Json) -> bool:
    """Return whether a chat answer shows that its vendor searched or ran something."""
    if answer.get("web_search"):
        return True
    said = [member(choice, "message") or member(choice, "delta") for choice in _choices(answer)]
    return any(
        message.get("executed_tools")
        or any(one.get("type") == "url_citation" for one in objects(message, "annotations"))
        for message in said
    )


def _choices(answer: Json) -> list[Json]:
    return objects(answer, "choices")
