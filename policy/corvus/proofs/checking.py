"""Checks a signed statement, offline: its signature, whose it is, and whether it adds up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from corvus.base.errors import ProofRefused
from corvus.proofs.judging import unexplained
from corvus.proofs.keys import is_signed_by

_SCHEMA = "corvus.proof/1"
_LARGEST_BYTES = 256 * 1024 * 1024


class Checked(NamedTuple):
    """What a check found.

    Attributes:
        statement: As it was signed, or not.
        public_key: The key that the document names.
        faults: Why it is not to be believed, in words; none is good.
    """

    statement: Mapping[str, Any]
    public_key: str
    faults: tuple[str, ...]


def check_document(
    path: Path, pinned: str | None, period: tuple[datetime, datetime] | None = None
) -> Checked:
    """Check a document.

    Args:
        path: Its file.
        pinned: The public key that must have signed it; without one nobody knows who did, which is
            a fault.
        period: Start and end that it must be about, where a period is expected.

    Raises:
        ProofRefused: It cannot be read, or is no statement.
    """
    statement, signature = _read(path)
    key, value = str(signature.get("public_key")), str(signature.get("value"))
    faults: list[str] = []
    try:
        if not is_signed_by(statement, key, value):
            faults.append("the signature is not of this statement: it was changed since")
        if pinned is None:
            faults.append(
                f"nobody has said whose key {key} is: name the one you trust with --public-key"
            )
        elif pinned != key:
            faults.append(f"it is signed by {key}, and not by {pinned}")
        of = statement["period"]
        found = tuple(datetime.fromisoformat(of[name]) for name in ("starts_at", "ends_at"))
        if period is not None and found != period:
            faults.append(f"it is about another period: {of['name']}")
        if str(statement["issued_at"]) < str(statement["period"]["ends_at"]):
            faults.append("it was made before its period was over")
        left = unexplained(statement)
        faults += left
        if bool(statement["holds"]) is not (not left):
            faults.append("what it says of itself is not what its figures come to")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProofRefused(f"{path} lacks what a statement has") from None
    return Checked(statement, key, tuple(faults))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            document: Any = json.loads(file.read(_LARGEST_BYTES))
    except OSError as fault:
        raise ProofRefused(f"{path} cannot be read: {fault.strerror}") from None
    except (ValueError, RecursionError):
        raise ProofRefused(f"{path} is no JSON") from None
    parts = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    statement, signature = (parts.get(name) for name in ("statement", "signature"))
    if not isinstance(statement, dict) or not isinstance(signature, dict):
        raise ProofRefused(f"{path} is no signed statement")
    if cast("dict[str, Any]", statement).get("schema") != _SCHEMA:
        raise ProofRefused(f"{path} is no statement that this version knows")
    return cast("dict[str, Any]", statement), cast("dict[str, Any]", signature)
