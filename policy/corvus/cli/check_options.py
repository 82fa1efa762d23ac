"""The options of ``corvus check``, in groups, and those that ``corvus migrate`` shares."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from corvus.cli.check import STDIN_NAME
from corvus.cli.parsing.arguments import ArgumentParser, Group
from corvus.diagnostics.codes import LEVELS, SEVERITIES
from corvus.diagnostics.formats import FORMATS

if TYPE_CHECKING:
    from corvus.cli.check import Arguments

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
  corvus check --severity limit-never-binds=error --extend-exclude 'drafts/' .
  corvus explain unknown-key            what a code means and how to mend it

exit codes: 0 clean, 1 findings at or above --fail-on, 2 usage, unreadable input or no file matched,
or a report could not be written
"""


def checking(arguments: Arguments) -> dict[str, Any]:
    """Return what the command line says about how to check, by the names of ``Options``.

    Raises:
        SystemExit: A severity cannot be; that was printed.
    """
    from corvus.config.check.walk import Search

    return {
        "dialect": arguments.dialect or "auto",
        "severity": dict(map(_severity, arguments.severity or ())),
        "search": Search(
            None if arguments.exclude is None else tuple(arguments.exclude),
            tuple(arguments.extend_exclude or ()),
            arguments.force_exclude,
            arguments.respect_gitignore,
        ),
    }


def require_sense(arguments: Arguments) -> None:
    """Refuse options that exclude each other, and a reason that is none.

    Raises:
        SystemExit: They do; that was printed.
    """
    given = [
        next(_option(name) for name in names if _is_given(arguments, name))
        for names in _ACTIONS
        if any(_is_given(arguments, name) for name in names)
    ]
    if len(given) > 1:
        parser_of_check().error(f"'{given[0]}' and '{given[1]}' exclude each other")
    if arguments.statistics and (arguments.report or arguments.output_file):
        parser_of_check().error("'--statistics' is printed only: leave out the reports")
    if arguments.write_baseline and arguments.baseline is None:
        parser_of_check().error("'--write-baseline' needs '--baseline FILE'")
    if "-" in arguments.path:
        _require_file(arguments)
    _require_fixing(arguments)
    reason = arguments.add_ignore
    if reason is None:
        return
    from corvus.diagnostics.reasons import is_reason

    if not is_reason(reason) or not reason.isprintable():
        parser_of_check().error(
            "'--add-ignore' needs a reason: one line, with a letter or digit, and no placeholder"
        )


def _require_fixing(arguments: Arguments) -> None:
    """Refuse options of a fix without one."""
    if any(_is_given(arguments, name) for name in _FIXING):
        return
    for name in filter(partial(_is_given, arguments), ("unsafe_fixes", "show_fixes")):
        parser_of_check().error(f"'{_option(name)}' needs '--fix', '--fix-only' or '--diff'")


def _require_file(arguments: Arguments) -> None:
    """Refuse options that make no sense for standard input."""
    if arguments.add_ignore is not None:
        parser_of_check().error("'--add-ignore' writes files: name some, not standard input")
    if arguments.watch:
        parser_of_check().error("'--watch' needs files: standard input is read once")
    if arguments.write_baseline and arguments.stdin_filename == STDIN_NAME:
        parser_of_check().error("'--write-baseline' needs '--stdin-filename NAME' with '-'")


_FIXING: Final = ("fix", "fix_only", "diff")
_ACTIONS: Final = (("add_ignore",), _FIXING, ("baseline", "watch"), ("show_settings",))
"""What a run may do besides reporting: options of one of the groups."""


def _is_given(arguments: Arguments, name: str) -> bool:
    return getattr(arguments, name) not in {None, False}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _severity(value: str) -> tuple[str, str]:
    from corvus.config.check.rule_settings import refusal
    from corvus.diagnostics.plain import escape

    code, sign, level = value.partition("=")
    if not sign:
        parser_of_check().error(f"'--severity' needs CODE=LEVEL, not '{escape(value)}'")
    if reason := refusal(code, level):
        mistake = f"invalid value '{escape(value)}' for '--severity'"
        parser_of_check().error(f"{mistake}; {escape(reason)}")
    return code, level


def parser_of_check() -> ArgumentParser:
    """Return the parser of ``corvus check``."""
    parser = ArgumentParser(
        "corvus check",
        "[PATH ...]",
        "Check config files and report every problem with file:line:column.",
        _EPILOG,
    )
    _add_files(parser)
    _add_rules(parser)
    _add_fixes(parser)
    _add_acceptance(parser)
    _add_output(parser)
    return parser


def _add_files(parser: ArgumentParser) -> None:
    group = add_files(parser)
    group.add_argument(
        "--exclude",
        action="append",
        metavar="GLOB",
        help="leave out what matches, as in .gitignore, in place of the usual folders and of "
        "[governance.check] exclude; may be given several times",
    )
    group.add_argument(
        "--extend-exclude",
        action="append",
        metavar="GLOB",
        help="leave out what matches, too",
    )
    add_force_exclude(group)
    group.add_argument(
        "--no-respect-gitignore",
        action="store_false",
        dest="respect_gitignore",
        help="search also what .gitignore and .git/info/exclude leave out",
    )


def _add_rules(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("which findings")
    group.add_argument(
        "--severity",
        action="append",
        metavar="CODE=LEVEL",
        help=f"how much a warning or note matters: {', '.join(LEVELS)}; wins over "
        "[governance.check.severity]; may be given several times",
    )
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
    group.add_argument(
        "--show-settings",
        action="store_true",
        help="check nothing: print the settings of the checker for each PATH, and where from",
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


def _add_acceptance(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("accepting what is there")
    group.add_argument(
        "--add-ignore",
        metavar="REASON",
        help="write a comment with the reason to each finding that a comment may ignore",
    )
    group.add_argument(
        "--baseline", metavar="FILE", help="report only what this file does not accept"
    )
    group.add_argument(
        "--write-baseline",
        action="store_true",
        help="accept the warnings and notes of this run in the file of --baseline",
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
    group.add_argument(
        "--statistics",
        action="store_true",
        help="print how many findings each code has, not the findings",
    )
    group.add_argument(
        "--watch", action="store_true", help="check again whenever a file changes; Ctrl-C ends it"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="findings only, no summary")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def add_force_exclude(group: Group) -> None:
    """Add the option that leaves out named files, too."""
    group.add_argument(
        "--force-exclude",
        action="store_true",
        help="leave out what is excluded even where it is named, as pre-commit names files",
    )


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
        "--stdin-filename", default=STDIN_NAME, metavar="NAME", help="name of - in messages"
    )
    return group
