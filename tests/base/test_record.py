"""A record is to its users what a ``NamedTuple`` is."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import NamedTuple

import pytest

from corvus.base.record import Record


class Light(Record):
    """Stands for the records of a check."""

    name: str
    number: int = 1

    @property
    def doubled(self) -> int:
        return 2 * self.number


class Heavy(NamedTuple):
    name: str
    number: int = 1


@pytest.mark.parametrize(
    ("positional", "named"),
    [
        (("a",), {}),
        (("a", 2), {}),
        ((), {"name": "a"}),
        (("a",), {"number": 2}),
        ((), {"number": 2, "name": "a"}),
        ((), {}),
        (("a", 2, 3), {}),
        (("a",), {"name": "b"}),
        (("a", 2), {"number": 2}),
        (("a",), {"other": 1}),
        ((), {"number": 2}),
    ],
)
def test_it_is_made_and_refused_as_a_named_tuple_is(
    positional: tuple[object, ...], named: dict[str, object]
) -> None:
    made: list[object] = []
    for kind in (Light, Heavy):
        try:
            made.append(tuple(kind(*positional, **named)))  # pyright: ignore[reportArgumentType]
        except TypeError:
            made.append(TypeError)
    assert made[0] == made[1]


def test_it_is_an_immutable_tuple_with_names() -> None:
    record = Light("a", number=3)
    name, number = record
    assert (name, number, record.doubled) == ("a", 3, 6)
    assert record == ("a", 3)
    assert {record: 1}[Light("a", 3)] == 1
    assert repr(record) == "Light(name='a', number=3)"
    assert record._replace(name="b") == ("b", 3)
    assert record._asdict() == {"name": "a", "number": 3}
    with pytest.raises(AttributeError):
        record.name = "b"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError):
        record.other = "b"  # pyright: ignore[reportAttributeAccessIssue]


def test_copies_and_pickles_are_records() -> None:
    record = Light("a", 3)
    for other in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert type(other) is Light
        assert other == record


def test_a_pattern_may_name_its_fields() -> None:
    match Light("a", 3):
        case Light(name, number=number):
            assert (name, number) == ("a", 3)


def test_defining_one_loads_neither_typing_nor_re() -> None:
    script = (
        "import sys\nbefore = set(sys.modules)\nimport corvus.base.record\n"
        "print({'typing', 're', 'collections'} & (set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"
