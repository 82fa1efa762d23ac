"""What the attributes of a call mean, for those who match on them in a budget (CFG-10)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from corvus.model.budget import TAG

_ATTRIBUTE_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model": "Model of the call, as the provider names it.",
        "provider": "Provider of the call, such as openai or anthropic.",
        "project": "Project that the call belongs to.",
        "user": "User who makes the call.",
        "agent": "Agent that makes the call.",
        "surface": "Where it comes from: proxy, api, python, cli, cli-agent, cli-code, telemetry.",
        "subagent": "Agent inside the agent, by the client's own id.",
        "token": "Name of the access token that the call came with.",
        "branch": "Branch of the repository that the call works on.",
    }
)
"""One sentence for each name of ``corvus.model.request.ATTRIBUTES``."""

_TAG_TEXT: Final = "A tag of the call: `tag.<key>`, quoted because of the dot."
_GLOBS_TEXT: Final = "A glob or a list of globs; one of them must match."


def match_text(name: str) -> str:
    """Return what a key of ``match`` means; nothing for one that is no attribute and no tag."""
    about = _ATTRIBUTE_TEXTS.get(name, _TAG_TEXT if name.startswith(TAG) else "")
    return f"{about} {_GLOBS_TEXT}" if about else ""
