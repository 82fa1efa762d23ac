"""Options with which agents of the Claude Agent SDK stay within budgets (PRX-6).

::

    options = budget_options(governor, token=os.environ["GATEWAY_TOKEN"])
    async for message in query(prompt="Hi!", options=options): ...

The SDK starts Claude Code as a process of its own, so no call of it passes through this program.
What holds its budgets is the proxy that the options send it to (``corvus gateway``, or the one of
``corvus agent``): each call is held there before it leaves. ``max_budget_usd`` is what is left at
the start: Claude Code stops by its own count, after the fact and by its own prices, so it is a
courtesy and no hold; what other programs spend meanwhile it does not see.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any, cast
from urllib.parse import urlsplit

from corvus.answers.denial import denial_error
from corvus.base.money import usd
from corvus.clients.extras import imports_of
from corvus.governor.governor import Governor

with imports_of("claude-agent"):
    from claude_agent_sdk import ClaudeAgentOptions

GATEWAY = "http://127.0.0.1:8642"
"""Where ``corvus gateway`` listens unless its config says otherwise."""

_BASE = "ANTHROPIC_BASE_URL"
_OTHER_CLOUDS = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")
"""Switches that send Claude Code to another cloud, past ``ANTHROPIC_BASE_URL``.

Source:
    code.claude.com/docs/en/env-vars, read 2026-11-28.
"""

_LEAST_USD = Decimal("0.01")
_MICRO_USD = Decimal("0.000001")


def budget_options(  # noqa: PLR0913 - what is said of the calls, and where they go
    governor: Governor,
    *,
    proxy: str | None = None,
    token: str | None = None,
    session_id: str | None = None,
    project: str | None = None,
    agent: str | None = None,
    **more: Any,
) -> ClaudeAgentOptions:
    """Return options that send an agent to the proxy, with what its budgets have left.

    Args:
        governor: Whose budgets are asked for what is left; it holds nothing here.
        proxy: Base URL without ``/v1``; by default ``ANTHROPIC_BASE_URL`` of this process, which
            ``corvus agent`` sets, else ``GATEWAY``.
        token: Access token of the proxy; by default the credentials of this process stay.
        session_id: Session of the calls.
        project: Project of the budgets that are asked; of the calls, the token decides it.
        agent: Agent of the calls.
        **more: Other options of ``ClaudeAgentOptions``; a smaller ``max_budget_usd`` of yours
            stays, and ``env`` is added to.

    Raises:
        BudgetExceeded: Less than a cent is left.
        StoreError: The budgets cannot be verified.
        ValueError: ``proxy`` is no http or https URL, or a name has a line break.
    """
    left = _left_usd(governor, session_id, project)
    stated = more.pop("max_budget_usd", None)
    amounts = [amount for amount in (stated, left) if amount is not None]
    if amounts:
        more["max_budget_usd"] = min(amounts)
    given = cast("Mapping[str, str]", more.pop("env", {}))
    address = _checked(proxy or os.environ.get(_BASE) or GATEWAY)
    said = {"x-corvus-session": session_id, "x-corvus-agent": agent}
    return ClaudeAgentOptions(env=_environment(given, address, token, said), **more)


def _left_usd(governor: Governor, session_id: str | None, project: str | None) -> float | None:
    """Return what the tightest budget has left; ``None`` without a limit.

    Raises:
        BudgetExceeded: It is less than a cent.
    """
    request = governor.request(
        "claude", estimate_usd=_LEAST_USD, session_id=session_id, project=project, rungs=()
    )
    decision = governor.evaluate(request)
    if not decision.allowed:
        raise denial_error(decision, "claude")
    room = decision.headroom_nano_usd
    if room is None:
        return None
    return float(usd(room).quantize(_MICRO_USD, ROUND_DOWN))  # the library takes no decimal


def _environment(
    given: Mapping[str, str], address: str, token: str | None, said: Mapping[str, str | None]
) -> dict[str, str]:
    """Return the variables of Claude Code."""
    found = {**given, _BASE: address, **dict.fromkeys(_OTHER_CLOUDS, "")}
    if token is not None:
        found |= {"ANTHROPIC_AUTH_TOKEN": token, "ANTHROPIC_API_KEY": ""}
    headers = [f"{name}: {value}" for name, value in said.items() if value]
    if any("\n" in header or "\r" in header for header in headers):
        raise ValueError("a session and an agent have names of one line")
    others = given.get("ANTHROPIC_CUSTOM_HEADERS", os.environ.get("ANTHROPIC_CUSTOM_HEADERS"))
    if headers:
        found["ANTHROPIC_CUSTOM_HEADERS"] = "\n".join([*([others] if others else []), *headers])
    host = urlsplit(address).hostname or ""
    for name in ("NO_PROXY", "no_proxy"):
        before = found.get(name, os.environ.get(name))
        found[name] = f"{before},{host}" if before else host
    return found


def _checked(proxy: str) -> str:
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the proxy must be an http or https URL, got {proxy!r}")
    return proxy.rstrip("/").removesuffix("/v1")
