"""Says what this user may do to a file before anything is tried."""

from __future__ import annotations

import os
from pathlib import Path


def may_write(path: Path) -> bool:
    """Return whether a file may be written, or made with the folders above it."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False  # its name is too long, or what stands above it is no folder
    else:
        return _may(path, os.W_OK) and _may(path.parent, os.W_OK)
    folder = next(filter(os.path.lexists, path.absolute().parents), path.parent)
    return os.path.isdir(folder) and _may(folder, os.W_OK | os.X_OK)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
