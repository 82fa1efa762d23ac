"""What real configs, written by strangers for their own agents, get from ``corvus check``.

The files are not part of this project; without them the tests are skipped.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from corvus.cli.check import price_clashes
from corvus.config.check.check import CheckedFile, CheckRun, Options, check_paths
from corvus.config.check.subject import PriceFacts
from corvus.config.model.dialects import Dialect
from corvus.config.toml.document import source_text
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats.text import render
from corvus.diagnostics.model import Diagnostic

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "configs"
FILES = sorted(CORPUS.glob("*.toml"))
PRICED = ("claude", "gpt-4o", "gemini")

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of real configs is not there")

# Every error of the corpus, by the hash at the end of the file's name, and why it is right.
EXPECTED_ERRORS = {
    # A test fixture of the runtime that holds a section no version of it ever read.
    "1a331b7b": ["my_custom_section"],
    "46120e11": ["my_custom_section"],
    # The same, and prices whose names have a dot inside quotes: one table too deep.
    "fb43a2d4": ["cost.prices.anthropic.claude-sonnet-4-5.input", "my_custom_section"],
    # Sections of other tools or of a fork.
    "2135c507": ["computer_use"],
    "4225fdaf": ["email_tool"],
    # Keys of a budget that were planned and never released.
    "943c7fd0": ["cost.budget_cents_per_day", "cost.alert_threshold_pct"],
    "7ed1f326": ["cost.budget_cents_per_day", "cost.alert_threshold_pct"],
    "ef622c64": [
        "cost.alert_threshold_pct",
        "cost.budget_cents_per_day",
        "memory_namespaces",
    ],
    # Hyphens where the runtime has underscores: it never reads these sections.
    "234d48dc": ["shell-tool", "web-search", "http-request"],
    "4a8af0a5": ["shell-tool", "web-search", "http-request", "autonomy.allowed_tools"],
    # Invented keys that look like a safeguard and are none.
    "1b1a824d": [
        "autonomy.allow_shell",
        "autonomy.allow_network",
        "autonomy.max_actions",
        "android",
    ],
}

# Files whose governed and host keys are all known to the corvus runtime; one is a stranger to both.
CHECKED_AS_CORVUS = {"492ad8db", "943c7fd0", "4225fdaf"}


@pytest.fixture(scope="module")
def checked() -> CheckRun:
    def has_price(model: str) -> bool:
        return any(name in model for name in PRICED)

    return check_paths([str(CORPUS)], Options(facts=PriceFacts(has_price, price_clashes)))


def tag(file: CheckedFile) -> str:
    return Path(file.shown).stem.rpartition("__")[2]


def errors(file: CheckedFile) -> list[Diagnostic]:
    return [one for one in file.diagnostics if one.severity is Severity.ERROR]


def test_every_file_is_read_and_parsed(checked: CheckRun) -> None:
    assert len(checked.files) == len(FILES) == 41
    assert all(file.detected is not None for file in checked.files)
    assert not checked.unreadable


def test_each_error_is_one_that_we_can_stand_by(checked: CheckRun) -> None:
    found = {
        tag(file): [".".join(str(part) for part in one.path) for one in errors(file)]
        for file in checked.files
        if errors(file)
    }
    assert found == EXPECTED_ERRORS


def test_no_error_stands_inside_a_host_section(checked: CheckRun) -> None:
    for file in checked.files:
        for one in errors(file):
            assert len(one.path) == 1 or one.path[0] in {"cost", "autonomy", "mission"}


def test_every_file_is_checked_as_the_runtime_it_was_written_for(checked: CheckRun) -> None:
    as_corvus = {
        tag(file)
        for file in checked.files
        if file.detected and file.detected.dialect is Dialect.CORVUS
    }
    assert as_corvus == CHECKED_AS_CORVUS
    for file in checked.files:
        assert file.detected is not None
        assert file.detected.dialect is not Dialect.NATIVE
        assert file.detected.evidence


def test_every_lost_money_cap_is_told(checked: CheckRun) -> None:
    """DEP-3: whoever wrote both keys with different numbers believes in a cap that is not there."""
    expected: set[str] = set()
    for path in FILES:
        autonomy = tomllib.loads(source_text(path.read_bytes())).get("autonomy", {})
        if "max_cost_per_day_cents" in autonomy:
            expected.add(str(path))
            assert "max_actions_per_hour" in autonomy
    told = {
        file.shown
        for file in checked.files
        for one in file.diagnostics
        if one.code == "deprecated-key" and "NOT enforced" in " ".join(one.help)
    }
    assert len(told) > 20
    assert told == expected
    assert {file.shown for file in checked.files if file.deprecated_fields} == expected


def test_the_only_warnings_are_deprecations_unpriced_models_and_a_byte_order_mark(
    checked: CheckRun,
) -> None:
    warned = Counter(one.code for one in checked.diagnostics if one.severity is Severity.WARNING)
    assert set(warned) == {"deprecated-key", "unpriced-default-model", "byte-order-mark"}
    assert warned["byte-order-mark"] == 1


def test_every_position_is_true(checked: CheckRun) -> None:
    for file in checked.files:
        raw = Path(file.shown).read_bytes()
        text = source_text(raw)
        for one in file.diagnostics:
            assert one.span is not None
            start, end = one.span.start, one.span.end
            before = text[: start.offset]
            assert start.line == before.count("\n") + 1
            assert start.column == len(before) - before.rfind("\n")
            covered = raw[start.byte_offset : end.byte_offset].decode().lstrip("\ufeff")
            assert covered == text[start.offset : end.offset]
            if one.code in {"unknown-key", "deprecated-key"}:
                assert str(one.path[-1]) in text[start.offset : end.offset]


def test_every_finding_can_be_shown(checked: CheckRun) -> None:
    sources = {file.shown: file.text for file in checked.files if file.text is not None}
    shown = render(checked.diagnostics, sources, colour=False)
    assert shown.count(" --> ") == len(checked.diagnostics)
