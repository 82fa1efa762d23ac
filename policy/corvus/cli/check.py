"""``corvus check``: parses its own arguments, because typer would cost more than the whole check.

It translates a run of ``corvus.config.check.check`` into text and an exit code, and decides
nothing. Other formats and reports are written by ``check_outputs``, which a
plain check never imports. The format is what the user asks for, also inside a CI service.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from functools import cache

from corvus.cli.exits import Exit
from corvus.config.check.discover import STDIN
from corvus.config.check.subject import PriceFacts
from corvus.diagnostics.codes import SEVERITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from corvus.cli.check_outputs import Report
    from corvus.config.check.check import CheckedFile, CheckRun, Options
    from corvus.config.toml.values import Route, Table
    from corvus.prices.lookup import PriceBooks


_EVIDENCE = 3

STDIN_NAME = "<stdin>"
"""What standard input is called where the user names it nothing else."""


class Arguments:
    """What the user asks for; here stands what holds where nothing is said.

    ``check_options`` explains each of them.
    """

    path: Sequence[str] = ()
    dialect: str | None = None
    stdin_filename: str = STDIN_NAME
    fail_on: str = "error"
    fix: bool = False
    unsafe_fixes: bool = False
    fix_only: bool = False
    diff: bool = False
    show_fixes: bool = False
    exclude: list[str] | None = None
    extend_exclude: list[str] | None = None
    force_exclude: bool = False
    respect_gitignore: bool = True
    severity: list[str] | None = None
    show_settings: bool = False
    add_ignore: str | None = None
    baseline: str | None = None
    write_baseline: bool = False
    statistics: bool = False
    watch: bool = False
    format: str | None = None
    output_file: str | None = None
    report: list[str] | None = None
    quiet: bool = False
    color: str = "auto"


def parse(argv: Sequence[str]) -> Arguments:
    """Parse what follows the name of the command; paths alone need no ``argparse``.

    Raises:
        SystemExit: There is a mistake, or the help is asked for; it was printed.
    """
    if not any(word.startswith("-") and word != STDIN for word in argv):
        arguments = Arguments()
        arguments.path = argv
        return arguments
    from corvus.cli.check_options import parser_of_check

    return parser_of_check().parse_intermixed_args(argv, Arguments())


def main(argv: list[str]) -> int:
    """Run ``corvus check`` with the arguments after its name; return the exit code (DIA-5)."""
    try:
        options = parse(argv)
        shown, reports = _planned(options)
        how = _chosen(options)
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN

    def show(checked: CheckRun) -> int:
        return _show(checked, options, shown, reports)

    paths = options.path or usual_files()
    if vars(options).keys() <= {"path"}:
        return _check(paths, how, show)
    from corvus.cli.checks.modes import run

    return run(paths, how, options, _check, show)


def _check(paths: Sequence[str], how: Options, show: Callable[[CheckRun], int]) -> int:
    from corvus.config.check.check import check_paths

    return show(_with_proved_fixes(check_paths(paths, how), how))


def _chosen(options: Arguments) -> Options:
    """Return how to check.

    Raises:
        SystemExit: A severity cannot be; that was printed.
    """
    from corvus.config.check.check import Options

    how = Options(stdin=read_stdin, stdin_name=options.stdin_filename, facts=PRICE_FACTS)
    if vars(options).keys() <= {"path"}:
        return how
    from corvus.cli.check_options import checking, require_sense

    require_sense(options)
    return how._replace(**checking(options))


def _with_proved_fixes(checked: CheckRun, how: Options) -> CheckRun:
    """Leave out fixes that do not mend their finding: each format shows or counts them."""
    if all(found.fix is None for found in checked.diagnostics):
        return checked
    from corvus.config.edit.fixing import prove

    return checked._replace(files=tuple(prove(file, how) for file in checked.files))


def _show(checked: CheckRun, options: Arguments, shown: str, reports: tuple[Report, ...]) -> int:
    """Report a run and return the exit code."""
    code = _exit_code(checked, options)
    if options.statistics:
        from corvus.cli.checks.statistics import statistics

        _print(statistics(checked.diagnostics, shown))
        if shown != "json" and not options.quiet:
            _print("\n".join(_summary(checked)))
        return code
    if shown == "text" and not reports:
        _print(_text(checked, options))
        return code
    return _write_all(checked, options, shown, reports)


def _planned(options: Arguments) -> tuple[str, tuple[Report, ...]]:
    """Return the format of standard output, and the reports to write besides."""
    if not options.report and options.output_file is None:
        return options.format or "text", ()
    from corvus.cli.check_outputs import planned
    from corvus.diagnostics.formats import FORMATS

    try:
        return planned(options.report or (), options.format, tuple(FORMATS), options.output_file)
    except ValueError as mistake:
        from corvus.cli.check_options import parser_of_check

        parser_of_check().error(str(mistake))


def _exit_code(checked: CheckRun, options: Arguments) -> Exit:
    if checked.unreadable:
        return Exit.USAGE
    failing = _failing(options)
    fails = any(diagnostic.severity.value in failing for diagnostic in checked.diagnostics)
    return Exit.FINDINGS if fails else Exit.CLEAN


def _failing(options: Arguments) -> tuple[str, ...]:
    """Return the severities that exit 1."""
    if options.fail_on == "never":
        return ()
    return SEVERITIES[: SEVERITIES.index(options.fail_on) + 1]


def _write_all(
    checked: CheckRun, options: Arguments, shown: str, reports: tuple[Report, ...]
) -> Exit:
    """Print one format and write the reports; a report that cannot be written is exit 2."""
    from corvus.cli.check_outputs import outcome_of, write
    from corvus.diagnostics.formats import written

    code = _exit_code(checked, options)
    outcome = outcome_of(checked, failing=_failing(options), exit_code=int(code))
    if not options.quiet:
        outcome = outcome._replace(summary=tuple(_summary(checked)))
    # Reports first: whoever reads standard output may leave, as `head` does.
    tried = [write(report, written(report.format, outcome), outcome) for report in reports]
    if shown:
        _print(_text(checked, options) if shown == "text" else written(shown, outcome))
    for problem in filter(None, tried):
        print(f"corvus check: error: {problem}", file=sys.stderr)
        code = Exit.USAGE
    return code


def _print(text: str) -> None:
    if text:
        print(text)


def _text(checked: CheckRun, options: Arguments) -> str:
    summary = "" if options.quiet else "\n".join(_summary(checked))
    if not checked.diagnostics:
        return summary
    from corvus.diagnostics.formats.text import has_links, render

    sources = {
        file.shown: file.text
        for file in checked.files
        if file.diagnostics and file.text is not None
    }
    colour = _colour(options.color)
    findings = render(checked.diagnostics, sources, colour=colour, links=has_links(), marks=True)
    return f"{findings}\n\n{summary}" if summary else findings


def _colour(wanted: str) -> bool:
    if wanted != "auto":
        return wanted == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _summary(checked: CheckRun) -> list[str]:
    counts = Counter(diagnostic.severity.value for diagnostic in checked.diagnostics)
    said = ", ".join(_many(counts[word], word) for word in SEVERITIES if counts[word])
    looked_at = [
        file for file in checked.files if file.detected or file.is_test or file.diagnostics
    ]
    affected = sum(bool(file.diagnostics) for file in looked_at)
    total = _many(len(checked.files), "file")
    if not said:
        head = f"ok: no problems in {total}"
    elif not looked_at:
        head = said
    else:
        head = f"{said} in {total if len(looked_at) == 1 else f'{affected} of {total}'}"
    lines = _dialect_lines(checked.files)
    ignored = sum(file.ignored for file in checked.files)
    if ignored:
        lines.append(f"{_many(ignored, 'finding')} ignored by comments")
    unmatched = [found for found in checked.unmatched if found.code != "unusable-settings"]
    unread = len(unmatched) + sum(file.text is None for file in checked.files)
    if unread:
        verb = "was" if unread == 1 else "were"
        lines.append(f"{_many(unread, 'input')} {verb} not checked: this is no pass")
    if checked.passed_over:
        lines.append(f"{_many(len(checked.passed_over), 'file')} of other tools passed over")
    if checked.excluded:
        lines.append(f"{_many(len(checked.excluded), 'file')} excluded")
    if any(found.fix for found in checked.diagnostics):
        from corvus.cli.checks.fixable import fixable

        lines.append(fixable(checked.diagnostics))
    return [f"{head}; {lines[0]}"] if not said and len(lines) == 1 else [head, *lines]


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _dialect_lines(files: tuple[CheckedFile, ...]) -> list[str]:
    """Say what the files were checked as and why: one line for each dialect (CFG-2)."""
    lines: list[str] = []
    found = [file.detected for file in files if file.detected is not None]
    for dialect in dict.fromkeys(detected.dialect for detected in found):
        same = [detected for detected in found if detected.dialect is dialect]
        evidence = Counter(key for detected in same for key in detected.evidence)
        shown = sorted(evidence, key=evidence.__getitem__, reverse=True)[:_EVIDENCE]
        more = f" and {len(evidence) - _EVIDENCE} more" if len(evidence) > _EVIDENCE else ""
        if same[0].pinned and shown:
            why = f"as [governance.check.dialect] says of {', '.join(shown)}{more}"
        elif same[0].pinned:
            why = "as --dialect says"
        elif shown:
            why = f"found {', '.join(shown)}{more}"
        elif dialect.is_host:
            why = "nothing tells them apart (pin it with --dialect)"
        else:
            why = "no key of a host runtime"
        many = f"{_many(len(same), 'file')} " if len(found) > 1 else ""
        lines.append(f"{many}checked as {dialect.words}: {why}")
    if tests := sum(file.is_test for file in files):
        many = f"{_many(tests, 'file')} " if found else ""
        lines.append(f"{many}checked as policy test: named so (`corvus policy test` runs it)")
    return lines


def usual_files() -> list[str]:
    """Return the config that every other command would read (CFG-6)."""
    from corvus.config.layers.locate import locate

    return [str(path) for path in locate(environment=os.environ).paths] or ["corvus.toml"]


def read_stdin() -> bytes:
    """Read standard input to its end.

    Raises:
        OSError: Whoever started the program closed it.
    """
    if sys.stdin is None:
        raise OSError(None, "standard input is closed")
    return sys.stdin.buffer.read()


def has_price(model: str) -> bool:
    """Return whether the bundled book prices a model; an ambiguous name has several."""
    from corvus.prices.listed import is_listed

    if is_listed(model):
        return True
    from corvus.model.decision import AmbiguousModel

    try:
        return _bundled_book().find(model) is not None
    except AmbiguousModel:
        return True


def price_clashes(prices: Table) -> Iterator[tuple[Route, Route, str]]:
    """Yield two names of valid own prices that mean one model, and why that is wrong (PRC-4)."""
    from corvus.compile import compile_prices
    from corvus.config.model.settings import Settings
    from corvus.prices.lookup import PriceBooks

    own = compile_prices(Settings.model_validate({"cost": {"prices": prices}}))
    for clash in PriceBooks(own).clashes():
        yield clash.first.route, clash.second.route, str(clash)


PRICE_FACTS = PriceFacts(has_price, price_clashes)
"""The answers for a check; the books are read when one is asked for."""


@cache
def _bundled_book() -> PriceBooks:
    from corvus.prices.lookup import PriceBooks

    return PriceBooks(())
