"""What files of tests cost: seconds of CPU, with those of the programs that they start.

Unlike the time that passes, they are the same on a machine that has other things to do.
"""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Generator

import pytest

FILE_SECONDS_MAX = 90
"""How much CPU a file may take by day; what is long and rare in it is to be marked ``nightly``."""
_SHOWN = 20
_PROPERTY = "cpu_seconds"


class Costs:
    """A plugin that adds up costs and shows the largest; a run fails if one is too large."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """CPU by file."""
        self._before = 0.0

    def pytest_collection_finish(self) -> None:
        """Begin to measure."""
        self._before = _used()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note in the last report of a test what it has cost; a worker's reports travel."""
        report = yield
        if call.when == "teardown":
            now = _used()
            report.user_properties.append((_PROPERTY, now - self._before))
            self._before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up."""
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, float):
                self.seconds[report.nodeid.partition("::")[0]] += value

    def too_large(self) -> list[str]:
        """Return the files that take more than they may."""
        return sorted(file for file, spent in self.seconds.items() if spent > FILE_SECONDS_MAX)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that was good but for its costs."""
        if self.too_large() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the largest costs, and what to do about those that are too large."""
        terminalreporter.section(f"seconds of CPU: {sum(self.seconds.values()):.0f} in all")
        costliest = sorted(self.seconds.items(), key=lambda item: -item[1])
        for file, spent in costliest[:_SHOWN]:
            terminalreporter.line(f"{spent:7.1f}  {file}")
        for file in self.too_large():
            terminalreporter.line(
                f"{file} takes more than {FILE_SECONDS_MAX} s: make it cheaper, or mark what is "
                "long and rare in it as nightly",
                red=True,
            )


def _used() -> float:
    """Return the CPU of this process, and of the children that it has waited for, seconds."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + of_children.ru_utime + of_children.ru_stime
