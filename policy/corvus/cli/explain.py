"""``corvus explain``: what a code means, a failing and a passing example, the remedy (DIA-4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corvus.cli.exits import Exit
from corvus.cli.parsing.arguments import ArgumentParser, show_mistake

if TYPE_CHECKING:
    from corvus.diagnostics.codes import CodeInfo


def main(argv: list[str]) -> int:
    """Run ``corvus explain`` with the arguments after its name; return the exit code."""
    parser = parser_of_explain()
    try:
        options = parser.parse_args(argv)
        if options.code is not None and options.list:
            parser.error("'--list' takes no CODE")
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN
    from corvus.config.check.codes import CODES
    from corvus.diagnostics.explanation import in_order

    if options.code is None:
        print(_listed(in_order(CODES.values()), options.format))
        return Exit.CLEAN
    if options.code not in CODES:
        show_mistake(_unknown(options.code), "corvus explain [OPTIONS] [CODE]")
        return Exit.USAGE
    print(_explained(CODES[options.code], options.format))
    return Exit.CLEAN


def parser_of_explain() -> ArgumentParser:
    """Return the parser of ``corvus explain``."""
    parser = ArgumentParser(
        "corvus explain",
        "[CODE]",
        "Explain a diagnostic code; without one, list them all.",
        "example: corvus explain unknown-key",
    )
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code such as unknown-key")
    parser.add_argument("--list", action="store_true", help="list every code, errors first")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


def _listed(codes: list[CodeInfo], style: str) -> str:
    if style == "json":
        from corvus.diagnostics.explanation import as_json
        from corvus.diagnostics.formats.json import json_text

        return json_text([as_json(info) for info in codes])
    width = max(len(info.code) for info in codes)
    return "\n".join(f"{info.code:<{width}}  {info.severity:<7}  {info.title}" for info in codes)


def _explained(info: CodeInfo, style: str) -> str:
    from corvus.base.links import rule_page
    from corvus.diagnostics.explanation import as_json, as_text

    if style == "text":
        return f"{as_text(info)}\n\nThe same on the web: {rule_page(info.code)}"
    from corvus.diagnostics.formats.json import json_text

    return json_text(as_json(info))


def _unknown(code: str) -> str:
    from corvus.config.check.codes import CODES
    from corvus.config.check.suggest import closest
    from corvus.diagnostics.plain import escape

    near = closest(code, CODES)
    hint = f"did you mean '{near}'?" if near else "`corvus explain` lists them"
    return f"no code '{escape(code)}'; {hint}"
