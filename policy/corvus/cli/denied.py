"""Tells a program that a call was refused: one line of JSON, and an exit code (CLI-5)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from corvus.cli.exits import Exit

if TYPE_CHECKING:
    from corvus.model.decision import Decision


def tell_denial(decision: Decision) -> Exit:
    """Print a denial on standard error as one line of JSON, as its schema says.

    Returns:
        The exit code of the command that was stopped.
    """
    from corvus.answers.denial import denial_body

    print(json.dumps(denial_body(decision), separators=(",", ":")), file=sys.stderr, flush=True)
    return Exit.DENIED_SPEND
