"""Settings to the immutable policy, with a content hash that names it on every decision."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from datetime import date

from corvus.compiler.autonomy import compile_autonomy
from corvus.compiler.budgets import compile_budgets
from corvus.compiler.prices import compile_prices
from corvus.config.model.settings import Settings
from corvus.model.policy import MissionLimits, Policy


def compile_policy(settings: Settings, deprecated_fields: tuple[str, ...] = ()) -> Policy:
    """Compile settings.

    Args:
        settings: Valid settings of all layers.
        deprecated_fields: Paths of deprecated keys the files used; they are shown, and are no part
            of the hash: a migrated file compiles to the same hash as the original (DEP-5).

    Raises:
        ConfigError: A glob of ``match`` is malformed (CFG-10).
    """
    cost = settings.cost
    policy = Policy(
        enabled=cost.enabled,
        allow_override=cost.allow_override,
        budgets=compile_budgets(settings),
        prices=compile_prices(settings),
        unpriced_models=cost.unpriced_models,
        default_output_tokens=cost.default_output_tokens,
        reservation_ttl_seconds=cost.reservation_ttl_seconds,
        autonomy=compile_autonomy(settings.autonomy),
        mission=_mission(settings),
        deprecated_fields=(),
        content_hash="",
    )
    return replace(policy, deprecated_fields=deprecated_fields, content_hash=content_hash(policy))


def _mission(settings: Settings) -> MissionLimits:
    mission = settings.mission
    return MissionLimits(mission.enabled, mission.max_steps, mission.max_runtime_ms / 1000)


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
