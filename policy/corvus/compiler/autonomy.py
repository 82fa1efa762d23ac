"""``[autonomy]`` to the immutable policy of what an agent may do (ACT-1)."""

from __future__ import annotations

from corvus.autonomy.decide import Autonomy
from corvus.config.model.settings import AutonomySettings


def compile_autonomy(settings: AutonomySettings) -> Autonomy:
    """Compile valid settings; lists keep their order, for the hash of the policy."""
    return Autonomy(
        level=settings.level,
        workspace_only=settings.workspace_only,
        allowed_commands=tuple(settings.allowed_commands),
        forbidden_paths=tuple(settings.forbidden_paths),
        auto_approve=tuple(settings.auto_approve),
        always_ask=tuple(settings.always_ask),
        max_actions_per_hour=settings.max_actions_per_hour,
        require_approval_for_medium_risk=settings.require_approval_for_medium_risk,
        block_high_risk_commands=settings.block_high_risk_commands,
    )
