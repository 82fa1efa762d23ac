"""Reads the policy that ``governance.shadow`` names, and says why it is not used where it is not.

Nothing that is wrong with it stops a call: what is in force is another file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.compile import compile_policy
from corvus.config.layers.load import load
from corvus.config.layers.paths import stated_path
from corvus.config.toml.values import Route
from corvus.diagnostics.model import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corvus.config.check.documents import LoadedConfig
    from corvus.diagnostics.model import Diagnostic
    from corvus.model.policy import Policy

SHADOW: Route = ("governance", "shadow")
"""The setting that names the file."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shadow policy as a config names it (PLN-2).

    Attributes:
        path: Its file.
        policy: What calls are judged by; ``None`` where there is a problem.
        problem: Why it is not used, in words that say what to do.
    """

    path: Path
    policy: Policy | None = None
    problem: str | None = None


def open_shadow(loaded: LoadedConfig, *, has_leases: bool) -> Shadow | None:
    """Read the shadow policy that a config names; ``None`` where it names none.

    It is a whole config of its own: what its file leaves out has its default. The environment and
    the command line count for the policy in force alone.

    Args:
        loaded: The config in force.
        has_leases: Whether this host admits calls from slices, so that it has no whole sums.
    """
    assert loaded.settings is not None, "layers with errors are refused"
    path = stated_path(loaded, SHADOW, loaded.settings.governance.shadow)
    if path is None:
        return None
    try:
        return Shadow(path, _policy(path, has_leases=has_leases))
    except ConfigError as refused:
        return Shadow(path, problem=str(refused))
    except OSError as fault:
        return Shadow(path, problem=f"{path} cannot be read: {fault.strerror or fault}")


def _policy(path: Path, *, has_leases: bool) -> Policy:
    """Compile the policy of a file.

    Raises:
        ConfigError: It cannot be used; the message says all.
        OSError: The system refuses the file.
    """
    if has_leases:
        raise ConfigError("a host with leases has slices of budgets, and not their sums")
    if os.path.exists(path) and not os.path.isfile(path):  # unlike those of Path, they never raise
        raise ConfigError(f"{path} is no regular file")
    read = load([path])
    if read.settings is None:
        raise ConfigError(_first(read.diagnostics, path))
    if read.settings.governance.shadow is not None:
        raise ConfigError(f"{path} names a shadow of its own: remove governance.shadow from it")
    if not read.settings.cost.enabled:
        raise ConfigError(f"{path} would refuse nothing: its cost.enabled is not true")
    try:
        return compile_policy(read.settings, read.deprecated_fields)
    except ConfigError as refused:
        raise ConfigError(f"{path}: {refused}") from refused


def _first(diagnostics: Sequence[Diagnostic], path: Path) -> str:
    errors = [found for found in diagnostics if found.is_error]
    found = errors[0]
    place = f"{found.file}:{found.span.start.line}" if found.span else found.file
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return f"{place}: {found.message}{more}: run `corvus check {path}`"
