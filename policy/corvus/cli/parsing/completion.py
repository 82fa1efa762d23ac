"""What the shell completes: options of commands that parse their own, names of what there is.

An answer never fails and never writes: a config that cannot be read completes to nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperCommand


def parser_of(name: str) -> argparse.ArgumentParser | None:
    """Return the parser of a command that reads its own arguments; None for any other."""
    match name:
        case "check":
            from corvus.cli.check_options import parser_of_check as parser
        case "migrate":
            from corvus.cli.migration.migrate import parser_of_migrate as parser
        case "explain":
            from corvus.cli.explain import parser_of_explain as parser
        case "lsp":
            from corvus.cli.serving.lsp import parser_of_lsp as parser
        case _:
            return None
    return parser()


class PassedOn(TyperCommand):
    """A command that parses its own arguments; its options are completed from its own parser."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return what may follow; file names where it is nothing, as the shell does."""
        parser = parser_of(self.name or "")
        words = _words(self.name or "", parser, [*ctx.args], incomplete) if parser else ()
        return _items(words, incomplete)


def _words(
    name: str, parser: argparse.ArgumentParser, before: list[str], incomplete: str
) -> Iterable[tuple[str, str | None]]:
    actions = {
        option: action
        for action in parser._actions  # pyright: ignore[reportPrivateUsage]
        for option in action.option_strings
        if action.help != argparse.SUPPRESS
    }
    previous = actions.get(before[-1]) if before else None
    if previous is not None and previous.nargs != 0:
        return [(word, None) for word in _values(previous, incomplete)]
    if incomplete.startswith("-"):
        return [(option, action.help) for option, action in actions.items()]
    return codes() if name == "explain" else []


def _values(action: argparse.Action, incomplete: str) -> Iterable[str]:
    if action.choices is not None:
        return map(str, action.choices)
    if action.metavar == "CODE=LEVEL":
        code, sign, _ = incomplete.partition("=")
        from corvus.diagnostics.codes import LEVELS

        return [f"{code}={level}" for level in LEVELS] if sign else [f"{c}=" for c, _ in codes()]
    if action.metavar == "FORMAT" or action.dest == "format":
        from corvus.diagnostics.formats import FORMATS

        return FORMATS
    return ()


def _items(words: Iterable[tuple[str, str | None]], incomplete: str) -> list[Any]:
    from typer._click.shell_completion import CompletionItem

    return [CompletionItem(word, help=text) for word, text in words if word.startswith(incomplete)]


def codes() -> list[tuple[str, str | None]]:
    """Return every diagnostic code with its title."""
    from corvus.config.check.codes import CODES

    return [(info.code, info.title) for info in CODES.values()]


def config_keys(incomplete: str) -> list[tuple[str, str]]:
    """Return the dotted keys that begin as typed, with what they mean."""
    from corvus.config.model.keys import node, routes
    from corvus.config.toml.values import shown

    found = ((shown(route), str(node(route).get("description", ""))) for route in routes())
    return [(key, text) for key, text in found if key.startswith(incomplete)]


def settings_of_config(incomplete: str) -> list[tuple[str, str]]:
    """Return the keys that begin as typed, each with the sign before its value."""
    return [(f"{key}=", text) for key, text in config_keys(incomplete)]


def report_names(incomplete: str) -> list[tuple[str, str]]:
    """Return the reports that begin as typed, by their short names, with what they tell."""
    return [(one.value, one.help or "") for one in report_items(incomplete)]


def parameters_of_report(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the parameters of the report that was named, each with the sign before its value."""
    from corvus.base.errors import PolicyError
    from corvus.reporting.catalog import load_catalog

    named = context.params.get("name") or next(iter(context.args), None)
    if not isinstance(named, str):
        return []
    try:
        report = load_catalog(context.params.get("reports_dir")).find(named)
    except PolicyError:
        return []
    found = ((f"{one.name}=", one.description) for one in report.header.parameters)
    return [(name, text) for name, text in found if name.startswith(incomplete)]


def report_items(incomplete: str) -> list[Any]:
    """Return the reports that begin as typed, by their short names, with what they tell."""
    from corvus.reporting.catalog import load_catalog

    reports = load_catalog().reports
    named: list[tuple[str, str | None]] = [
        (name.rpartition("/")[2], report.header.title) for name, report in reports.items()
    ]
    return _items(named, incomplete)
