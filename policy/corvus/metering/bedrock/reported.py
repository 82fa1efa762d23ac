"""Reads what Amazon Bedrock says about usage, in each of the three places where it says it (PRX-3).

- ``usage`` of Converse: ``inputTokens`` does not include the tokens that were read from a cache or
  written to one. Writes that ``cacheDetails`` does not call five minutes long count as an hour.
- ``totalTokens`` is the sum of all: what it holds beyond the others was not broken down, so it
  counts as output, and the whole as an estimate.
- ``amazon-bedrock-invocationMetrics`` in the last event of a model that is invoked directly, and
  the headers ``x-amzn-bedrock-…-token-count`` of an answer in one body: Bedrock's own counts, of
  every vendor's models.
- ``serviceTier`` and ``performanceConfig`` say in which tier a call was served.

Source:
    botocore 1.44, ``bedrock-runtime/2023-09-30/service-2.json`` (``TokenUsage``); issue 38427 of
    anomalyco/opencode and 14044 of apache/apisix (``inputTokens`` without the cached ones); read
    2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from corvus.metering.bedrock.tiers import LATENCY, TIER, tier_stated
from corvus.metering.facts import Json, count, member, objects, text_or_none
from corvus.metering.members import Malformed
from corvus.metering.usage import MeteredUsage
from corvus.model.usage import Usage, UsagePart

METRICS = "amazon-bedrock-invocationMetrics"
_HEADERS = {
    f"x-amzn-bedrock-{name}-token-count": f"{short}TokenCount"
    for name, short in (
        ("input", "input"),
        ("output", "output"),
        ("cache-read-input", "cacheReadInput"),
        ("cache-write-input", "cacheWriteInput"),
    )
}
_COUNT = re.compile(r"[0-9]{1,9}")


def converse_usage(counts: Json, said: Json, *, is_text: bool, was_stopped: bool) -> MeteredUsage:
    """Return what a ``usage`` of Converse says.

    Args:
        counts: It.
        said: The object around it, which may name the tier.
        is_text: Nothing but text can have been read or written.
        was_stopped: A guardrail answered in the place of a model, so there may be no input.

    Raises:
        Unusable: A count is none.
    """
    usage = _counted(counts)
    missing = count(counts, "totalTokens") - usage.total_tokens
    if missing > 0:
        usage = Usage(
            usage.input_tokens,
            usage.output_tokens + missing,
            usage.cache_read_tokens,
            usage.cache_write_5m_tokens,
            usage.cache_write_1h_tokens,
        )
    has_both = counts.get("inputTokens") is not None and counts.get("outputTokens") is not None
    is_whole = has_both and (was_stopped or usage.context_tokens > 0)
    tier, states_tier = _tier_of(
        text_or_none(member(said, "serviceTier"), "type"),
        text_or_none(member(said, "performanceConfig"), "latency"),
    )
    router = member(member(said, "trace"), "promptRouter")
    part = UsagePart(text_or_none(router, "invokedModelId"), usage, tier, states_modalities=is_text)
    return MeteredUsage(
        (part,),
        is_partial=not is_whole,
        is_estimated=missing > 0,
        is_at_least=bool(member(said, "trace").get("guardrail")),
        states_tier=states_tier,
    )


def invocation_usage(
    metrics: Json, headers: Mapping[str, str], *, is_text: bool, has_output: bool = True
) -> MeteredUsage | None:
    """Return what Bedrock itself counted of a model that was invoked directly.

    Args:
        metrics: ``METRICS``, or ``header_counts``.
        headers: Of the answer, by name in lower case.
        is_text: Nothing but text can have been read or written.
        has_output: A model wrote the answer; vectors are none.

    Returns:
        ``None`` where it states no input.

    Raises:
        Unusable: A count is none.
    """
    if metrics.get("inputTokenCount") is None:
        return None
    tier, states_tier = served_tier(headers)
    usage = Usage(
        input_tokens=count(metrics, "inputTokenCount"),
        output_tokens=count(metrics, "outputTokenCount"),
        cache_read_tokens=count(metrics, "cacheReadInputTokenCount"),
        cache_write_5m_tokens=count(metrics, "cacheWriteInputTokenCount"),
    )
    is_whole = not has_output or metrics.get("outputTokenCount") is not None
    part = UsagePart(None, usage, tier, states_modalities=is_text)
    return MeteredUsage(
        (part,), is_partial=not (is_whole and usage.context_tokens), states_tier=states_tier
    )


def header_counts(headers: Mapping[str, str]) -> dict[str, int]:
    """Return the counts in the headers of an answer under the names that ``METRICS`` has.

    One that cannot be read leaves all of them out.
    """
    stated = {name: headers[key].strip() for key, name in _HEADERS.items() if key in headers}
    if not all(map(_COUNT.fullmatch, stated.values())):
        return {}
    return {name: int(text) for name, text in stated.items()}


def served_tier(headers: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return the tier that the headers of an answer name, and whether they name any."""
    return _tier_of(headers.get(TIER), headers.get(LATENCY))


def _counted(counts: Json) -> Usage:
    details = [
        (text_or_none(one, "ttl"), count(one, "inputTokens"))
        for one in objects(counts, "cacheDetails")
    ]
    written = max(
        count(counts, "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
        sum(tokens for _, tokens in details),
    )
    hour = sum(tokens for ttl, tokens in details if ttl != "5m")
    return Usage(
        input_tokens=count(counts, "inputTokens"),
        output_tokens=count(counts, "outputTokens"),
        cache_read_tokens=count(counts, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write_5m_tokens=written - hour,
        cache_write_1h_tokens=hour,
    )


def _tier_of(tier: str | None, latency: str | None) -> tuple[str | None, bool]:
    try:
        return tier_stated(tier, latency), tier is not None or latency is not None
    except Malformed:
        return None, False
