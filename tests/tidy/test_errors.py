from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from policy import errors
from policy.cli.exits import Exit, exit_for

KINDS: list[type[errors.PolicyError]] = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.PolicyError)
]
LEAVES = [kind for kind in KINDS if not kind.__subclasses__()]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code_of_its_own_kind(kind: type[errors.PolicyError]) -> None:
    error = kind.__new__(kind)
    expected = (
        {Exit.FAILURE} if kind is errors.ResourceMissing else set(Exit) - {Exit.FAILURE, Exit.CLEAN}
    )
    assert exit_for(error) in expected


def test_error_codes_are_unique_and_kebab_case() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_every_error_is_raised_somewhere() -> None:
    source = "\n".join(path.read_text() for path in Path(errors.__file__).parent.rglob("*.py"))
    unused = [
        kind.__name__ for kind in LEAVES if not re.search(rf"raise {kind.__name__}\b", source)
    ]
    assert not unused
