"""The README is short, and its first two commands set up; its examples run in ``tests/docs``.

The first two, which set up an environment, are run by ``.ci/run`` in a fresh clone.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

from corvus.cli.exits import Exit

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OUTPUTS = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def test_the_first_two_commands_set_up_and_run_the_demo_and_the_tests() -> None:
    kinds = [kind for kind, _ in BLOCKS[:2]]
    assert kinds == ["sh", "sh"]
    assert BLOCKS[0][1].rstrip().endswith("corvus demo")
    assert BLOCKS[1][1].rstrip().endswith("pytest --quiet")
    assert all(".venv/bin/pip install" in text for _, text in BLOCKS[:2])
    assert "readme 1" in (ROOT / ".ci" / "run").read_text()
    assert "readme 2" in (ROOT / ".ci" / "run").read_text()


def test_it_is_read_in_five_minutes() -> None:
    assert len(README.splitlines()) <= 175


def test_the_table_of_exit_codes_names_exactly_those_that_a_command_can_end_with() -> None:
    """A reserved code that no line of the program uses yet is not promised."""
    source = "\n".join(path.read_text() for path in (ROOT / "policy" / "corvus").rglob("*.py"))
    used = {Exit[name].value for name in re.findall(r"\bExit\.([A-Z_]+)\b", source)}
    stopped = {128 + one for one in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM)}
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", OUTPUTS, flags=re.MULTILINE)]
    assert codes == sorted(used | stopped)
