"""Who runs a command: the local user, whatever options say (OVR-5)."""

from __future__ import annotations

import os


def local_actor() -> str:
    """Return the name of the user of this process; their number where they have no name."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
