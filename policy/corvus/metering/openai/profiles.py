"""What each vendor of OpenAI's API does in its own way: one line of one table (PRX-3, PRC-9).

A vendor is known by its name in the price book, and by the hosts that it documents. Which counts
stand inside of which total is no matter of the vendor, but of the numbers: see
``corvus.metering.openai_usage``. So is the place of usage and of a stated cost when an answer is
read, for an upstream is whatever server a team has chosen; every place of the table is looked at.

Source:
    The API reference of each vendor, read 2026-11-28 and 2026-11-29. Mistral refuses
    ``stream_options`` with 422 (github.com/cline/cline/issues/582,
    github.com/dnakov/anon-kode/issues/53) and counts its streams without. Azure takes the option
    since its API of 2024-09-01 (github.com/Azure/azure-sdk-for-java/issues/40998,
    github.com/griptape-ai/griptape/issues/1640). Who answered is named by OpenRouter
    (openrouter.ai/docs/guides/routing/model-fallbacks: "the model that was ultimately used") and
    Perplexity (docs.perplexity.ai/docs/agent-api/model-fallback: "Model used"); Anthropic's
    messages say of each iteration which model it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_USAGE = ("usage",)
_DATE = re.compile(r"(20\d\d-\d\d-\d\d)(?:-preview)?\Z", re.ASCII)


class Profile(NamedTuple):
    """The ways of one vendor.

    Attributes:
        hosts: Of the base URLs that it documents.
        host_ends: Ends of such hosts, where each customer has one.
        maximum: The name of a chat's maximum that it reads; ``None`` where its models decide.
        usage_at: Where its answers have their usage, next to the usual place.
        cost_at: Where their usage states a cost, if it does.
        option_since: First day of the versions of its API that take ``stream_options``; empty where
            all do, ``None`` where none does and streams are counted without.
        names_who_answered: Its answers name the model that answered, also where it was a fallback.
    """

    hosts: tuple[str, ...] = ()
    host_ends: tuple[str, ...] = ()
    maximum: str | None = "max_tokens"
    usage_at: tuple[str, ...] = _USAGE
    cost_at: str | None = None
    option_since: str | None = ""
    names_who_answered: bool = False

    def takes_usage_option(self, version: str) -> bool:
        """Return whether usage may be requested of a stream.

        Args:
            version: Of the API, as the request states it; empty where it states none.
        """
        if not self.option_since:
            return self.option_since is not None
        stated = _DATE.match(version)
        return stated is None or stated[1] >= self.option_since


PROFILES: Mapping[str, Profile] = {
    "anthropic": Profile(("api.anthropic.com",), names_who_answered=True),
    "azure": Profile(
        host_ends=(
            ".api.cognitive.microsoft.com",
            ".cognitiveservices.azure.com",
            ".openai.azure.com",
            ".services.ai.azure.com",
        ),
        maximum=None,
        option_since="2024-09-01",
    ),
    "cerebras": Profile(("api.cerebras.ai",)),
    "cohere": Profile(("api.cohere.ai", "api.cohere.com")),
    "deepseek": Profile(("api.deepseek.com",)),
    "fireworks": Profile(("api.fireworks.ai",)),
    "google": Profile(("generativelanguage.googleapis.com",)),
    "groq": Profile(("api.groq.com",), usage_at=("x_groq", "usage")),
    "minimax": Profile(("api.minimax.io",)),
    "mistral": Profile(("api.mistral.ai", "codestral.mistral.ai"), option_since=None),
    "moonshotai": Profile(("api.moonshot.ai", "api.moonshot.cn")),
    "novita": Profile(("api.novita.ai",)),
    "openai": Profile(("api.openai.com",), maximum=None),
    "openrouter": Profile(("openrouter.ai",), cost_at="cost", names_who_answered=True),
    "perplexity": Profile(("api.perplexity.ai",), cost_at="cost", names_who_answered=True),
    "together": Profile(("api.together.ai", "api.together.xyz")),
    "voyageai": Profile(("api.voyageai.com",)),
    "x-ai": Profile(("api.x.ai",), cost_at="cost_in_usd_ticks"),
    "zai": Profile(("api.z.ai",)),
    "zhipuai": Profile(("open.bigmodel.cn",)),
}
"""By the names of the price book; whoever is not here does as most do."""

USUAL = Profile()
"""What servers do of which nothing is known: most read ``max_tokens``, and count on request."""

USAGE_PLACES = tuple(dict.fromkeys((_USAGE, *(one.usage_at for one in PROFILES.values()))))
"""Where an answer may have its usage, the usual place first."""

_HOSTS = {host: name for name, one in PROFILES.items() for host in one.hosts}
_ENDS = {end: name for name, one in PROFILES.items() for end in one.host_ends}


def profile_of(vendor: str | None) -> Profile:
    """Return the ways of a vendor.

    Args:
        vendor: Its name in the price book; ``None`` or another name is nobody known.
    """
    return PROFILES.get(vendor or "", USUAL)


def owner_of(host: str) -> str | None:
    """Return the vendor that a host belongs to, by its name in the price book.

    Args:
        host: In lower case, without port.
    """
    by_end = (name for end, name in _ENDS.items() if host.endswith(end))
    return _HOSTS.get(host) or next(by_end, None)
