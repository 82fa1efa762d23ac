"""The options of ``corvus check``, in groups, and those that ``corvus migrate`` shares."""

from __future__ import annotations

from typing import Final

from corvus.cli.arguments import ArgumentParser, Group
from corvus.diagnostics.codes import SEVERITIES
from corvus.diagnostics.formats import FORMATS

_EPILOG: Final = """\
examples:
  corvus check corvus.toml              one file
  corvus check .                        every *.toml below a directory, except those of known tools
  corvus check 'teams/**/*.toml'        a pattern
  cat corvus.toml | corvus check - --stdin-filename corvus.toml
  corvus check --strict --format concise corvus.toml
  corvus check --format github --report sarif=corvus.sarif --report junit=corvus.xml .
  corvus check --fix corvus.toml        mend what cannot change the meaning in force
  corvus check --diff --unsafe-fixes .  what could be mended, as a patch; nothing is written
  corvus explain unknown-key            what a code means and how to mend it

exit codes: 0 clean, 1 findings at or above --fail-on, 2 usage, unreadable input or no file matched,
or a report could not be written
"""


def parser_of_check() -> ArgumentParser:
    """Return the parser of ``corvus check``."""
    parser = ArgumentParser(
        "corvus check",
        "[PATH ...]",
        "Check config files and report every problem with file:line:column.",
        _EPILOG,
    )
    add_files(parser)
    _add_rules(parser)
    _add_fixes(parser)
    _add_output(parser)
    return parser


def _add_rules(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("which findings")
    group.add_argument(
        "--fail-on",
        choices=(*SEVERITIES, "never"),
        default="error",
        help="lowest severity that exits 1 (default: error)",
    )
    group.add_argument(
        "--strict",
        action="store_const",
        dest="fail_on",
        const="warning",
        help="the same as --fail-on warning; of both, the last counts",
    )


def _add_fixes(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("fixes")
    group.add_argument(
        "--fix",
        action="store_true",
        help="write what mends a finding and cannot change the meaning in force",
    )
    group.add_argument(
        "--unsafe-fixes",
        "--unsafe",
        action="store_true",
        help="with --fix or --diff: what was most likely meant, too; review the result",
    )
    group.add_argument(
        "--fix-only", action="store_true", help="fix, and neither report what is left nor exit 1"
    )
    group.add_argument(
        "--diff",
        action="store_true",
        help="write nothing; print what --fix would change, and exit 1 where that is something",
    )
    group.add_argument(
        "--show-fixes", action="store_true", help="list which codes were fixed in which file"
    )


def _add_output(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--format",
        "--output-format",
        choices=tuple(FORMATS),
        metavar="FORMAT",
        help=f"what standard output gets (default: text, in CI too): {', '.join(FORMATS)}",
    )
    group.add_argument(
        "-o", "--output-file", metavar="FILE", help="write it to a file, not to standard output"
    )
    group.add_argument(
        "--report",
        action="append",
        metavar="FORMAT=PATH",
        help="write a report besides, in any of these formats; may be given several times; "
        "- for PATH is standard output in place of --format",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="findings only, no summary")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def add_files(parser: ArgumentParser) -> Group:
    """Add the arguments that name files, and return their group in the help."""
    parser.add_argument(
        "path",
        nargs="*",
        metavar="PATH",
        help="a file, a directory, a pattern, or - for stdin; without one, the config that "
        "governs here: corvus.toml up to the root of the repository, else the user's own",
    )
    group = parser.add_argument_group("which files")
    group.add_argument(
        "--dialect",
        choices=("auto", "native", "corvus", "zeroclaw"),
        help="which keys a file may have (default: decided by the file, and said)",
    )
    group.add_argument(
        "--stdin-filename", default="<stdin>", metavar="NAME", help="name of - in messages"
    )
    return group
