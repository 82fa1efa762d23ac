"""The formats and the fields in ``docs/imports.md``, made from the importers themselves."""

from __future__ import annotations

import re
import sys
from typing import Final

from corvus.usage.importers import FORMATS, module_of
from corvus.usage.importers.columns import FIELDS, REQUIRED
from corvus.usage.importers.importer import Importer, importer_named

_TABLE: Final = re.compile(r"(?<=<!-- formats -->\n)(.*?)(?=<!-- end of formats -->)", re.DOTALL)
_FIELDS: Final = re.compile(r"(?<=<!-- fields -->\n)(.*?)(?=<!-- end of fields -->)", re.DOTALL)
_SENTENCE: Final = re.compile(r"(.+?[.:])(?:\s|$)", re.DOTALL)


def render(page: str) -> str:
    """Return the text of the page with today's formats and fields.

    Raises:
        ValueError: The text lacks the marks between which they stand.
    """
    for pattern, made in ((_TABLE, _table()), (_FIELDS, _fields())):
        if pattern.search(page) is None:
            raise ValueError("docs/imports.md has no place for the formats, or for the fields")
        page = pattern.sub(lambda _, made=made: made, page)
    return page


def _table() -> str:
    lines = ["\n| `--from` | what it reads | files | where they are kept |", "|---|---|---|---|"]
    for name in FORMATS:
        importer = importer_named(name)
        suffixes = ", ".join(f"`{suffix}`" for suffix in sorted(importer.suffixes))
        lines.append(f"| `{name}` | {_about(name)} | {suffixes} | {_home(importer)} |")
    return "\n".join([*lines, "", ""])


def _fields() -> str:
    needed, other = (
        ", ".join(f"`{name}`" for name in FIELDS if (name in REQUIRED) == needed)
        for needed in (True, False)
    )
    return f"\nNeeded: {needed}. Others: {other}, and `tags.NAME`.\n\n"


def _about(name: str) -> str:
    """Return the first sentence of the module's docstring, without its verb."""
    text = " ".join((sys.modules[module_of(name)].__doc__ or "").split())
    found = _SENTENCE.match(text)
    sentence = (found[1] if found else text).rstrip(".:").removeprefix("Reads ")
    return sentence[:1].upper() + sentence[1:].replace("``", "`").replace("|", "\\|")


def _home(importer: Importer) -> str:
    return f"`{importer.home.folder}`" if importer.home else "an export"
