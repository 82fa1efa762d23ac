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
from corvus.config.model.dialects import Dialect, detect
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
    # Prices whose names have a dot inside quotes: one table too deep.
    "fb43a2d4": ["cost.prices.anthropic.claude-sonnet-4-5.input"],
    # Keys of a budget that were planned and never released.
    "943c7fd0": ["cost.budget_cents_per_day", "cost.alert_threshold_pct"],
    "7ed1f326": ["cost.budget_cents_per_day", "cost.alert_threshold_pct"],
    "ef622c64": ["cost.alert_threshold_pct", "cost.budget_cents_per_day"],
    # A key that no version of the runtime has.
    "4a8af0a5": ["autonomy.allowed_tools"],
    # Invented keys that look like a safeguard and are none.
    "1b1a824d": ["autonomy.allow_shell", "autonomy.allow_network", "autonomy.max_actions"],
}

# Every section that no version of the runtime has: of a fork or a test, or with a hyphen for `_`.
UNKNOWN_SECTIONS = {
    "1a331b7b": ["my_custom_section"],
    "46120e11": ["my_custom_section"],
    "fb43a2d4": ["my_custom_section"],
    "2135c507": ["computer_use"],
    "4225fdaf": ["email_tool"],
    "ef622c64": ["memory_namespaces"],
    "234d48dc": ["shell-tool", "web-search", "http-request"],
    "4a8af0a5": ["shell-tool", "web-search", "http-request"],
    "1b1a824d": ["android"],
}

# What nothing but keys says of the files; one has the shape of a file of corvus.
BY_KEYS_ALONE = {
    "492ad8db": Dialect.UNDECIDED,
    "943c7fd0": Dialect.UNDECIDED,
    "4225fdaf": Dialect.UNDECIDED,
    "1b1a824d": Dialect.CORVUS,
}


@pytest.fixture(scope="module")
def checked() -> CheckRun:
    def has_price(model: str) -> bool:
        return any(name in model for name in PRICED)

    return check_paths([str(CORPUS)], Options(facts=PriceFacts(has_price, price_clashes)))


def tag(file: CheckedFile) -> str:
    return Path(file.shown).stem.rpartition("__")[2]


def text_of(file: CheckedFile) -> dict[str, object]:
    return tomllib.loads(source_text(Path(file.shown).read_bytes()))


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


def test_a_section_that_is_not_known_is_no_error(checked: CheckRun) -> None:
    found = {
        tag(file): [str(one.path[0]) for one in file.diagnostics if one.code == "unknown-host-key"]
        for file in checked.files
    }
    assert {name: sections for name, sections in found.items() if sections} == UNKNOWN_SECTIONS


def test_every_file_is_checked_as_the_runtime_it_was_written_for(checked: CheckRun) -> None:
    """All are zeroclaw's; the names of the files, which tell so, are those of the corpus."""
    for file in checked.files:
        assert file.detected is not None
        assert file.detected.dialect is Dialect.ZEROCLAW, file.shown
        assert file.detected.evidence


def test_without_a_name_keys_decide_for_nearly_all_files() -> None:
    """CFG-2: where its keys do not tell, the file is undecided; one is like those of corvus."""
    found = {
        path.stem.rpartition("__")[2]: detect(tomllib.loads(source_text(path.read_bytes()))).dialect
        for path in FILES
    }
    others = {name: dialect for name, dialect in found.items() if dialect is not Dialect.ZEROCLAW}
    assert others == BY_KEYS_ALONE


def test_every_cap_of_the_runtime_is_a_note_and_no_more(checked: CheckRun) -> None:
    """DEP-7: the runtime enforces it; neither it nor its loss is ours to advise."""
    expected = {
        file.shown
        for file in checked.files
        if "max_cost_per_day_cents" in str(text_of(file).get("autonomy"))
    }
    noted = [one for one in checked.diagnostics if one.code == "host-key"]
    assert len(expected) > 20
    assert {one.file for one in noted} == expected
    assert {one.severity for one in noted} == {Severity.NOTE}
    assert not any("NOT enforced" in " ".join(one.help) for one in noted)
    assert not any(file.deprecated_fields for file in checked.files)


def test_the_only_warnings_are_sections_unpriced_models_and_a_byte_order_mark(
    checked: CheckRun,
) -> None:
    warned = Counter(one.code for one in checked.diagnostics if one.severity is Severity.WARNING)
    assert set(warned) == {"unknown-host-key", "unpriced-default-model", "byte-order-mark"}
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
            if one.code in {"unknown-key", "unknown-host-key", "host-key"}:
                assert str(one.path[-1]) in text[start.offset : end.offset]


def test_every_finding_can_be_shown(checked: CheckRun) -> None:
    sources = {file.shown: file.text for file in checked.files if file.text is not None}
    shown = render(checked.diagnostics, sources, colour=False)
    assert shown.count(" --> ") == len(checked.diagnostics)
