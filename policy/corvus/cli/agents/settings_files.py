"""Settings that count before variables, written for one run next to those of the user (CLI-4)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corvus.metering.facts import Json, as_object, member

_OPTION = "--settings"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an agent is told to find settings.

    Attributes:
        words: What follows its name on the command line.
        replaced: Of its own words, those to put in the place of others, by their position.
    """

    words: tuple[str, ...] = ()
    replaced: Mapping[int, str] = field(default_factory=dict[int, str])


def claude_code(words: Sequence[str], variables: Mapping[str, str], folder: Path) -> Placed:
    """Write the settings of Claude Code for a run, joined with those that its own words name.

    Settings of its command line count before those of a user and of a project, and these before
    variables. Those that cannot be read are left to Claude Code, which says why.

    Args:
        words: Of the command, without its name.
        variables: What they must say.
        folder: Of the run.

    Raises:
        OSError: They cannot be written.
    """
    path = folder / "claude-code.json"
    place, text = _stated(words)
    said = _object("{}" if text is None else _content(text))
    if said is None:
        return Placed()
    env = {**member(said, "env"), **variables}
    path.write_text(json.dumps({**said, "env": env}), "utf-8")
    path.chmod(0o600)
    if place is None:
        return Placed((_OPTION, str(path)))
    joined = f"{_OPTION}={path}" if words[place].startswith(f"{_OPTION}=") else str(path)
    return Placed(replaced={place: joined})


def _stated(words: Sequence[str]) -> tuple[int | None, str | None]:
    """Return the place and the text of the last settings that words name."""
    found: tuple[int | None, str | None] = (None, None)
    for place, word in enumerate(words):
        if word == "--":
            break
        if word.startswith(f"{_OPTION}="):
            found = place, word.partition("=")[2]
        elif place and words[place - 1] == _OPTION:
            found = place, word
    return found


def _content(text: str) -> str:
    if text.lstrip().startswith("{"):
        return text
    try:
        return Path(text).read_text("utf-8")
    except (OSError, ValueError):
        return ""


def _object(text: str) -> Json | None:
    """Return an object of JSON; ``None`` for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return as_object(found)


def opencode(before: str | None, bases: Mapping[str, str], key: str | None) -> str:
    """Return the config of opencode for a run, joined with what a variable says already.

    It counts before the files of a user and of a project. Other providers are switched off: for
    them opencode may have log-ins of its own, which lead past the proxy.

    Args:
        before: What the variable says.
        bases: Address of each provider that is led to the proxy.
        key: Of the run; ``None`` leaves opencode its own log-in.
    """
    said = _object(before or "{}") or {}
    providers = {**member(said, "provider")}
    for name, base in bases.items():
        provider = member(providers, name)
        options = {**member(provider, "options"), "baseURL": base}
        if key is not None:
            options["apiKey"] = key
        providers[name] = {**provider, "options": options}
    enabled = {} if key is None else {"enabled_providers": [*bases]}
    return json.dumps({**said, **enabled, "provider": providers})
