"""The files of policy tests that a command names, each with its config, and what came of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from corvus.config.check.cases.case_reading import case_reporter, read_cases
from corvus.config.check.cases.file_names import is_test_file
from corvus.config.check.discover import find
from corvus.config.layers.locate import NAME, locate
from corvus.config.toml.document import Document, read_bytes, read_document, source_text
from corvus.config.toml.explain import to_diagnostic, without_text
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import quoted
from corvus.diagnostics.model import ConfigError, Diagnostic
from corvus.planning.scenarios.fitting import report_misfits
from corvus.planning.scenarios.judging import Mismatch
from corvus.planning.scenarios.running import CaseResult, run_cases
from corvus.planning.scenarios.sums import budgets_by_name
from corvus.planning.scenarios.touched import Touched
from corvus.runtime import Runtime, open_runtime


@dataclass(slots=True)
class Tested:
    """A policy under test, and what the cases of all files touch of it.

    Attributes:
        runtime: Of the config.
    """

    runtime: Runtime
    touched: Touched = field(default_factory=Touched)


@dataclass(frozen=True, slots=True)
class FileRun:
    """A test file and what came of it.

    Attributes:
        file: As the user named it.
        text: For excerpts; ``None`` where it could not be read.
        tested: The policy that it is about; ``None`` where it could not be run.
        results: Of its cases, in order.
        problems: What is wrong with the file itself; then it was not run.
        failures: What did not come true, by case.
    """

    file: str
    text: str | None = None
    tested: Tested | None = None
    results: tuple[CaseResult, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    failures: tuple[tuple[Diagnostic, ...], ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that is to be reported of it."""
        return (*self.problems, *(each for case in self.failures for each in case))


class TestRun(NamedTuple):
    """A whole run.

    Attributes:
        files: In the order of the output.
        tested: The policies that they are about.
        unmatched: What is said where there is no file.
        seconds: How long it took.
        shows_coverage: Whether what no case touches is shown.
        exit_code: What the process will exit with.
    """

    files: tuple[FileRun, ...]
    tested: tuple[Tested, ...]
    unmatched: tuple[Diagnostic, ...] = ()
    seconds: float = 0.0
    shows_coverage: bool = False
    exit_code: int = 0

    @property
    def results(self) -> list[CaseResult]:
        """Those of all cases."""
        return [result for file in self.files for result in file.results]

    @property
    def broken(self) -> list[FileRun]:
        """The files that could not be run."""
        return [file for file in self.files if file.problems and not file.results]

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(not result.passed for result in self.results)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All that is to be reported, but for coverage."""
        return [*self.unmatched, *(each for file in self.files for each in file.diagnostics)]


class Policies:
    """The policies under test, each opened once.

    Args:
        named: Configs that the user named, for all files.
        sets: ``KEY=VALUE`` words above them.
    """

    def __init__(self, named: Sequence[Path], sets: Sequence[str]) -> None:
        self._named = tuple(named)
        self._sets = tuple(sets)
        self._opened: dict[tuple[str, ...], Tested] = {}

    @property
    def opened(self) -> tuple[Tested, ...]:
        """Those that a file was run by."""
        return tuple(self._opened.values())

    def of(self, file: str, stated: str | None) -> Tested:
        """Return the policy that a test file is about; variables of the environment are no part.

        Args:
            file: The test file.
            stated: The config that it names, if it does.

        Raises:
            ConfigError: There is no config, or it has errors.
        """
        paths = self._paths(file, stated)
        key = tuple(os.path.realpath(path) for path in paths)
        if key not in self._opened:
            runtime = open_runtime(paths, sets=self._sets, environment={})
            self._opened[key] = Tested(runtime)
        return self._opened[key]

    def _paths(self, file: str, stated: str | None) -> tuple[Path, ...]:
        if self._named:
            return self._named
        folder = Path(file).parent
        if stated is not None:
            return (folder / stated,)
        home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
        found = locate(environment=home, directory=folder).paths
        if not found or found[0].name != NAME:
            raise ConfigError(
                f"no corvus.toml next to {file} or above: name the config under test by --config, "
                'or in the file by `config = "…"`'
            )
        return found


def test_files(arguments: Sequence[str], config: Sequence[Path]) -> list[str]:
    """Return the files of paths, folders and patterns; without one, those by the config.

    Args:
        arguments: As the user gave them.
        config: The configs that he named.
    """
    places = [*arguments] or [_usual_folder(config)]
    found: list[str] = []
    for place in places:
        match = find(place)
        found += [name for name in match.names if not match.walked or is_test_file(name)]
    return [*dict.fromkeys(found)]


def _usual_folder(config: Sequence[Path]) -> str:
    paths = config or locate(environment={}).paths
    folder = paths[-1].parent if paths else Path()
    return os.path.relpath(folder) if folder.is_dir() else os.curdir


def run_files(files: Iterable[str], policies: Policies, wanted: str | None) -> Iterator[FileRun]:
    """Run test files, one after the other.

    Args:
        files: As the user names them.
        policies: Opens what they are about.
        wanted: Run the cases only whose name has this in it.

    Raises:
        ConfigError: A config under test is missing, or has errors.
    """
    for file in files:
        yield _run(file, policies, wanted)


def _run(file: str, policies: Policies, wanted: str | None) -> FileRun:
    raw, problems = read_bytes(file, file)
    if raw is None:
        return FileRun(file, problems=tuple(problems))
    document, problems = read_document(raw, file)
    if document is None:
        return FileRun(file, source_text(raw), problems=tuple(problems))
    read = read_cases(document)
    if read.table is None:
        return FileRun(file, document.text, problems=(*problems, *read.diagnostics))
    tested = policies.of(file, read.table.config)
    policy, books = tested.runtime.policy, tested.runtime.books
    reporter = case_reporter(document)
    report_misfits(read.table, budgets_by_name(policy), reporter)
    if reporter.found:
        return FileRun(file, document.text, problems=(*problems, *reporter.in_order()))
    results = tuple(run_cases(read.table, policy, books, wanted))
    for result in results:
        tested.touched.add(result.calls)
    failures = tuple(
        tuple(_failure(result, mismatch, document) for mismatch in result.mismatches)
        for result in results
    )
    return FileRun(file, document.text, tested, results, tuple(problems), failures)


def _failure(result: CaseResult, mismatch: Mismatch, document: Document) -> Diagnostic:
    finding = Finding(
        "case-failed",
        f'"{result.name}": {mismatch.message}',
        ValueOf(mismatch.route),
        mismatch.label,
        mismatch.help,
        ((ValueOf((*result.route, "name")), "of this case"),),
    )
    return to_diagnostic(finding, document.file, document.span, document.quotes())


def no_case(wanted: str) -> Diagnostic:
    """Return what is said where no case has the words in its name that are wanted."""
    return without_text(
        "no-file-matched",
        f"no case has {quoted(wanted)} in its name",
        "--case",
        "Without --case all cases are run; --verbose shows their names.",
    )


def no_files(arguments: Sequence[str]) -> Diagnostic:
    """Return what is said where there is no test file."""
    where = ", ".join(f"`{argument}`" for argument in arguments) or "the folder of the config"
    return without_text(
        "no-file-matched",
        f"no test file in {where}",
        arguments[0] if arguments else os.curdir,
        "A test file is called *.test.toml, or is a TOML file in a folder policy-tests; "
        "`corvus policy test --starter -o FILE.test.toml` writes one.",
    )
