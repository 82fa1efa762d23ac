"""What leads the clients of each API to the proxy of a run, and from there to its provider (CLI-4).

A row says in which variables SDKs and agents look for a key and for an address. They get the key of
the run, which is worth nothing elsewhere, and the address of the proxy, so that a call that would
go past the budgets ends in a refusal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from corvus.cli.agents import codex
from corvus.metering.providers import PROVIDERS
from corvus.model.gateway import GatewayOptions, Kind, Upstream

_SECRET = "the-key-of-this-run-is-no-secret-of-aws"
"""Signs nothing: the proxy knows the key, and signs what it sends by itself."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What leads clients of one API to the proxy.

    Attributes:
        keys: Variables that get the key of the run, next to the one of its own SDK.
        bases: Variables that get the address, by what follows it, next to those of its own SDK.
        former: Variables that get the address only where they are set already: elsewhere they would
            choose this API for a program that looks for them.
        fixed: Variables that get a fixed value next to a key.
        bypasses: Switches that lead past the address, next to those of its provider.
        is_always: Whether the keys are set without an upstream of this API in the config, since
            its maker has one for all.
    """

    keys: tuple[str, ...] = ()
    bases: Mapping[str, str] = field(default_factory=dict[str, str])
    former: Mapping[str, str] = field(default_factory=dict[str, str])
    fixed: Mapping[str, str] = field(default_factory=dict[str, str])
    bypasses: tuple[str, ...] = ()
    is_always: bool = False


LEADS: Mapping[Kind, Lead] = {
    Kind.OPENAI: Lead(is_always=True),
    Kind.ANTHROPIC: Lead(
        bypasses=(
            "ANTHROPIC_UNIX_SOCKET",
            "CLAUDE_CODE_API_BASE_URL",
            "CLAUDE_CODE_USE_ANTHROPIC_AWS",
            "CLAUDE_CODE_USE_GATEWAY",
            "CLAUDE_CODE_USE_MANTLE",
        ),
        is_always=True,
    ),
    Kind.GEMINI: Lead(
        keys=("GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
        bypasses=(
            "CODE_ASSIST_ENDPOINT",
            "GEMINI_CLI_USE_COMPUTE_ADC",
            "GEMINI_DEFAULT_AUTH_TYPE",
            "GOOGLE_GENAI_USE_ENTERPRISE",
            "GOOGLE_GENAI_USE_GCA",
            "GOOGLE_GENAI_USE_VERTEXAI",
        ),
        is_always=True,
    ),
    Kind.VERTEX: Lead(bases={"ANTHROPIC_VERTEX_BASE_URL": "/v1", "GOOGLE_VERTEX_BASE_URL": ""}),
    Kind.BEDROCK: Lead(
        keys=("AWS_ACCESS_KEY_ID",),
        bases={
            "ANTHROPIC_BEDROCK_BASE_URL": "",
            "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME": "",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "",
        },
        fixed={"AWS_SECRET_ACCESS_KEY": _SECRET},
        bypasses=("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",),
    ),
    Kind.AZURE: Lead(keys=("AZURE_API_KEY",), former={"AZURE_OPENAI_ENDPOINT": ""}),
}
"""By the API."""

BYPASSES = tuple(
    dict.fromkeys(
        name
        for kind, lead in LEADS.items()
        for name in (*PROVIDERS[kind].bypass_variables, *lead.bypasses)
    )
)
"""Switches that lead an agent past the proxy."""


def run_keys(configured: frozenset[Kind]) -> dict[str, str | None]:
    """Return the variables that a command gets in place of keys; ``None`` is the key of the run.

    Args:
        configured: The APIs of which the config has an upstream.
    """
    found: dict[str, str | None] = {}
    for kind, lead in LEADS.items():
        if lead.is_always or kind in configured:
            own = PROVIDERS[kind].key_variable
            names = lead.keys if own is None else (own, *lead.keys)
            found |= dict.fromkeys(names)
            found |= lead.fixed
    return found


def with_upstreams(options: GatewayOptions, *, pass_through: bool) -> GatewayOptions:
    """Return the options with all providers: those of the config, else the makers' own.

    A log-in of Codex by ChatGPT leads to an upstream of its own, where it is to be kept.

    Args:
        options: Of the config.
        pass_through: Whether the command keeps its own log-in.
    """
    configured = {upstream.kind for upstream in options.upstreams}
    missing = [
        Upstream(kind.value, PROVIDERS[kind].base_url, kind, _key_variable(kind))
        for kind, lead in LEADS.items()
        if lead.is_always and kind not in configured
    ]
    upstreams: list[Upstream] = [*options.upstreams, *missing]
    if pass_through:
        upstreams = [replace(upstream, pass_through=True) for upstream in upstreams]
        named = any(upstream.name == codex.CHATGPT for upstream in upstreams)
        if not named and codex.has_chatgpt_log_in(os.environ):
            upstreams.append(codex.chatgpt_upstream())
    return replace(options, upstreams=tuple(upstreams))


def _key_variable(kind: Kind) -> str | None:
    """Return the variable that holds a user's key: the first that is set, else the usual one."""
    own = PROVIDERS[kind].key_variable
    names = (*(() if own is None else (own,)), *LEADS[kind].keys)
    return next((name for name in names if os.environ.get(name)), own)
