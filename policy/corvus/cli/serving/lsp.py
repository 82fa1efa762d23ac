"""``corvus lsp``: the language server, for editors that start it by themselves."""

from __future__ import annotations

import sys

from corvus.cli.exits import Exit
from corvus.cli.parsing.arguments import ArgumentParser

_EPILOG = """\
An editor starts it and talks to it over standard input and output.
Set-up for VS Code, Neovim, Helix and Zed: docs/editors.md.

exit codes: 0 the editor announced the end, 1 it left without, 2 usage, or the extra is missing
"""


def main(argv: list[str]) -> int:
    """Run ``corvus lsp`` with the arguments after its name; return the exit code."""
    try:
        parser_of_lsp().parse_args(argv)
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN
    try:
        from corvus.lsp.server import serve
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise
        print(
            f"error: the language server needs {missing.name}: pip install 'corvus-policy[lsp]'",
            file=sys.stderr,
        )
        return Exit.USAGE
    from corvus.cli.check import PRICE_FACTS

    if sys.stdin is None or sys.stdout is None:
        print("error: the language server needs standard input and output", file=sys.stderr)
        return Exit.USAGE
    return serve(PRICE_FACTS, sys.stdin.buffer)


def parser_of_lsp() -> ArgumentParser:
    """Return what ``corvus lsp`` takes."""
    parser = ArgumentParser(
        "corvus lsp",
        "",
        "Serve the language server protocol: diagnostics, fixes, hover, completion.",
        _EPILOG,
    )
    parser.add_argument("--stdio", action="store_true", help="accepted; there is no other way")
    return parser
