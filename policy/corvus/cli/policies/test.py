"""``corvus policy test``: puts the calls of test files to a policy, and says what fails.

Nothing is simulated but time and disk: each case has a governor of its own, in memory (PLN-2).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.policies.record import RecordOptions

if TYPE_CHECKING:
    from corvus.cli.policies.test_files import TestRun
    from corvus.runtime import Runtime

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE|FOLDER]...",
        help="Test files, or folders with *.test.toml in them; default: the config's folder.",
    ),
]
Wanted = Annotated[
    str | None,
    typer.Option("--case", "-k", metavar="WORDS", help="Only cases with this in their name."),
]
ShowCoverage = Annotated[
    bool, typer.Option("--coverage", help="Show limits and rungs that no case comes to.")
]
FailUnder = Annotated[
    float | None,
    typer.Option(
        "--fail-under", metavar="PERCENT", min=0, max=100, help="Fail below this coverage."
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="A line for each case, passed ones too.")
]
Format = Annotated[
    Literal["text", "json", "junit", "github"],
    typer.Option("--format", help="text, json, junit for CI, github for annotations."),
]
Record = Annotated[
    bool,
    typer.Option(
        "--record", help="Write cases of recorded calls: the latest of each kind of decision."
    ),
]
Starter = Annotated[
    bool, typer.Option("--starter", help="Write a case for each budget: a call at its limit.")
]
RecordSince = Annotated[
    str | None, typer.Option("--since", help="With --record: calls from then on; default 30d.")
]
RecordSession = Annotated[
    str | None, typer.Option("--session", help="With --record: the calls of this session.")
]
Most = Annotated[int, typer.Option("--most", min=1, help="With --record: cases to write.")]
ReportFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead.")
]


def run_tests(
    paths: Paths = None,
    *,
    config: Config = None,
    sets: Sets = None,
    wanted: Wanted = None,
    coverage: ShowCoverage = False,
    fail_under: FailUnder = None,
    verbose: Verbose = False,
    output: Format = "text",
    file: ReportFile = None,
    record: Record = False,
    starter: Starter = False,
    since: RecordSince = None,
    session: RecordSession = None,
    most: Most = 20,
    ledger: LedgerPath = None,
) -> None:
    """Run policy tests: cases of calls, and what the budgets must make of them.

    Exit 0 if all came true, 1 if a case failed or coverage is too low, 2 if a file is wrong.

    Example: corvus policy test --coverage
    """
    if record or starter:
        recorded = RecordOptions(since, session, most) if record else None
        _write_cases(opened(config, ledger, sets), recorded, file)
        return
    run, least = _run(paths or [], config or [], sets or [], wanted)
    is_low = fail_under is not None and least < fail_under
    run = run._replace(
        shows_coverage=coverage or fail_under is not None,
        exit_code=int(_exit_code(run.broken or run.unmatched, run.failed or is_low)),
    )
    _give(run, output, file, verbose=verbose)
    if is_low:
        said = f"coverage is {least:.0f} %, and --fail-under asks for {fail_under:g} %"
        print(said, file=sys.stderr)
    if run.exit_code:
        raise typer.Exit(run.exit_code)


def _write_cases(runtime: Runtime, recorded: RecordOptions | None, file: Path | None) -> None:
    from corvus.cli.policies.record import recorded_text, starter_text

    if file is not None and file.exists():
        raise typer.BadParameter(
            f"{file} is there already: name another file, and put the cases together by hand",
            param_hint="--output",
        )
    text = starter_text(runtime) if recorded is None else recorded_text(runtime, recorded)
    if text:
        _write(text.removesuffix("\n"), file)


def _run(
    paths: Sequence[str], config: Sequence[Path], sets: Sequence[str], wanted: str | None
) -> tuple[TestRun, float]:
    """Run the files that were named; return what came of it, and the least coverage, percent."""
    from corvus.cli.policies import test_files as files_of
    from corvus.cli.policies.test_files import Policies, TestRun
    from corvus.cli.policies.test_outputs import coverage_of
    from corvus.diagnostics.plain import escape

    began = perf_counter()
    policies = Policies(config, sets)
    files = files_of.test_files(paths, config)
    runs = tuple(files_of.run_files(files, policies, wanted))
    run = TestRun(runs, policies.opened, seconds=perf_counter() - began)
    if not files:
        run = run._replace(unmatched=(files_of.no_files(paths),))
    elif wanted is not None and not run.results and not run.broken:
        run = run._replace(unmatched=(files_of.no_case(wanted),))
    for tested in run.tested:
        if not tested.runtime.policy.enabled:
            shown = escape(tested.runtime.config_shown)
            said = f"cost.enabled is not true in {shown}: no budget refuses anything"
            print(f"warning: {said}", file=sys.stderr)
    return run, min((coverage_of(tested).percent for tested in run.tested), default=100.0)


def _give(run: TestRun, output: str, file: Path | None, *, verbose: bool) -> None:
    """Write a report, but never over a test file."""
    from corvus.cli.policies.test_outputs import REPORTS, report_text

    tests = {os.path.realpath(each.file) for each in run.files}
    if file is not None and os.path.realpath(file) in tests:
        raise typer.BadParameter(f"{file} is a test file: name another one", param_hint="--output")
    if output == "text":
        _write(report_text(run, colour=file is None and _has_colour(), verbose=verbose), file)
    else:
        _write(REPORTS[output](run), file)


def _exit_code(is_broken: object, has_failed: object) -> Exit:
    if is_broken:
        return Exit.USAGE
    return Exit.FINDINGS if has_failed else Exit.CLEAN


def _has_colour() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _write(text: str, file: Path | None) -> None:
    if file is None:
        print(text)
        return
    from corvus.base.files import whole_file

    with whole_file(file) as path:
        path.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
