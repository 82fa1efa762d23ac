"""Leaves a context whose end must be recorded, without masking what its block raised (RES-9)."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from corvus.base.errors import SettlementPending

_log = logging.getLogger("corvus.governor")


@contextmanager
def leaving(error: BaseException | None) -> Generator[None]:
    """Record the end of a block.

    A fault while recording is added as a note to what the block raised. Where the block ended well,
    what is kept and written later is only logged, and any other fault is raised.

    Args:
        error: What the block raised.

    Raises:
        PolicyError: The end could not be recorded, and the block raised nothing.
    """
    try:
        yield
    except Exception as fault:
        if error is not None:
            error.add_note(f"corvus: {fault}")
        elif isinstance(fault, SettlementPending):
            _log.warning("%s", fault)
        else:
            raise
