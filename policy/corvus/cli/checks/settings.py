"""``corvus check --show-settings``: what counts for each path, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.config.check.rule_settings import TABLE, RuleSettings, SettingsFinder, settings_of
from corvus.config.check.walk import USUAL
from corvus.config.toml.document import read_file
from corvus.config.toml.values import Route, quoted, shown
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.cli.check import Arguments
    from corvus.config.check.check import Options
    from corvus.config.toml.document import Document


_WIDEST = 60
"""A longer value is not lined up with the others."""


def settings_text(paths: Sequence[str], how: Options, options: Arguments) -> str:
    """Return the settings of the checker for each path, without a final newline."""
    finder = SettingsFinder()
    blocks = [_block(path, finder, how, options) for path in paths]
    return "\n\n".join("\n".join(block) for block in blocks)


def _block(path: str, finder: SettingsFinder, how: Options, options: Arguments) -> list[str]:
    settings = _settings(path, finder)
    file = os.path.relpath(settings.file) if settings.file else ""
    found = escape(file) if file else "no corvus.toml with a table [governance.check]"
    rows = [*_rows(settings, file, how, options)]
    width = max(len(value) for value, _ in rows if len(value) <= _WIDEST)
    return [
        f"settings of the checker for {escape(path)}: {found}",
        *(f"{value:<{width}}  {origin}" for value, origin in rows),
    ]


def _settings(path: str, finder: SettingsFinder) -> RuleSettings:
    if os.path.isdir(path):
        return finder.of_file(os.path.join(path, ""))
    document = read_file(Path(path), path)[0] if os.path.isfile(path) else None
    own = settings_of(document.data, path) if document else None
    return own or finder.of_file(path)


def _rows(
    settings: RuleSettings, file: str, how: Options, options: Arguments
) -> Iterator[tuple[str, str]]:
    document = read_file(Path(file), file)[0] if file else None
    levels = {**settings.severity, **(how.severity or {})}
    for code, level in sorted(levels.items()):
        own = code in (how.severity or {})
        origin = "--severity" if own else _origin(document, (*TABLE, "severity", code))
        yield f"severity.{code} = {quoted(level)}", origin
    if options.dialect not in {None, "auto"}:
        yield f"dialect = {quoted(options.dialect or '')}", "--dialect"
    else:
        for pattern, dialect in settings.dialect.items():
            route = ("dialect", pattern)
            yield f"{shown(route)} = {quoted(dialect)}", _origin(document, (*TABLE, *route))
    yield from _left_out(settings, document, options)
    fail_on = "default" if options.fail_on == "error" else "command line"
    yield f"fail-on = {quoted(options.fail_on)}", fail_on


def _left_out(
    settings: RuleSettings, document: Document | None, options: Arguments
) -> Iterator[tuple[str, str]]:
    if options.exclude is not None:
        yield f"exclude = {_array(options.exclude)}", "--exclude"
    else:
        if settings.exclude:
            origin = _origin(document, (*TABLE, "exclude"))
            yield f"exclude = {_array(settings.exclude)}", origin
        yield f"usual folders = {_array(sorted(USUAL))}", "default"
    if options.extend_exclude:
        yield f"extend-exclude = {_array(options.extend_exclude)}", "--extend-exclude"
    if options.force_exclude:
        yield "force-exclude = true", "--force-exclude"
    if options.respect_gitignore:
        yield "respect-gitignore = true", "default"
    else:
        yield "respect-gitignore = false", "--no-respect-gitignore"


def _origin(document: Document | None, route: Route) -> str:
    if document is None:
        return "a file that cannot be read"
    start = document.key(route).start
    return f"{escape(document.file)}:{start.line}:{start.column}"


def _array(values: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, values))}]"
