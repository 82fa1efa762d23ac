from __future__ import annotations

from itertools import product

import duckdb
import pytest

from corvus.base.globs import glob_fault, glob_matches, globs_meet, literal


@pytest.mark.parametrize(
    "glob",
    ["claude-*", "gpt-4?", "[a-z]*", "[!0-9]x", "[]]", "[!]]", "[a-]", "[-a]", r"\[x", r"a\\", "]",
     "claude-opus-5[[]1m]", "search/*", "ñandú-[á-ú]"],
)  # fmt: skip
def test_a_sound_glob_has_no_fault(glob: str) -> None:
    assert glob_fault(glob) is None


@pytest.mark.parametrize(
    ("glob", "fault"),
    [
        ("claude-[a", "has a `[` at character 8 that no `]` closes; write `\\[` to mean it"),
        ("[", "has a `[` at character 1 that no `]` closes; write `\\[` to mean it"),
        ("a[]b", "has a `[` at character 2 that no `]` closes; write `\\[` to mean it"),
        ("x[!]", "has a `[` at character 2 that no `]` closes; write `\\[` to mean it"),
        ("a\\", "ends with a backslash, which must stand before the character it means"),
        ("[9-0]", "has the set `[9-0]`, whose range 9-0 is empty"),
        ("[^a]", "has the set `[^a]`: write `[!…]` for all characters but these"),
    ],
)
def test_a_malformed_glob_is_told_with_its_reason(glob: str, fault: str) -> None:
    assert glob_fault(glob) == fault


def spelled(alphabet: str, longest: int) -> list[str]:
    return ["".join(w) for size in range(1, longest + 1) for w in product(alphabet, repeat=size)]


def test_of_all_short_globs_those_found_malformed_are_those_that_match_nothing_in_duckdb() -> None:
    """Globs with a fault in a set may still match by its other members; they are left aside."""
    short, words = spelled("ab[]!-\\^", 4), spelled("abc[]!-\\^", 4)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "WITH tried AS (SELECT unnest($globs) AS g), word AS (SELECT unnest($words) AS w) "
            "SELECT g FROM tried WHERE EXISTS (SELECT 1 FROM word WHERE w GLOB g)",
            {"globs": short, "words": words},
        ).fetchall()
    matching = {glob for (glob,) in rows}
    assert len(matching) > 2000
    for glob in short:
        fault = glob_fault(glob)
        if fault is None or "has the set" not in fault:
            assert (fault is None) == (glob in matching), glob


def test_two_globs_meet_exactly_where_some_short_text_matches_both() -> None:
    """Over two characters and the globs of up to three, a text of six shows every meeting."""
    globs = ["", *spelled("ab*?", 3), "[ab]", "[!a]b", "[!b]*", "[a-b]?", r"\*", r"\?a"]
    texts = ["", *spelled("ab", 6), *spelled("abc*?", 3)]
    matched = {glob: {text for text in texts if glob_matches(glob, text)} for glob in globs}
    for one, other in product(globs, repeat=2):
        assert globs_meet(one, other) is bool(matched[one] & matched[other]), (one, other)


def test_globs_that_are_too_long_to_compare_may_meet() -> None:
    assert globs_meet("a" * 5000, "b" * 5000)
    assert not globs_meet("a" * 900, "*b" * 450)


@pytest.mark.parametrize(
    ("glob", "text"),
    [("ana", "ana"), ("", ""), (r"\*", "*"), ("a*", None), ("a?", None), ("[a]", None)],
)
def test_a_literal_is_the_one_text_that_a_glob_matches(glob: str, text: str | None) -> None:
    assert literal(glob) == text
