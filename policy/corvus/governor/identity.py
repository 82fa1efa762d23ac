"""Whether a repeated idempotency key means the same request (RES-2).

What counts is what the caller said. What was filled in is left out: a session that was made, a
price, the time; so a retry is the same request after a restart, too, and after an edit of a price.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import cast

from corvus.base.money import nano_usd
from corvus.governor.pricing import CallOptions
from corvus.model.request import Request
from corvus.model.usage import Usage

_UNSAID = {"idempotency_key", "made_session_id", "dispatched", "principal", "resumes_mission"}


def fingerprint_of(model: str, options: CallOptions) -> str:
    """Return the SHA-256, hexadecimal, of what a caller said of a call, as canonical JSON.

    Args:
        model: As the caller named it.
        options: As the caller gave them; an absent one and ``None`` are the same.
    """
    said: dict[str, object] = {"model": model}
    for name, value in options.items():
        if (
            name in _UNSAID
            or value is None
            or callable(value)
            or (name == "input_tokens" and value == 0)
        ):
            continue
        if name == "estimate_usd":
            said[name] = nano_usd(value)  # pyright: ignore[reportArgumentType]
        elif isinstance(value, Usage):
            said[name] = asdict(value)
        elif isinstance(value, Mapping):
            if value:
                said[name] = dict(cast("Mapping[str, str]", value))
        else:
            said[name] = value
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_same(known: Request, repeated: Request) -> bool:
    """Return whether two requests of one idempotency key say the same, by the same principal.

    Of requests that were not made from what a caller said, every member counts.
    """
    if (known.principal, known.surface) != (repeated.principal, repeated.surface):
        return False
    if known.fingerprint is not None and repeated.fingerprint is not None:
        return known.fingerprint == repeated.fingerprint
    told = replace(repeated, dispatched=known.dispatched, fingerprint=known.fingerprint)
    return replace(known, resumes_mission=repeated.resumes_mission) == told
