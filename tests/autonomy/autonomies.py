"""What the defaults of ``[autonomy]`` compile to, and changes of it, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from corvus.autonomy.decide import Action, ActionDecision, Autonomy
from corvus.compile import compile_autonomy
from corvus.config.model.settings import AutonomySettings

DEFAULTS = compile_autonomy(AutonomySettings())


def autonomy(*more_commands: str, **changes: Any) -> Autonomy:
    allowed = (*DEFAULTS.allowed_commands, *more_commands)
    return replace(DEFAULTS, allowed_commands=allowed, **changes)


def judged(command: str, *more_commands: str, **changes: Any) -> ActionDecision:
    """Return the decision about a command under the defaults, with what is changed of them."""
    return autonomy(*more_commands, **changes).decide(Action(command))


def said(command: str, *more_commands: str, **changes: Any) -> str:
    """Return verdict and rule in two words."""
    decision = judged(command, *more_commands, **changes)
    return f"{decision.verdict} {decision.rule}"
