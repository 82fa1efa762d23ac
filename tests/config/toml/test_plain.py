"""What the plain reader answers is what ``tomli`` answers; for the rest it has no answer."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from corvus.config.toml.plain import LONGEST, read_plain

ROOT = Path(__file__).parents[3]
FILES = sorted(path for folder in ("tests", "examples") for path in (ROOT / folder).rglob("*.toml"))
KEYS = ("a", "b", "-", '"c"', "'d.e'", "a.b", "b . c", "a.b.c", "c.a", '"é"', "", "ü", '"\\n"')
VALUES = (
    "1", "-0", "0.5", "-1_0", "true", "false", '"x"', "'y'", '"a\\tb"', "[]", "[1, 2,]", "{}",
    "{a=1}", "{ a.b = 1 }", "{a = {b=1}}", "[{a=1}, {a=2}]", "1.50", "00", "1e3", "1979-05-27",
    "+1", "-", "1_", "1__0", "[1\n,2 # c\n]", "99999999999999999999", '"""x"""', "''''''", "1 2",
    "{a=1,}", "{a=1\n}", ".5", "5.", "0x1f", "inf", "[[1], [2]]", "True", "\u0661",
)  # fmt: skip
NOISE = "\"'\\[]{}=.,#\n\t \r-+_0aé\x01\x7f"


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Text of a few headers and entries that get in each other's way, with a scratch or two."""
    key, value = st.sampled_from(KEYS), st.sampled_from(VALUES)
    header = key.map(lambda name: f"[{name}]")
    array = key.map(lambda name: f"[[{name}]]")
    entry = st.tuples(key, value).map(lambda pair: f"{pair[0]} = {pair[1]}")
    comment = st.sampled_from(("# x", "", "  ", "\t# é"))
    text = draw(st.sampled_from(("\n", "\r\n"))).join(
        draw(st.lists(st.one_of(header, array, entry, entry, comment), max_size=8))
    )
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(NOISE)) + text[at + draw(st.integers(0, 1)) :]
    return text


def meaning(text: str) -> str | None:
    """Return what ``tomli`` reads, with types and order; ``None`` where it refuses."""
    try:
        return repr(tomli.loads(text, parse_float=Decimal))
    except (ValueError, RecursionError):
        return None


@given(statements())
def test_where_it_answers_tomli_answers_the_same(text: str) -> None:
    found = read_plain(text)
    assert found is None or repr(found) == meaning(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_agrees_on_every_file_of_the_repository(path: Path) -> None:
    text = path.read_bytes().decode(errors="replace")
    found = read_plain(text)
    assert found is None or repr(found) == meaning(text)


def test_it_reads_the_examples() -> None:
    paths = [*(ROOT / "examples").rglob("corvus.toml")]
    assert paths
    assert not [path for path in paths if read_plain(path.read_text()) is None]


@pytest.mark.parametrize(
    "text",
    [
        "x = []\n[[x]]\n",
        "a = {}\n[a]\n",
        "[a]\nb.c = 1\n[a.b]\n",
        "[a]\nx = 1\n[a]\n",
        "a.b = 1\n[a]\n",
        "[a.b]\n[a]\nb.c = 1\n",
        "[[a]]\n[a]\n",
        "a = 1\na = 2\n",
        "a = {b = 1, b = 2}\n",
        f"{'.'.join('a' * 9)} = 1\n",
        f"a = {'[' * 9}{']' * 9}\n",
        "a = 9223372036854775808\n",
        "a = 1" + " " * LONGEST,
    ],
)
def test_it_gives_up_on_what_is_wrong_or_large(text: str) -> None:
    assert read_plain(text) is None
