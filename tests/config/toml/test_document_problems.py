"""Syntax errors: each mistake once, at its place; the first never hides the rest."""

from __future__ import annotations

import time

import pytest

from corvus.config.toml.bounds import MAX_BYTES, MAX_PROBLEMS
from corvus.config.toml.document import read_document
from corvus.diagnostics.model import Diagnostic


def problems(text: str) -> list[Diagnostic]:
    document, found = read_document(text.encode(), "f.toml")
    assert document is None
    return found


def brief(text: str) -> list[tuple[str, int, int, str]]:
    return [
        (one.code, one.span.start.line, one.span.start.column, one.message)
        for one in problems(text)
        if one.span
    ]


# Each line is one mistake: what stands in the file, then the column and the message.
LINES = [
    ("a = full", 5, "`full` is not a value"),
    ("a = True", 5, "`True` is not a boolean"),
    ("a = null", 5, "`null` is not a value: TOML has no null"),
    ("a = 007", 5, "`007` is not a number"),
    ("a = .5", 5, "`.5` is not a number"),
    ("a = 5.", 5, "`5.` is not a number"),
    ("a = 1_", 5, "`1_` is not a number"),
    ("a = 5%", 5, "`5%` is not a number"),
    ("a = 1,5", 6, "expected the end of the line, found `,`"),
    ("a = 2026-02-30", 5, "`2026-02-30` is not a date of the calendar"),
    ("a = 2026-13-01", 5, "`2026-13-01` is not a date or time"),
    ("a = \N{LEFT DOUBLE QUOTATION MARK}x", 5, "`\N{LEFT DOUBLE QUOTATION MARK}x` is not a value"),
    ("a =", 3, "`a` has no value"),
    ("a = # later", 3, "`a` has no value"),
    ("a == 1", 4, "`=` is not a value"),
    ("a", 1, "expected `=` after the key `a`"),
    ("a: 1", 2, "expected `=` after the key `a`"),
    ("a b = 1", 3, "expected `=` after the key `a`"),
    ("a. = 1", 4, "a part of the dotted key is missing"),
    ("a..b = 1", 3, "a part of the dotted key is missing"),
    ("= 1", 1, "the key before `=` is missing"),
    ("\xe9t\xe9 = 1", 1, "this line is not a setting"),
    ("// old", 1, "this line is not a setting"),
    ("<<<<<<< HEAD", 1, "this line is not a setting"),
    ("]", 1, "unexpected `]`: no array is open"),
    ("a = 1 b = 2", 7, "expected the end of the line, found `b`"),
    ("a = 1;", 5, "`1;` is not a number"),
    ('a = "x', 5, "the string is not closed on its line"),
    ("a = 'x", 5, "the string is not closed on its line"),
    ('a = "x" y', 9, "expected the end of the line, found `y`"),
    ('a = "C:\\Users"', 8, "`\\U` is not an escape of TOML"),
    ('a = "x\\d"', 7, "`\\d` is not an escape of TOML"),
    ('a = "\\ud800"', 6, "the escape `\\ud800` is not a Unicode character"),
    ('"a\\d" = 1', 3, "`\\d` is not an escape of TOML"),
    ('"a = 1', 1, "the string is not closed on its line"),
    ("a = [1 2]", 8, "expected `,` or `]`, found `2`"),
    ("a = [1, , 2]", 9, "a value is missing"),
    ("a = {b = 1 c = 2}", 12, "expected `,` or `}`, found `c`"),
    ("a = {b = }", 8, "`b` has no value"),
    ("a = {b = 1", 5, "the inline table is not closed"),
    ("a = {b}", 7, "expected `=` after the key `b`"),
    ("[a", 1, "the table header is not closed with `]`"),
    ("[[a]", 1, "the table header is not closed with `]]`"),
    ("[]", 1, "the table header has no name"),
    ("[a b]", 1, "the table header is not closed with `]`"),
    ("[a] b", 5, "expected the end of the line, found `b`"),
    ("a = '\x07'", 6, "the control character U+0007 is not allowed"),
    ("# \x1b[31m", 3, "the control character U+001B is not allowed"),
    ("a = '\r'", 6, "a carriage return stands alone"),
]  # fmt: skip


@pytest.mark.parametrize(
    "around", ["{}", "x = 1\n{}\n", "{}\n\n[y]\nz = [1,\n 2]\n", "{}\r\ny = 1\r\n"]
)
def test_one_mistake_is_one_diagnostic_at_its_place(around: str) -> None:
    number = 2 if around.startswith("x") else 1
    for line, column, message in LINES:
        text = around.replace("{}", line)
        assert brief(text) == [("syntax-error", number, column, message)], text


def test_all_mistakes_of_a_file_are_reported_in_one_run() -> None:
    lines = [(line, column, text) for line, column, text in LINES if "inline table is" not in text]
    expected = [
        ("syntax-error", number, column, message)
        for number, (_, column, message) in enumerate(lines, 1)
    ]
    assert brief("\n".join(line for line, _, _ in lines)) == expected
    assert len(expected) > 45


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        ("a = [1,\n2\nb = 3\n]\n", "syntax-error", (1, 5), "the array is not closed"),
        ("a = [\n'x',\nb = 3\n", "syntax-error", (1, 5), "the array is not closed"),
        ("a = [\n'x'\n[b]\nc = 1\n", "syntax-error", (1, 5), "the array is not closed"),
        ("a = [\n[1, 2\n", "syntax-error", (2, 1), "the array is not closed"),
        ("a = [\n'x'\n'y',\n]\nb = 1\n", "syntax-error", (3, 1),
         "expected `,` or `]`, found `'y'`"),
        ("a = [\n'x,\n'y',\n]\nb = 1\n", "syntax-error", (2, 1),
         "the string is not closed on its line"),
        ("a = ['x, 'y']\nb = 1\n", "syntax-error", (1, 11), "expected `,` or `]`, found `y'`"),
        ("a = [tru,\n[fals],\n]\nb = 1\n", "syntax-error", (1, 6), "`tru` is not a boolean"),
        ("a = {b = 1\nc = 2\n[d]\n", "syntax-error", (1, 5), "the inline table is not closed"),
        ('a = """x\nb = 1\n', "syntax-error", (1, 5),
         "the string is not closed before the end of the file"),
        ("a = '''\n''\n", "syntax-error", (1, 5),
         "the string is not closed before the end of the file"),
        ('a = """\n\\q\n"""\nb = 1\n', "syntax-error", (2, 1), "`\\q` is not an escape of TOML"),
        ("a = {\nb = 1,\nc = {d = 2,},\n}\n", "toml-1.1-syntax", (1, 5),
         "an inline table on several lines: this needs TOML 1.1"),
        ("a = {b = 1,}\n", "toml-1.1-syntax", (1, 11), "a comma before `}`: this needs TOML 1.1"),
        ('a = "\\e[0m"\n', "toml-1.1-syntax", (1, 6), "the escape `\\e`: this needs TOML 1.1"),
        ('a = "\\x41"\n', "toml-1.1-syntax", (1, 6), "the escape `\\x41`: this needs TOML 1.1"),
        ("a = 07:32\n", "toml-1.1-syntax", (1, 5),
         "the time `07:32` has no seconds: this needs TOML 1.1"),
        ("a = 2026-01-31T07:32Z\n", "toml-1.1-syntax", (1, 5),
         "the time `2026-01-31T07:32Z` has no seconds: this needs TOML 1.1"),
    ],
)  # fmt: skip
def test_a_mistake_over_several_lines_is_one_diagnostic_where_it_began(
    text: str, code: str, place: tuple[int, int], message: str
) -> None:
    assert brief(text) == [(code, *place, message)]


def test_reading_goes_on_behind_a_broken_array() -> None:
    text = "a = [1,\n2\nb = tru\n]\n[c]\nd = [tru,\n'x']\ne = fals\n[c]\n"
    assert [(one[1], one[3]) for one in brief(text)] == [
        (1, "the array is not closed"),
        (3, "`tru` is not a boolean"),
        (6, "`tru` is not a boolean"),
        (8, "`fals` is not a boolean"),
        (9, "the table [c] is defined twice"),
    ]


def test_a_key_with_a_bad_value_still_counts_as_defined() -> None:
    assert [(one[1], one[0]) for one in brief("a = tru\na = true\n")] == [
        (1, "syntax-error"),
        (2, "duplicate-key"),
    ]


def test_keys_below_an_unreadable_header_are_not_taken_for_those_of_the_table_before() -> None:
    assert len(brief("[a]\nx = 1\n[b\nx = 1\n")) == 1


def test_a_mistake_names_the_route_of_its_key() -> None:
    found = problems("[[a]]\n[[a]]\n[[a.b]]\nc.d = {e = tru}\n")
    assert found[0].path == ("a", 1, "b", 0, "c", "d", "e")


def test_a_place_that_explains_a_mistake_is_related_to_it() -> None:
    found = problems("a = [\n1\n2]\n")
    assert [(label.span.start.line, label.message) for label in found[0].related] == [
        (1, "opened here")
    ]


def test_a_message_never_quotes_the_value_of_a_secret() -> None:
    lines = ("api_key = sk-hunter2", "token = hunter2 x", "a = {password = 'x'hunter2}",
             "secret = [hunter2]", "client_secret = \"\\dhunter2\"")  # fmt: skip
    for line in lines:
        for one in problems(line):
            assert "hunter2" not in one.message + "".join(one.help) + one.label


def test_a_long_value_is_shortened_in_messages() -> None:
    assert len(problems("a = " + "x" * 5000)[0].message) < 100


def test_a_file_full_of_mistakes_yields_a_bounded_number_of_diagnostics() -> None:
    assert len(problems("a = tru\n" * 5000)) == MAX_PROBLEMS
    assert len(problems("a = 1\n" * 5000)) == MAX_PROBLEMS
    assert len(problems("a = '\x01'\n" * 5000)) == MAX_PROBLEMS


HOSTILE = {
    "brackets": "a = " + "[" * MAX_BYTES,
    "inline tables": "a = " + "{a=" * MAX_BYTES,
    "dots": "a" + ".a" * MAX_BYTES,
    "dots in a header": "[" + "a." * MAX_BYTES,
    "open arrays": "a = [\n" * MAX_BYTES,
    "open arrays on one line": "a = [" * MAX_BYTES,
    "open texts": 'a = """\n\\"""\n' * MAX_BYTES,
    "triple quotes": "'''\n" * MAX_BYTES,
    "quotes": "'\"" * MAX_BYTES,
    "escapes": 'a = "' + "\\q" * MAX_BYTES,
    "digits": "a = " + "1" * MAX_BYTES,
    "digits and underscores": "a = " + "1_" * MAX_BYTES,
    "one long key": "a" * MAX_BYTES,
    "equals signs": "=" * MAX_BYTES,
    "control characters": "\x01" * MAX_BYTES,
    "carriage returns": "\r" * MAX_BYTES,
    "spaces behind a key": "a" + " " * MAX_BYTES,
    "closing brackets": "]\n" * MAX_BYTES,
    "commas": "a = [" + "," * MAX_BYTES,
    "open headers": "[a\n" * MAX_BYTES,
    "dates": "a = " + "1979-05-27 " * MAX_BYTES,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_input_costs_linear_time(text: str) -> None:
    # Twice the input may take twice the time, with room for noise; quadratic code takes four times.
    def seconds(size: int) -> float:
        raw = text[:size].encode()
        start = time.process_time()
        document, found = read_document(raw, "f.toml")
        assert document is None
        assert 1 <= len(found) <= MAX_PROBLEMS
        return time.process_time() - start

    half, whole = seconds(MAX_BYTES // 8), seconds(MAX_BYTES // 4)
    assert whole < 3.2 * half + 0.1
