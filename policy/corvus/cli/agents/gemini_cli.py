"""A home of Gemini CLI for one run, in which it pays by key (CLI-4).

Which log-in it uses stands in its settings, and counts before variables; log-in by Google leads to
an address that cannot be changed. Settings of a system count before both, and must belong to root.
So the run has a home of its own: the settings of the user with the other log-in, and all else of
the user's by links, but for the log-in itself.

Source:
    Gemini CLI 0.61.0 from npm, before a local server and as bundled, 2026-11-29.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from corvus.metering.facts import Json, as_object, member

_FOLDER, _SETTINGS = ".gemini", "settings.json"
_LEFT_OUT = {_SETTINGS, ".env", "google_accounts.json", "oauth_creds.json"}
_BYTES_MAX = 1_048_576
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


def home_of_run(home: Path, folder: Path) -> Path:
    """Make a home for a run; return it.

    Args:
        home: Where the folder of Gemini CLI is.
        folder: Of the run.

    Raises:
        OSError: It cannot be written.
    """
    of_user, of_run = home / _FOLDER, folder / "gemini" / _FOLDER
    of_run.mkdir(mode=0o700, parents=True)
    for one in _entries(of_user):
        if one.name not in _LEFT_OUT:
            (of_run / one.name).symlink_to(one, target_is_directory=one.is_dir())
    settings = _read(of_user / _SETTINGS)
    security = member(settings, "security")
    auth = {**member(security, "auth"), "selectedType": "gemini-api-key"}
    joined = {**settings, "security": {**security, "auth": auth}}
    (of_run / _SETTINGS).write_text(json.dumps(joined), "utf-8")
    return of_run.parent


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.absolute().iterdir())
    except OSError:
        return []


def _read(path: Path) -> Json:
    """Return settings, in which comments may stand; nothing where they cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES_MAX).decode()
        found = json.loads(_COMMENT.sub(lambda match: match[1] or "", text))
    except (OSError, ValueError, RecursionError):
        return {}
    return as_object(found) or {}
