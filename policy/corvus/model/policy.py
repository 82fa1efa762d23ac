"""The compiled, immutable policy: what every surface enforces and shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Literal

from corvus.autonomy.decide import Autonomy
from corvus.model.budget import Budget
from corvus.model.price import Price


@dataclass(frozen=True, slots=True)
class MissionLimits:
    """Limits of a mission that states none of its own, compiled from ``[mission]`` (MIS-4).

    Attributes:
        enabled: Whether a mission is bounded by these at all.
        max_steps: Steps it may take; 0 is no limit.
        max_runtime_seconds: Time it may take; 0 is no limit.
    """

    enabled: bool
    max_steps: int
    max_runtime_seconds: float


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the settings decide, compiled.

    Attributes:
        enabled: Whether token spend is governed at all (EVA-11).
        budgets: In order of EVA-7: session, day, month, mission, then named budgets in file order.
        prices: The author's own price book, in file order; it precedes the bundled one (PRC-3).
        pinned_book_sha256: Hash of the file in place of the bundled book; ``None``: none is.
        unpriced_models: What happens to a call whose model has no price (PRC-5).
        default_output_tokens: Output estimate of a request that states no maximum.
        reservation_ttl_seconds: Life of a hold whose holder died.
        cap_at_least_tokens: Least output that ``cap`` may leave a call.
        wait_seconds: Longest wait for the holds of other calls; 0 waits for none.
        ask_seconds: Longest wait for a person who approves a parked call.
        downgrade: Pairs of a glob for a model and cheaper models to call in its place, in order.
        hold: What is held for a call: the most that it may cost, or what such calls cost.
        deprecated_fields: Paths of the deprecated keys the file used (DEP-6).
        content_hash: ``sha256:`` and 64 hex digits over everything above; stamped on every
            decision.
    """

    enabled: bool
    allow_override: bool
    budgets: tuple[Budget, ...]
    prices: tuple[Price, ...]
    pinned_book_sha256: str | None
    unpriced_models: Literal["deny", "warn"]
    default_output_tokens: int
    reservation_ttl_seconds: int
    cap_at_least_tokens: int
    wait_seconds: int
    ask_seconds: int
    downgrade: tuple[tuple[str, tuple[str, ...]], ...]
    hold: Literal["maximum", "expected"]
    autonomy: Autonomy
    mission: MissionLimits
    deprecated_fields: tuple[str, ...]
    content_hash: str


def content_hash(policy: Policy) -> str:
    """Hash what is enforced, in a canonical form: how the file spells it does not count.

    Args:
        policy: Its own hash and its deprecated fields take no part.
    """
    enforced = replace(policy, deprecated_fields=(), content_hash="")
    canonical = json.dumps(asdict(enforced), sort_keys=True, separators=(",", ":"), default=_plain)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")
