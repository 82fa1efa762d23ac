"""Mutants of code, and the list of those that may live (tools.mutate)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checkout import HERE
from tools.mutate import gone, sample
from tools.mutate.mutants import mutants_of
from tools.mutate.survivors import Survivor, read_survivors
from tools.mutate.trial import circles

PATH = Path("policy/corvus/a.py")


def changes(code: str) -> list[str]:
    return [f"{found.before} -> {found.after}" for found in mutants_of(PATH, code)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a < b", ["a < b -> a <= b"]),
        ("a is not b", ["a is not b -> a is b"]),
        ("a and b", ["a and b -> a or b"]),
        ("x = 3", ["3 -> 4"]),
        ("x = True", ["True -> False"]),
        ("if a:\n    b = c", ["if a: -> if not a:"]),
        ("f(x)", ["f(x) -> pass"]),
        ("def f():\n    return x", ["return x -> return None"]),
        ("x = a + b", ["a + b -> a - b"]),
        ("x = b if a else c", ["b if a else c -> b if not a else c"]),
    ],
)
def test_each_kind_of_change_is_made(code: str, expected: list[str]) -> None:
    assert changes(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        '"""A docstring."""',
        "def f(x: Literal[3]) -> Literal[4]: ...",
        "if TYPE_CHECKING:\n    f()",
        "def f():\n    return None",
        "assert a < b",
        "@dataclass(frozen=True)\nclass A: ...",
    ],
)
def test_what_does_nothing_at_run_time_is_left_alone(code: str) -> None:
    assert changes(code) == []


def test_only_the_changed_code_differs() -> None:
    code = 'x = "ä"; y = (1 +\n  2)  # why\nz = 3\n'
    texts = {found.text for found in mutants_of(PATH, code)}
    assert 'x = "ä"; y = (1 +\n  2)  # why\nz = (4)\n' in texts
    assert 'x = "ä"; y = ((2) +\n  2)  # why\nz = 3\n' in texts


def test_the_seed_decides_the_sample() -> None:
    mutants = mutants_of(PATH, "\n".join(f"x = {number}" for number in range(50)))
    assert sample(mutants, 5, "a") == sample(mutants, 5, "a")
    assert sample(mutants, 5, "a") != sample(mutants, 5, "b")
    assert len(sample(mutants, 500, "a")) == 50


def test_a_survivor_is_found_again_when_its_line_has_moved() -> None:
    survivor = Survivor(PATH.as_posix(), "a < b", "a <= b", "no effect")
    (mutant,) = mutants_of(PATH, "\n\n\na < b")
    assert survivor.is_of(mutant)
    assert gone([survivor], [mutant]) == []
    assert gone([survivor], mutants_of(PATH, "a < c")) == [survivor]


def test_the_tests_nearest_to_a_module_come_first(tmp_path: Path) -> None:
    for name in ("config/toml/test_spans.py", "config/test_edit.py", "test_runtime.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(module: str, *, whole: bool = False) -> list[str]:
        groups = circles(tmp_path, Path(module), whole=whole)
        return [path.relative_to(tmp_path).as_posix() for group in groups for path in group]

    assert found("config/toml/spans.py") == ["config/toml/test_spans.py", "config/toml", "config"]
    assert found("config/edit/edit.py") == ["config/test_edit.py", "config"]
    assert found("runtime.py") == ["test_runtime.py"]
    assert found("runtime.py", whole=True) == ["test_runtime.py", "."]
    assert found("elsewhere.py") == ["."]


def test_every_explained_survivor_is_still_in_the_code() -> None:
    explained = read_survivors(HERE / "tools/mutants.toml")
    for survivor in explained:
        path = HERE / survivor.path
        assert path.is_file(), survivor.path
        mutants = mutants_of(Path(survivor.path), path.read_text(encoding="utf-8"))
        assert gone([survivor], mutants) == [], survivor
        assert survivor.reason
