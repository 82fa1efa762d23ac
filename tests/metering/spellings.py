"""Every way in which one and the same request may be written."""

from __future__ import annotations

import json
from typing import Any, cast

from hypothesis import strategies as st

BLANKS = st.sampled_from(["", " ", "  ", "\n\t", "\r\n"])


@st.composite
def spelt(draw: st.DrawFn, value: object) -> str:
    """Write a value as JSON in any of its spellings; members keep their order."""
    match value:
        case dict():
            members = [
                f"{draw(BLANKS)}{draw(spelt(name))}{draw(BLANKS)}"
                f":{draw(BLANKS)}{draw(spelt(inner))}{draw(BLANKS)}"
                for name, inner in cast(dict[str, object], value).items()
            ]
            return "{" + (",".join(members) or draw(BLANKS)) + "}"
        case list():
            items = [f"{draw(BLANKS)}{draw(spelt(inner))}" for inner in cast(list[Any], value)]
            return "[" + ",".join(items) + "]"
        case str():
            return '"' + "".join(draw(_spellings(one)) for one in value) + '"'
        case int() if not isinstance(value, bool):
            return draw(st.sampled_from([str(value), f"{value}.0", f"{value}e0"]))
        case _:
            return json.dumps(value)


def _spellings(one: str) -> st.SearchStrategy[str]:
    """Return a character as it is, and as an escape."""
    plain, escaped = json.dumps(one, ensure_ascii=False)[1:-1], json.dumps(one)[1:-1]
    if ord(one) > 0xFFFF:
        return st.sampled_from([plain, escaped])
    return st.sampled_from([plain, f"\\u{ord(one):04x}", f"\\u{ord(one):04X}"])
