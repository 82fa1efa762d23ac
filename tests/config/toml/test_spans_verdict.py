"""The scanner and tomllib agree on what is valid TOML 1.0, so that no refusal goes unexplained."""

from __future__ import annotations

import sys
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.config.toml.scan import scan
from corvus.config.toml.spans import SpanIndex
from corvus.config.toml.tokens import FORBIDDEN
from tests.properties import examples

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 15), reason="tomllib reads TOML 1.1 from Python 3.15 on"
)

SEEDS = (
    '[cost]\ndaily_limit_usd = 10.5 # usd\nwarn = [1, 2,\n 3]\nx = {a = 1, "b c" = [true]}\n',
    'a.b = "x\\n\\u00e9"\nc = """\nq"" \\\n  z"""\n'
    "d = '''l\n'''\n[[t]]\n[[t]]\ne = 1979-05-27T07:32:00Z\n",
    "[a.b]\nc = 0x1f\n[a]\nd.e = -1e5\n[[a.f]]\ng = nan\n[a.f.h]\n'i' = 07:32:00.5\n",
)
SNIPPETS = st.sampled_from(
    ["[", "]", "{", "}", '"', "'", "=", ",", ".", "#", "\n", "\\", " ", "a", "0", "1", "_", "-",
     "+", ":", "e", "T", '"""', "'''", "\r", "\r\n", "[[", "]]", "\\u00e9", "\\ud800", "inf", "0x",
     "\x01", "a=1\n", "[a]\n", "[[a]]\n", "a.b=1\n", "\xe9", "2024-02-30", "\\e"]
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 4), SNIPPETS), min_size=1, max_size=4
)


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except ValueError:
        return False
    return True


@settings(max_examples=examples(400, by_day=120))
@given(st.sampled_from(SEEDS), EDITS)
def test_the_scanner_finds_a_mistake_exactly_where_tomllib_refuses(
    seed: str, edits: list[tuple[int, int, str]]
) -> None:
    text = seed
    for place, length, snippet in edits:
        place %= len(text) + 1
        text = text[:place] + snippet + text[place + length :]
    scanned = scan(text)
    mistakes = (
        list(scanned.problems) + SpanIndex(scanned.statements).conflicts + FORBIDDEN.findall(text)
    )
    assert is_toml(text) == (not mistakes), (text, mistakes)
