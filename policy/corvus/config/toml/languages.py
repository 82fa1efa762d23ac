"""Recognizes a text that is no TOML at all: a template before it is rendered, YAML, JSON and so on.

Looked at only when a text cannot be read as TOML, and then one finding says what it is, instead of
one for each line. A wrong claim would hide every mistake of a file, so one slip of the hand never
makes a config look like another language: a mark counts only in a line that TOML refuses, outside
strings and comments, and never while a string of several lines is left open, which may hold
anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from corvus.config.toml.finding import Finding, Stretch
from corvus.config.toml.quotes import Quotes
from corvus.diagnostics.secrets import any_secret

CODE: Final = "not-toml"

_RENDER: Final = "Render it first, then check the result; `corvus check -` reads standard input."
_FILL_IN: Final = (
    "Fill it in first, then check the result; `corvus check -` reads standard input.",
    "corvus does not put variables into a file; a text that is to hold one needs quotes.",
)
_CONFIG: Final = "A config is TOML: `[table]` headers, and `key = value` below them."
_COMMENT: Final = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|#.*")


class _Language(NamedTuple):
    """What a text is in words, with the advice, where it shows, and what shows it."""

    what: str
    help: tuple[str, ...]
    place: Stretch
    mark: str = ""


_SUFFIXES: Final = {
    ".j2": "a template (Jinja)",
    ".jinja": "a template (Jinja)",
    ".jinja2": "a template (Jinja)",
    ".tmpl": "a template",
    ".gotmpl": "a template (Go)",
    ".tpl": "a template",
    ".erb": "a template (ERB)",
    ".mustache": "a template (Mustache)",
    ".hbs": "a template (Handlebars)",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".json": "JSON",
    ".jsonc": "JSON",
    ".json5": "JSON",
    ".xml": "XML",
    ".ini": "INI",
    ".env": "a file of variables",
    ".py": "Python",
    ".hcl": "HCL",
    ".tf": "HCL",
    ".md": "Markdown",
}

_GO: Final = re.compile(
    r"\{\{-?\s*(?:/\*|[.$(]|(?:range|with|end|define|template|include|block|env|default|printf"
    r"|secret|onepasswordRead|keepassxc|output)\b|(?:if|else)\b[^}\n]{0,99}\s\.)"
)
_TEMPLATES: Final = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"\{%[-+~]?\s*[a-z_]+.*?%\}", "Jinja: `{%`"),
        (r"<%[-=#_]?.*?%>", "ERB: `<%`"),
        (r"<\?(?:php|=).*", "PHP: `<?`"),
        (r"\{\{[{#^/!>&]\s*[\w./ -]+\}\}", "Mustache: `{{`"),
        (_GO.pattern + r".*?\}\}", "Go: `{{`"),
        (r"\{\{[-~]?+\s*+(?![\w.\"'-]+\s*=[^=])(?=[^{}\n]*[\w)])[^{}\n]*+\}\}", "`{{`"),
        (r"^[ \t]*\{#.*#\}[ \t]*$", "Jinja: `{#`"),
        (r"^[ \t]*\{#.*#\}", "Jinja: `{#`"),
        (r"\{\{-?\s*/\*", "Go: `{{`"),
        (r"^[ \t]*\{\{[-~]?\s*[\w.$][^{}=\n]*$", "`{{`"),
    )
)
"""Marks of a template, with what writes them so; the first that fits the text names it."""
_PLACEHOLDER: Final = re.compile(
    r"=[ \t]*(?P<name>\$\{\{?[^{}\n]+\}\}?|\$[A-Za-z_]\w*|\$\([^()\n]+\)|__[A-Z][A-Z0-9_]*__"
    r"|@@?[A-Za-z_]\w*@@?|%%?[A-Za-z_]\w*%%?|%\(\w+\)[sd]|<<?[A-Za-z_][\w -]*>>?"
    r"|\{[A-Z][A-Z0-9_]*\}|\[\[[A-Z][A-Z0-9_]*\]\]"
    r"|\[\[ *\.[\w. ]+\]\]|#\{[\w.]+\}#?)[ \t\r]*(?:#.*)?$"
)
"""A value that is nothing but a placeholder."""

_SETTING: Final = re.compile(r"(?m)^[ \t]*+[\w.\"'-]++[ \t]*+=")
_HEADER: Final = re.compile(r"(?m)^[ \t]*+\[\[?+[\w.\"' -]++\]\]?+[ \t\r]*+(?:#.*)?$")
_YAML: Final = re.compile(
    r"(?m)^[ \t]*(?:- +)?(?:[\w./-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*:(?=[ \t\r\n]|\Z)"
)
_YAML_START: Final = re.compile(r"\s*(?:%YAML|---[ \t\r]*\n)")
_JSON: Final = re.compile(
    r"(?:\s++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+(?P<mark>\{\s*(?:(?:\"[^\"\n]*\"|\w+)\s*:|//|\}\s*\Z)|\[\s*\{\s*\")"
)
_XML: Final = re.compile(
    r"\s*(?P<mark><\?xml|<!DOCTYPE|<!--|<[A-Za-z][\w:.-]*(?:\s[^<>\n]*)?/?>)", re.IGNORECASE
)
_POINTER: Final = re.compile(r"(?P<mark>version https://git-lfs\.github\.com/[^\n]*)")
_VAULT: Final = re.compile(r"(?P<mark>\$ANSIBLE_VAULT;[^\n]*)")
_FENCE: Final = re.compile(r"(?m)^[ \t]*(?P<mark>```+|~~~+)")
_SCRIPT: Final = re.compile(r"(?P<mark>#![ \t]*/[^\n]*)")
_PYTHON: Final = re.compile(
    r"(?m)^(?P<mark>import \w[\w.]*(?: as \w+)?|from [\w.]+ import |(?:async )?def \w+\("
    r"|class \w+[(:]|if __name__ ==)"
)
_JAVASCRIPT: Final = re.compile(
    r"(?m)^(?P<mark>export default|module\.exports\b|function \w+\("
    r"|(?:export )?(?:const|let|var) \w+\s*=)"
)
_PATCH: Final = re.compile(r"(?m)^(?P<mark>diff --git |@@ -\d+)")
_BLOCK: Final = re.compile(
    r"(?m)^[ \t]*(?P<mark>[A-Za-z_]\w*(?:[ \t]+\"[^\"\n]*\")*[ \t]*\{)[ \t\r]*$"
)
_BLOCK_END: Final = re.compile(r"(?m)^[ \t]*\}[ \t\r]*$")
_VARIABLE: Final = re.compile(r"(?m)^(?P<mark>(?:export[ \t]+)?[A-Z][A-Z0-9_]*=)")
_INI_COMMENT: Final = re.compile(r"(?m)^[ \t]*(?P<mark>;)")
_BARE_WORDS: Final = re.compile(
    r"(?m)^[ \t]*[\w.-]+[ \t]*[=:][ \t]*(?!(?:true|false|inf|nan)[ \t\r]*$)[A-Za-z/][^\"'\n\[{]*$"
)
_MANY: Final = 5
_LONG_QUOTES: Final = ('"""', "'''")
_LONGEST: Final = 2000
"""Most of a line that is looked at."""


def find_language(
    text: str, file: str, problems: Sequence[Finding], quotes: Quotes
) -> Finding | None:
    """Return what a text is that is no TOML; ``None`` where it is TOML with mistakes.

    Args:
        text: The text without byte order mark, which could not be read.
        file: Its name, whose suffix may say what it is.
        problems: What the scanner found in it.
        quotes: Repeats pieces of it.
    """
    found = _by_suffix(text, file, problems) or _by_text(text, problems, quotes)
    if found is None:
        return None
    message = f"this is {found.what}, not TOML{found.mark}"
    return Finding(CODE, message, found.place, "it shows here", found.help)


def _by_suffix(text: str, file: str, problems: Sequence[Finding]) -> _Language | None:
    what = _SUFFIXES.get(os.path.splitext(file)[1].lower())
    if what is None:
        return None
    if not what.startswith("a template"):
        start = len(text) - len(text.lstrip())
        return _Language(what, (_CONFIG,), _first_line(text, start))
    mark = next(_marks(text, problems), None)
    if mark is not None:
        found = _template(text, mark)
        return found._replace(what=what) if "(" in what else found
    first = min((problem.start for problem in problems), default=0)
    return _Language(what, (_RENDER,), _first_line(text, first))


def _by_text(text: str, problems: Sequence[Finding], quotes: Quotes) -> _Language | None:
    for recognize in _RECOGNIZERS:
        found = recognize(text)
        if found is not None:
            return found
    if any(text.count(mark) % 2 for mark in _LONG_QUOTES):
        return None  # what one opens, or closes, may hold anything
    mark = next(_marks(text, problems), None)
    return _template(text, mark) if mark else _placeholder(text, problems, quotes)


def _marks(text: str, problems: Sequence[Finding]) -> Iterator[Stretch]:
    """Yield the marks of a template in the lines that could not be read."""
    for start, line in _wrong_lines(text, problems):
        for pattern, _ in _TEMPLATES:
            if match := pattern.search(line):
                yield Stretch(start + match.start(), start + match.end())
                break


def _template(text: str, place: Stretch) -> _Language:
    mark = text[place.start : place.end]
    jinja, go = re.search(r"\{%[-+~]?\s*[a-z_]+", text), _GO.search(text)
    if mark.startswith("{") and (jinja or go):
        how = "Jinja: `{{`, `{%`" if jinja else "Go: `{{`"
    else:
        how = next(how for pattern, how in _TEMPLATES if pattern.search(mark))
    return _Language(f"a template ({how})", (_RENDER,), place)


def _placeholder(text: str, problems: Sequence[Finding], quotes: Quotes) -> _Language | None:
    lines = _wrong_lines(text, problems, keep_comments=True)
    found = [(start, match) for start, line in lines if (match := _PLACEHOLDER.search(line))]
    if not found or (len(found) == 1 and _lost_its_quotes(text, found[0], problems)):
        return None
    start, match = found[0]
    place = Stretch(start + match.start("name"), start + match.end("name"))
    name = quotes.token(match["name"], place.start)
    return _Language("a template", _FILL_IN, place, f": {name} is a placeholder")


def _lost_its_quotes(
    text: str, found: tuple[int, re.Match[str]], problems: Sequence[Finding]
) -> bool:
    """Return whether the only placeholder is most likely a text for the program that reads it."""
    start, match = found
    line = start, start + match.end()
    routes = (problem.path for problem in problems if line[0] <= problem.start <= line[1])
    return f'"{match["name"][:2]}' in text or any(map(any_secret, routes))


def _wrong_lines(
    text: str, problems: Sequence[Finding], *, keep_comments: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield the start of each line with a problem, and the line with strings and comments blanked.

    A line in which a quotation mark has no partner is left out: its text may be part of a string.
    """
    seen: set[int] = set()
    for problem in problems:
        start = text.rfind("\n", 0, problem.start) + 1
        if start in seen:
            continue
        seen.add(start)
        end = text.find("\n", start)
        line = text[start : len(text) if end < 0 else end][:_LONGEST]

        def blank(match: re.Match[str]) -> str:
            is_comment = match[0].startswith("#")
            return match[0] if is_comment and keep_comments else " " * len(match[0])

        plain = line if "{#" in line else _COMMENT.sub(blank, line)
        if '"' not in plain.split("#")[0] and "'" not in plain.split("#")[0]:
            yield start, plain


def _first_line(text: str, start: int) -> Stretch:
    start = min(start, max(len(text) - 1, 0))
    end = text.find("\n", start)
    return Stretch(start, max(start + 1, len(text) if end < 0 else end))


def _marked(pattern: re.Pattern[str], what: str, *help_: str) -> Callable[[str], _Language | None]:
    """Recognize by a pattern from the start of the text."""

    def recognize(text: str) -> _Language | None:
        match = pattern.match(text)
        return _Language(what, help_ or (_CONFIG,), Stretch(*match.span("mark"))) if match else None

    return recognize


def _code(pattern: re.Pattern[str], what: str, *help_: str) -> Callable[[str], _Language | None]:
    """Recognize by a line outside strings of several lines."""

    def recognize(text: str) -> _Language | None:
        if '"""' in text or "'''" in text:
            return None
        match = pattern.search(text)
        return _Language(what, help_ or (_CONFIG,), Stretch(*match.span("mark"))) if match else None

    return recognize


def _yaml(text: str) -> _Language | None:
    if _SETTING.search(text) or _HEADER.search(text):
        return None
    keys = [*_YAML.finditer(text)]
    if len(keys) < 2 and not (keys and _YAML_START.match(text)):
        return None
    return _Language("YAML", (_CONFIG,), Stretch(*keys[0].span()))


def _blocks(text: str) -> _Language | None:
    match = _BLOCK.search(text)
    if match is None or _HEADER.search(text) or not _BLOCK_END.search(text, match.end()):
        return None
    return _Language(
        "a file of blocks in braces, such as HCL", (_CONFIG,), Stretch(*match.span("mark"))
    )


def _variables(text: str) -> _Language | None:
    found = [*_VARIABLE.finditer(text)]
    if len(found) < 2 or _HEADER.search(text) or len(found) < len(_SETTING.findall(text)):
        return None
    return _Language("a file of environment variables", (_CONFIG,), Stretch(*found[0].span("mark")))


def _ini(text: str) -> _Language | None:
    if '"' in text or "'" in text:
        return None
    words = {*_BARE_WORDS.findall(text)}
    comment = _INI_COMMENT.search(text)
    if not (comment and words) and len(words) < _MANY:
        return None
    first = comment or _BARE_WORDS.search(text)
    assert first is not None, "there are words"
    help_ = ("TOML needs quotes around texts, and comments start with `#`.",)
    place = Stretch(*first.span()) if comment is None else Stretch(*comment.span("mark"))
    return _Language("INI", help_, place)


_RECOGNIZERS: Final = (
    _marked(_JSON, "JSON"),
    _marked(_XML, "XML or HTML"),
    _marked(_SCRIPT, "a script"),
    _marked(_POINTER, "a pointer of Git LFS", "Fetch the file itself: `git lfs pull`."),
    _marked(_VAULT, "a file of Ansible Vault", "Decrypt it first, then check the result."),
    _code(_PATCH, "a patch", "Apply it, then check the file that it changes."),
    _code(_FENCE, "Markdown", "Take what stands between the fences alone."),
    _code(_PYTHON, "Python"),
    _code(_JAVASCRIPT, "JavaScript"),
    _yaml,
    _blocks,
    _variables,
    _ini,
)
