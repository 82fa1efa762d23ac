"""Every rule id that is cited can be looked up, and every rule that is written down is cited."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.governor.test_findings import DEFECTS, FINDINGS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "rules.md"
UPSTREAM = ROOT / "docs" / "upstream-contract.md"
FOLDERS = (
    ".ci", ".github", "benchmarks", "docs", "examples", "policy", "reports", "schemas", "tests",
    "tools",
)  # fmt: skip
SUFFIXES = {"", ".css", ".html", ".js", ".json", ".md", ".py", ".sql", ".toml", ".yaml", ".yml"}
NOT_RULES = {"GLM", "GPT", "PDF", "SHA", "SSH", "UTF"}
"""Names of encodings, hashes and models that look like ids of rules."""
ENTRY = re.compile(r"^- \*\*((?:UP-)?[A-Z]+-?[0-9]+)\*\* ", re.MULTILINE)
CITED = re.compile(r"(?<![\w-])(?!UP-)([A-Z]{3})-([0-9]+)(?:\s+to\s+\1-([0-9]+))?(?![\w-])")
IN_NAME = re.compile(r"def test_([a-z]{3})_([0-9]+)(?:_and_([0-9]+))?_")
CITED_UPSTREAM = re.compile(r"(?<![\w-])UP-[A-Z]+-?[0-9]+(?![\w-])")
NOT_HERE = re.compile(
    r"\b(?:spec|specification|design|contract|style|fact sheet)(?:'s)?"
    r",? (?:section )?[0-9]+(?:\.[0-9]+)*\b"
    r"|\((?:sections?) [0-9]+[^)]*\)"
    r"|\bsections? [0-9]+ (?:of|to|and) (?:the )?(?:spec|design|contract|[0-9])"
    r"|\bupstream(?:'s)? contract\b|\.\./shared\b|\bspec\.md\b|\bhouse\.md\b",
    re.IGNORECASE,
)
"""Pointers to documents that are not in the repository."""


@cache
def texts() -> dict[str, str]:
    """Every text of the repository but the two documents themselves, by its path."""
    found = {path: path.read_text(encoding="utf-8") for path in _files()}
    return {str(path.relative_to(ROOT)): text for path, text in found.items()}


def _files() -> Iterator[Path]:
    yield from (path for path in ROOT.glob("*.*") if path.suffix in {".md", ".toml", ".yaml"})
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            is_text = path.suffix in SUFFIXES and path.is_file()
            if is_text and path not in (RULES, UPSTREAM) and "artifacts" not in path.parts:
                yield path


def rules_in(text: str) -> Iterator[str]:
    """Every id that a text cites; ``EVA-1 to EVA-7`` cites all seven, as do names of tests."""
    for area, first, last in CITED.findall(text):
        if area not in NOT_RULES:
            yield from (f"{area}-{n}" for n in range(int(first), int(last or first) + 1))
    for area, first, second in IN_NAME.findall(text):
        yield from (f"{area.upper()}-{number}" for number in (first, second) if number)


def cited(*, under: tuple[str, ...] = ("",)) -> dict[str, str]:
    """Rule ids by a file that cites them."""
    return {
        rule: path
        for path, text in texts().items()
        if path.startswith(under)
        for rule in (*rules_in(text), *CITED_UPSTREAM.findall(text))
    }


def entries(path: Path) -> list[str]:
    return ENTRY.findall(path.read_text(encoding="utf-8"))


def test_every_rule_that_is_cited_has_one_entry() -> None:
    known = Counter([*entries(RULES), *entries(UPSTREAM)])
    assert [rule for rule, times in known.items() if times > 1] == []
    missing = {rule: path for rule, path in cited().items() if rule not in known}
    assert missing == {}


def test_every_rule_is_cited_by_a_test() -> None:
    proved = cited(under=("tests",))
    assert [rule for rule in entries(RULES) if rule not in proved] == []


def test_entries_stand_in_their_area_in_ascending_order() -> None:
    found = [rule.rpartition("-") for rule in entries(RULES)]
    areas = list(dict.fromkeys(area for area, _, _ in found))
    order = [(areas.index(area), int(number)) for area, _, number in found]
    by_area = [[n for place, n in order if place == index] for index in range(len(areas))]
    assert order == sorted(order, key=lambda entry: entry[0])
    assert all(sorted(numbers) == sorted(set(numbers)) for numbers in by_area)


def test_every_finding_and_defect_of_the_upstream_has_its_requirement_and_its_proof() -> None:
    listed = [rule for rule in entries(UPSTREAM) if re.match(r"UP-[FX]\d", rule)]
    assert [*(f"UP-F{name}" for name in FINDINGS), *(f"UP-{name}" for name in DEFECTS)] == listed


def test_a_document_names_each_id_that_it_cites() -> None:
    text = RULES.read_text(encoding="utf-8") + UPSTREAM.read_text(encoding="utf-8")
    assert set(rules_in(text)) - set(entries(RULES)) == set()


def test_no_text_points_to_a_document_that_is_not_here() -> None:
    pointers = {
        path: [line.strip() for line in text.splitlines() if NOT_HERE.search(line)]
        for path, text in texts().items()
        if path != "tests/tidy/test_rules.py"
    }
    assert {path: lines for path, lines in pointers.items() if lines} == {}
