"""Events and other closed sets: every member has a producer, and every event says all of itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from corvus.events import EVENTS, Event, OverrideAction, Redaction, Threshold, shown_fields
from corvus.model.request import Surface
from corvus.model.reservation import Outcome, Source
from corvus.model.steering import AuditKind, MissionOutcome, OverrideState

PACKAGE = Path(__file__).parents[1] / "policy" / "corvus"
CLOSED_SETS = (Surface, AuditKind, Source, Outcome, OverrideState, MissionOutcome)


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """Return the nodes of each module, by its path in the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): [*ast.walk(ast.parse(path.read_text()))]
        for path in PACKAGE.rglob("*.py")
    }


def outside(defining: str) -> Iterator[ast.AST]:
    """Return the nodes of all modules but the one that defines something."""
    return (node for module, found in nodes().items() if module != defining for node in found)


def test_every_event_has_a_producer() -> None:
    made = {
        node.func.id
        for node in outside("events.py")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert {event.__name__ for event in EVENTS} <= made


@pytest.mark.parametrize("closed", CLOSED_SETS)
def test_every_member_of_a_closed_set_has_a_user(closed: type[StrEnum]) -> None:
    defining = closed.__module__.removeprefix("corvus.").replace(".", "/") + ".py"
    used = {
        node.attr
        for node in outside(defining)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == closed.__name__
    }
    assert used >= set(closed.__members__)


def test_every_action_on_an_override_has_a_producer() -> None:
    said = {node.value for node in outside("events.py") if isinstance(node, ast.Constant)}
    assert set(get_args(OverrideAction)) <= said


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_declares_how_each_of_its_fields_is_shown(kind: type[Event]) -> None:
    for part in (kind, Threshold):
        assert all(isinstance(each.metadata["redaction"], Redaction) for each in fields(part))  # pyright: ignore[reportArgumentType]
    assert all(hasattr(kind, name) for name in kind.kind.figures)


@pytest.mark.parametrize("kind", EVENTS)
def test_a_counter_distinguishes_no_more_than_closed_sets_and_names(kind: type[Event]) -> None:
    counter = kind.kind.counter
    shown = {each.name: each.redaction for part in (kind, Threshold) for each in shown_fields(part)}
    allowed = {Redaction.PLAIN, Redaction.SURFACE}
    assert counter is None or {shown[label] for label in counter.labels} <= allowed
