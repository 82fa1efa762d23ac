"""A member of a public object is described once: body and schema have the same keys."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import corvus.answers
from corvus.answers.shape import (
    Member,
    Shape,
    count,
    instant,
    listing,
    money,
    optional,
    optional_money,
    optional_nested,
    optional_text,
    parts_of,
    percent,
    text,
)


@dataclass(frozen=True)
class Part:
    name: str
    cost_nano_usd: int | None = None


@dataclass(frozen=True)
class Whole:
    part: Part
    at: datetime
    calls: int = 1
    note: str | None = None
    parts: tuple[Part, ...] = ()


PART = Shape[Part](text("name", "What it is called."), optional_money("cost", "What it cost."))
WHOLE = Shape[Whole](
    instant("at", "When."),
    text("title", "Another name for an attribute of an attribute.", "part.name"),
    money("total", "Of all parts.", lambda whole: 1_500_000_000 * whole.calls),
    percent("share", "Of something.", lambda whole: 1 / 3),
    optional(optional_text("note", "There if any."), lambda whole: whole.note is not None),
    optional_nested("first", PART, lambda whole: whole.parts[0] if whole.parts else None),
    listing("parts", PART, "All of them."),
    count("calls", "Calls."),
)
AT = datetime(2026, 11, 28, tzinfo=UTC)


def shapes() -> Iterator[tuple[str, Shape[Any]]]:
    for found in pkgutil.iter_modules(corvus.answers.__path__):
        module = import_module(f"corvus.answers.{found.name}")
        for name, value in vars(module).items():
            if isinstance(value, Shape):
                yield f"{found.name}.{name}", value


def test_a_body_is_what_its_schema_says() -> None:
    body = WHOLE.body(Whole(Part("p"), AT, parts=(Part("q", 5), Part("r"))))
    assert body == {
        "at": "2026-11-28T00:00:00+00:00",
        "title": "p",
        "total_usd": 1.5,
        "total_nano_usd": "1500000000",
        "share": 0.33,
        "first": {"name": "q", "cost_usd": 5e-09, "cost_nano_usd": "5"},
        "parts": [
            {"name": "q", "cost_usd": 5e-09, "cost_nano_usd": "5"},
            {"name": "r", "cost_usd": None, "cost_nano_usd": None},
        ],
        "calls": 1,
    }
    validator: Any = Draft202012Validator(WHOLE.schema)
    assert [*validator.iter_errors(body)] == []


def test_an_absent_member_is_not_required_and_a_present_one_keeps_its_place() -> None:
    assert "note" not in WHOLE.schema["required"]
    assert [*WHOLE.body(Whole(Part("p"), AT, note="n"))][5] == "note"


def test_the_members_of_a_part_can_stand_in_the_whole() -> None:
    members: list[Member[Whole]] = parts_of(PART, lambda whole: whole.part)
    flat = Shape[Whole](*members)
    assert flat.schema == PART.schema
    assert flat.body(Whole(Part("p", 1), AT)) == PART.body(Part("p", 1))


SHAPES = dict(shapes())


@pytest.mark.parametrize("name", SHAPES)
def test_every_public_object_has_a_closed_valid_schema(name: str) -> None:
    shape = SHAPES[name]
    Draft202012Validator.check_schema(shape.schema)
    assert shape.schema["additionalProperties"] is False, name
    keys = [key for member in shape.members for key in member.schemas]
    assert len(keys) == len(set(keys)), f"{name} describes a member twice"
