"""How models and providers are spelled: the closed grammar behind "declared aliases" (PRC-4).

genai-prices declares many ids by "starts with" or "contains". Taken literally, ``gpt-4o`` would
price ``gpt-4o-mini-foo``. Here such a clause becomes a *family*: a stem and, behind it, only what
providers are known to append, such as a date or ``-latest``. Refuses every other tail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_SEGMENT = "|".join(
    (
        rf"[-@]20\d\d{_MONTH}{_DAY}",  # claude-sonnet-4-5-20250929, claude-sonnet-4-5@20250929
        rf"-20\d\d-{_MONTH}-{_DAY}",  # gpt-5-nano-2025-08-07
        rf"-{_MONTH}-20\d\d",  # gemini-2.5-flash-lite-preview-09-2025
        rf"-{_MONTH}-{_DAY}",  # gemini-2.5-pro-preview-05-06
        rf"-(?:{_MONTH}{_DAY}|2[3-9]{_MONTH})",  # deepseek-r1-0528, magistral-medium-2506
        r"-00\d",  # gemini-2.0-flash-001
        r"[-@](?:latest|default)|-preview|-exp",
        r"-v\d(?::\d)?|:\d",  # Bedrock: claude-3-5-haiku-20241022-v1:0
        r":\d{1,4}k",  # Bedrock, by context of reserved capacity: claude-3-haiku-20240307-v1:0:200k
        r"\[1m\]",  # Claude Code: the same model with the long context
    )
)
_SUFFIX = re.compile(rf"(?:{_SEGMENT}){{1,3}}")
_FINE_TUNED_SUFFIX = re.compile(rf"(?:{_SEGMENT})(?::[A-Za-z0-9_-]*){{2,3}}")  # …:org:name:id
_PARTIAL = re.compile(r"(?:-20\d\d-?|[-@])$")
_PARTIAL_FINE_TUNED = re.compile(r"(?:-20\d\d-|-0)$")
_SEPARATORS = re.compile(r"[-@:\[]")
_COMPACT_DATE = re.compile(rf"-(20\d\d)({_MONTH})({_DAY})$")
_REGION = re.compile(r"(apac|au|ca|eu|global|in|jp|sa|us|us-gov)\.")
_AWS_PLACE = re.compile(
    r"(?:arn:aws[a-z-]*:bedrock:|(?:bedrock/)?(?:[a-z_]+/)?)([a-z]{2}(?:-gov)?)-[a-z]+-\d[:/]"
)
_AWS_AREAS = {"ap": "apac"}
_VERTEX_PLACE = re.compile(r"projects/[^/]+/locations/([^/]+)/")
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(?:foundation-model|inference-profile)/")
_ROUTE = re.compile(
    r"(?:(?:converse|converse_like|invoke)/)?(?:[a-z]{2}(?:-gov)?-[a-z]+-\d/)?"
)  # LiteLLM: bedrock/converse/us-east-1/anthropic.claude-3-haiku-20240307-v1:0
_VERTEX = re.compile(
    r"(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/(?:anthropic|google)/)?models/|anthropic/"
)
_AZURE_GLOBAL = re.compile(r"global(?:-standard)?/")  # eu/ and us/, its data zones, cost more
_AT_DATE = re.compile(rf"@(20\d\d{_MONTH}{_DAY})$")
_VERSION = re.compile(rf"@(?:20\d\d{_MONTH}{_DAY}|default|latest)$")
LONG_CONTEXT = "[1m]"
"""What Claude Code writes behind an id that is used with the long context."""

SPELLINGS = {
    "amazon-bedrock": "aws",
    "aws-bedrock": "aws",
    "aws.bedrock": "aws",
    "azure-ai": "azure",
    "azure-openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "bedrock": "aws",
    "copilot": "github-copilot",
    "dashscope": "alibaba",
    "fireworks-ai": "fireworks",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "kimi": "moonshotai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshot-ai": "moonshotai",
    "together-ai": "together",
    "together_ai": "together",
    "togetherai": "together",
    "vertex": "google",
    "vertex-ai": "google",
    "vertex_ai": "google",
    "voyage": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z-ai": "zai",
    "z.ai": "zai",
    "zai-cn": "zhipuai",
    "zhipu": "zhipuai",
}
"""Declared spellings of providers (LiteLLM, OpenTelemetry, hosts), to the book's own names."""

VARIANTS = ("batch", "fast", "flex", "priority")
"""Ways to be served that have their own price; asked for as ``<model>-<variant>``."""

USUAL_TIERS = (None, "", "auto", "default", "standard", "standard_only", "on_demand", "scale")
"""Names of the tier that the usual price is for."""


def tier_of(name: str | None) -> str | None:
    """Return a tier that may have prices of its own; ``None`` for all names of the usual one."""
    return None if name in USUAL_TIERS else name


def provider_id(name: str) -> str:
    """Return the book's name of a provider, in lower case; an unknown name is only lowered."""
    lowered = name.lower()
    return SPELLINGS.get(lowered, lowered)


def family(prefix: str) -> str:
    """Write a "starts with" clause as a family, ``stem`` or ``stem|required start of the suffix``.

    A clause may end inside a date or behind a separator, such as ``claude-sonnet-4-2025``: its stem
    is the model, and the rest must be repeated by the suffix.
    """
    partial = _PARTIAL_FINE_TUNED if prefix.startswith("ft:") else _PARTIAL
    cut = partial.search(prefix)
    return f"{prefix[: cut.start()]}|{cut[0]}" if cut else prefix


def stems(model: str) -> Iterator[tuple[str, str]]:
    """Yield the splits of an id into a stem and a known suffix, longest stem first."""
    yield model, ""
    grammar = _FINE_TUNED_SUFFIX if model.startswith("ft:") else _SUFFIX
    for separator in reversed(list(_SEPARATORS.finditer(model))):
        at = separator.start()
        if grammar.fullmatch(model, at):
            yield model[:at], model[at:]


def respelled(model: str) -> Iterator[str]:
    """Yield an id as asked for, then as its vendor would spell it.

    Gateways write a trailing ``-20251211`` where the vendor writes ``-2025-12-11``, Vertex writes
    ``@20250514`` or ``@default`` behind an id of Anthropic's, and Claude Code marks its long
    context by ``[1m]``, which changes the tier and not the model.
    """
    yield model
    plain = model.removesuffix(LONG_CONTEXT)
    versioned = _AT_DATE.sub(r"-\1", plain.removesuffix("@default"))
    dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", versioned)
    for name in dict.fromkeys((plain, versioned, dashed)):
        if name != model:
            yield name


def unversioned(model: str) -> str:
    """Return an id as its maker writes it, without the path and the version of Vertex."""
    return _VERSION.sub("", unwrapped("google", model))


def variant(model: str) -> tuple[str, str] | None:
    """Split ``<model>-<variant>``; ``None`` when no known variant stands at the end."""
    stem, dash, name = model.rpartition("-")
    return (stem, name) if dash and name in VARIANTS else None


def unwrapped(provider: str, model: str) -> str:
    """Drop the envelope that a cloud puts around its own ids: an ARN, a route, a resource path."""
    if provider == "aws":
        return _drop_start(_ARN if model.startswith("arn:") else _ROUTE, model)
    if provider == "azure":
        return _drop_start(_AZURE_GLOBAL, model)
    return _drop_start(_VERTEX, model) if provider == "google" else model


def region_of(provider: str, model: str) -> str | None:
    """Return the region that an id of a cloud names, such as ``eu``; ``None`` where it names none.

    A cloud may ask more in one region than in another, so a price is taken only where the book
    says that it holds there (PRC-8).
    """
    if provider == "google":
        place = _VERTEX_PLACE.match(model)
        return place[1] if place else None
    if provider != "aws":
        return None
    named = _REGION.match(unwrapped(provider, model)) or _AWS_PLACE.match(model)
    return _AWS_AREAS.get(named[1], named[1]) if named else None


def unregioned(model: str) -> Iterator[str]:
    """Yield a Bedrock id without its region, then without the vendor too."""
    yield model
    plain = _drop_start(_REGION, model)
    if plain != model:
        yield plain
    if plain.startswith("anthropic."):
        yield plain.removeprefix("anthropic.")


def _drop_start(start: re.Pattern[str], text: str) -> str:
    found = start.match(text)
    return text[found.end() :] if found else text
