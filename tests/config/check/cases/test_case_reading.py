"""A policy test is read as strictly as a config: each mistake has its place and its remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.cli.check import main
from corvus.config.check.cases.case_reading import read_cases
from corvus.config.check.cases.file_names import is_test_file
from corvus.config.check.check import check_text
from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.document import read_document
from corvus.config.toml.values import is_array, is_table, written
from tools.generate.case_schema import document

GOLDEN = Path(__file__).parents[3] / "golden" / "cases"
FILES = sorted(GOLDEN.glob("*.test.toml"))
VALID = sorted((Path(__file__).parents[3] / "planning").rglob("*.test.toml"))


def codes(text: str) -> list[tuple[str, int]]:
    """Each finding and its line."""
    found = check_text(text.encode(), "a.test.toml").diagnostics
    return [(each.code, each.span.start.line if each.span else 0) for each in found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_text_is_exactly_the_expected_one(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    update_golden: bool,
) -> None:
    monkeypatch.chdir(path.parent)
    assert main(["--color", "never", path.name]) == 1
    printed = capsys.readouterr().out
    expected = path.with_suffix(".txt")
    if update_golden:
        expected.write_text(printed, encoding="utf-8")
    assert printed == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", [("missing-key", 1)]),
        ("[[case]]\nname = 'a'\n", [("missing-key", 1)]),
        ("[[case]]\nname = 'a'\ncall.model = 'm'\n", [("missing-key", 1)]),
        (
            "[[case]]\nname = 'a'\nstep = [{ expect = {} }]\n",
            [("missing-key", 1), ("missing-key", 3)],
        ),
        ("[[case]]\nname = 'a'\nstep = [{ advance = '1s' }]\n", [("missing-key", 1)]),
        (
            "[[case]]\nname = 'a'\ncall = {}\nexpect.decision = 'allowed'\n",
            [("missing-key", 3)],
        ),
        (
            "[[case]]\nname = 'a'\ncall.model = 'm'\nexpect.decision = 'allowed'\n"
            "[[case]]\nname = 'a'\ncall.model = 'm'\nexpect.decision = 'allowed'\n",
            [("duplicate-item", 6)],
        ),
        (
            "[[case]]\nname = 'a'\ncall.model = 'm'\nexpect.decision = 'allowed'\n"
            "step = [{ advance = '1s' }]\n",
            [("conflicting-keys", 5)],
        ),
        (
            "[[case]]\nname = 'a'\nexpect.decision = 'allowed'\nstep = [{ advance = '1s' }]\n",
            [("conflicting-keys", 3)],
        ),
        ("[[case]]\nname = 'a'\ncall.model = 'm'\nexpect = {}\n", [("missing-key", 4)]),
        (
            "[[case]]\nname = 'a'\ncall.model = 'm'\nexpect.message = '[a'\n",
            [("invalid-value", 4)],
        ),
        (
            "[[case]]\nname = 'a'\ncall.model = 'm'\nexpect.decision = 'allowed'\n"
            "expect.message = 'a'\n",
            [("conflicting-keys", 5)],
        ),
        (
            "[[case]]\nname = 'a'\ncall.model = 'm'\nexpect.verdict = 'allow'\n",
            [("conflicting-keys", 4)],
        ),
    ],
)
def test_keys_that_need_or_exclude_each_other_are_found(
    rest: str, expected: list[tuple[str, int]]
) -> None:
    assert codes(rest) == expected


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("settle = {}", "invalid-value"),
        ("settle = { call = 'b' }", "invalid-value"),
        ("release = 'b'", "invalid-value"),
        ("advance = '1s', at = 2026-11-25T12:00:00Z", "conflicting-keys"),
        ("advance = '0s'", "invalid-value"),
        ("advance = '400d'", "invalid-value"),
        ("advance = '1w'", "invalid-value"),
        ("advance = '\u0661s'", "invalid-value"),
        ("advance = '1s', name = 'b'", "conflicting-keys"),
        ("advance = '1s', expect = { decision = 'allowed' }", "conflicting-keys"),
        ("act = {}", "missing-key"),
        ("act = { command = 'ls', tool = 'x' }", "missing-key"),
        ("call = { model = 'm' }, name = 'a'", "duplicate-item"),
    ],
)
def test_a_step_that_cannot_be_is_found_at_its_place(step: str, code: str) -> None:
    call = "{ name = 'a', call = { model = 'm' }, expect = { decision = 'allowed' } }"
    steps = (
        f"step = [\n{{ {step} }}\n]" if "settle = {}" in step else f"step = [{call},\n{{ {step} }}]"
    )
    found = codes(f"[[case]]\nname = 'a'\n{steps}")
    assert (code, 4) in found
    if "settle = {}" not in step:
        assert len(found) == 1


def test_hundreds_of_mistakes_are_cut() -> None:
    text = "".join(f"[[case]]\nname = {number}\n" for number in range(MAX_FINDINGS + 9))
    found = check_text(text.encode(), "a.test.toml")
    assert found.is_cut
    assert "more follow" in found.diagnostics[-1].help[-1]


def test_costs_and_tokens_of_a_settlement_exclude_each_other() -> None:
    call = "{ call = { model = 'm' }, expect = { decision = 'allowed' } }"
    settle = "{ settle = { cost_usd = 1, input_tokens = 3 } }"
    assert codes(f"[[case]]\nname = 'a'\nstep = [{call},\n{settle}]") == [("conflicting-keys", 4)]


def test_tests_are_known_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        "budgets.test.toml": True,
        "a/b/x.test.toml": True,
        "policy-tests/day.toml": True,
        "policy-tests/a/day.toml": False,
        "policy-tests/corvus.toml": False,
        "corvus.toml": False,
        "test.toml": False,
        "policy-tests/README.md": False,
    }
    assert {name: is_test_file(name) for name in names} == names
    (tmp_path / "policy-tests").mkdir()
    monkeypatch.chdir(tmp_path / "policy-tests")
    assert is_test_file("day.toml")


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_what_is_clean_keeps_the_schema(path: Path) -> None:
    read, _ = read_document(path.read_bytes(), path.name)
    assert read is not None
    assert read_cases(read).diagnostics == ()
    jsonschema.validate(plain(read.data), document())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_the_schema_refuses_is_refused(path: Path) -> None:
    """JSON Schema says less, and never more (SCH-3)."""
    read, _ = read_document(path.read_bytes(), path.name)
    if read is None:
        return
    validator: Any = jsonschema.Draft202012Validator(document())
    is_valid = validator.is_valid(plain(read.data))
    assert is_valid is (path.name.split("--")[0] == "duplicate-item")


def plain(value: Any) -> Any:
    """TOML as JSON: what is no number, text, list or object is text."""
    if is_table(value):
        return {key: plain(inner) for key, inner in value.items()}
    if is_array(value):
        return [plain(inner) for inner in value]
    if isinstance(value, bool | int | str):
        return value
    return float(value) if hasattr(value, "as_tuple") else value.isoformat()


_WORDS = """
config at call case name given expect step spent held override decision budget message rungs model
settle release advance reset approve deny start_mission end_mission close_session act state part
input_tokens estimate_usd session mission tags alerts waited_seconds reason cost_usd verdict modle
"""
KEYS = st.sampled_from(_WORDS.split())
SCALARS = (
    st.text(max_size=8)
    | st.integers()
    | st.booleans()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.datetimes()
    | st.dates()
    | st.sampled_from(["allowed", "refused", "waits", "5m", "first", "cap", "*", "[a"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(KEYS, VALUES, max_size=6), st.lists(st.dictionaries(KEYS, VALUES), max_size=3)
)
def test_nothing_that_is_written_breaks_the_reader(
    table: dict[str, object], cases: list[dict[str, object]]
) -> None:
    """Whatever stands in a file is read, or refused with a place."""
    table = {**table, "case": cases} if cases else table
    text = "".join(f"{written({key: value})[2:-2]}\n" for key, value in table.items())
    checked = check_text(text.encode(), "a.test.toml")
    for found in checked.diagnostics:
        assert found.span is not None
        assert found.message
