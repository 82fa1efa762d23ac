"""Puts the status line into the settings of Claude Code, which a plugin of it cannot do."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from corvus.base.errors import RunRefused
from corvus.base.files import whole_file
from corvus.metering.facts import as_object

STATUS_LINE = {"type": "command", "command": "corvus statusline"}


def settings_path(environment: Mapping[str, str]) -> Path:
    """Return the user's own settings of Claude Code, which need not exist."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return Path(environment.get("CLAUDE_CONFIG_DIR") or Path(home, ".claude"), "settings.json")


def install(path: Path) -> bool:
    """Have Claude Code run ``corvus statusline``; everything else in the file stays.

    Args:
        path: The settings; they are made when missing.

    Returns:
        Whether anything was changed.

    Raises:
        RunRefused: There is another status line, or the file cannot be read or written.
    """
    try:
        text = path.read_text("utf-8") if path.exists() else "{}"
        said = as_object(json.loads(text))
    except (OSError, ValueError, RecursionError) as fault:
        raise RunRefused(f"{path} cannot be read: {fault}") from None
    wanted = json.dumps(STATUS_LINE)
    if said is None:
        raise RunRefused(f'{path} is no JSON object: put "statusLine": {wanted} there yourself')
    if "statusLine" in said:
        if said["statusLine"] == STATUS_LINE:
            return False
        raise RunRefused(
            f'{path} has another status line; to have this one, put "statusLine": {wanted} there'
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            changed = {**said, "statusLine": STATUS_LINE}
            draft.write_text(json.dumps(changed, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as fault:
        raise RunRefused(f"{path} cannot be written: {fault.strerror or fault}") from fault
    return True
