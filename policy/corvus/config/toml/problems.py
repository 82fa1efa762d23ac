"""What can be wrong with the syntax of a document, worded for its author.

What a message repeats of the document comes ready from ``corvus.config.toml.quotes``: a parameter
``shown`` is in backticks already, a ``name`` is not; either is ``***`` where it may be a secret.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from corvus.config.toml.bounds import MAX_DEPTH
from corvus.config.toml.finding import Finding, Place, Stretch
from corvus.config.toml.values import Route
from corvus.config.toml.values import shown as dotted

SYNTAX: Final = "syntax-error"
MODERN: Final = "toml-1.1-syntax"
DEEP: Final = "nesting-too-deep"
RANGE: Final = "number-out-of-range"

_NO_EQUALS: Final = "expected `=`"
_OPENED: Final = "opened here"
NO_SETTING: Final = frozenset({_NO_EQUALS, _OPENED})
"""Labels of a line that may be no setting at all: a comment, say, or a line that stands twice."""

_MODERN_HELP: Final = "corvus reads TOML 1.0, so that a file means the same on every Python."
_QUOTES: Final = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\xab\xbb"
_MARKERS: Final = ("<<<<<<<", "=======", ">>>>>>>")
_COMMENTS: Final = ("//", "/*", "--", ";")
_MODERN_TIME: Final = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt])?[0-2][0-9]:[0-5][0-9](?:[Zz]|[+-].*)?\Z"
)
_VALUE_HINTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), what, advice)
    for pattern, what, advice in (
        (
            r"(?:true|false|yes|no|on|off|tru|ture|treu|fals|fasle|flase)\Z",
            "a boolean",
            "Write `true` or `false`, in lower case.",
        ),
        (r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\Z", "a number", "Group digits with `_`, as in 1_000."),
        (r"(?:null|nil|none|undefined)\Z", "a value: TOML has no null", "Leave the key out."),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]", "a date or time", "Write it as `2026-01-31T08:00:00Z`."),
        (r"[+-]?0[0-9_]+(?:\.[0-9_]*)?\Z", "a number", "Drop the leading zero."),
        (
            r"[+-]?[0-9_]*\.[0-9_]*\Z",
            "a number",
            "A number needs digits on both sides of its point.",
        ),
        (r"[+-]?[0-9]", "a number", "Write digits only, or put a text in quotes."),
        (r"=", "a value", "Write one `=` between key and value."),
    )
)
_NAME_REST: Final = re.compile(r"(?P<name>[/:@+][\w./:@+-]*)[ \t]*(?P<after>[=\]])")
_BACKSLASH: Final = ("Double the backslash, or use single quotes, in which it stands for itself.",)
_STRAY: Final = {
    "=": "the key before `=` is missing",
    "]": "unexpected `]`: no array is open",
    "}": "unexpected `}`: no inline table is open",
    '"': "the quoted key is not valid",
    "'": "the quoted key is not valid",
}


_MOST_RELATED: Final = 10


class Misread(Exception):
    """A statement cannot be read further.

    Attributes:
        problem: What is wrong.
        resume: Offset at or after which reading may go on.
        maybe_unclosed: Whether a bracket left open before may be the true cause.
    """

    def __init__(self, problem: Finding, *, resume: int, maybe_unclosed: bool = False) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.resume = resume
        self.maybe_unclosed = maybe_unclosed


def _syntax(message: str, start: int, end: int, label: str, helps: tuple[str, ...] = ()) -> Finding:
    return Finding(SYNTAX, message, Stretch(start, end), label, helps)


def odd_character(token: str) -> tuple[str, ...]:
    """Return help about a first character that people cannot see or did not mean to type."""
    char = token[:1]
    if not char or char.isascii():
        return ()
    if char in _QUOTES:
        return ('This is a typographic quotation mark; write a straight one, `"`.',)
    if char.isalnum():
        return ()
    name = unicodedata.name(char, "unnamed")
    return (f"The character is U+{ord(char):04X} ({name}); remove or replace it.",)


def bad_value(token: str, start: int, shown: str) -> Finding:
    """Describe a bare token that is no TOML value."""
    if token in {",", "]", "}"}:
        return _syntax("a value is missing", start, start + 1, "expected a value")
    if _MODERN_TIME.match(token):
        return _modern(f"the time {shown} has no seconds", start, start + len(token))
    message, helps = _explain_value(token, shown)
    return _syntax(message, start, start + max(1, len(token)), "not a TOML value", helps)


def _explain_value(token: str, shown: str) -> tuple[str, tuple[str, ...]]:
    for pattern, what, advice in _VALUE_HINTS:
        if pattern.match(token):
            return f"{shown} is not {what}", (advice,)
    odd = odd_character(token)
    plain = shown == f"`{token}`" and re.fullmatch(r"[\w./:@-]+", token)
    example = f', such as `"{token}"`' if plain else ""
    return f"{shown} is not a value", odd or (f"A text needs quotes{example}.",)


def missing_value(name: str, start: int, end: int) -> Finding:
    """Describe ``key =`` with nothing after it; the span is the equals sign."""
    return _syntax(
        f"`{name}` has no value",
        start,
        end,
        "expected a value after this",
        ("Write a value, or remove the line.",),
    )


def invalid_date(start: int, end: int, shown: str) -> Finding:
    """Describe a date that no calendar has."""
    return _syntax(f"{shown} is not a date of the calendar", start, end, "no such day")


def out_of_range(place: Place) -> Finding:
    """Describe a number that its TOML type cannot hold."""
    return Finding(
        RANGE,
        "the number does not fit into 64 bits",
        place,
        "out of range",
        ("Integers reach from -2^63 to 2^63 - 1, decimals from 1e-308 to 1e308.",),
    )


def too_deep(place: Place, what: str) -> Finding:
    """Describe the first bracket or key part beyond the limit."""
    return Finding(
        DEEP,
        f"{what} are nested more than {MAX_DEPTH} levels deep",
        place,
        f"level {MAX_DEPTH + 1}",
        ("No setting needs this; flatten the value.",),
    )


def trailing(text: str, start: int, token: str, shown: str) -> Finding:
    """Describe what stands after a complete statement on its line."""
    end = start + max(1, len(token))
    helps: tuple[str, ...] = odd_character(token)
    if token.startswith(_COMMENTS):
        helps = ("A comment starts with `#`.",)
    elif token.startswith(","):
        helps = (_comma_help(text, start),)
    elif token.startswith('"') and text[start - 1] == '"':
        helps = ('Write a quotation mark inside a text as `\\"`.',)
    elif re.match(r"[\w\"'.-]+[ \t]*=", text[start : start + 80]):
        helps = ("Put each setting on a line of its own.",)
    return _syntax(
        f"expected the end of the line, found {shown}", start, end, "not expected here", helps
    )


def _comma_help(text: str, start: int) -> str:
    """Tell a decimal comma from one that groups digits: they differ by a factor of a thousand."""
    if re.match(r",[0-9]{3}(?![0-9])", text[start : start + 5]) and text[start - 1].isdigit():
        return "Write 1_000 for a thousand, and a decimal point in a fraction: 1.5."
    if re.match(r",[0-9]", text[start : start + 2]) and text[start - 1].isdigit():
        return "Write a decimal point, not a comma."
    return "Remove the comma; a line ends by itself."


def unclosed_string(start: int, quote: str) -> Finding:
    """Describe a string without its closing quote; the span is the opening one."""
    many = len(quote) == 3
    where = "before the end of the file" if many else "on its line"
    helps = (f"Close it with `{quote}`.",)
    if not many:
        helps = (f"Close it with `{quote}`; a text of several lines needs `{quote * 3}`.",)
    return _syntax(
        f"the string is not closed {where}", start, start + len(quote), "opened here", helps
    )


def unclosed_bracket(start: int, bracket: str) -> Finding:
    """Describe an array or inline table without its closing bracket."""
    what, closer = ("array", "]") if bracket == "[" else ("inline table", "}")
    return _syntax(
        f"the {what} is not closed",
        start,
        start + 1,
        _OPENED,
        (f"Add the missing `{closer}`.",),
    )


def between(start: int, token: str, opener: tuple[int, str], shown: str) -> Finding:
    """Describe what stands where a comma or the closing bracket was expected."""
    closer = "]" if opener[1] == "[" else "}"
    return Finding(
        SYNTAX,
        f"expected `,` or `{closer}`, found {shown}",
        Stretch(start, start + max(1, len(token))),
        f"expected `,` or `{closer}`",
        odd_character(token),
        ((Stretch(opener[0], opener[0] + 1), "opened here"),),
    )


def bad_escape(start: int, escape: str, shown: str) -> Finding:
    """Describe a backslash sequence that TOML 1.0 does not know."""
    end = start + len(escape)
    if re.match(r"\\(?:e|x[0-9A-Fa-f]{2})", escape):
        return _modern(f"the escape {shown}", start, end)
    if re.match(r"\\[uU][0-9A-Fa-f]{4}", escape):
        message = f"the escape {shown} is not a Unicode character"
        return _syntax(message, start, end, "no such character")
    return _syntax(
        f"{shown} is not an escape of TOML",
        start,
        end,
        "unknown escape",
        _BACKSLASH,
    )


def modern_table(start: int, *, comma: bool) -> Finding:
    """Describe an inline table written in the freer style of TOML 1.1."""
    what = "a comma before `}`" if comma else "an inline table on several lines"
    return _modern(what, start, start + 1)


def _modern(what: str, start: int, end: int) -> Finding:
    return Finding(
        MODERN,
        f"{what}: this needs TOML 1.1",
        Stretch(start, end),
        "TOML 1.1 only",
        (_MODERN_HELP,),
    )


def bad_key(start: int, token: str, *, follows_dot: bool) -> Finding:
    """Describe what stands where a key was expected."""
    end = start + max(1, len(token))
    if not token or follows_dot:
        what = "a part of the dotted key" if follows_dot else "a name"
        return _syntax(f"{what} is missing", start, end, "expected a key")
    if token[0] in _STRAY:
        return _syntax(_STRAY[token[0]], start, start + 1, "expected a key")
    helps = odd_character(token)
    if token.startswith(_MARKERS):
        helps = ("This is a conflict marker of git; settle the conflict first.",)
    elif token.startswith(_COMMENTS):
        helps = ("A comment starts with `#`.",)
    elif not helps:
        helps = ("A key without quotes holds only ASCII letters, digits, `_` and `-`.",)
    return _syntax("this line is not a setting", start, end, "expected a key", helps)


def no_equals(start: int, end: int, token: str, name: str, *, rest: str) -> Finding:
    """Describe a key that is not followed by ``=``; ``rest`` is the line from its end on."""
    setting = f"`{dotted((name,))} = ...`"
    helps = (f"Write {setting}.",)
    if unquoted := _unquoted_name(name, rest, "="):
        helps = (unquoted,)
    elif token.startswith(":"):
        helps = (f"Write {setting}, with `=` instead of `:`.",)
    elif token[:1].isalnum() and not token[0].isascii():
        helps = (
            "A key without quotes holds only ASCII letters, digits, `_` and `-`; put it in quotes.",
        )
    elif token[:1].isalnum():
        helps = (f"Write {setting}; a key with a space needs quotes.",)
    return _syntax(
        f"expected `=` after the key `{name}`",
        start,
        end,
        _NO_EQUALS,
        odd_character(token) or helps,
    )


def unopened_header(start: int, end: int) -> Finding:
    """Describe ``table]``."""
    return _syntax(
        "the table header is not opened with `[`", start, end, "expected `[` before this"
    )


def conflict(start: int, end: int) -> Finding:
    """Describe what git leaves of two versions."""
    helps = ("Keep one of the two versions, and remove the lines with markers.",)
    return _syntax("a conflict of git is not settled", start, end, "begins here", helps)


def unnamed_header(start: int, end: int) -> Finding:
    """Describe ``[]``."""
    return _syntax("the table header has no name", start, end, "no name")


def _unquoted_name(name: str, rest: str, closer: str) -> str | None:
    """Advise quotes around a name such as ``openai/gpt-5`` or ``llama3:8b``."""
    more = _NAME_REST.match(rest)
    if more is None or not more["after"].startswith(closer):
        return None
    return f'Put a name with `{rest[0]}` in quotes: "{name}{more["name"]}".'


def unclosed_header(start: int, end: int, brackets: str, *, name: str, rest: str) -> Finding:
    """Describe a table header without its closing bracket; ``rest`` is the line from there on."""
    closer = "]" * len(brackets)
    unquoted = _unquoted_name(name, rest, "]")
    return _syntax(
        f"the table header is not closed with `{closer}`",
        start,
        end,
        f"expected `{closer}` after this",
        (unquoted,) if unquoted else (),
    )


def forbidden(start: int, char: str) -> Finding:
    """Describe a control character."""
    if char == "\r":
        helps = ("Save the file with LF or CRLF line ends.",)
        return _syntax("a carriage return stands alone", start, start + 1, "not a line end", helps)
    message = f"the control character U+{ord(char):04X} is not allowed"
    return _syntax(
        message, start, start + 1, "remove it", ("Inside a text, write it as an escape.",)
    )


def nul_byte(start: int, count: int) -> Finding:
    """Describe the first of one or more NUL bytes."""
    many = "a NUL byte" if count == 1 else f"{count} NUL bytes"
    return Finding(
        "nul-byte",
        f"the file holds {many}",
        Stretch(start, start + 1),
        "NUL",
        ("Is this a text file? Remove the byte.",),
    )


def defined_twice(
    path: Route, name: str, how: str, first: Stretch, again: Sequence[Stretch]
) -> Finding:
    """Describe what is defined more than once.

    Args:
        path: The key or table.
        name: The same in words, a table without its brackets.
        how: A ``"key"`` or ``"table"`` defined twice, or an ``"addition"`` to what is complete.
        first: The first definition.
        again: The others. Of several the first definition is most likely the mistake.
    """
    label, where = "defined again", "first defined here"
    if how == "table":
        message = f"the table [{name}] is defined twice"
        help_ = f"Move these keys under the first [{name}]."
    elif how == "addition":
        message, label = f"`{name}` is complete where it is defined", "adds to it"
        help_ = f"Put the key where `{name}` is defined."
    else:
        message, help_ = f"`{name}` is defined twice", "Keep one of the two."
    place, related = again[0], ((first, where),)
    if len(again) > 1:
        message = f"`{name}` is complete here, and {len(again)} places below add to it"
        help_ = "Remove this line and keep those below, or write all of it here."
        place, label = first, "complete here"
        related = tuple((other, "adds to it") for other in again[:_MOST_RELATED])
    return Finding("duplicate-key", message, place, label, (help_,), related, path)
