"""How large a document may be, and what keeps hostile ones away from ``tomli``.

No honest configuration comes near these bounds. ``tomli`` recurses into brackets and is quadratic
in the parts of a dotted key; its integers have no bound, and a decimal such as ``1e999999999``
explodes when it is written out. The checks here cost a clean file little.
"""

from __future__ import annotations

from decimal import Decimal

from corvus.config.toml.finding import KeyOf, ValueOf
from corvus.config.toml.values import as_items, is_array, is_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from corvus.config.toml.values import Route, Table

MAX_BYTES: Final = 1_048_576
"""Largest file that is read, in bytes."""

MAX_DEPTH: Final = 64
"""Deepest nesting of brackets, of dotted keys and of the data they make."""

MAX_EXPONENT: Final = 308
"""Largest decimal exponent of a 64-bit float; its negative is that of the smallest normal one."""

MAX_FINDINGS: Final = 1000
"""Most findings about settings that are reported for one file."""

MAX_PROBLEMS: Final = 100
"""Most problems that are reported for one file as TOML."""

WHOLE: Final = (
    r"#[^\n]*+"
    r'|"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5}|\\?+\Z)'
    r"|'''(?:[^']++|'{1,2}(?!'))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]++|\\[^\n])*+\\?+"?+'
    r"|'[^'\n]*+'?+"
)
"""A comment or string as a unit, closed or not; it never fails, so that skipping stays linear."""
_SKIP: Final = rf"(?:[^\"'#\[\]{{}}]++|{WHOLE})*+"
_INT_LIMIT: Final = 2**63


def may_be_too_deep(text: str) -> bool:
    """Return whether a text may nest deeper than ``MAX_DEPTH``; only then is it worth a scan.

    Never wrong when it says no, up to the first syntax error, behind which ``tomli`` does not
    read.
    """
    if text.count("[") + text.count("{") > MAX_DEPTH and _brackets_too_deep(text):
        return True
    if text.count(".") < MAX_DEPTH:
        return False
    return any(line.count(".") >= MAX_DEPTH for line in text.split("\n"))


def _brackets_too_deep(text: str) -> bool:
    import re

    skip = re.compile(_SKIP).match
    depth = pos = 0
    while (match := skip(text, pos)) and (pos := match.end()) < len(text):
        depth = depth + 1 if text[pos] in "[{" else max(depth - 1, 0)
        if depth > MAX_DEPTH:
            return True
        pos += 1
    return False


def may_be_modern(text: str) -> bool:
    """Return whether a text may use what TOML 1.1 added; never wrong when it says no."""
    import re

    if re.search(r"\\[ex]|,\s*\}|[0-9]:[0-9]{2}(?![0-9:])", text):
        return True
    lines = text.split("\n") if "{" in text else ()
    return any("{" in line and _may_leave_braces_open(line) for line in lines)


def _may_leave_braces_open(line: str) -> bool:
    """Return whether braces may be open at the end of a line; strings of one line are left out."""
    if '"""' in line or "'''" in line or "\\" in line:
        return True
    import re

    plain = re.sub(r"\"[^\"]*\"|'[^']*'", "", line)
    return plain.count("{") > plain.count("}")


def find_excess(data: Table) -> list[KeyOf | ValueOf]:
    """Return the numbers beyond 64 bits and the first containers deeper than ``MAX_DEPTH``.

    Args:
        data: Parsed data; floats are ``Decimal``.

    Returns:
        At most ``MAX_PROBLEMS`` places in no particular order: the value of a number, the key of a
        container.
    """
    found: list[KeyOf | ValueOf] = []
    stack: list[tuple[Route, Table | list[object]]] = [((), data)]
    while stack and len(found) < MAX_PROBLEMS:
        path, container = stack.pop()
        for key, value in (
            container.items() if is_table(container) else enumerate(as_items(container))
        ):
            if isinstance(value, str):
                continue  # most of what a document holds
            if is_table(value) or is_array(value):
                deeper = (*path, key)
                if len(deeper) > MAX_DEPTH:
                    found.append(KeyOf(deeper))
                else:
                    stack.append((deeper, value))
            elif not _fits(value):
                found.append(ValueOf((*path, key)))
    return found


def _fits(value: object) -> bool:
    if isinstance(value, int):
        return -_INT_LIMIT <= value < _INT_LIMIT
    if isinstance(value, Decimal) and value.is_finite():
        return abs(value.adjusted()) <= MAX_EXPONENT
    return True
