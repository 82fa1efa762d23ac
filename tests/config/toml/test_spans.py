"""The oracle of positions: reading the text of a span again gives the value at its path (DIA-3)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.config.toml.document import Document, read_document
from corvus.config.toml.scan import scan
from corvus.config.toml.tokens import unquote
from corvus.config.toml.values import Route, is_table
from corvus.diagnostics.model import Span
from tests.properties import examples

SHARED = Path(__file__).parents[3] / ".." / "shared" / "configs"

CORPUS = {
    "empty": "",
    "only comments": "# a\n\n  # b",
    "bare keys": "a = 1\nb-c_1 = true\n1234 = 'x'\n",
    "quoted keys": '"a b" = 1\n\'c.d\' = 2\n"" = 3\n"q\\"q" = 4\n"\\u00e9" = 5\n',
    "dotted keys": 'a.b.c = 1\na . b . "d e" = 2\na.x.y.z = 3\n3.14 = "pi"\n',
    "headers": "[a]\nb = 1\n[a.c]\nd = 2\n[ e . 'f g' ]\nh = 3\n[e]\ni = 4\n",
    "a child before its parent": "[a.b.c]\nd = 1\n[a]\ne = 2\n[a.b]\nf = 3\n",
    "dotted keys below headers": "[a]\nb.c = 1\nb.d.e = 2\n[a.b.f]\ng = 3\n",
    "inline tables": "a = { b = 1, c.d = [2, {e = 'f'}], \"g h\" = {} }\n[t]\nx = {y = {z = 1}}\n",
    "arrays": 'a = [ ]\nb = [1, [2, [3, "four"]], [] ]\nc = [\n  1, # one\n\n  2,\n]\n',
    "arrays of inline tables": "a = [\n  {b = 1},\n  {b = 2, c = [{d = 3}, {d = 4}]},\n]\n",
    "arrays of tables": "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a]]\n",
    "nested arrays of tables": (
        "[[a]]\nn = 1\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n[a.b.d]\ne = 1\n[[a]]\n[[a.b]]\nc = 3\n"
    ),
    "strings": (
        'a = "x # no comment [1, {"\nb = \'C:\\d\'\nc = """\nmany\n"quotes"" \\\n  on"""\n'
        'd = \'\'\'a\n\'b\'\'\'\'\ne = """"""\nf = "\\u00e9\\n\\""\ng = """"q"""""\n'
    ),
    "numbers": (
        "a = +1_000\nb = -0\nc = 0xDEAD_beef\nd = 0o17\ne = 0b101\n"
        "f = 1e3\ng = 6.02E+2_3\nh = -inf\n"
    ),
    "dates": (
        "a = 1979-05-27T07:32:00Z\nb = 1979-05-27 07:32:00.999-07:00 # c\nc = 1979-05-27\n"
        "d = 07:32:00\ne = [1979-05-27 ,07:32:00.5]\n"
    ),
    "no newline at the end": "a = 1\n[b]\nc = [1,2]",
    "carriage returns": 'a = 1\r\n[b] # x\r\nc = """x\r\ny"""\r\nd = [\r\n1,\r\n2]\r\n',
    "tabs and spaces": "\ta\t=\t1\t\n  [ b ]  \n\tc = [\t1\t,\t2\t]\t# d\n",
    "beyond ASCII": (
        'a = "\N{CJK UNIFIED IDEOGRAPH-65E5}"\n"\N{GRINNING FACE}" = \'\xe9\' # \xe9\nb = 1\n'
    ),
    "keys that look like values": "true = false\ninf = nan\n1979-05-27 = 1\n",
}


def parsed(text: str, file: str = "test.toml") -> Document:
    document, found = read_document(text.encode(), file)
    assert document is not None, found
    return document


def paths(value: Any, above: Route = ()) -> Iterator[tuple[Route, Any]]:
    yield above, value
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(cast("dict[str | int, Any]", value).items())
    elif isinstance(value, list):
        items = list(enumerate(cast("list[Any]", value)))
    for key, item in items:
        yield from paths(item, (*above, key))


def cut(document: Document, span: Span) -> str:
    assert span.start.line == document.text.count("\n", 0, span.start.offset) + 1
    return document.text[span.start.offset : span.end.offset]


def assert_positions(document: Document) -> int:
    """Check every path of a document; return how many there were."""
    checked = 0
    for path, value in paths(document.data):
        if not path:
            continue
        assert document.has(path)
        key = cut(document, document.key(path))
        if isinstance(path[-1], str):
            assert unquote(key) == path[-1]
        assert_value(cut(document, document.value(path)), key, value)
        checked += 1
    return checked


def assert_value(written: str, key: str, value: Any) -> None:
    if is_table(value) and not written.startswith("{"):
        # A table made by a header has the header for its value, one made by dotted keys the key.
        assert written == key or (written[0] + written[-1] == "[]" and key in written)
    elif written.startswith("[[") and all(is_table(item) for item in value):
        assert written.endswith("]]")
        assert key in written
    else:
        assert repr(tomllib.loads(f"v = {written}", parse_float=Decimal)["v"]) == repr(value)


@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS)
def test_every_key_and_value_of_the_corpus_is_where_its_span_says(text: str) -> None:
    document = parsed(text)
    count = sum(1 for _ in paths(document.data)) - 1
    assert assert_positions(document) == count


def test_every_key_and_value_of_files_of_strangers_is_where_its_span_says() -> None:
    files = sorted(SHARED.glob("*.toml"))
    if not files:
        pytest.skip(f"no files below {SHARED}: the corpus of real configurations is absent")
    checked = 0
    for file in files:
        document, found = read_document(file.read_bytes(), file.name)
        assert document is not None, found
        assert not scan(document.text).problems
        checked += assert_positions(document)
    assert checked > 1000


# Generated documents: one random tree of data, written in a random style.

_NAMES = st.one_of(
    st.text("abcXYZ019_-", min_size=1, max_size=4),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4),
)
_SCALARS = st.sampled_from(
    ["1", "-7", "0x1F", "1.50", "true", "''", '"x y"', '"""a\n]b"""', "'''{\n#'''", "07:32:00",
     "1979-05-27", '"# [ = \\" \\u00e9"', '"\N{CJK UNIFIED IDEOGRAPH-65E5}\N{GRINNING FACE}"']
)  # fmt: skip
_GAPS = st.sampled_from(["", " ", "\t "])
_BLANKS = st.sampled_from(["", " ", "\n", " # ] x\n\t"])


@st.composite
def key_tokens(draw: st.DrawFn, name: str) -> str:
    styles = ['"' + "".join(f"\\U{ord(char):08x}" for char in name) + '"']
    if "'" not in name:
        styles.append(f"'{name}'")
    if name and name.isascii() and name.replace("-", "").replace("_", "").isalnum():
        styles += [name, name]
    return draw(st.sampled_from(styles))


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["scalar", "scalar", "array", "table"])) if depth else "scalar"
    if kind == "array":
        items = draw(st.lists(values(depth - 1), max_size=3))
        gap = draw(_BLANKS)
        comma = draw(st.sampled_from(["", ","])) if items else ""
        return f"[{gap}{f'{gap},{gap}'.join(items)}{gap}{comma}{gap}]"
    if kind == "table":
        names = draw(st.lists(_NAMES, max_size=3, unique=True))
        pairs = [f"{draw(key_tokens(name))} = {draw(values(depth - 1))}" for name in names]
        return "{" + f"{draw(_GAPS)},".join(pairs) + draw(_GAPS) + "}"
    return draw(_SCALARS)


@st.composite
def statements(draw: st.DrawFn, names: list[str], taken: set[str]) -> list[str]:
    lines: list[str] = []
    for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
        if name in taken:
            continue
        taken.add(name)
        key = draw(key_tokens(name))
        for part in draw(st.lists(_NAMES, max_size=2)):
            key += f"{draw(_GAPS)}.{draw(_GAPS)}{draw(key_tokens(part))}"
        lines.append(f"{draw(_GAPS)}{key}{draw(_GAPS)}={draw(_GAPS)}{draw(values())} # x")
    return lines


@st.composite
def documents(draw: st.DrawFn) -> str:
    names = draw(st.lists(_NAMES, min_size=4, max_size=6, unique=True))
    lines = draw(statements(names, taken := set[str]()))
    arrays: set[str] = set()
    for name in draw(st.lists(st.sampled_from(names), max_size=5)):
        if name in taken and name not in arrays:
            continue
        if name not in arrays and draw(st.booleans()):
            lines.append(f"[{draw(_GAPS)}{draw(key_tokens(name))}]")
        else:
            arrays.add(name)
            lines.append(f"[[{draw(key_tokens(name))}{draw(_GAPS)}]]")
        taken.add(name)
        below = set[str]()
        lines += draw(statements(names, below))
        inner = draw(st.sampled_from(names))
        if inner not in below and draw(st.booleans()):
            lines.append(f"[{draw(key_tokens(name))}.{draw(key_tokens(inner))}]")
            lines += draw(statements(names, set[str]()))
    text = "\n".join(lines)
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@settings(max_examples=examples(300, by_day=100))
@given(documents())
def test_every_key_and_value_of_a_generated_document_is_where_its_span_says(text: str) -> None:
    document = parsed(text)
    assert not scan(text).problems
    assert_positions(document)


def place(document: Document, span: Span) -> tuple[int, int, str]:
    return span.start.line, span.start.column, cut(document, span)


def test_the_key_of_a_table_is_the_token_inside_its_own_header() -> None:
    document = parsed("[a.b]\nx = 1\n[a]\n[[c]]\n[[c]]\ny = 2\n")
    assert place(document, document.key(("a",))) == (3, 2, "a")
    assert place(document, document.value(("a",))) == (3, 1, "[a]")
    assert place(document, document.key(("a", "b"))) == (1, 4, "b")
    assert place(document, document.value(("a", "b"))) == (1, 1, "[a.b]")
    assert place(document, document.value(("c",))) == (4, 1, "[[c]]")
    assert place(document, document.value(("c", 1))) == (5, 1, "[[c]]")
    assert place(document, document.key(("c", 1, "y"))) == (6, 1, "y")


def test_a_table_without_a_header_of_its_own_is_where_it_is_first_named() -> None:
    document = parsed("[a.b]\nc.d = 1\nc.e = 2\n")
    assert place(document, document.key(("a",))) == (1, 2, "a")
    assert place(document, document.value(("a", "b", "c"))) == (2, 1, "c")


def test_the_root_starts_the_file() -> None:
    document = parsed("\n\na = 1\n")
    assert place(document, document.key(())) == (1, 1, "")


def test_a_path_that_is_not_set_has_the_place_of_its_nearest_ancestor() -> None:
    document = parsed("[a]\nb = [1, 2]\n")
    assert document.value(("a", "x", "y")) == document.value(("a",))
    assert document.value(("a", "b", 7)) == document.value(("a", "b"))
    assert not document.has(("a", "b", 7))
    assert not document.has(("a", "b", -1))
    assert not document.has(("a", 0))


def test_mentions_are_all_tokens_that_spell_a_key() -> None:
    document = parsed("[a.b]\nx = 1\n[a]\ny = 2\n['a'.c]\n")
    assert [place(document, span) for span in document.mentions(("a",))] == [
        (1, 2, "a"),
        (3, 2, "a"),
        (5, 2, "'a'"),
    ]


def test_columns_count_code_points_and_byte_offsets_count_bytes_of_the_file() -> None:
    document, _ = read_document(b'\xef\xbb\xbfa = "\xc3\xa9\xe6\x97\xa5"\r\nb = {c = 1}\n', "f")
    assert document is not None
    end = document.value(("a",)).end
    assert (end.line, end.column, end.offset, end.byte_offset) == (1, 9, 8, 3 + 11)
    start = document.value(("b", "c")).start
    assert (start.line, start.column, start.offset, start.byte_offset) == (2, 10, 19, 3 + 22)


@settings(max_examples=examples(100, by_day=40))
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(0, 50))
def test_an_offset_and_its_position_name_the_same_place(text: str, offset: int) -> None:
    document = Document("f", text, {}, has_bom=False)
    offset = min(offset, len(text))
    position = document.at(offset, offset).start
    before = text[:offset]
    assert position.offset == offset
    assert position.byte_offset == len(before.encode())
    assert position.line == before.count("\n") + 1
    assert position.column == offset - (before.rfind("\n") + 1) + 1
