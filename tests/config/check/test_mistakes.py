"""Ten mistakes give ten diagnostics, each at its place (CFG-3), whatever the shape of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.config.check.check import check_paths

MISTAKES = Path(__file__).parent / "mistakes"

EXPECTED = {
    "headers.toml": [
        ("wrong-type", 3, 11),
        ("unknown-key", 4, 1),
        ("wrong-type", 5, 21),
        ("out-of-range", 6, 19),
        ("missing-key", 8, 14),
        ("invalid-value", 12, 9),
        ("unknown-key", 13, 1),
        ("out-of-range", 16, 18),
        ("out-of-range", 17, 28),
        ("unknown-key", 19, 2),
    ],
    "shapes.toml": [
        ("wrong-type", 2, 41),
        ("unknown-key", 3, 1),
        ("too-many-decimals", 4, 28),
        ("unknown-key", 5, 54),
        ("wrong-type", 5, 74),
        ("out-of-range", 5, 99),
        ("invalid-value", 7, 12),
        ("invalid-value", 8, 30),
        ("unknown-key", 8, 87),
        ("invalid-value", 9, 62),
    ],
    "governance.toml": [
        ("limit-never-binds", 4, 21),
        ("extreme-threshold", 6, 19),
        ("invalid-value", 7, 19),
        ("nested-price", 9, 23),
        ("duplicate-budget-name", 14, 8),
        ("deprecated-key", 20, 1),
        ("invalid-value", 23, 7),
        ("wrong-type", 24, 18),
        ("missing-key", 26, 23),
        ("invalid-value", 27, 12),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_ten_mistakes_give_ten_diagnostics_at_their_places(name: str) -> None:
    found = check_paths([str(MISTAKES / name)]).diagnostics
    places = [
        (diagnostic.code, diagnostic.span.start.line, diagnostic.span.start.column)
        for diagnostic in found
        if diagnostic.span is not None
    ]
    assert places == EXPECTED[name]
    assert len(found) == 10


@pytest.mark.parametrize("name", EXPECTED)
def test_every_span_covers_what_its_route_names(name: str) -> None:
    """The caret stands under the key or value of the route, never beside it."""
    text = (MISTAKES / name).read_text(encoding="utf-8")
    for diagnostic in check_paths([str(MISTAKES / name)]).diagnostics:
        assert diagnostic.span is not None
        start, end = diagnostic.span.start, diagnostic.span.end
        covered = text[start.offset : end.offset]
        lines = text[: start.offset].split("\n")
        assert (len(lines), len(lines[-1]) + 1) == (start.line, start.column)
        assert len(text[: start.offset].encode()) == start.byte_offset
        last = str(diagnostic.path[-1])
        is_key = diagnostic.code in {"unknown-key", "missing-key", "nested-price", "deprecated-key"}
        assert (last in covered) if is_key else covered.strip('"') != ""


def test_all_problems_of_all_files_come_in_one_run() -> None:
    found = check_paths([str(MISTAKES)]).diagnostics
    assert len(found) == 30
    assert [Path(diagnostic.file).name for diagnostic in found[::10]] == sorted(EXPECTED)


def test_pydantic_is_never_heard() -> None:
    found = check_paths([str(MISTAKES)]).diagnostics
    said = " ".join(" ".join((one.message, one.label, *one.help)) for one in found)
    for word in ("Input should", "pydantic", "Decimal", "dict", "extra", "NoneType", "literal"):
        assert word not in said
