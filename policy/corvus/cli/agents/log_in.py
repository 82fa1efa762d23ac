"""Whether an agent is to keep its own log-in, as there is no key to pay for its calls (CLI-4).

A developer with a subscription has no key, and `corvus code --daily 5 -- claude` is to work for
them as it stands. It decides for Claude Code and Codex alone, whose log-ins a proxy can carry, and
only where the key of their provider is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from corvus.cli.agents.clients import program_of
from corvus.cli.agents.codex import has_chatgpt_log_in
from corvus.cli.agents.leads import with_upstreams
from corvus.metering.facts import as_object
from corvus.model.gateway import GatewayOptions, Kind

_KINDS = {"claude": Kind.ANTHROPIC, "codex": Kind.OPENAI}
_BYTES_MAX = 32 << 20


@dataclass(frozen=True, slots=True)
class MissingKey:
    """An agent whose calls nobody has a key for.

    Attributes:
        program: The agent.
        kind: The API that it speaks.
        variable: Where its key is looked for.
        has_log_in: Whether it has a log-in of its own.
    """

    program: str
    kind: Kind
    variable: str
    has_log_in: bool

    @property
    def line(self) -> str:
        """The line for the user."""
        if self.has_log_in:
            return (
                f"corvus: no {self.variable} here, so {self.program} keeps its own log-in, as with "
                "--pass-through, and no other key; cost is what its calls would cost by key"
            )
        return (
            f"corvus: warning: no {self.variable} here, and {self.program} has no log-in: its "
            f"calls will be refused; set the key, or log in with `{self.program}` first"
        )


def missing_key(
    command: Sequence[str], options: GatewayOptions, environment: Mapping[str, str]
) -> MissingKey | None:
    """Return what an agent lacks a key for; ``None`` where it has one, or nobody can say.

    Args:
        command: What is run.
        options: Of the config.
        environment: Of this process.
    """
    program = program_of(command)
    kind = _KINDS.get(program or "")
    if program is None or kind is None:
        return None
    clouds = {Kind.BEDROCK, Kind.VERTEX}
    upstreams = with_upstreams(options, pass_through=False).upstreams
    if kind is Kind.ANTHROPIC and clouds & {upstream.kind for upstream in options.upstreams}:
        return None
    ways = [upstream for upstream in upstreams if upstream.kind is kind]
    variables = [way.api_key_env for way in ways if way.api_key_env and not way.pass_through]
    if len(variables) < len(ways) or any(environment.get(name) for name in variables):
        return None
    has_log_in = _claude_log_in if kind is Kind.ANTHROPIC else has_chatgpt_log_in
    return MissingKey(program, kind, variables[0], has_log_in(environment))


def _claude_log_in(environment: Mapping[str, str]) -> bool:
    """Return whether Claude Code is logged in: by a token, a file, or the keychain of the system.

    It names the account in ``.claude.json`` also where the credentials are in a keychain.
    """
    if environment.get("CLAUDE_CODE_OAUTH_TOKEN") or environment.get("ANTHROPIC_AUTH_TOKEN"):
        return True
    home = environment.get("HOME") or os.path.expanduser("~")
    own = environment.get("CLAUDE_CONFIG_DIR")
    if os.path.isfile(os.path.join(own or os.path.join(home, ".claude"), ".credentials.json")):
        return True
    try:
        with Path(own or home, ".claude.json").open("rb") as file:
            said = as_object(json.loads(file.read(_BYTES_MAX)))
    except (OSError, ValueError, RecursionError):
        return False
    return bool(said and said.get("oauthAccount"))
