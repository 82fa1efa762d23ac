"""Knows by which members a request has the provider add input that is not in the request."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw

from corvus.metering.members import begins_with, decoded, members_of, objects_of

ADDED_INPUT = (
    "previous_response_id",
    "conversation",
    "prompt",
    "container",
    "mcp_servers",
    "context_management",
    "data_sources",
    "web_search_options",
    "search_parameters",
    "enable_search",
    "plugins",
)
"""Members of a request, of any vendor, that may add to its input."""

_NOT_GIVEN = (b"null", b"false", b'""', b"[]")
_CLEARING = ("clear_thinking_20251015", "clear_tool_uses_20250919")
_MEMBERS = frozenset(
    ("type", "trigger", "keep", "clear_at_least", "clear_tool_inputs", "exclude_tools")
)


def adds_input(members: Mapping[str, Raw], own: str | None = None) -> bool:
    """Return whether the provider may add input to a request.

    Args:
        members: Of the request.
        own: The one that holds its whole input, which is no reference to another.

    Raises:
        Malformed: An object names a member twice.
    """
    given = (name for name in ADDED_INPUT if name != own and is_given(members.get(name)))
    return any(name != "context_management" or not _only_clears(members[name]) for name in given)


def is_given(text: Raw | None) -> bool:
    """Return whether a member is there and says more than its absence would."""
    return text is not None and bytes(memoryview(text)[:5]) not in _NOT_GIVEN


def _only_clears(text: Raw) -> bool:
    """Return whether all that a request's ``context_management`` does is to clear input.

    Thinking goes, and results of tools give way to a placeholder that is shorter than what stands
    around a result in the request, so the bytes of the request bound what is billed. Claude Code
    sends it with every request. A summary (``compact_…``), an edit of another date and a member
    that is not known are more than that.

    Args:
        text: The member as it was written.

    Raises:
        Malformed: An object names a member twice.

    Source:
        https://platform.claude.com/en/docs/build-with-claude/context-editing, read 2026-11-28.
    """
    if not begins_with(text, b"{"):
        return False
    members = members_of(text)
    if [*members] != ["edits"] or not begins_with(members["edits"], b"["):
        return False
    edits = objects_of(members["edits"])
    return bool(edits) and all(
        edit.keys() <= _MEMBERS and "type" in edit and decoded(edit["type"]) in _CLEARING
        for edit in edits
    )
