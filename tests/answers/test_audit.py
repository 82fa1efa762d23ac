"""Every kind of audit event happens somewhere, and is in the published schema (AUD-1)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import corvus
from corvus.answers.audit import AUDIT_EVENT
from corvus.model.steering import AuditKind

SOURCES = "\n".join(path.read_text() for path in Path(corvus.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("kind", AuditKind)
def test_every_kind_has_a_producer(kind: AuditKind) -> None:
    assert re.search(rf"\bAuditKind\.{kind.name}\b", SOURCES), "declared and never appended"


def test_the_schema_is_made_from_the_kinds() -> None:
    schema: Any = AUDIT_EVENT.schema
    assert schema["properties"]["kind"]["enum"] == [*AuditKind]
