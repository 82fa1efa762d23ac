"""A key that a file may have and that decides nothing is as bad as a misspelt one (CFG-1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import corvus
from corvus.config.model.fields import LIVE, NATIVE_ONLY
from corvus.config.model.settings import Settings

PACKAGE = Path(corvus.__file__).parent
USERS = "\n".join(
    path.read_text()
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in ("config", "answers")
)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _models(part)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts(part)


MODELS = [*dict.fromkeys(_models(Settings))]
KEYS = sorted(
    {
        name
        for model in MODELS
        for name, field in model.model_fields.items()
        if not any(part in MODELS for part in _parts(field.annotation))
    }
)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_read_by_who_enforces_it(key: str) -> None:
    assert re.search(rf'\.{key}\b|"{key}"', USERS), "nothing outside the config reads it"


def test_the_marks_of_keys_stand_where_they_are_read() -> None:
    """A mark next to ``Field`` instead of in it would be passed over without a word."""
    loose = [
        (model.__name__, name)
        for model in MODELS
        for name, field in model.model_fields.items()
        if {LIVE, NATIVE_ONLY} & {mark for mark in field.metadata if isinstance(mark, str)}
    ]
    assert loose == []
