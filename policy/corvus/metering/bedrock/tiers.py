"""In which tier a call to Bedrock is to be served, or was: by its body, or by headers (PRC-7)."""

from __future__ import annotations

from corvus.metering.members import Malformed

TIER = "x-amzn-bedrock-service-tier"
"""Header of a request, and of its answer."""

LATENCY = "x-amzn-bedrock-performanceconfig-latency"
"""Likewise."""

GUARDRAIL = "x-amzn-bedrock-guardrailidentifier"
"""Header of a request that a guardrail judges, which is billed apart."""

_USUAL_TIERS = (None, "", "default", "reserved")
"""Tiers at the usual price; capacity that is reserved is paid for by time, next to it."""


def tier_stated(tier: str | None, latency: str | None) -> str | None:
    """Return the tier of a call that may have prices of its own; ``None`` for the usual one.

    Args:
        tier: Of the request, as it states it.
        latency: Likewise; what is optimised for it costs more.

    Raises:
        Malformed: The request states two of them.
    """
    named = None if tier in _USUAL_TIERS else tier
    fast = None if latency in (None, "", "standard") else "fast"
    if named is not None and fast is not None:
        raise Malformed("json_ambiguous", "state a service tier or a latency, and not both")
    return named or fast
