"""``corvus explain``: what a code means, a failing and a passing example, the remedy (DIA-4)."""

from __future__ import annotations

import argparse
import sys
from textwrap import fill, indent
from typing import TYPE_CHECKING

from policy.cli.exits import Exit

if TYPE_CHECKING:
    from policy.diagnostics.codes import CodeInfo

_WIDTH = 88


def main(argv: list[str]) -> int:
    """Run ``corvus explain`` with the arguments after its name; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="corvus explain",
        description="Explain a diagnostic code; without one, list them all.",
        epilog="example: corvus explain unknown-key",
    )
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code such as unknown-key")
    try:
        code: str | None = parser.parse_args(argv).code
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN
    from policy.diagnostics.codes import CODES

    if code is None:
        print(_list(tuple(CODES.values())))
        return Exit.CLEAN
    if code not in CODES:
        from policy.config.suggest import closest

        near = closest(code, CODES)
        hint = f"did you mean {near}?" if near else "run `corvus explain` for the list"
        print(f"unknown code {code}: {hint}", file=sys.stderr)
        return Exit.USAGE
    print(_explained(CODES[code]))
    return Exit.CLEAN


def _list(codes: tuple[CodeInfo, ...]) -> str:
    width = max(len(info.code) for info in codes)
    ordered = sorted(codes, key=lambda info: (info.severity.rank, info.code))
    lines = (f"{info.code:<{width}}  {info.severity:<7}  {info.title}" for info in ordered)
    return "\n".join(lines)


def _explained(info: CodeInfo) -> str:
    bad = "Reported for:" if info.bad_is_text else "Reported when:"
    parts = (
        f"{info.code} ({info.severity}): {info.title}",
        fill(info.explanation, _WIDTH),
        f"{bad}\n\n{indent(info.bad.strip(), '    ')}",
        f"Not reported for:\n\n{indent(info.good.strip(), '    ')}",
        f"How to mend it:\n\n{indent(fill(info.mend, _WIDTH - 4), '    ')}",
    )
    return "\n\n".join(parts)
