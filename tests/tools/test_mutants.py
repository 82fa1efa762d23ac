"""Mutants of code, and the list of those that may live (tools.mutate)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checkout import HERE
from tools.mutate import gone, sample
from tools.mutate.mutants import mutants_of
from tools.mutate.survivors import Survivor, read_survivors
from tools.mutate.trial import test_folders as folders_of

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


def test_the_tests_of_a_module_are_those_of_its_folder_then_of_its_room(tmp_path: Path) -> None:
    for name in ("config/toml", "model"):
        (tmp_path / name).mkdir(parents=True)
    nearest = [tmp_path / "config/toml", tmp_path / "config"]
    assert folders_of(tmp_path, Path("config/toml/spans.py")) == nearest
    assert folders_of(tmp_path, Path("config/edit/edit.py")) == [tmp_path / "config"]
    assert folders_of(tmp_path, Path("runtime.py")) == []


def test_every_explained_survivor_is_still_in_the_code() -> None:
    explained = read_survivors(HERE / "tools/mutants.toml")
    for survivor in explained:
        path = HERE / survivor.path
        assert path.is_file(), survivor.path
        mutants = mutants_of(Path(survivor.path), path.read_text(encoding="utf-8"))
        assert gone([survivor], mutants) == [], survivor
        assert survivor.reason
