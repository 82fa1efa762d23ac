"""A shadow policy that no call is judged by (PLN-2); what is in force is not touched by it."""

from __future__ import annotations

import os

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.document import read_bytes, read_document
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_SHADOW: Route = ("governance", "shadow")
_LEASES: Route = ("governance", "ledger", "leases")
_ENABLED: Route = ("cost", "enabled")

INFO = CodeInfo(
    "unusable-shadow",
    Severity.WARNING,
    "a shadow policy that no call is judged by",
    "The policy of the file that governance.shadow names judges every admitted call and refuses "
    "none. Where it cannot, calls go on under the policy in force, and nothing is counted: that is "
    "why this is a warning. A check of a config also checks the file that it names.",
    '[governance]\nshadow = "not-there.toml"\n',
    "[governance]\n",
    "Name a config that exists, governs (cost.enabled = true) and has no governance.shadow of its "
    "own; a host with leases has no shadow, for it has slices of budgets and not their sums.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report a shadow that is not there, is the config itself, or is of no use."""
    stated = value_at(subject.tables, _SHADOW)
    if not isinstance(stated, str) or reporter.is_reported(_SHADOW):
        return
    document = reporter.document(_SHADOW)
    path = document.folder / os.path.expanduser(stated)
    fault = _fault(path, document.folder / os.path.basename(document.file))
    if value_at(subject.tables, _LEASES) is True:
        fault = "a host with leases has slices of budgets, and not their sums", "not with leases"
    if fault is not None:
        message = f"the shadow policy {reporter.quoted(stated)} is not used: {fault[0]}"
        help_ = ("What is in force stays as it is; nothing is counted for the shadow.",)
        reporter.add(Finding(INFO.code, message, ValueOf(_SHADOW), fault[1], help_))


def _fault(path: Path, config: Path) -> tuple[str, str] | None:
    """Return what is wrong, and a few words at the value; what it holds is checked by itself."""
    if (absence := _absence(path)) is not None:
        return absence
    if os.path.exists(config) and path.samefile(config):
        return "it is this file", "itself"
    raw, _ = read_bytes(path, str(path))
    shadow = read_document(raw, str(path))[0] if raw is not None else None
    if shadow is None:
        return "it cannot be read as TOML", "not readable"
    if value_at(shadow.data, _SHADOW) is not None:
        return "it names a shadow of its own", "a shadow of a shadow"
    if value_at(shadow.data, _ENABLED) is not True:
        return "its `cost.enabled` is not true, so it would refuse nothing", "refuses nothing"
    return None


def _absence(path: Path) -> tuple[str, str] | None:
    """Return why there is no file to be read, and a few words at the value."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file", "no file"
    except (OSError, ValueError) as fault:
        return f"it cannot be read: {getattr(fault, 'strerror', None) or fault}", "not readable"
    return None if path.is_file() else ("it is no regular file", "no file")
