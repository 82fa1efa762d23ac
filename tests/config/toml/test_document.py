from __future__ import annotations

import socket
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from corvus.config.check.codes import lookup
from corvus.config.toml.bounds import MAX_BYTES
from corvus.config.toml.document import (
    Document,
    read_bytes,
    read_document,
    read_file,
    source_text,
)
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic


def only(found: list[Diagnostic]) -> Diagnostic:
    assert len(found) == 1, found
    assert found[0].severity is lookup(found[0].code).severity
    return found[0]


def refused(raw: bytes) -> Diagnostic:
    document, found = read_document(raw, "f.toml")
    assert document is None
    return only(found)


def where(diagnostic: Diagnostic) -> tuple[int, int, int, int]:
    assert diagnostic.span is not None
    start = diagnostic.span.start
    return start.line, start.column, start.offset, start.byte_offset


def test_floats_are_decimals_and_the_text_keeps_its_line_ends() -> None:
    document, found = read_document(b"a = 0.1\r\nb = 1\r\n", "f.toml")
    assert document is not None
    assert found == []
    assert document.data == {"a": Decimal("0.1"), "b": 1}
    assert document.text == "a = 0.1\r\nb = 1\r\n"
    assert (document.file, document.has_bom) == ("f.toml", False)


def test_a_byte_order_mark_is_a_warning_and_the_rest_is_read() -> None:
    document, found = read_document(b"\xef\xbb\xbf[cost]\n", "f.toml")
    warning = only(found)
    assert (warning.code, warning.severity) == ("byte-order-mark", Severity.WARNING)
    assert document is not None
    assert (document.text, document.has_bom) == ("[cost]\n", True)
    assert document.value(("cost",)).start.byte_offset == 3


def test_a_byte_order_mark_does_not_hide_an_error() -> None:
    document, found = read_document(b"\xef\xbb\xbfa = \n", "f.toml")
    assert document is None
    assert [one.code for one in found] == ["byte-order-mark", "syntax-error"]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"a = 1\nb = 'caf\xe9'\n", (2, 9, 14, 14)),
        (b"\xff", (1, 1, 0, 0)),
        ("x = 'é'\ny = '".encode() + b"\xc3", (2, 6, 13, 14)),
        (b"x = '\xed\xa0\x80'", (1, 6, 5, 5)),  # an encoded surrogate
    ],
)
def test_invalid_utf8_is_reported_at_its_first_byte(
    raw: bytes, place: tuple[int, int, int, int]
) -> None:
    diagnostic = refused(raw)
    assert diagnostic.code == "invalid-utf8"
    assert where(diagnostic) == place
    assert f"0x{raw[place[3]]:02x}" in diagnostic.message


def test_invalid_utf8_behind_a_byte_order_mark_counts_its_bytes_but_not_its_column() -> None:
    document, found = read_document(b"\xef\xbb\xbfa\xff", "f.toml")
    assert document is None
    assert [one.code for one in found] == ["byte-order-mark", "invalid-utf8"]
    assert where(found[1]) == (1, 2, 1, 4)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_utf16_is_called_so(encoding: str) -> None:
    diagnostic = refused("[cost]\nenabled = true\n".encode(encoding))
    assert diagnostic.code == "invalid-utf8"
    assert "UTF-16" in diagnostic.message


def test_nul_bytes_are_one_diagnostic_at_the_first() -> None:
    diagnostic = refused(b"a = 1\nb = '\0'\nc = '\0\0'\n")
    assert diagnostic.code == "nul-byte"
    assert "3 NUL bytes" in diagnostic.message
    assert where(diagnostic)[:2] == (2, 6)


def test_a_key_defined_twice_is_named_with_both_places() -> None:
    diagnostic = refused(b"[cost]\nenabled = true\nenabled = false\n")
    assert diagnostic.code == "duplicate-key"
    assert diagnostic.message == "`cost.enabled` is defined twice"
    assert where(diagnostic)[:2] == (3, 1)
    assert [label.span.start.line for label in diagnostic.related] == [2]
    assert diagnostic.path == ("cost", "enabled")


@pytest.mark.parametrize(
    ("text", "path", "lines"),
    [
        ("[a]\n[b]\n[a]\n", ("a",), (3, 1)),
        ("[a]\nb = 1\n['a'.\"b\"]\n", ("a", "b"), (3, 2)),
        ("[a.b]\n[a]\nb.c = 1\n", ("a", "b"), (3, 1)),
        ("a = {b = 1}\na.c = 2\n", ("a",), (2, 1)),
        ("a = {b = 1}\n[a.c]\n", ("a",), (2, 1)),
        ("a = [{b = 1}]\n[[a]]\n", ("a",), (2, 1)),
        ("[[a]]\n[a]\n", ("a",), (2, 1)),
        ("a.b = 1\n[a]\n", ("a",), (2, 1)),
        ("x = [{}, {a.b = 1, a.b = 2}]\n", ("x", 1, "a", "b"), (1, 1)),
        ("[[a]]\nb = 1\n[[a]]\nb = 1\n\n'b' = 2\n", ("a", 1, "b"), (6, 4)),
        ("[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\nc = 1\nc = 2\n", ("a", 1, "b", 0, "c"), (6, 5)),
    ],
)
def test_every_way_to_define_a_thing_twice_is_a_duplicate_key(
    text: str, path: tuple[str | int, ...], lines: tuple[int, ...]
) -> None:
    diagnostic = refused(text.encode())
    assert diagnostic.code == "duplicate-key"
    assert diagnostic.path == path
    assert diagnostic.span is not None
    assert (diagnostic.span.start.line, diagnostic.related[0].span.start.line) == lines


def test_every_duplicate_is_reported_but_a_repeated_table_only_once() -> None:
    document, found = read_document(
        b"[a]\nx = 1\ny = 1\n[b]\nx = 1\nx = 2\nx = 3\n[a]\nx = 1\ny = 1\n", "f.toml"
    )
    assert document is None
    assert [where(one)[0] for one in found] == [6, 7, 8]


@pytest.mark.parametrize(
    "literal",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "0x8000000000000000",
        "0b1" + "0" * 63,
        "1" * 5000,  # int() refuses more than 4300 digits with a bare ValueError
        "0x" + "f" * 5000,
        "1e309",
        "1e-400",
        "-1e999999999",
        "1e99999999999999999999",  # decimal refuses this one
        "0e999999",
    ],
)
def test_a_number_beyond_64_bits_is_refused(literal: str) -> None:
    diagnostic = refused(f"a = 1\nb = [[1], {{c = {literal}}}] # x\n".encode())
    assert diagnostic.code == "number-out-of-range"
    assert where(diagnostic)[:2] == (2, 16)
    assert diagnostic.span is not None
    assert diagnostic.span.end.column == 16 + len(literal)


@pytest.mark.parametrize(
    "literal", ["9223372036854775807", "-9223372036854775808", "1.7e308", "0x7fffffffffffffff"]
)
def test_a_number_within_64_bits_is_read(literal: str) -> None:
    document, found = read_document(f"a = {literal}".encode(), "f.toml")
    assert document is not None
    assert found == []


def test_all_numbers_out_of_range_are_reported_in_order() -> None:
    text = b"[b]\nx = 1e999\n[a]\ny = [99999999999999999999, {z = 1e999}]\n"
    document, found = read_document(text, "f.toml")
    assert document is None
    assert [(one.path, where(one)[:2]) for one in found] == [
        (("b", "x"), (2, 5)),
        (("a", "y", 0), (4, 6)),
        (("a", "y", 1, "z"), (4, 33)),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = " + "[" * 65 + "]" * 65, (1, 69)),
        ("a = " + "[" * 500_000, (1, 69)),
        ("a = " + "{a=" * 65 + "1" + "}" * 65, (1, 197)),
        ("a." * 64 + "a = 1", (1, 129)),
        ("[" + "a." * 20_000 + "a]", (1, 130)),
        ("a = {" + "a." * 20_000 + "a = 1}", (1, 134)),
        ("[" + "a." * 40 + "a]\n" + "b." * 30 + "b = 1", (2, 47)),
    ],
)
def test_deep_nesting_is_refused_at_the_first_level_too_many(
    text: str, place: tuple[int, int]
) -> None:
    diagnostic = refused(text.encode())
    assert diagnostic.code == "nesting-too-deep"
    assert where(diagnostic)[:2] == place


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 63 + "]" * 63,
        "a." * 63 + "a = 1",
        "a = '" + "[" * 1000 + "." * 1000 + "'",
        "# " + "[" * 1000 + "." * 1000,
        'a = """\n' + "[" * 1000 + '\n"""',
        "a = [\n" + '["]", "["],\n' * 200 + "]",
    ],
)
def test_brackets_within_the_limit_or_within_texts_are_read(text: str) -> None:
    document, found = read_document(text.encode(), "f.toml")
    assert document is not None
    assert found == []


def test_a_file_of_one_mebibyte_is_read_and_one_byte_more_is_not() -> None:
    document, _ = read_document(b"#" * MAX_BYTES, "f.toml")
    assert isinstance(document, Document)
    diagnostic = refused(b"#" * (MAX_BYTES + 1))
    assert (diagnostic.code, diagnostic.span) == ("file-too-large", None)


def test_a_file_is_read_under_the_name_that_the_user_gave(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"a = 1\n")
    document, found = read_file(file, "shown.toml")
    assert document is not None
    assert (document.file, document.data, found) == ("shown.toml", {"a": 1}, [])


def test_a_missing_file_is_a_diagnostic(tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "gone.toml")
    plain = tmp_path / "x"
    plain.touch()
    for path in (tmp_path / "no.toml", plain / "below-a-file.toml", link):
        document, found = read_file(path, "shown.toml")
        assert document is None
        assert only(found).code == "file-missing"
        assert "shown.toml" in found[0].message
    assert "symbolic link" in found[0].message


def test_a_directory_a_socket_and_an_impossible_name_are_unreadable(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for path in (tmp_path, tmp_path / "s", tmp_path / "a\0b", tmp_path / ("x" * 300)):
            document, found = read_file(path, "shown.toml")
            assert document is None
            assert only(found).code == "file-unreadable"


@pytest.mark.usefixtures("unprivileged")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.touch(mode=0o000)
    _, found = read_file(file, "x.toml")
    assert only(found).code == "file-unreadable"
    assert "ermission" in found[0].message


def test_no_more_of_a_large_file_is_read_than_the_limit() -> None:
    raw, found = read_bytes(Path("/dev/zero"), "zero")  # endless
    assert raw is None
    assert only(found).code == "file-too-large"


def test_the_source_of_an_undecodable_file_can_still_be_shown() -> None:
    assert source_text(b"\xef\xbb\xbfa = '\xff'\n") == "a = '\ufffd'\n"


MODERN = [
    "a = { b = 1,\n c = 2 }",
    "a = { b = { c = 1 },\n d = 2 }",
    'a = { b = """ " } """,\n c = 1 }',
    "a = { b = '}',\n c = 1 }",
    'a = { b = """\n}""",\n c = 1 }',
    "a = { b = 1, # c\n }",
    "a = { b = 1, }",
    "a = [ { b = 1,\n } ]",
    "a = {\n}",
    'a = "\\e"',
    'a = "\\x41"',
    "a = 07:32",
    "a = 2026-01-01T07:32Z",
]


@pytest.mark.parametrize("text", MODERN)
def test_what_only_toml_1_1_has_is_refused_on_every_python(text: str) -> None:
    document, found = read_document(text.encode(), "f.toml")
    assert document is None
    assert [one.code for one in found] == ["toml-1.1-syntax"]


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="its tomllib reads TOML 1.1")
@pytest.mark.parametrize("text", MODERN)
def test_the_standard_library_agrees_that_it_is_not_toml_1_0(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
