"""Keeps in the audit which deprecated keys of a config were rewritten (AUD-1)."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def keep_in_audit(name: str, keys: Sequence[str]) -> None:
    """Note a migration where the file has governed calls.

    Args:
        name: The file, which was written before.
        keys: The deprecated keys, dotted.
    """
    from corvus.base.errors import PolicyError
    from corvus.diagnostics.model import ConfigError
    from corvus.governor.audit_chain import note_migration
    from corvus.runtime import local_actor, open_runtime

    try:
        runtime = open_runtime([name])
        if runtime.bookkeeping.place.exists:
            with runtime.bookkeeping.store() as store:
                store.run(lambda u: note_migration(u, runtime.governing, local_actor(), keys))
    except ConfigError:
        pass  # it governs nothing by itself
    except PolicyError as fault:
        print(f"warning: {name} was migrated, and the audit lacks it: {fault}", file=sys.stderr)
