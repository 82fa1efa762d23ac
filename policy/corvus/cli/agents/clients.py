"""What a command is given so that its model calls go through the proxy of its run (CLI-4).

What SDKs and agents look for in their environment has a row for each API in ``leads``;
``CLIENTS`` has a row for each agent that needs more, such as words on its command line. A command
that no row knows gets the variables alone. No file of the user's is touched: what must stand in a
file stands in a folder of the run.

Source:
    Claude Code 2.1.197, Codex 0.171.0, Gemini CLI 0.61.0 and opencode 1.18.33 from npm, each before
    a local server on 2026-11-29. Settings of Claude Code and Gemini CLI count before variables, and
    so do profiles and providers in the config of Codex.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from corvus.base.errors import PolicyError
from corvus.cli.agents import codex, gemini_cli, settings_files
from corvus.cli.agents.leads import LEADS, run_keys
from corvus.metering.providers import PROVIDERS
from corvus.model.gateway import Kind, Upstream

_RUNNERS = ("bunx", "npx", "pnpx")
"""Programs that run a package of npm by its name."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a run when its command is prepared.

    Attributes:
        url: Where the proxy listens, without a version.
        key: The key of the run; ``None`` leaves the command its own log-in.
        upstreams: Where calls go.
        configured: The APIs of which the config has an upstream.
        environment: Of this process, as it was.
        folder: A folder of the run, that nobody else reads.
    """

    url: str
    key: str | None
    upstreams: tuple[Upstream, ...]
    configured: frozenset[Kind]
    environment: Mapping[str, str]
    folder: Path

    @property
    def home(self) -> Path:
        """Where the command looks for files of the user."""
        return Path(self.environment.get("HOME") or os.path.expanduser("~"))

    def upstream_of(self, kind: Kind) -> Upstream | None:
        """Return the first upstream of an API."""
        return next((each for each in self.upstreams if each.kind is kind), None)

    def base_of(self, kind: Kind) -> str:
        """Return the address that clients of an API are given."""
        return PROVIDERS[kind].base_at(self.url)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a command is given.

    Attributes:
        variables: Next to what it has.
        words: What follows its name on the command line.
        replaced: Of its own words, those to put in the place of others, by their position.
        left_out: Variables that every other command is given.
    """

    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    words: Sequence[str] = ()
    replaced: Mapping[int, str] = field(default_factory=dict[int, str])
    left_out: Sequence[str] = ()


def variables_of(situation: Situation) -> dict[str, str]:
    """Return the variables that every command is given: keys of the run, and addresses."""
    found: dict[str, str] = {}
    if situation.key is not None:
        keys = run_keys(situation.configured)
        found = {name: situation.key if text is None else text for name, text in keys.items()}
    for kind, lead in LEADS.items():
        found |= {name: situation.url + end for name, end in lead.bases.items()}
        provider, base = PROVIDERS[kind], situation.base_of(kind)
        former = {**dict.fromkeys(provider.former_base_variables, base)}
        former |= {name: situation.url + end for name, end in lead.former.items()}
        found |= {
            name: text
            for name, text in {**dict.fromkeys(provider.base_variables, base), **former}.items()
            if name not in former
            or name in situation.environment
            or (name in lead.former and kind in situation.configured)
        }
    return found | _places(situation)


def _places(situation: Situation) -> dict[str, str]:
    """Return regions and projects as the config has them: calls for others are refused."""
    found: dict[str, str] = {}
    bedrock, vertex = situation.upstream_of(Kind.BEDROCK), situation.upstream_of(Kind.VERTEX)
    if bedrock is not None and bedrock.region:
        found |= {"AWS_REGION": bedrock.region, "AWS_DEFAULT_REGION": bedrock.region}
    if vertex is not None and vertex.project and vertex.location:
        found |= {
            "ANTHROPIC_VERTEX_PROJECT_ID": vertex.project,
            "CLOUD_ML_REGION": vertex.location,
            "GOOGLE_CLOUD_LOCATION": vertex.location,
            "GOOGLE_CLOUD_PROJECT": vertex.project,
        }
    return found


def setup_of(command: Sequence[str], situation: Situation) -> tuple[list[str], dict[str, str]]:
    """Return a command as it is run, and the variables that it is given.

    Args:
        command: As the user has it, its name first.
        situation: The run.

    Raises:
        PolicyError: A file of the run cannot be written.
    """
    at, row = _client_of(command)
    variables = variables_of(situation)
    if row is None:
        return [*command], variables
    try:
        setup = row(situation, command[at + 1 :])
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise PolicyError(f"cannot write what {command[at]} reads: {reason}") from fault
    own = [setup.replaced.get(place, word) for place, word in enumerate(command[at + 1 :])]
    given = {name: text for name, text in variables.items() if name not in setup.left_out}
    return [*command[: at + 1], *setup.words, *own], given | dict(setup.variables)


_CLAUDE_KEY = "ANTHROPIC_API_KEY"
Row: TypeAlias = Callable[[Situation, Sequence[str]], Setup]


def program_of(command: Sequence[str]) -> str | None:
    """Return the name of the agent that a command runs; ``None`` for an unknown one."""
    _, row = _client_of(command)
    return next((name for name, own in CLIENTS.items() if own is row), None)


def _client_of(command: Sequence[str]) -> tuple[int, Row | None]:
    """Return which word of a command names an agent, and its row; ``None`` for an unknown one."""
    name = os.path.basename(command[0])
    if name not in _RUNNERS:
        return 0, CLIENTS.get(name)
    for place, word in enumerate(command[1:], 1):
        package = word[: word.find("@", 1)] if "@" in word[1:] else word
        if not word.startswith("-"):
            return place, _PACKAGES.get(package)
    return 0, None


def _claude_code(situation: Situation, words: Sequence[str]) -> Setup:
    """Return what Claude Code needs: the settings of a user would count before its variables.

    A cloud is chosen where the user has chosen it, or where the config has no other upstream that
    speaks Anthropic's words; the switches are withheld otherwise. It gets the key of the run as a
    token alone: of a key that is new to it, it asks at a terminal whether to use it, at each run.
    """
    key, cloud = situation.key, _cloud_of(situation)
    variables: dict[str, str] = {}
    if cloud is Kind.BEDROCK:
        variables = {"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_SKIP_BEDROCK_AUTH": "1"}
        variables |= {"ANTHROPIC_BEDROCK_BASE_URL": situation.url}
        if key is not None:
            variables["AWS_BEARER_TOKEN_BEDROCK"] = key
    elif cloud is Kind.VERTEX:
        variables = {"CLAUDE_CODE_USE_VERTEX": "1", "CLAUDE_CODE_SKIP_VERTEX_AUTH": "1"}
        variables |= {"ANTHROPIC_VERTEX_BASE_URL": f"{situation.url}/v1"}
    base = {"ANTHROPIC_BASE_URL": situation.base_of(Kind.ANTHROPIC)}
    stated = base | variables
    if key is not None:
        stated["ANTHROPIC_AUTH_TOKEN"] = key
    placed = settings_files.claude_code(words, stated, situation.folder)
    left_out = () if key is None else (_CLAUDE_KEY,)
    return Setup(variables | stated, placed.words, placed.replaced, left_out)


def _cloud_of(situation: Situation) -> Kind | None:
    switches = {Kind.BEDROCK: "CLAUDE_CODE_USE_BEDROCK", Kind.VERTEX: "CLAUDE_CODE_USE_VERTEX"}
    offered = [kind for kind in switches if kind in situation.configured]
    for kind in offered:
        if situation.environment.get(switches[kind], "").lower() in ("1", "true", "yes", "on"):
            return kind
    return next(iter(offered), None) if Kind.ANTHROPIC not in situation.configured else None


def _codex(situation: Situation, _: Sequence[str]) -> Setup:
    log_in = situation.key is None
    return Setup(words=codex.words(situation.url, situation.environment, keeps_log_in=log_in))


def _gemini_cli(situation: Situation, _: Sequence[str]) -> Setup:
    variables = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
    if situation.key is not None:
        home = Path(situation.environment.get("GEMINI_CLI_HOME") or situation.home)
        variables["GEMINI_CLI_HOME"] = str(gemini_cli.home_of_run(home, situation.folder))
    return Setup(variables)


def _opencode(situation: Situation, _: Sequence[str]) -> Setup:
    named = {"anthropic": Kind.ANTHROPIC, "google": Kind.GEMINI, "openai": Kind.OPENAI}
    bases = {
        name: situation.url + PROVIDERS[kind].version  # the AI SDK takes each with its version
        for name, kind in named.items()
    }
    before = situation.environment.get("OPENCODE_CONFIG_CONTENT")
    content = settings_files.opencode(before, bases, situation.key)
    return Setup({"OPENCODE_CONFIG_CONTENT": content})


CLIENTS: Mapping[str, Row] = {
    "claude": _claude_code,
    "codex": _codex,
    "gemini": _gemini_cli,
    "opencode": _opencode,
}
"""By the name of the program."""
_PACKAGES: Mapping[str, Row] = {
    "@anthropic-ai/claude-code": _claude_code,
    "@google/gemini-cli": _gemini_cli,
    "@openai/codex": _codex,
    "opencode-ai": _opencode,
}
