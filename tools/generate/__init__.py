"""``python -m tools generate``: writes every generated file of the repository again.

On a clean checkout it changes nothing. A new generated file is a new line in ``generated``. Golden
files are no part of it: they state what is expected, and ``pytest --update-golden`` writes them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from corvus.answers import schema as answers
from corvus.base.links import SCHEMA_VERSION
from corvus.config.model import quick
from corvus.prices.book import BOOK_PATH
from tools.checkout import HERE
from tools.generate import (
    case_schema,
    command_reference,
    config_reference,
    config_schemas,
    import_formats,
    price_book,
    report_index,
    rule_pages,
    schemastore,
    settings_core,
)


def main(arguments: Sequence[str]) -> int:
    """Write what differs; with ``--check`` name it and return 1."""
    parser = argparse.ArgumentParser(prog="python -m tools generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if files differ")
    check = parser.parse_args(arguments).check
    files = generated()
    stale = {path: text for path, text in files.items() if _read(path) != text}
    for path, text in stale.items():
        print(f"{'stale' if check else 'written'}: {path.relative_to(HERE)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    orphans = rule_pages.orphans(HERE, files)
    for path in orphans:
        print(f"{'without a source' if check else 'removed'}: {path.relative_to(HERE)}")
        if not check:
            path.unlink()
    return 1 if check and (stale or orphans or price_book.render() is None) else 0


def generated() -> dict[Path, str]:
    """Return the text of every generated file."""
    reports, imports = HERE / "docs" / "reports.md", HERE / "docs" / "imports.md"
    book = price_book.render()
    if book is None:
        print(
            "the price book is of another genai-prices: delete it to compile it again",
            file=sys.stderr,
        )
    schemas = config_schemas.published() | case_schema.published() | answers.published()
    return {
        **({} if book is None else {BOOK_PATH: book}),
        Path(quick.DATA): settings_core.render(),
        **{
            folder / name: written(schema)
            for folder in (HERE / "schemas", HERE / "schemas" / f"v{SCHEMA_VERSION}")
            for name, schema in schemas.items()
        },
        **rule_pages.published(),
        **schemastore.published(),
        HERE / command_reference.PAGE: command_reference.published(),
        HERE / config_reference.PAGE: config_reference.published(),
        reports: report_index.render(reports.read_text(encoding="utf-8")),
        imports: import_formats.render(imports.read_text(encoding="utf-8")),
    }


def written(schema: Mapping[str, object]) -> str:
    """Write a schema: two spaces, sorted keys, one newline at the end."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
